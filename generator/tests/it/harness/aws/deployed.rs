//! A pipeline in a folder of its own, deployed by somebody who may do what `fanggen iam --deployer` says, and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use aws_sdk_sts::config::Credentials;
use serde_json::Value;

use super::deployer;
use super::target_account::target_account;
use crate::harness::elf;
use crate::harness::project::Project;
use fanggen_runtime::testing::process::ProcessOutput;

/// The program that the functions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// A file that Lambda would take, and that nobody can run: for functions that are never invoked.
    Hollow,
    /// The runtime itself, as cargo builds it for tests.
    Real,
}

/// A pipeline, and its deployer.
pub struct Deployed {
    pub project: Project,
    /// The unique name of the pipeline.
    pub name: String,
    key: Option<Credentials>,
}

impl Deployed {
    /// The root's pipeline, under another name.
    pub fn root(name: &str) -> Self {
        Self::new(Project::root(), name, Program::Hollow)
    }

    /// One of the examples, under another name.
    pub fn example(example: &str, name: &str) -> Self {
        Self::new(Project::example(example), name, Program::Hollow)
    }

    /// A pipeline of this file, under another name.
    pub fn of(toml: &str, name: &str) -> Self {
        Self::new(Project::with(toml), name, Program::Hollow)
    }

    /// A project as it is in a folder, for x86_64 and the account at hand; rendered, with an artifact and a deployer.
    pub fn new(project: Project, name: &str, program: Program) -> Self {
        let toml = overridden(&project.read("pipeline.toml"), name);
        project.write("pipeline.toml", &toml);
        let mut deployed = Self { project, name: name.to_owned(), key: None };
        deployed.render();
        deployed.give(program);
        if let Some(emulator) = target_account().emulator {
            deployed.key = Some(deployer::key(emulator, name, &deployed.policies()));
        }
        deployed
    }

    /// Puts an artifact where `fanggen build` would.
    pub fn give(&self, program: Program) {
        let artifact = self.path().join(".fanggen/x86_64/bootstrap.zip");
        fs::create_dir_all(artifact.parent().expect("a folder")).expect("a folder");
        fs::write(artifact, zip(program)).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.project.path()
    }

