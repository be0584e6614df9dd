//! `fanggen init`: a new pipeline that runs at once.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use fanggen_runtime::model::items::{Cells, Columns};
use fanggen_runtime::model::values::Name;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::init_questions::{self, Answers};
use super::items::given::GivenItems;
use super::output::{Style, message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use crate::config::mistake::Severity;
use crate::config::values::Region;
use crate::init::{self, KEY, NewFile, NewPipeline, PipelineTemplate, TEMPLATES};
use crate::operate::items::edit::RowEdit;
use crate::operate::items::input::{EditVerb, ItemInput};

/// The name of every pipeline's file, unless somebody renames it.
const FILE: &str = "pipeline.toml";

/// What a pipeline is made of without a terminal, if nobody says which.
const DEFAULT_TEMPLATE: &str = "companies";

/// Create a new pipeline that is ready to run
#[derive(Debug, Args)]
#[command(
    after_help = "On a terminal, init asks for what you leave out; otherwise it uses the defaults. The pipeline comes with
sample data, tests and a .gitignore. Existing files are never overwritten; an existing .gitignore is
appended to.

Examples:
  fanggen init                                          ask, and write into this folder
  fanggen init press                                    ask, and write into ./press
  fanggen init cars --template companies -i Toyota -i Renault --yes
  fanggen init brands --template press -i Lego feed=https://example.com/lego.xml --contact me@example.com
  fanggen init watch --template companies --from companies.csv"
)]
pub struct InitArgs {
    /// The folder to write to, created if it does not exist [default: this folder]
    #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// The template to start from [default if not asked: companies]
    #[arg(short, long, value_name = "TEMPLATE", value_parser = templates())]
    template: Option<String>,
    /// The name of the pipeline [default: the folder's name]
    #[arg(short, long, value_name = "NAME", value_parser = |text: &str| Name::new(text).map_err(expected))]
    name: Option<Name>,
    /// Your e-mail address or URL, sent in the User-Agent of the pipeline's requests
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// The pipeline's AWS region [default: us-east-1]
    #[arg(long, value_name = "REGION", value_parser = |text: &str| Region::new(text).map_err(expected))]
    region: Option<Region>,
    #[command(flatten)]
    items: GivenItems,
    /// Use the defaults without asking
    #[arg(short, long)]
    yes: bool,
}

fn expected(allowed: &str) -> String {
    format!("expected {allowed}")
}

fn templates() -> impl clap::builder::TypedValueParser<Value = String> {
    let values = TEMPLATES.map(|template| PossibleValue::new(template.name).help(template.summary));
    PossibleValuesParser::new(values).map(|name| name)
}

impl InitArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        if global.file != Path::new(FILE) {
            return Err(CommandError::InitFile);
        }
        let folder = self.folder.clone().unwrap_or_default();
        // Before any question: nobody should answer for nothing.
        must_be_free(&folder, &[FILE])?;
        let answers = Answers {
            template: self.template.as_deref().and_then(PipelineTemplate::find),
            name: self.name.as_ref().map(ToString::to_string),
            contact: self.contact,
            items: rows(self.items)?,
        };
        let default_name = default_name(&folder);
        let answers = match self.yes || global.json || global.log_format.is_some() || !init_questions::can_ask() {
            true => answers,
            false => init_questions::ask(answers, default_name.as_deref(), global.is_plain())?,
        };
        let template = answers.template.or_else(|| PipelineTemplate::find(DEFAULT_TEMPLATE)).unwrap_or(&TEMPLATES[0]);
        let pipeline = NewPipeline {
            template,
            name: answers.name.or(default_name).unwrap_or_else(|| template.name.to_owned()),
            contact: answers.contact,
            region: self.region.as_ref().map(ToString::to_string),
            items: answers.items,
        };
        let files = pipeline.files()?;
        // What the user typed must be right before anything is written.
        let file = GlobalArgs { file: folder.join(FILE), ..global.clone() };
        let toml = files.iter().find(|file| file.path == FILE).map_or("", |file| &file.text);
        let mistakes = crate::config::Config::read(&file.file.display().to_string(), toml);
        if mistakes.broken() {
            message(mistakes.source.report(&mistakes.mistakes, true).trim_end());
            message("nothing was written: the new file would have the mistakes above");
            return Err(CommandError::Mistakes);
        }
        let gitignore = gitignore(&folder)?;
        let written = write(&folder, files, gitignore)?;
        if global.json {
            print(&to_json(&json!({
                "folder": shown(&folder),
                "name": pipeline.name, "template": template.name, "files": written,
            })));
        }
        report(&folder, &pipeline, &written);
        // Its warnings are worth knowing from the start.
        LoadedPipeline::load(&GlobalArgs { json: false, ..file }, Severity::Warning)?;
        Ok(())
    }
}

