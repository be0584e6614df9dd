//! A small pipeline of two functions, a table, a bucket and a queue, and its deployer: what commands say of it, without
//! what differs from run to run.

use std::path::Path;
use std::process::{Command, Stdio};

use aws_sdk_sts::config::Credentials;
use fanggen_runtime::testing::process::ProcessOutput;

use super::deployed::Deployed;
use super::emulator::Emulator;
use super::proxy::Proxy;

const PIPELINE: &str = r#"[pipeline]
name = "NAME"
contact = "team@example.com"

[aws]

[functions]

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple", "Netflix"]

[[stages]]
name = "text"
type = "text"

[[stages]]
name = "words"
type = "lexicon"

[sinks.archive]
type = "s3"

[environments.dev]

[environments.prod]
data.retain = true
"#;

pub struct SmallPipeline {
    pub deployed: Deployed,
    endpoint: String,
    /// Another key than the deployer's.
    key: Option<Credentials>,
}

impl SmallPipeline {
    pub fn new(name: &str) -> Self {
        Self { deployed: Deployed::of(PIPELINE, name), endpoint: Emulator::shared().endpoint(), key: None }
    }

    pub fn by(self, key: Credentials) -> Self {
        Self { key: Some(key), ..self }
    }

    pub fn through(self, proxy: &Proxy) -> Self {
        Self { endpoint: proxy.endpoint(), ..self }
    }

    pub fn path(&self) -> &Path {
        self.deployed.path()
    }

    /// Puts other words in the place of some of the file, and renders.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        self.deployed.edit(from, to).render();
    }

    pub fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.run_command(&mut self.command(arguments))
    }

    /// Runs a command to its end; its stderr is normalized.
    pub fn run_command(&self, command: &mut Command) -> ProcessOutput {
        let output = ProcessOutput::from(command.stdin(Stdio::null()).output().expect("started"));
        ProcessOutput { stderr: normalize(&output.stderr), ..output }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.deployed.command(&self.endpoint, arguments);
        if let Some(key) = &self.key {
            command.envs(Emulator::shared().environment_of(&self.endpoint, key));
        }
        command
    }

    /// The line of the pipeline's file in which this begins.
    pub fn line(&self, text: &str) -> usize {
        let toml = self.deployed.project.read("pipeline.toml");
        toml.lines().position(|line| line.starts_with(text)).expect("a line") + 1
    }
}

/// Messages without what differs from run to run: the emulator's address, durations, names of change sets.
pub fn normalize(words: &str) -> String {
    let pattern = |text| regex_lite::Regex::new(text).expect("a pattern");
    let words = pattern("(?m)^note: using .* instead of AWS\n").replace_all(words, "");
    let words = pattern(r"(?m)^ *\d+\.\ds  ").replace_all(&words, "");
    let words = pattern(r"fanggen-(apply|plan|saved)-[0-9a-f]{8}-[0-9a-f]+").replace_all(&words, "fanggen-$1-..");
    let words = pattern(r"(?m)^created the artifact bucket .*\n").replace_all(&words, "");
    pattern(r"(?m)^uploading the functions' binary .*\n").replace_all(&words, "").into_owned()
}
