//! The script of `docs/first-account.md` against the emulator: what it can show is ok, the rest is skipped with its reason,
//! and nothing is left, whatever happens.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use crate::harness::{aws, deployed_pipeline, tools};

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws::deployed::bootstrap;
use aws::emulator::{ACCOUNT, Emulator, REGION, STRANGER, block_on};
use aws::inventory::inventory;
use aws::proxy::Proxy;
use aws::shared::scoped;
use aws::wire::Call;
use aws_sdk_sts::config::Credentials;
use fanggen_runtime::testing::http_server::HttpServer;
use fanggen_runtime::testing::process::ProcessOutput;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tempfile::TempDir;

/// An account of nobody else.
const ANOTHER: &str = "109876543210";

/// What the emulator shows.
const SHOWN: &[&str] = &[
    "SQS counts 12 hours of visibility since the receive",
    "a deleted queue's name is taken for a while",
    "two users have the policies of `fanggen iam --deployer --artifacts` and `--planner`, and no more",
    "the deployer's policy is enough for the first apply",
    "the schedule is enabled",
    "tables with `retain = true` are protected from deletion once the apply has succeeded",
    "a second apply has nothing to do",
    "the first run has a finding for each item, in the table and in the archive, and no failure",
    "there is exactly one first run",
    "a deleted queue's name is free after 60 s",
    "the planner's policy is enough for a plan",
    "the planner is refused an apply",
    "the account's quota of 10 concurrent executions is compared with what a pipeline may use (a warning about 1,001: yes)",
    "`[data] kms` and tracing are switched on, `retain` and `ttl_days` off",
    "the functions run with a customer key",
    "`[data] kms` and tracing are switched off again",
    "the functions run after their customer key is gone",
    "an express update works",
    "the functions run after an express update",
    "there are no other runs at the end",
    "destroy refuses to delete retained data",
    "Lambda counts 4 KB of variables as JSON, quotes escaped",
    "the deployer's policy is enough for destroy --delete-data",
    "nothing is left, by tags and by names",
];

/// What only AWS shows, and what the script says of it.
const SKIPPED: &[&str] = &[
    "the findings are of Amazon Comprehend, on texts of Wikipedia: not AWS: stand-ins answer here",
    "a function has the customer key while `kms` is on, and none afterwards: not AWS: an emulator forgets the key of a function",
    "an express update that fails is rolled back: not AWS: an emulator never rolls back",
    "a run of the schedule has its scheduled time as id: not AWS: an emulator does not replace <aws.scheduler.scheduled-time>",
    "the functions run on arm64: FIRST_ACCOUNT_ARCHITECTURE is not arm64, or this is not AWS",
];

/// The script, in an environment of its own.
struct Script {
    home: TempDir,
    wiki: HttpServer,
    key: Credentials,
}

impl Script {
    fn by(key: Credentials) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self { home, wiki: HttpServer::start(deployed_pipeline::pages), key }
    }

    fn path() -> PathBuf {
        crate::harness::project::workspace().join("docs/first-account.sh")
    }

    /// It begins with the default action for signals: whoever runs the tests may ignore them.
    fn command(&self, proxy: &Proxy, arguments: &[&str]) -> Command {
        let emulator = Emulator::shared();
        let mut command = Command::new("env");
        if cfg!(target_os = "linux") {
            command.arg("--default-signal=INT");
        }
        command.arg("bash").arg(Self::path()).args(arguments).current_dir(self.home.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("TMPDIR", self.home.path());
        command.envs(emulator.environment_of(&proxy.endpoint(), &self.key)).env("AWS_CA_BUNDLE", emulator.ca_file());
        command.env("FANGGEN", env!("CARGO_BIN_EXE_fanggen")).env("AWS_CLI", tools::aws_cli());
        command.env("FIRST_ACCOUNT_RUNTIME", bootstrap()).env("FIRST_ACCOUNT_ARCHITECTURE", "x86_64");
        command.env("FIRST_ACCOUNT_MAX_WAIT", "1");
        let (endpoint, host) = (self.wiki.url("/{language}/w/api.php"), self.wiki.host_port());
        let own = format!("endpoint = \"{endpoint}\"\nallow = [\"{host}\"]\n");
        command.env("FIRST_ACCOUNT_WIKIPEDIA", own).stdin(Stdio::null());
        command
    }

    fn run(&self, proxy: &Proxy, arguments: &[&str]) -> ProcessOutput {
        self.command(proxy, arguments).output().expect("started").into()
    }

    /// What is left on this machine.
    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.home.path()).expect("a folder").flatten();
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }

    /// What is left in its account.
    fn left(&self) -> Vec<String> {
        let emulator = Emulator::shared();
        let sdk = emulator.sdk(&emulator.endpoint(), &self.key);
        let iam = aws_sdk_iam::Client::new(&sdk);
        let users = block_on(iam.list_users().send()).expect("users").users;
        let local = aws_sdk_iam::types::PolicyScopeType::Local;
        let policies = block_on(iam.list_policies().scope(local).send()).expect("policies").policies;
        let users = users.iter().map(|user| format!("user {}", user.user_name()));
        let policies =
            policies.iter().flatten().filter_map(|policy| policy.policy_name()).map(|name| format!("policy {name}"));
        block_on(inventory(&sdk)).into_iter().chain(users).chain(policies).collect()
    }
}

