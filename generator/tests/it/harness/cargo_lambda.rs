//! A deployed function under `cargo lambda watch`, which stands in for Lambda as people know it from their own machines.
#![allow(clippy::panic, reason = "a function that does not answer has failed its test")]

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::aws::deployed::bootstrap;
use crate::harness::aws::emulator::block_on;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::DeployedPipeline;
use crate::harness::project::workspace;

/// It reads the workspace before it listens, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The function and its Lambda, which end when this is dropped.
pub struct CargoLambda {
    lambda: Child,
    function: Child,
    port: u16,
    log: PathBuf,
    _folder: TempDir,
}

impl Drop for CargoLambda {
    fn drop(&mut self) {
        for child in [&mut self.function, &mut self.lambda] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl CargoLambda {
    /// A function as it is deployed, with AWS where the emulator is.
    pub fn of(live: &DeployedPipeline, id: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port").port();
        let lambda = lambda(port, &File::create(folder.path().join("lambda")).expect("a log"));
        let client = aws_sdk_lambda::Client::new(&target_account().sdk);
        let told = block_on(client.get_function_configuration().function_name(live.name(id)).send());
        let own = told.expect("a function").environment.and_then(|it| it.variables).unwrap_or_default();
        let emulator = target_account().emulator.expect("an emulator");
        let log = folder.path().join("function");
        let said = File::create(&log).expect("a log");
        let mut command = Command::new(bootstrap());
        command
            .env_clear()
            .envs(own)
            .envs(emulator.environment())
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "_")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        let function = command.spawn().expect("the function starts");
        Self { lambda, function, port, log, _folder: folder }
    }

    /// Sends an event and gives the answer, or the error that was reported.
    pub fn invoke(&self, event: &Value) -> Result<Value, Value> {
        let url = format!("http://127.0.0.1:{}/2015-03-31/functions/_/invocations", self.port);
        let client = target_account().emulator.expect("an emulator").client();
        let sent = client.post(url).body(event.to_string()).timeout(PATIENCE);
        let (good, text) = block_on(async {
            let answer = sent.send().await.unwrap_or_else(|error| panic!("no answer: {error:?}\n{}", self.log()));
            (answer.status().is_success(), answer.text().await.expect("a text"))
        });
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        if good { Ok(value) } else { Err(value) }
    }

    /// The first logged line that meets the condition.
    pub fn logged(&self, condition: impl Fn(&Value) -> bool) -> Value {
        let log = self.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.find(condition).unwrap_or_else(|| panic!("no such line in\n{log}"))
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.function.try_wait().expect("a child of ours").is_none()
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Starts `cargo lambda watch` on a port, and waits until it listens.
fn lambda(port: u16, log: &File) -> Child {
    let program = fanggen_runtime::testing::python_tools::isolated("cargo-lambda", "1.9.2", "cargo-lambda");
    // It asks cargo about the folder that it is started in, although it builds nothing.
    let mut command = Command::new(program);
    command
        .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log.try_clone().expect("a log"));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("`cargo lambda` does not start: {error}"));
    let begin = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = child.try_wait().expect("a child of ours");
        assert!(ended.is_none(), "`cargo lambda watch` ended: {ended:?}");
        assert!(begin.elapsed() < PATIENCE, "`cargo lambda watch` does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}
