//! A benchmark: from a pipeline's file to an account and back, beside `sam deploy` of the same resources.
//!
//! `cargo test --workspace --release --test it deploy_speed -- --ignored --nocapture`; `FANGGEN_ROUNDS` sets the number of
//! rounds. It is an ignored test because it needs the emulator and the proxy of the tests.
//!
//! The calls of each command are counted in an extra round through a proxy; the times are those of commands that speak to
//! the emulator itself, over TLS and past its gate. The two pipelines differ in their name only, so they do not affect each other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fanggen_runtime::testing::measure::{Measured, machine, ms};

use crate::harness::aws::emulator::{Emulator, REGION, block_on};
use crate::harness::aws::proxy::Proxy;
use crate::harness::{aws, elf, project};

const SAM: &str = "1.170.0";
const ROUNDS: usize = 5;
/// The zip of the functions' one binary, of a release build.
const RUNTIME_BYTES: usize = 3_600_000;
/// Where SAM puts what it uploads; fanggen has its own, and makes it.
const BUCKET: &str = "sam-artifacts";

/// What is done to an environment from its beginning to its end, and what the design asks for of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    First,
    Same,
    SameStack,
    Changed,
    Gone,
}

impl Step {
    const ALL: [Self; 5] = [Self::First, Self::Same, Self::SameStack, Self::Changed, Self::Gone];

    fn words(self) -> [&'static str; 2] {
        match self {
            Self::First => ["first `apply`, with bucket and items", "first `sam deploy`"],
            Self::Same => ["`apply`, nothing changed", "`sam deploy`, nothing changed"],
            Self::SameStack => ["`apply --no-items`, nothing changed", ""],
            Self::Changed => ["`apply`, a function's memory changed", "`sam deploy`, the same"],
            Self::Gone => ["`destroy --artifacts`, looked after", "`sam delete`"],
        }
    }

    fn promise(self) -> &'static str {
        match self {
            Self::Same => "500 in 4 calls",
            Self::SameStack => "200 in 2 calls",
            _ => "",
        }
    }
}

