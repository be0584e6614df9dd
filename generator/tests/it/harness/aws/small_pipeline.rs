//! A small pipeline of two functions, a table, a bucket and a queue, and its deployer: what commands say of it, without
//! what differs from run to run.

use std::path::Path;
use std::process::{Command, Stdio};

use aws_sdk_sts::config::Credentials;

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

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The exit code and all words.
    #[track_caller]
    pub fn is(&self, code: i32, words: &str) {
        assert!((self.code, self.stderr.as_str()) == (code, words), "{}\n{}{}", self.code, self.stdout, self.stderr);
    }

    /// The exit code and the words of the error at the end.
    #[track_caller]
    pub fn ends(&self, code: i32, error: &str) {
        let last = self.stderr.find("error: ").map_or("", |at| &self.stderr[at..]);
        assert!((self.code, last) == (code, error), "{}\n{}{}", self.code, self.stdout, self.stderr);
    }
}

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

    pub fn run(&self, arguments: &[&str]) -> Said {
        self.said(&mut self.command(arguments))
    }

    /// Runs a command to its end.
    pub fn said(&self, command: &mut Command) -> Said {
        let out = command.stdin(Stdio::null()).output().expect("started");
        Said {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8(out.stdout).expect("UTF-8"),
            stderr: steady(&String::from_utf8(out.stderr).expect("UTF-8")),
        }
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

/// Words without what differs from run to run: where AWS is stood in for, how long something took, names of change sets.
pub fn steady(words: &str) -> String {
    let pattern = |text| regex_lite::Regex::new(text).expect("a pattern");
    let words = pattern("(?m)^note: using .* instead of AWS\n").replace_all(words, "");
    let words = pattern(r"(?m)^ *\d+\.\ds  ").replace_all(&words, "");
    let words = pattern(r"fanggen-(apply|plan|saved)-[0-9a-f]{8}-[0-9a-f]+").replace_all(&words, "fanggen-$1-..");
    let words = pattern(r"(?m)^created the artifact bucket .*\n").replace_all(&words, "");
    pattern(r"(?m)^uploading the runtime .*\n").replace_all(&words, "").into_owned()
}
