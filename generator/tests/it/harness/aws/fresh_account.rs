//! A pipeline before and after a change, and an emulator with a proxy to which it is deployed repeatedly.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_sts::config::Credentials;
use fanggen_runtime::testing::process::ProcessOutput;
use http_body_util::Full;
use hyper::Response;
use rustix::process::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::emulator::{Emulator, REGION, block_on};
use super::inventory::{Inventory, inventory};
use super::proxy::Proxy;

/// The limit for a run of `fanggen`, faults included.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Two folders with the same pipeline: as it was, and with another memory and other items. `dev` may be deleted at any
/// time, `prod` retains its data.
pub struct Pipelines {
    before: TempDir,
    after: TempDir,
}

impl Pipelines {
    /// Rendered, and with a placeholder for the program: no function is run here.
    pub fn new() -> Self {
        Self { before: folder(&before()), after: folder(&after()) }
    }

    pub fn before(&self) -> &Path {
        self.before.path()
    }

    pub fn after(&self) -> &Path {
        self.after.path()
    }
}

/// More rows than one call can write.
const ITEMS: usize = 30;

fn before() -> String {
    pipeline(128, (0..ITEMS).map(|item| format!("\"item {item}\"")).collect())
}

/// One item is changed, two are added, one is removed.
fn after() -> String {
    let changed = "{ name = \"item 1\", title = \"another title\" }".to_owned();
    let items = (2..ITEMS + 2).map(|item| format!("\"item {item}\""));
    pipeline(256, items.chain([changed]).collect())
}

fn pipeline(memory: u32, items: Vec<String>) -> String {
    format!(
        "[pipeline]\nname = \"cut\"\n[functions]\narchitecture = \"x86_64\"\nmemory_mb = {memory}\n\
         [sources.companies]\ntype = \"dynamodb\"\nkey = \"name\"\nitems = [{}]\n\
         [[stages]]\nname = \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n\
         [sinks.archive]\ntype = \"s3\"\n[sinks.latest]\ntype = \"dynamodb\"\ntable = \"sentiment\"\n\
         [environments.dev]\n[environments.prod]\ndata.retain = true\n",
        items.join(", ")
    )
}

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pipeline.toml"), text).expect("written");
    fs::write(folder.path().join("program"), crate::harness::elf::good()).expect("written");
    for arguments in [&["render"][..], &["build", "--env", "dev", "--runtime", "program"]] {
        let done = super::fanggen(folder.path(), &[], arguments).output().expect("started");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    folder
}

/// An emulator behind a proxy, which records invocations of functions instead of passing them on.
pub struct FreshAccount {
    pub emulator: Emulator,
    pub proxy: Proxy,
    invoked: Arc<Mutex<Vec<String>>>,
    place: Mutex<Place>,
}

/// An unused account, and an empty cache folder.
struct Place {
    account: u64,
    machine: TempDir,
}

impl Place {
    fn new(account: u64) -> Self {
        Self { account, machine: tempfile::tempdir().expect("a folder") }
    }
}