/// A pipeline in a folder, and how its steps are run.
struct Side {
    folder: PathBuf,
    name: &'static str,
    sam: Option<PathBuf>,
    environment: Vec<(&'static str, String)>,
    through: Vec<(&'static str, String)>,
}

#[test]
#[ignore = "a benchmark of several minutes, for a release build on an idle machine"]
fn deploying_is_timed_beside_sam() {
    let rounds = std::env::var("FANGGEN_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let sam = fanggen_runtime::testing::python_tools::isolated("aws-sam-cli", SAM, "sam");
    let emulator = Emulator::start();
    let proxy = Proxy::before(&emulator);
    let folder = tempfile::tempdir().expect("a folder");
    let config = emulator.sdk(&emulator.endpoint(), &emulator.root());
    block_on(aws_sdk_s3::Client::new(&config).create_bucket().bucket(BUCKET).send()).expect("a bucket");
    let runtime = runtime(folder.path());
    let sides = [
        Side::new(&emulator, &proxy, folder.path(), "press", None, &runtime),
        Side::new(&emulator, &proxy, folder.path(), "brook", Some(sam), &runtime),
    ];

    println!("{}\n", machine());
    let mut calls = BTreeMap::new();
    for (step, side) in alternating(&sides) {
        side.prepare(step);
        proxy.clear();
        side.run(step, &side.through, &mut Measured::default());
        calls.insert((step, side.name), proxy.operations());
    }
    let mut times: BTreeMap<(Step, &str), Measured> = BTreeMap::new();
    for _ in 0..rounds {
        for (step, side) in alternating(&sides) {
            side.prepare(step);
            side.run(step, &side.environment, times.entry((step, side.name)).or_default());
        }
    }
    table(&sides, &times, &calls);
}

/// Each step of the one, then of the other.
fn alternating(sides: &[Side; 2]) -> impl Iterator<Item = (Step, &Side)> {
    let all = Step::ALL.into_iter().flat_map(|step| sides.iter().map(move |side| (step, side)));
    all.filter(|(step, side)| side.sam.is_none() || *step != Step::SameStack)
}

fn table(sides: &[Side; 2], times: &BTreeMap<(Step, &str), Measured>, calls: &BTreeMap<(Step, &str), Vec<String>>) {
    println!("| command | median, ms | fastest | slowest | peak, MB | AWS calls | must, ms |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    for (step, side) in alternating(sides) {
        let (runs, calls) = (&times[&(step, side.name)], &calls[&(step, side.name)]);
        let (what, promise) = match &side.sam {
            None => (step.words()[0], step.promise()),
            Some(_) => (step.words()[1], ""),
        };
        let [median, fastest, slowest] = runs.spread().map(ms);
        let peak = runs.peak_kb as f64 / 1024.0;
        println!("| {what} | {median} | {fastest} | {slowest} | {peak:.1} | {} | {promise} |", calls.len());
    }
    let median = |side: &Side| times[&(Step::Same, side.name)].spread()[0].as_secs_f64();
    println!("\nWith nothing changed, sam takes {:.0} times as long.", median(&sides[1]) / median(&sides[0]));
    println!("\nThe calls:");
    for (step, side) in alternating(sides) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        calls[&(step, side.name)].iter().for_each(|call| *counts.entry(call).or_default() += 1);
        let counts: Vec<String> = counts.iter().map(|(call, count)| format!("{count} {call}")).collect();
        println!("- {}: {}", step.words()[usize::from(side.sam.is_some())], counts.join(", "));
    }
}

impl Side {
    fn new(
        emulator: &Emulator,
        proxy: &Proxy,
        folder: &Path,
        name: &'static str,
        sam: Option<PathBuf>,
        runtime: &Path,
    ) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let home = folder.join("home");
        fs::create_dir_all(&home).expect("a folder");
        let environment = |endpoint: &str| {
            let mut all = emulator.environment_of(endpoint, &emulator.root());
            all.push(("HOME", home.display().to_string()));
            all.push(("AWS_CA_BUNDLE", emulator.ca_file().display().to_string()));
            all.push(("AWS_DEFAULT_REGION", REGION.to_owned()));
            all.push(("SAM_CLI_TELEMETRY", "0".to_owned()));
            all
        };
        let (own, through) = (environment(emulator.address()), environment(&proxy.endpoint()));
        let side = Self { folder, name, sam, environment: own, through };
        side.write(256);
        side.fanggen(&["build", "--runtime", &runtime.display().to_string()]);
        fs::copy(side.folder.join(".fanggen/x86_64/bootstrap.zip"), side.folder.join("bootstrap.zip")).expect("copied");
        side
    }

    /// The root pipeline, under this name, for this machine, with so much memory.
    fn write(&self, memory: u32) {
        let text = fs::read_to_string(project::workspace().join("pipeline.toml")).expect("the root pipeline");
        let text = text.replace("name = \"fang\"", &format!("name = \"{}\"", self.name));
        let text = text.replace("texts = \"examples/fang/texts.jsonl\"", "");
        let functions = format!("[functions]\narchitecture = \"x86_64\"\nmemory_mb = {memory}\n\n[schedule]");
        fs::write(self.folder.join("pipeline.toml"), text.replace("[schedule]", &functions)).expect("written");
        self.fanggen(&["render"]);
        if self.sam.is_some() {
            let template = fs::read_to_string(self.folder.join("generated/dev/template.yaml")).expect("a template");
            fs::write(self.folder.join("template.yaml"), for_sam(&template)).expect("written");
        }
    }

    fn fanggen(&self, arguments: &[&str]) {
        let done = aws::fanggen(&self.folder, &[], arguments).output().expect("started");
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }

    /// What comes before a step, and is not timed.
    fn prepare(&self, step: Step) {
        match step {
            Step::First => self.write(256),
            Step::Changed => self.write(512),
            _ => {}
        }
    }

    fn run(&self, step: Step, environment: &[(&'static str, String)], into: &mut Measured) {
        let mut command = match &self.sam {
            None => aws::fanggen(&self.folder, environment, ours(step)),
            Some(sam) => {
                let mut command = Command::new(sam);
                command.current_dir(&self.folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
                command.envs(environment.iter().map(|(name, value)| (*name, value)));
                command.args(theirs(step)).args(["--region", REGION, "--stack-name", &format!("{}-dev", self.name)]);
                command
            }
        };
        let log = File::create(self.folder.join("log")).expect("a log");
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log);
        let ended = into.add(&mut command);
        let said = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(ended.success(), "{step:?} of {}, {ended}:\n{}", self.name, said());
    }
}

fn ours(step: Step) -> &'static [&'static str] {
    match step {
        // The functions of this emulator would run beside what is timed next.
        Step::First => &["apply", "--yes", "--no-run"],
        Step::Same | Step::Changed => &["apply", "--yes", "--no-run"],
        Step::SameStack => &["apply", "--yes", "--no-items"],
        // With its bucket, so that the next round uploads again, as SAM does.
        Step::Gone => &["destroy", "--yes", "--artifacts"],
    }
}

fn theirs(step: Step) -> &'static [&'static str] {
    match step {
        Step::Gone => &["delete", "--no-prompts"],
        _ => &[
            "deploy",
            "--template-file",
            "template.yaml",
            "--s3-bucket",
            BUCKET,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
        ],
    }
}

/// Our template, with the code where SAM looks for it, and ready from the beginning; nothing else is changed.
fn for_sam(template: &str) -> String {
    let code = "Code:\n        S3Bucket: !Ref ArtifactBucket\n        S3Key: !Ref ArtifactKey\n";
    let (artifact, ready) = (template.find("  ArtifactBucket:\n"), template.find("  Ready:\n    Type: String\n"));
    let (artifact, ready) = (artifact.expect("the artifact's parameters"), ready.expect("the parameter of readiness"));
    let text = format!("{}{}", &template[..artifact], &template[ready..]);
    let text = text.replace(code, "Code: bootstrap.zip\n");
    let text = text
        .replace("  Ready:\n    Type: String\n", "  Ready:\n    Type: String\n    Default: \"2026-11-22T09:00:00Z\"\n");
    assert!(!text.contains("Artifact"), "the template has changed its form");
    text
}

/// What is uploaded: of the size of the real program, and nothing that could run, for no function is called here.
fn runtime(folder: &Path) -> PathBuf {
    let mut program = elf::elf(elf::X86_64, elf::LOADER, "GLIBC_2.34");
    // Noise does not get smaller in the zip.
    let mut state = 1_u64;
    program.resize_with(RUNTIME_BYTES, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let path = folder.join("program");
    fs::write(&path, program).expect("written");
    path
}