/// What the emulator asks for and AWS does not: a permission to send batches for functions; and, since it knows neither the
/// tags of a key nor the ARN of an alias, permissions on all of them for who deploys.
fn allow_more(key: &Credentials, is_done: &AtomicBool) {
    let emulator = Emulator::shared();
    let client = aws_sdk_iam::Client::new(&emulator.sdk(&emulator.endpoint(), key));
    let policy = |actions: &[&str]| {
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    let (batches, keys) = (policy(&["sqs:SendMessageBatch"]), policy(&KEYS));
    let mut done = BTreeSet::new();
    while !is_done.load(Ordering::SeqCst) {
        let roles = block_on(client.list_roles().send()).expect("roles").roles;
        for role in roles.iter().map(|role| role.role_name()).filter(|name| name.starts_with("first-account-")) {
            if done.insert(role.to_owned()) {
                let put = client.put_role_policy().role_name(role).policy_name("batches").policy_document(&batches);
                // A role that is gone meanwhile needs nothing.
                drop(block_on(put.send()));
            }
        }
        let users = block_on(client.list_users().send()).expect("users").users;
        for user in users.iter().map(|user| user.user_name()).filter(|name| name.ends_with("-deployer")) {
            if done.insert(user.to_owned()) {
                let put = client.put_user_policy().user_name(user).policy_name("keys").policy_document(&keys);
                drop(block_on(put.send()));
            }
        }
        // A function is invoked seconds after its role is made.
        thread::sleep(Duration::from_millis(500));
    }
}

const KEYS: [&str; 4] = ["kms:DeleteAlias", "kms:DescribeKey", "kms:ListResourceTags", "kms:ScheduleKeyDeletion"];

/// The lines of the script that begin with a word, without it.
fn lines<'a>(output: &'a str, word: &str) -> Vec<&'a str> {
    output.lines().filter_map(|line| line.strip_prefix(word)).collect()
}

/// The longest, and the first by its name: the others run beside it.
#[test]
fn all_that_the_emulator_can_show_is_ok_and_nothing_is_left() {
    let emulator = Emulator::shared();
    let script = Script::by(emulator.root());
    let gate = emulator.gate();
    gate.strict.set_concurrency(10);
    let wait = Arc::clone(&gate);
    let proxy = Proxy::with(
        emulator,
        Arc::new(move |call| {
            // The minute for which a queue's name is taken is not waited for: users are made after it was deleted.
            if call.operation() == "iam:CreateUser" {
                wait.strict.advance(Duration::from_secs(60));
            }
            None
        }),
    );
    let is_done = AtomicBool::new(false);
    let ran = thread::scope(|scope| {
        let watching = scoped(scope, || allow_more(&script.key, &is_done));
        let ran = script.run(&proxy, &["--yes", "--contact", "team@example.com"]);
        is_done.store(true, Ordering::SeqCst);
        watching.join().expect("watched");
        ran
    });
    let told = format!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(lines(&ran.stdout, "FAIL "), Vec::<&str>::new(), "{told}");
    assert_eq!(
        (lines(&ran.stdout, "ok   "), lines(&ran.stdout, "SKIP ")),
        (SHOWN.to_vec(), SKIPPED.to_vec()),
        "{told}"
    );
    assert!(ran.stdout.ends_with(&format!("{} ok, 0 failed, {} skipped\n", SHOWN.len(), SKIPPED.len())), "{told}");
    assert_eq!((ran.code, script.left(), script.files()), (0, vec![], vec![]), "{told}");
    // The script asks for what AWS refuses, and shows that it does.
    let refused: Vec<String> = proxy.take_refusals().into_iter().map(|refusal| refusal.operation).collect();
    assert_eq!(refused, ["sqs:ChangeMessageVisibility", "lambda:UpdateFunctionConfiguration"]);
}