/// Fails if any of these files exists.
fn must_be_free(folder: &Path, files: &[&str]) -> CommandResult {
    let taken = files.iter().map(|file| folder.join(file)).find(|path| path.symlink_metadata().is_ok());
    match taken {
        Some(path) => Err(CommandError::Exists(path)),
        None => Ok(()),
    }
}

/// The rows of the items that were given.
fn rows(given: GivenItems) -> Result<Vec<Cells>, CommandError> {
    let GivenItems { arguments, from, format } = given;
    if arguments.is_empty() && from.is_none() {
        return Ok(Vec::new());
    }
    let verb = EditVerb::Add { replace: false };
    let mut input = ItemInput::open(arguments, from.as_deref(), format, KEY, &Columns::default())?;
    input.check(verb)?;
    let row = |edit| match edit {
        Ok(RowEdit::Add { row, .. }) => Some(Ok(row)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    let rows = input.checked_edits(verb)?.filter_map(row).collect::<Result<Vec<Cells>, _>>()?;
    // Without this, somebody would deploy the samples instead of their own items.
    match from {
        Some(from) if rows.is_empty() => Err(CommandError::NoItems(from)),
        _ => Ok(rows),
    }
}

/// The name of a pipeline in this folder.
fn default_name(folder: &Path) -> Option<String> {
    let whole = std::path::absolute(Path::new(".").join(folder)).ok()?;
    let last = whole.components().next_back()?;
    init::name_of_folder(&last.as_os_str().to_string_lossy())
}

/// Writes all files, or none: those that were written are removed if another cannot be.
fn write(folder: &Path, files: Vec<NewFile>, gitignore: Option<NewFile>) -> Result<Vec<String>, CommandError> {
    must_be_free(folder, &files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>())?;
    let mut written: Vec<PathBuf> = Vec::new();
    for file in &files {
        let path = folder.join(&file.path);
        let unwritable = |source| CommandError::Unwritable { path: path.clone(), source };
        let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
        let result = parent.map_err(unwritable).and_then(|()| {
            let new = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut new = new.map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => CommandError::Exists(path.clone()),
                _ => unwritable(source),
            })?;
            written.push(path.clone());
            new.write_all(file.text.as_bytes()).map_err(unwritable)
        });
        if let Err(error) = result {
            written.iter().for_each(|path| drop(fs::remove_file(path)));
            return Err(error);
        }
    }
    if let Some(file) = &gitignore {
        let path = folder.join(&file.path);
        fs::write(&path, &file.text).map_err(|source| CommandError::Unwritable { path, source })?;
    }
    Ok(files.into_iter().chain(gitignore).map(|file| file.path).collect())
}

/// `.gitignore` with what must not be committed; nothing if it has that already.
fn gitignore(folder: &Path) -> Result<Option<NewFile>, CommandError> {
    const NAME: &str = ".gitignore";
    let path = folder.join(NAME);
    let before = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(source) => return Err(CommandError::File { path, source }),
    };
    Ok(init::gitignore(before.as_deref()).map(|text| NewFile { path: NAME.to_owned(), text }))
}

fn shown(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".to_owned() } else { folder.display().to_string() }
}

fn report(folder: &Path, pipeline: &NewPipeline, written: &[String]) {
    let place = shown(folder);
    let (name, template, end) = (&pipeline.name, pipeline.template.name, Style::END);
    message(&format!("{}created{end} pipeline `{name}` from template `{template}` in `{place}`", Style::SUCCESS));
    for file in written {
        message(&format!("  {file}"));
    }
    match pipeline.example_feeds() {
        0 => {}
        1 => message("replace the example `feed` of 1 item with a real URL"),
        many => message(&format!("replace the example `feed` of {many} items with real URLs")),
    }
    message("next:");
    if place != "." {
        message(&format!("  cd {}", shell_words::quote(&place)));
    }
    message("  fanggen run                        run it on this machine, with the sample data");
    message("  fanggen test                       run its tests");
    message("  fanggen render && fanggen apply    deploy it");
}
