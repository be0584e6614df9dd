//! The commands: each a file with its words and what it does. Data goes to stdout, words to stderr.

#[cfg(feature = "aws")]
mod cloud;
mod compare;
mod help;
mod plan;
mod render;
mod rendered;
mod run;
mod validate;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use fanggen_runtime::model::values::RelativePath;
use serde::Serialize;
use serde_json::json;

use crate::compare::CompareError;
use crate::config::mistake::{Mistake, Severity};
use crate::config::pipeline::{Component, Pipeline};
use crate::config::{Config, default_environment, mistake};
use crate::plan::Plan;

/// One pipeline.toml becomes a whole serverless sentiment pipeline on AWS, and runs on your own machine.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  fanggen run                       run ./pipeline.toml on this machine: no account, no network
  fanggen validate --explain        every derived value, with its reason
  fanggen render && fanggen apply   make it true in the account: shown, asked, done
  fanggen destroy                   and take all of it away again

`fanggen help COMMAND` has examples of each command.";

#[derive(Debug, Args)]
struct Global {
    /// The pipeline's file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "pipeline.toml")]
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", alias = "colour")]
    color: Colour,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Validate),
    Plan(plan::PlanCommand),
    Render(render::Render),
    Run(run::Run),
    Compare(compare::Compare),
    #[cfg(feature = "aws")]
    #[command(flatten)]
    Cloud(cloud::Command),
}

/// A command that ended, but not well: what it had to say is said.
#[derive(Debug)]
pub struct Ended(pub u8);

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The pipeline's file cannot be read.
    #[error("`{}` cannot be read: {}{}", .path.display(), plain(.source), hint(.path))]
    File { path: PathBuf, source: std::io::Error },
    /// Its mistakes are printed already.
    #[error("")]
    Mistakes,
    /// No such environment.
    #[error("there is no environment `{found}` in `{}`; known: {known}{help}", .path.display())]
    Environment { path: PathBuf, found: String, known: String, help: String },
    /// A fault of rendering.
    #[error(transparent)]
    Render(#[from] crate::render::RenderError),
    /// A fault of the disk.
    #[error(transparent)]
    Disk(#[from] crate::render::disk::DiskError),
    /// A fault of a run.
    #[error("{0}")]
    Run(fanggen_runtime::model::error::Error),
    /// Texts or engines that cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A fault of what needs AWS.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Cloud(cloud::CloudFailure),
    /// The system refuses what a command needs.
    #[error("{0}: {1}")]
    System(&'static str, std::io::Error),
}

/// The system's reason, in the words of somebody who has a file.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::InvalidData => "it is not text in UTF-8; save it as UTF-8 and try again".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder; name the `pipeline.toml` in it".into(),
        _ => error.to_string(),
    }
}

fn hint(path: &Path) -> &'static str {
    if path == Path::new("pipeline.toml") {
        "\n  go to the folder of a pipeline.toml, or name one with `--file FILE`"
    } else {
        ""
    }
}

impl Cli {
    /// The arguments of this process; where they ask for help or make no sense, it ends here.
    #[must_use]
    pub fn of_process() -> Self {
        let mut matches = help::grouped(Self::command()).get_matches();
        Self::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit())
    }

    /// Does what the arguments ask for.
    #[must_use]
    pub fn execute(self) -> ExitCode {
        match self.global.color {
            Colour::Auto => {}
            Colour::Always => anstream::ColorChoice::Always.write_global(),
            Colour::Never => anstream::ColorChoice::Never.write_global(),
        }
        let result = match self.command {
            Command::Validate(command) => command.execute(&self.global),
            Command::Plan(command) => command.execute(&self.global),
            Command::Render(command) => command.execute(&self.global),
            Command::Run(command) => command.execute(&self.global),
            Command::Compare(command) => command.execute(&self.global),
            #[cfg(feature = "aws")]
            Command::Cloud(command) => command.execute(&self.global),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(CommandError::Ended(Ended(code))) => ExitCode::from(code),
            Err(CommandError::Failed(Failure::Mistakes)) => ExitCode::FAILURE,
            #[cfg(feature = "aws")]
            Err(CommandError::Failed(Failure::Cloud(failure))) if failure.is_a_no() => {
                words(&failure.to_string());
                ExitCode::FAILURE
            }
            Err(CommandError::Failed(failure @ Failure::Compare(CompareError::Declined))) => {
                words(&failure.to_string());
                ExitCode::FAILURE
            }
            Err(CommandError::Failed(failure)) => {
                if self.global.json {
                    print(&json!({ "error": failure.to_string() }).to_string());
                }
                words(&format!("{}error{}: {failure}", Style::ERROR, Style::END));
                ExitCode::FAILURE
            }
        }
    }
}

#[derive(Debug)]
enum CommandError {
    Ended(Ended),
    Failed(Failure),
}