    /// Changes the pipeline's file, in which the text has to be; what is rendered is stale then.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) -> &Self {
        let toml = self.project.read("pipeline.toml");
        assert!(toml.contains(from), "`{from}` is not in\n{toml}");
        self.project.write("pipeline.toml", &toml.replacen(from, to, 1));
        self
    }

    /// Renders, which has to work.
    #[track_caller]
    pub fn render(&self) -> &Self {
        let ran = self.project.fanggen(&["render"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        self
    }

    /// Gives the deployer what is needed for the file as it is now, instead of what was given before.
    pub fn renew(&self) {
        if let Some(emulator) = target_account().emulator {
            deployer::renew(emulator, &self.name, &self.policies());
        }
    }

    /// The documents of `fanggen iam --deployer`.
    #[track_caller]
    pub fn policies(&self) -> Vec<String> {
        let ran = self.project.fanggen(&["iam", "--deployer", "--artifacts", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let all = ran.json();
        all.as_array().expect("a list").iter().map(|document| document["policy"].to_string()).collect()
    }

    /// The names of all environments.
    pub fn environments(&self) -> Vec<String> {
        let folders = fs::read_dir(self.path().join("generated")).expect("a folder").flatten();
        let with_plan = folders.filter(|folder| folder.path().join("plan.json").is_file());
        let mut all: Vec<String> = with_plan.map(|one| one.file_name().to_string_lossy().into_owned()).collect();
        all.sort();
        all
    }

    /// What was rendered of an environment: `plan.json`.
    pub fn plan(&self, environment: &str) -> Value {
        serde_json::from_str(&self.project.read(&format!("generated/{environment}/plan.json"))).expect("JSON")
    }

    /// Runs `fanggen` as the deployer.
    pub fn fanggen(&self, arguments: &[&str]) -> ProcessOutput {
        self.through(&target_account().endpoint(), arguments)
    }

    /// Runs `fanggen` as the deployer, to whom AWS is at this address: that of a proxy, say.
    pub fn through(&self, endpoint: &str, arguments: &[&str]) -> ProcessOutput {
        ran(&mut self.command(endpoint, arguments))
    }

    /// Runs `fanggen` as the deployer, which has to work; gives what it printed.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> ProcessOutput {
        let ran = self.fanggen(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// `fanggen` as the deployer, not run yet; its home is in the project, so no other machine's locks are seen.
    pub fn command(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = super::fanggen(self.path(), &self.environment(endpoint), arguments);
        command.stdin(std::process::Stdio::null());
        command
    }

    /// What a program needs in its environment to act as the deployer.
    pub fn environment(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        let mut all = target_account().environment(endpoint, self.key.as_ref());
        if target_account().emulator.is_some() {
            all.push(("HOME", self.path().join("home").display().to_string()));
        }
        all
    }
}

impl Drop for Deployed {
    /// Fails the test for requests of its commands and of its functions that AWS would not have taken.
    fn drop(&mut self) {
        let Some(emulator) = target_account().emulator else { return };
        let key = self.key.as_ref().map(Credentials::access_key_id);
        let own = format!("{}-", self.name);
        emulator.refusals().fail(|refusal| key == Some(&refusal.access_key) || refusal.parameters.contains(&own));
    }
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> ProcessOutput {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")).into()
}

/// A pipeline's file under another name, for x86_64, the account at hand and a boundary.
fn overridden(toml: &str, name: &str) -> String {
    let head = toml.find("\nname = \"").or(toml.starts_with("name = \"").then_some(0)).expect("a name");
    let at = head + toml[head..].find('"').expect("a quote") + 1;
    let end = at + toml[at..].find('"').expect("a quote");
    let mut toml = format!("{}{name}{}", &toml[..at], &toml[end..]);
    let mut add = |section: &str, line: String| match toml.find(&format!("{section}\n")) {
        Some(at) => toml.insert_str(at + section.len() + 1, &line),
        None => toml.push_str(&format!("\n{section}\n{line}")),
    };
    add("[aws]", format!("account = \"{}\"\nregion = \"{}\"\n", target_account().account, target_account().region));
    add("[functions]", "architecture = \"x86_64\"\n".to_owned());
    if let Some(boundary) = &target_account().boundary {
        add("[iam]", format!("permissions_boundary = \"{boundary}\"\n"));
    }
    toml
}

/// The artifact of a program, which `fanggen build` makes once for all tests of a process.
pub fn zip(program: Program) -> Vec<u8> {
    static ZIPS: [Mutex<Option<Vec<u8>>>; 2] = [Mutex::new(None), Mutex::new(None)];
    let mut made = ZIPS[program as usize].lock().expect("no other test has failed here");
    made.get_or_insert_with(|| {
        let project = Project::with(
            "[pipeline]\nname = \"p\"\n[functions]\narchitecture = \"x86_64\"\n[sources.a]\ntype = \"inline\"\n\
             items = [\"x\"]\n[[stages]]\nname = \"text\"\ntype = \"text\"\n[sinks.b]\ntype = \"s3\"\n",
        );
        let given = match program {
            Program::Hollow => {
                let path = project.path().join("hollow");
                fs::write(&path, elf::good()).expect("written");
                path
            }
            Program::Real => bootstrap(),
        };
        let given = given.display().to_string();
        let ran = project.fanggen(&["build", "--runtime", &given, "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        fs::read(project.path().join(".fanggen/x86_64/bootstrap.zip")).expect("a zip")
    })
    .clone()
}

/// The runtime as a program of this machine, beside the other programs of this build.
///
/// Cargo makes it itself when the whole workspace is tested; otherwise it is made here, under cargo's own lock.
pub fn bootstrap() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let fanggen = Path::new(env!("CARGO_BIN_EXE_fanggen"));
        let (folder, target) = (fanggen.parent().expect("a profile"), fanggen.ancestors().nth(2).expect("a target"));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "fanggen-runtime", "--bin", "bootstrap"]);
        cargo.arg("--target-dir").arg(target).current_dir(crate::harness::project::workspace());
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let ran = ran(&mut cargo);
        assert_eq!(ran.code, 0, "{ran:?}");
        // Without its debug information, which is half of it: it is packed, uploaded and unpacked again and again.
        let slim = target.join("tmp").join("bootstrap");
        let own = slim.with_extension(std::process::id().to_string());
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&own).arg(folder.join("bootstrap"));
        let done = strip.status().is_ok_and(|done| done.success()) && fs::rename(&own, &slim).is_ok();
        if done { slim } else { folder.join("bootstrap") }
    })
    .clone()
}
