//! A pipeline's file, read, checked and planned for every environment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::args::GlobalArgs;
use super::error::CommandError;
use super::named_files;
use super::output::{Style, message, plural, print, to_json};
use super::schedule_times;
use crate::config::mistake::{Mistake, Severity};
use crate::config::pipeline::Pipeline;
use crate::config::{Config, default_environment, suggestion};
use crate::log;
use crate::plan::Plan;

/// The most bytes of a pipeline's file: a hundred times what a schedule's input and a template can hold of it.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

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
        Self::with_text(global, &read(&global.file)?, least)
    }

    /// As [`Self::load`], for a text that the file is to have.
    pub fn with_text(global: &GlobalArgs, text: &str, least: Severity) -> Result<Self, CommandError> {
        let (mut config, loaded) = Self::of(global, text);
        config.mistakes.retain(|mistake| mistake.severity() <= least);
        report(&config, global.json);
        let mut loaded = loaded.ok_or(CommandError::Mistakes)?;
        loaded.config = config;
        Ok(loaded)
    }

    /// The file with this text and all its mistakes, and its plans if it has no errors.
    pub fn of(global: &GlobalArgs, text: &str) -> (Config, Option<Self>) {
        // Empty for a file in the current folder, so that printed paths start with what the user typed.
        let root = global.file.parent().map(Path::to_owned).unwrap_or_default();
        let mut config = Config::read(&global.file.display().to_string(), text);
        let plans = Plan::all(&mut config);
        if let Some(pipeline) = config.pipelines.values().next() {
            log::pipeline(pipeline.head.name.as_str());
        }
        let missing = named_files::mistakes(&config, &root);
        config.note(missing);
        let untimely = schedule_times::mistakes(&config, Timestamp::now());
        config.note(untimely);
        let loaded = (!config.broken()).then(|| Self { config: config.clone(), plans, root });
        (config, loaded)
    }

    /// The environment that was asked for, or the default one.
    pub fn environment(&self, asked: Option<&str>) -> Result<&str, CommandError> {
        let known = &self.config.environments;
        let Some(asked) = asked else {
            log::environment(default_environment(known));
            return Ok(default_environment(known));
        };
        log::environment(asked);
        known.iter().find(|name| *name == asked).map(String::as_str).ok_or_else(|| CommandError::Environment {
            path: PathBuf::from(&self.config.source.path),
            found: asked.to_owned(),
            known: fanggen_runtime::model::tree::quoted_list(known),
            help: suggestion::did_you_mean(asked, known).map(|help| format!("; {help}")).unwrap_or_default(),
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

/// The text of a pipeline's file.
pub fn read(path: &Path) -> Result<String, CommandError> {
    read_limited(path).map_err(|source| CommandError::File { path: path.to_owned(), source })
}

/// The text of a file that is not larger than a pipeline's file may be.
fn read_limited(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // Not by its size on disk: it may be a pipe.
    let read = File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text);
    if text.len() as u64 > MAX_BYTES || read.as_ref().is_ok_and(|bytes| *bytes as u64 > MAX_BYTES) {
        let words =
            format!("it is larger than {} MB; keep long lists of items in a file of their own", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    read.map(|_| text)
}

/// Prints all mistakes and their count.
pub fn report(config: &Config, json: bool) {
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