impl FreshAccount {
    pub fn new() -> Self {
        let emulator = Emulator::start();
        let invoked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&invoked);
        let proxy = Proxy::with(
            &emulator,
            Arc::new(move |call| {
                // Answered here, so that no function runs: one that ends badly is tried again by the emulator, and writes
                // its log long after everything was destroyed.
                (call.operation() == "lambda:Invoke").then(|| {
                    let event: Value = serde_json::from_slice(&call.body).unwrap_or_default();
                    let time = event["scheduled_time"].as_str().unwrap_or("none").to_owned();
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push(time);
                    Response::builder().status(202).body(Full::default()).expect("an answer")
                })
            }),
        );
        Self { emulator, proxy, invoked, place: Mutex::new(Place::new(100_000_000_000)) }
    }

    /// Switches to an empty account and an empty cache folder. It is another account each time, since functions of the
    /// previous one may still write to their logs.
    pub fn reset(&self) {
        self.proxy.clear();
        self.emulator.reset();
        self.invoked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut place = self.place();
        *place = Place::new(place.account + 1);
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn account(&self) -> String {
        self.place().account.to_string()
    }

    pub fn root(&self) -> Credentials {
        self.emulator.account(&self.account())
    }

    /// The bucket of artifacts.
    pub fn artifacts(&self) -> String {
        format!("fanggen-artifacts-{}-{REGION}", self.account())
    }

    /// The times of the runs that were started: a run is known by its time, however often it is started.
    pub fn runs(&self) -> BTreeSet<String> {
        self.invoked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub fn sdk(&self) -> SdkConfig {
        self.emulator.sdk(&self.emulator.endpoint(), &self.root())
    }

    /// Everything that is in the account, whatever its number.
    pub fn inventory(&self) -> Inventory {
        let account = self.account();
        let all = block_on(inventory(&self.sdk()));
        all.into_iter().map(|line| line.replace(&account, "ACCOUNT")).collect()
    }

    /// The cache folder of this machine.
    pub fn machine(&self) -> PathBuf {
        self.place().machine.path().to_owned()
    }

    /// `fanggen` through the proxy, on this machine.
    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        self.elsewhere(&self.machine(), folder, arguments)
    }

    /// `fanggen` through the proxy, as on a machine with this cache folder.
    pub fn elsewhere(&self, machine: &Path, folder: &Path, arguments: &[&str]) -> Command {
        let environment = self.emulator.environment_of(&self.proxy.endpoint(), &self.root());
        let mut command = super::fanggen(folder, &environment, arguments);
        command.env("XDG_CACHE_HOME", machine).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs `fanggen` to its end.
    pub fn run(&self, folder: &Path, arguments: &[&str]) -> ProcessOutput {
        run_to_end(&mut self.command(folder, arguments))
    }

    /// Adds objects to the bucket, as runs do.
    pub fn fill(&self, environment: &str) {
        let sdk = self.sdk();
        block_on(async {
            let s3 = aws_sdk_s3::Client::new(&sdk);
            let bucket = format!("cut-{environment}-archive-{}-{REGION}", self.account());
            for key in ["a", "b", "a"] {
                s3.put_object().bucket(&bucket).key(key).body(vec![1].into()).send().await.expect("put");
            }
            s3.delete_object().bucket(&bucket).key("b").send().await.expect("deleted");
        });
    }
}

/// Runs a command to its end; one that takes longer than `LIMIT` is killed, and has the exit code -1.
pub fn run_to_end(command: &mut Command) -> ProcessOutput {
    run_to_end_with(command, &mpsc::channel().0)
}

/// The same, and sends its process id and the file with its stderr once it runs.
pub fn run_to_end_with(command: &mut Command, begun: &mpsc::Sender<(Pid, PathBuf)>) -> ProcessOutput {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // Into files: a pipe that nobody reads would block a program that prints much.
    let (out, err) = (File::create(path("out")).expect("a file"), File::create(path("err")).expect("a file"));
    let begin = Instant::now();
    let mut child = command.stdout(out).stderr(err).spawn().expect("started");
    // Not every caller has a receiver.
    let _ = begun.send((Pid::from_child(&child), path("err")));
    let code = loop {
        if let Some(status) = child.try_wait().expect("asked") {
            break status.code().unwrap_or(-1);
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            break -1;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let read = |name: &str| fs::read_to_string(path(name)).expect("text");
    ProcessOutput { code, stdout: read("out"), stderr: read("err") }
}

/// Does all work in several threads, each with an account of its own.
pub fn parallel<T: Send, R: Send>(threads: usize, work: Vec<T>, does: impl Fn(&FreshAccount, T) -> R + Sync) -> Vec<R> {
    let (work, done) = (Mutex::new(work.into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let scene = FreshAccount::new();
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(next) = next else { break };
                    let result = does(&scene, next);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