#[test]
fn the_script_cleans_up_when_it_is_interrupted() {
    let emulator = Emulator::shared();
    let script = Script::by(emulator.account(STRANGER));
    let proxy = Proxy::before(emulator);
    let mut command = script.command(&proxy, &["--yes", "--contact", "team@example.com"]);
    let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let begin = Instant::now();
    while !proxy.operations().iter().any(|operation| operation == "cloudformation:ExecuteChangeSet") {
        assert!(begin.elapsed() < Duration::from_secs(120), "no apply: {:?}", proxy.operations());
        thread::sleep(Duration::from_millis(20));
    }
    // As Ctrl-C does, to the script and to what it has started.
    kill_process_group(Pid::from_child(&child), Signal::INT).expect("a signal");
    let ran = ProcessOutput::from(child.wait_with_output().expect("ended"));
    proxy.take_refusals();
    let told = format!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!((ran.code, script.left(), script.files()), (130, vec![], vec![]), "{told}");
    assert_eq!(lines(&ran.stdout, "ok   ").last(), Some(&"nothing is left, by tags and by names"), "{told}");
}

#[test]
fn the_script_cleans_up_after_a_failure() {
    let emulator = Emulator::shared();
    let script = Script::by(emulator.account(ANOTHER));
    let no_keys = |call: &Call| {
        (call.operation() == "iam:CreateAccessKey").then(|| call.error(403, "AccessDenied", "no keys in this account"))
    };
    let proxy = Proxy::with(emulator, Arc::new(no_keys));
    let ran = script.run(&proxy, &["--yes", "--contact", "team@example.com"]);
    proxy.take_refusals();
    let told = format!("{}\n{}", ran.stdout, ran.stderr);
    let failed = lines(&ran.stdout, "FAIL ");
    let [failed] = &failed[..] else { panic!("{told}") };
    assert!(failed.starts_with("two users have") && failed.contains("no keys in this account"), "{told}");
    assert!(ran.stdout.ends_with("3 ok, 1 failed, 0 skipped\n"), "{told}");
    assert_eq!((ran.code, script.left(), script.files()), (1, vec![], vec![]), "{told}");
}

#[test]
fn without_yes_the_script_only_says_what_it_would_cost() {
    let emulator = Emulator::shared();
    let script = Script::by(emulator.root());
    let proxy = Proxy::before(emulator);
    let ran = script.run(&proxy, &["--contact", "team@example.com"]);
    let said = format!(
        "account {ACCOUNT}, region {REGION}, as arn:aws:iam::{ACCOUNT}:root\n\
         AWS_ENDPOINT_URL is set: this is not AWS, and what only AWS can show is skipped\n\
         expected cost: about $0.01: Comprehend $0.0030 (30 units), a KMS key $0.0014, 8 metrics $0.0033, requests to Lambda, \
         SQS, S3, DynamoDB and Logs at most $0.0050\n"
    );
    let ended =
        ProcessOutput { code: 1, stdout: said, stderr: "first-account.sh: nothing was done: add --yes\n".into() };
    assert_eq!(ran, ended);
    assert_eq!((proxy.operations(), script.files()), (vec!["sts:GetCallerIdentity".to_owned()], vec![]));
}

#[test]
fn the_script_says_what_is_missing_before_it_makes_anything() {
    let emulator = Emulator::shared();
    let script = Script::by(emulator.root());
    let proxy = Proxy::before(emulator);
    let without = |name: &str| {
        let ran = script.command(&proxy, &["--yes"]).env(name, "absent").output().expect("started");
        let ran = ProcessOutput::from(ran);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        ran.stderr
    };
    let help = "run `cargo install --path generator`, or set FANGGEN to the program";
    assert_eq!(without("FANGGEN"), format!("first-account.sh: absent is not installed: {help}\n"));
    let unbuilt = script.command(&proxy, &["--yes", "--contact", "x"]).env("FIRST_ACCOUNT_RUNTIME", "absent").output();
    let unbuilt = ProcessOutput::from(unbuilt.expect("started"));
    let why = "first-account.sh: nothing was done: the functions cannot be built: error: ";
    assert!(unbuilt.code == 1 && unbuilt.stderr.starts_with(why) && unbuilt.stderr.contains("absent"), "{unbuilt:?}");
    assert_eq!(proxy.operations(), ["sts:GetCallerIdentity", "s3:HeadBucket"]);
    assert_eq!(script.files(), Vec::<String>::new());
    let help = "install the AWS CLI, or set AWS_CLI to the program";
    assert_eq!(without("AWS_CLI"), format!("first-account.sh: absent is not installed: {help}\n"));
}

#[test]
fn the_script_passes_shellcheck() {
    let ran = Command::new(tools::shellcheck()).arg(Script::path()).output().expect("started");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}