impl<T: Into<Failure>> From<T> for CommandError {
    fn from(failure: T) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<Ended> for CommandError {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

type Done = Result<(), CommandError>;

/// Colours of words; anstream takes them out where there is no terminal.
struct Style;

impl Style {
    const ERROR: &str = "\x1b[1;31m";
    const WARNING: &str = "\x1b[1;33m";
    const GOOD: &str = "\x1b[1;32m";
    const DIM: &str = "\x1b[2m";
    const END: &str = "\x1b[0m";
}

/// Prints data. Whoever closes the pipe has read enough; a full disk has not.
fn print(data: &str) {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{data}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            words(&format!("{}error{}: the result cannot be written: {error}", Style::ERROR, Style::END));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Prints words.
fn words(words: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{words}");
}

/// A pipeline's file that was read and planned.
struct Opened {
    config: Config,
    plans: BTreeMap<String, Plan>,
    root: PathBuf,
}

impl Global {
    /// Reads the file, plans it, looks for the files that it names, and reports what is wrong: errors, and warnings
    /// where they are asked for.
    fn open(&self, least: Severity) -> Result<Opened, Failure> {
        let read = |source| Failure::File { path: self.file.clone(), source };
        let text = std::fs::read_to_string(&self.file).map_err(read)?;
        // Empty for a file in this folder, so that what is printed starts with what the user knows.
        let root = self.file.parent().map(Path::to_owned).unwrap_or_default();
        let mut config = Config::read(&self.file.display().to_string(), &text);
        let plans = Plan::all(&mut config);
        let absent = absent_files(&config, &root);
        config.note(absent);
        config.mistakes.retain(|mistake| mistake.severity() <= least);
        self.report(&config);
        if config.broken() {
            return Err(Failure::Mistakes);
        }
        Ok(Opened { config, plans, root })
    }

    /// Prints all mistakes, and how many there are.
    fn report(&self, config: &Config) {
        if config.mistakes.is_empty() {
            return;
        }
        if self.json && config.broken() {
            print(&pretty(&json!({ "valid": false, "mistakes": listed(config) })));
        }
        words(config.source.report(&config.mistakes, true).trim_end());
        let count = |severity| config.mistakes.iter().filter(|mistake| mistake.severity() == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let style = if errors > 0 { Style::ERROR } else { Style::WARNING };
        let both = [(errors, "error"), (warnings, "warning")];
        let counts: Vec<String> =
            both.iter().filter(|(count, _)| *count > 0).map(|(count, word)| plural(*count, word)).collect();
        words(&format!("\n{style}{}{} in {}", counts.join(", "), Style::END, config.source.path));
    }
}

/// Mistakes for programs.
fn listed(config: &Config) -> Vec<serde_json::Value> {
    let one = |mistake: &Mistake| {
        let place = config.source.place(mistake.span.start);
        json!({
            "code": mistake.code, "severity": mistake.severity(), "file": config.source.path,
            "line": place.line, "column": place.column, "message": mistake.title,
            "found": mistake.label, "allowed": mistake.allowed, "help": mistake.help,
        })
    };
    config.mistakes.iter().map(one).collect()
}

/// Files that the pipeline names and that are not there.
fn absent_files(config: &Config, root: &Path) -> Vec<Mistake> {
    let mut absent = Vec::new();
    for (environment, pipeline) in config.pipelines.iter().chain(&config.unusable) {
        let texts = pipeline.local.texts.iter().map(|path| ("local.texts".to_owned(), path));
        for (place, file) in texts.chain(pipeline.components().flat_map(files_of)) {
            absent.extend(absent_file(config, environment, &place, file.as_str(), root));
        }
    }
    absent
}

/// The files of a component, each with the path of the setting that names it.
fn files_of(component: &Component) -> impl Iterator<Item = (String, &RelativePath)> {
    component.settings.files().into_iter().map(|(key, file)| (format!("{}.{key}", component.path), file))
}

fn absent_file(config: &Config, environment: &str, place: &str, file: &str, root: &Path) -> Option<Mistake> {
    let span = config.span(environment, place);
    // Where something is wrong with the setting already, its file is not looked for.
    if root.join(file).is_file() || config.mistakes.iter().any(|mistake| mistake.span == span) {
        return None;
    }
    let title = format!("the file `{file}` is not there");
    Some(
        Mistake::new("E080", &span, title, "no such file")
            .allowed(format!("a file, by its path from the folder of `{}`", config.source.path))
            .help(near_file(root, file)),
    )
}

/// A file beside the one that is not there, with nearly its name.
fn near_file(root: &Path, file: &str) -> Option<String> {
    let wanted = Path::new(file);
    let folder = wanted.parent()?;
    let entries = std::fs::read_dir(Path::new(".").join(root).join(folder)).ok()?;
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let near = mistake::nearest(&wanted.file_name()?.to_string_lossy(), &names)?;
    Some(format!("did you mean `{}`?", folder.join(near).display()))
}

impl Opened {
    /// The environment that was asked for, or the default one.
    fn environment(&self, asked: Option<&str>) -> Result<&str, Failure> {
        let known = &self.config.environments;
        let Some(asked) = asked else { return Ok(default_environment(known)) };
        known.iter().find(|name| *name == asked).map(String::as_str).ok_or_else(|| Failure::Environment {
            path: PathBuf::from(&self.config.source.path),
            found: asked.to_owned(),
            known: fanggen_runtime::model::tree::listed(known),
            help: mistake::did_you_mean(asked, known).map(|help| format!("; {help}")).unwrap_or_default(),
        })
    }

    /// The environment that was asked for, or all of them.
    #[cfg(feature = "aws")]
    fn environments(&self, asked: Option<&str>) -> Result<Vec<String>, Failure> {
        match asked {
            Some(_) => Ok(vec![self.environment(asked)?.to_owned()]),
            None => Ok(self.config.environments.clone()),
        }
    }

    fn pipeline(&self, environment: &str) -> Result<&Pipeline, Failure> {
        self.config.pipelines.get(environment).ok_or(Failure::Mistakes)
    }

    fn plan(&self, environment: &str) -> Result<&Plan, Failure> {
        self.plans.get(environment).ok_or(Failure::Mistakes)
    }
}

fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// So many of something: `1 file`, `2 files`.
fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Whether words go to a person.
fn to_person() -> bool {
    std::io::stderr().is_terminal()
}
