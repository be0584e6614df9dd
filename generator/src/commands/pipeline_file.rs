//! A pipeline's file, read, checked and planned for every environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fanggen_runtime::model::values::RelativePath;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::CommandError;
use super::output::{Style, message, plural, print, to_json};
use crate::config::mistake::{Mistake, MistakeCode, Severity};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::{Config, default_environment, mistake};
use crate::plan::Plan;

/// A pipeline's file without errors.
pub struct LoadedPipeline {
    pub config: Config,
    pub plans: BTreeMap<String, Plan>,
    /// The folder of the file.
    pub root: PathBuf,
}

impl LoadedPipeline {
    /// Reads the file, plans it, and checks that the files it names exist. Prints its mistakes: the errors, and the
    /// warnings too where `least` is [`Severity::Warning`].
    pub fn load(global: &GlobalArgs, least: Severity) -> Result<Self, CommandError> {
        let read = |source| CommandError::File { path: global.file.clone(), source };
        let text = std::fs::read_to_string(&global.file).map_err(read)?;
        // Empty for a file in the current folder, so that printed paths start with what the user typed.
        let root = global.file.parent().map(Path::to_owned).unwrap_or_default();
        let mut config = Config::read(&global.file.display().to_string(), &text);
        let plans = Plan::all(&mut config);
        let missing = missing_files(&config, &root);
        config.note(missing);
        config.mistakes.retain(|mistake| mistake.severity() <= least);
        report(&config, global.json);
        if config.broken() {
            return Err(CommandError::Mistakes);
        }
        Ok(Self { config, plans, root })
    }

    /// The environment that was asked for, or the default one.
    pub fn environment(&self, asked: Option<&str>) -> Result<&str, CommandError> {
        let known = &self.config.environments;
        let Some(asked) = asked else { return Ok(default_environment(known)) };
        known.iter().find(|name| *name == asked).map(String::as_str).ok_or_else(|| CommandError::Environment {
            path: PathBuf::from(&self.config.source.path),
            found: asked.to_owned(),
            known: fanggen_runtime::model::tree::quoted_list(known),
            help: mistake::did_you_mean(asked, known).map(|help| format!("; {help}")).unwrap_or_default(),
        })
    }

    /// The environment that was asked for, or all of them.
    #[cfg(feature = "aws")]
    pub fn environments(&self, asked: Option<&str>) -> Result<Vec<String>, CommandError> {
        match asked {
            Some(_) => Ok(vec![self.environment(asked)?.to_owned()]),
            None => Ok(self.config.environments.clone()),
        }
    }

    /// The pipeline of an environment.
    pub fn pipeline(&self, environment: &str) -> Result<&Pipeline, CommandError> {
        self.config.pipelines.get(environment).ok_or(CommandError::Mistakes)
    }

    /// The plan of an environment.
    pub fn plan(&self, environment: &str) -> Result<&Plan, CommandError> {
        self.plans.get(environment).ok_or(CommandError::Mistakes)
    }
}

/// Prints all mistakes and their count.
fn report(config: &Config, json: bool) {
    if config.mistakes.is_empty() {
        return;
    }
    if json && config.broken() {
        print(&to_json(&json!({ "valid": false, "mistakes": mistakes_json(config) })));
    }
    message(config.source.report(&config.mistakes, true).trim_end());
    let count = |severity| config.mistakes.iter().filter(|mistake| mistake.severity() == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let style = if errors > 0 { Style::ERROR } else { Style::WARNING };
    let both = [(errors, "error"), (warnings, "warning")];
    let counts: Vec<String> =
        both.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| plural(*count, noun)).collect();
    message(&format!("\n{style}{}{} in {}", counts.join(", "), Style::END, config.source.path));
}

/// The mistakes as JSON.
pub fn mistakes_json(config: &Config) -> Vec<serde_json::Value> {
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

/// A mistake for each file that the pipeline names and that does not exist.
fn missing_files(config: &Config, root: &Path) -> Vec<Mistake> {
    let mut missing = Vec::new();
    for (environment, pipeline) in config.pipelines.iter().chain(&config.unusable) {
        let texts = pipeline.local.texts.iter().map(|path| ("local.texts".to_owned(), path));
        for (setting, file) in texts.chain(pipeline.components().flat_map(files_of)) {
            missing.extend(missing_file(config, environment, &setting, file.as_str(), root));
        }
    }
    missing
}

/// The files of a component, each with the path of the setting that names it.
fn files_of(component: &ComponentConfig) -> impl Iterator<Item = (String, &RelativePath)> {
    component.settings.files().into_iter().map(|(key, file)| (format!("{}.{key}", component.path), file))
}

fn missing_file(config: &Config, environment: &str, setting: &str, file: &str, root: &Path) -> Option<Mistake> {
    let span = config.span(environment, setting);
    // A setting with another mistake is not checked: its file name may be wrong.
    if root.join(file).is_file() || config.mistakes.iter().any(|mistake| mistake.span == span) {
        return None;
    }
    let title = format!("the file `{file}` does not exist");
    Some(
        Mistake::new(MistakeCode::FileNotFound, &span, title, "no such file")
            .allowed(format!("an existing file; the path is relative to the folder of `{}`", config.source.path))
            .help(similar_file(root, file)),
    )
}

/// "did you mean" for a file of nearly the same name in the same folder.
fn similar_file(root: &Path, file: &str) -> Option<String> {
    let wanted = Path::new(file);
    let folder = wanted.parent()?;
    let entries = std::fs::read_dir(Path::new(".").join(root).join(folder)).ok()?;
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let near = mistake::nearest(&wanted.file_name()?.to_string_lossy(), &names)?;
    Some(format!("did you mean `{}`?", folder.join(near).display()))
}
