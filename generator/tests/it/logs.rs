//! `fanggen logs` on the emulator: the lines of a real run, filters, pages, following, an operator with exactly its policy.

use crate::harness::aws;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use aws::deployed::{Deployed, Program};
use aws::emulator::{Emulator, block_on};
use aws::faults::{Fault, Faults};
use aws::log_events::{filter_log_events, put_lines};
use aws::person::Person;
use aws::proxy::Proxy;
use aws::target_account::target_account;
use aws::template::names;
use fanggen_runtime::testing::process::ProcessOutput;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::deployed_pipeline::DeployedPipeline;
use crate::harness::process_output::ProcessOutputExt as _;
use crate::harness::project::Project;

const TOML: &str = r#"[pipeline]
name = "NAME"
contact = "team@example.com"

[aws]

[functions]

[sources.companies]
type = "inline"
items = ["Apple"]

[[stages]]
name = "text"
type = "text"

[[stages]]
name = "words"
type = "lexicon"
isolate = true

[sinks.archive]
type = "s3"

[environments.dev]

[environments.prod]
"#;

fn emulator() -> &'static Emulator {
    target_account().emulator.expect("lines are put here: this is for the emulator only")
}

/// A deployed pipeline of three functions, which nobody invokes.
fn deployed(name: &str) -> Deployed {
    let deployed = Deployed::new(Project::with(TOML), name, Program::Hollow);
    deployed.good(&["apply", "--yes", "--no-run"]);
    deployed
}

fn group(deployed: &Deployed, id: &str) -> String {
    names(&deployed.plan("dev"))[id].clone()
}

fn lines(ran: &ProcessOutput) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// stderr without the note about the emulator.
fn words(ran: &ProcessOutput) -> String {
    let own = ran.stderr.lines().filter(|line| !line.starts_with("note: using "));
    own.map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_operator_reads_the_lines_of_a_real_run_across_functions() {
    let live = DeployedPipeline::root("logged", "dev");
    live.start_run("2026-11-22T12:00:00Z").expect("produced");
    live.written("ArchiveBucket", 5);
    live.send("WorkerQueue", "no JSON");
    live.wait_until("a dead letter", || (live.message_count("WorkerDeadQueue") == 1).then_some(()));
    live.wait_until("its line", || live.logs().contains("message_unreadable").then_some(()));

    let operator = Person::new(&live.deployed, "logged-operator", &["--operator", "--env", "dev"]);
    let read = |more: &[&str]| {
        let ran = operator.run(&[&["logs", "--env", "dev"], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    };
    let all = read(&["--json", "-v"]);
    // One call per function, and one for the account that the file names.
    let calls: Vec<&str> =
        all.stderr.lines().filter_map(|line| line.split(" call ").nth(1)?.split(' ').next()).collect();
    assert_eq!(calls, ["sts:GetCallerIdentity", "cloudwatchlogs:FilterLogEvents", "cloudwatchlogs:FilterLogEvents"]);
    let all = lines(&all);
    assert!(all.is_sorted_by_key(|line| line["time"].as_str().expect("a time").to_owned()), "{all:?}");
    let of = |function: &str, message: &str| {
        let found = all.iter().find(|line| line["function"] == function && line["message"] == message);
        found.unwrap_or_else(|| panic!("no `{message}` of {function} in {all:#?}"))
    };
    let sent = of("producer", "run sent");
    assert_eq!(
        (&sent["level"], &sent["run"], &sent["event"]["Items"]),
        (&json!("INFO"), &json!("20261122T120000Z"), &json!(5))
    );
    let chunk = of("worker", "chunk done")["chunk"].as_str().expect("a chunk").to_owned();
    // The emulator logs Lambda's lines as text.
    assert!(all.iter().any(|line| line["level"] == "DEBUG" && line["message"] == "invocation started"), "{all:#?}");

    let errors = read(&["--errors"]);
    let line = errors.stdout.trim_end();
    let (time, rest) = line.split_at(24);
    assert!(time.parse::<Timestamp>().is_ok(), "{line}");
    let (rest, id) = rest.split_once("message_id=").expect("an id");
    assert_eq!(
        rest,
        "  worker    ERROR  message_unreadable: cannot parse the message: it is not valid JSON (line 1, column 2)  "
    );
    assert_eq!(id.len(), 36);

    // A run of last week, whose lines are of today: it is read from its scheduled time on.
    let run = read(&["--run", "2026-11-22T13:00:00+01:00", "--json"]);
    let hint = "Lambda's own lines, such as timeouts, name no run and are not shown: leave out `--run` and `--chunk` to see them\n";
    assert_eq!(words(&run), hint);
    let of_run: Vec<String> =
        lines(&run).iter().map(|line| line["message"].as_str().expect("text").to_owned()).collect();
    assert_eq!(of_run, ["run sent", "chunk done"]);
    let of_chunk = read(&["--run", "20261122T120000Z", "--chunk", &chunk, "--function", "worker", "--raw"]);
    let raw: Value = serde_json::from_str(&of_chunk.stdout).expect("one line, as it was logged");
    assert_eq!((&raw["message"], &raw["chunk"]), (&json!("chunk done"), &json!(chunk)));

    let nothing = read(&["--run", "20261122T130000Z"]);
    assert_eq!(
        (nothing.stdout.as_str(), words(&nothing)),
        ("", format!("{hint}no such lines since run 20261122T130000Z in environment `dev`\n"))
    );

    let denied = Person::new(&live.deployed, "logged-planner", &["--planner"]).run(&["logs", "--env", "dev"]);
    let error = denied.error_message();
    assert!(
        denied.code == 1
            && error.starts_with("error: missing permission: logs:FilterLogEvents on ")
            && error.ends_with("\n  `fanggen iam --operator` prints a policy that includes it\n"),
        "{denied:?}"
    );
    let prod = operator.run(&["logs", "--env", "prod"]);
    assert!(prod.code == 1 && prod.stderr.contains("missing permission: logs:FilterLogEvents"), "{prod:?}");
}

/// Lines of three functions over a while, in the order of time: with whose they are.
fn story(deployed: &Deployed, start: Timestamp) -> Vec<(&'static str, String)> {
    let mut by_group: BTreeMap<&str, Vec<(Timestamp, String)>> = BTreeMap::new();
    let mut all = Vec::new();
    let functions = [("producer", "ProducerLogs"), ("worker", "WorkerLogs"), ("worker-words", "WorkerWordsLogs")];
    for number in 0..60_i64 {
        let (function, id) = functions[usize::try_from(number * 7 % 3).expect("small")];
        let time = start + SignedDuration::from_secs(number);
        let line = match number % 10 {
            3 => json!({
                "timestamp": time.to_string(), "level": "ERROR", "function": function, "code": "denied",
                "message": format!("no {number}"), "run": "20261122T120000Z", "chunk": "0123456789abcdef",
            })
            .to_string(),
            5 => json!({ "time": time.to_string(), "type": "platform.report", "record": {
                "requestId": "r", "status": if number == 25 { "timeout" } else { "success" },
                "metrics": { "durationMs": 1000.0, "memorySizeMB": 256, "maxMemoryUsedMB": 30 },
            } })
            .to_string(),
            7 => format!("some text {number}"),
            _ => json!({
                "timestamp": time.to_string(), "level": "INFO", "function": function, "message": format!("line {number}"),
                "run": "20261122T120000Z",
            })
            .to_string(),
        };
        by_group.entry(id).or_default().push((time, line.clone()));
        all.push((function, line));
    }
    for (id, lines) in by_group {
        put_lines(&group(deployed, id), "s", &lines);
    }
    all
}

#[test]
fn lines_are_merged_over_pages_and_filtered_by_cloudwatch_itself() {
    let deployed = deployed("merged");
    let start = Timestamp::now() - SignedDuration::from_mins(10);
    let story = story(&deployed, start);
    let proxy = Proxy::with(emulator(), filter_log_events(emulator(), 4));
    let read = |arguments: &[&str]| {
        proxy.clear();
        let ran = deployed.through(&proxy.endpoint(), &[&["logs"], arguments].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        (ran, proxy.counts()["logs:FilterLogEvents"])
    };
    let (raw, calls) = read(&["--raw"]);
    let expected: Vec<&str> = story.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(raw.stdout.lines().collect::<Vec<_>>(), expected);
    // Of each group five full pages, and an empty one between every two.
    assert_eq!(calls, 3 * 9);

    let (errors, calls) = read(&["--errors", "--json"]);
    let found: Vec<String> = lines(&errors)
        .iter()
        .map(|line| format!("{} {}", line["function"].as_str().expect("text"), line["message"].as_str().expect("text")))
        .collect();
    let own = |number: usize| format!("{} denied: no {number}", story[number].0);
    let timeout = format!("{} invocation timed out after 1000 ms, 30 of 256 MB", story[25].0);
    assert_eq!(found, [own(3), own(13), own(23), timeout, own(33), own(43), own(53)]);
    assert_eq!(calls, 3, "the others never arrive");

    let (newest, calls) = read(&["-n", "3", "--raw"]);
    assert_eq!((newest.stdout.lines().collect::<Vec<_>>(), calls), (expected[57..].to_vec(), 3));
    let (newest, calls) = read(&["-n", "30", "--raw", "--since", "all"]);
    assert!(calls > 3 * 5, "{calls}");
    assert_eq!(newest.stdout.lines().collect::<Vec<_>>(), expected[30..]);
    let (one, calls) = read(&["--function", "worker", "--errors", "-n", "1", "--run", "20261122T120000Z"]);
    assert!(one.stdout.contains("worker  ERROR  denied: no ") && one.stdout.lines().count() == 1, "{one:?}");
    assert_eq!(calls, 1);

    let until = (start + SignedDuration::from_secs(9)).to_string();
    let since = (start + SignedDuration::from_secs(2)).to_string();
    let (part, _) = read(&["--raw", "--since", &since, "--until", &until]);
    assert_eq!(part.stdout.lines().collect::<Vec<_>>(), expected[2..10]);

    // Whoever reads the pipe has read enough.
    let mut child =
        deployed.command(&proxy.endpoint(), &["logs", "-f", "--raw"]).stdout(Stdio::piped()).spawn().expect("started");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    assert_eq!(first.trim_end(), expected[0]);
    let late = json!({ "level": "INFO", "message": "late" }).to_string();
    put_lines(&group(&deployed, "WorkerLogs"), "s", &[(Timestamp::now(), late)]);
    assert_eq!(end_of(&mut child, Duration::from_secs(30)), Some(0));
}

fn end_of(child: &mut Child, patience: Duration) -> Option<i32> {
    let begin = Instant::now();
    while begin.elapsed() < patience {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status.code().unwrap_or(-1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    None
}

/// A command that follows, and the lines that it prints.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(deployed: &Deployed, proxy: &Proxy, arguments: &[&str]) -> Self {
        let mut command = deployed.command(&proxy.endpoint(), &[&["logs", "-f", "--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let (to, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { child, lines }
    }

    /// The messages of the next lines.
    #[track_caller]
    fn next(&self, count: usize) -> Vec<String> {
        let message = |line: String| {
            serde_json::from_str::<Value>(&line).expect("JSON")["message"].as_str().expect("text").to_owned()
        };
        (0..count).map(|_| message(self.lines.recv_timeout(Duration::from_secs(60)).expect("a line"))).collect()
    }

    /// Nothing is printed for longer than two polls.
    #[track_caller]
    fn is_silent(&self) {
        assert_eq!(self.lines.recv_timeout(Duration::from_secs(5)), Err(RecvTimeoutError::Timeout));
    }

    fn interrupt(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signalled");
        assert_eq!(end_of(&mut self.child, Duration::from_secs(5)), Some(-1), "ended by the signal, 130 in a shell");
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        stderr
    }
}

impl Drop for Following {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn following_loses_nothing_and_repeats_nothing() {
    let deployed = deployed("followed");
    let proxy = Proxy::with(emulator(), filter_log_events(emulator(), 5));
    let now = Timestamp::now();
    let at = |second: i64| now + SignedDuration::from_secs(second);
    let put = |id: &str, stream: &str, lines: &[(i64, &str)]| {
        let line = |(second, text): &(i64, &str)| {
            let level = if text.starts_with("bad") { "ERROR" } else { "INFO" };
            (at(*second), json!({ "level": level, "message": text }).to_string())
        };
        put_lines(&group(&deployed, id), stream, &lines.iter().map(line).collect::<Vec<_>>());
    };
    put("WorkerLogs", "s", &[(-3000, "a"), (-100, "b")]);
    put("ProducerLogs", "s", &[(-200, "c")]);
    let all = Following::start(&deployed, &proxy, &[]);
    let newest = Following::start(&deployed, &proxy, &["-n", "1"]);
    let errors = Following::start(&deployed, &proxy, &["--errors"]);
    assert_eq!(all.next(3), ["a", "c", "b"]);
    assert_eq!(newest.next(1), ["b"]);
    all.is_silent();

    // Of one moment, in two streams, more than a page, and of a group that had none.
    put("WorkerLogs", "s", &[(-90, "d1"), (-90, "d2"), (-90, "d3"), (-90, "d4"), (-90, "d5"), (-90, "bad d6")]);
    put("WorkerLogs", "t", &[(-90, "e")]);
    put("WorkerWordsLogs", "s", &[(-95, "f")]);
    let mut got = all.next(8);
    got.sort();
    assert_eq!(got, ["bad d6", "d1", "d2", "d3", "d4", "d5", "e", "f"]);
    all.is_silent();

    // Late by up to a minute behind the newest, in the same stream and in another one.
    put("WorkerLogs", "t", &[(-130, "late 1")]);
    put("ProducerLogs", "t", &[(-230, "late 2")]);
    put("WorkerLogs", "s", &[(-60, "g")]);
    let mut got = all.next(3);
    got.sort();
    assert_eq!(got, ["g", "late 1", "late 2"]);

    // While the network is away nothing is lost.
    proxy.faults(Faults::every(Fault::Broken));
    put("WorkerLogs", "s", &[(-50, "h")]);
    put("ProducerLogs", "s", &[(-55, "i")]);
    std::thread::sleep(Duration::from_secs(12));
    proxy.clear();
    let mut got = all.next(2);
    got.sort();
    assert_eq!(got, ["h", "i"]);
    all.is_silent();

    // What is older than the newest line that was asked for is left out, and what is newer is not.
    let mut got = newest.next(11);
    got.sort();
    assert_eq!(got, ["bad d6", "d1", "d2", "d3", "d4", "d5", "e", "f", "g", "h", "i"]);
    newest.is_silent();
    assert_eq!(errors.next(1), ["bad d6"]);
    let ended = errors.interrupt();
    let note = target_account().note().replace(&emulator().endpoint(), &proxy.endpoint());
    assert!(
        ended.starts_with(&format!(
            "{note}no such lines since 1h in environment `dev`; waiting for new ones, Ctrl-C stops\n"
        )),
        "{ended:?}"
    );
    let ended = all.interrupt();
    assert!(ended.matches("trying again").count() <= 1, "told once: {ended:?}");
    newest.interrupt();
}

#[test]
fn what_cannot_be_read_is_told() {
    let project = Project::with(&TOML.replace("NAME", "wrong"));
    for (arguments, words) in [
        (
            &["--since", "yesterday"][..],
            "error: `yesterday` is neither a duration such as 7d, 12h or 30m, nor a date such as 2026-11-22, a time such as \
             2026-11-22T09:00:00Z, or `all`\n",
        ),
        (
            &["--since", "2026-11-22", "--until", "2026-11-21T12:00:00Z"],
            "error: --until 2026-11-21T12:00:00Z is before --since 2026-11-22T00:00:00Z, so there is nothing to read\n  exchange \
             them\n",
        ),
        (
            &["--run", "last"],
            "error: `last` is neither the id of a run, such as 20261122T090000Z, nor its scheduled time, such as \
             2026-11-22T09:00:00Z\n  `fanggen runs` lists the runs\n",
        ),
        (
            &["--chunk", "7\" }"],
            "error: `7\" }` is not the id of a chunk, which has 16 hexadecimal digits, such as 0123456789abcdef\n",
        ),
        (
            &["-f", "other.toml"],
            "error: unexpected argument `other.toml`: for `logs`, -f means --follow\n  name the pipeline's file with `--file \
             other.toml`\n",
        ),
        (
            &["--function", "worker-word"],
            "error: there is no function `worker-word` in this environment; known: `producer`, `worker`, `worker-words`; did you \
             mean `worker-words`?\n",
        ),
        (
            &["--env", "pro"],
            "error: there is no environment `pro` in `pipeline.toml`; known: `dev`, `prod`; did you mean `prod`?\n",
        ),
        (&["--file", "none.toml", "-f"], "error: `none.toml` cannot be read: there is no such file\n"),
    ] {
        project.fanggen(&[&["logs"], arguments].concat()).assert_error(1, words);
    }
    let usage = project.fanggen(&["logs", "-f", "--until", "1h"]);
    assert!(usage.code == 2 && usage.stderr.contains("cannot be used with"), "{usage:?}");
    let json = project.fanggen(&["logs", "--run", "x", "--json"]);
    assert!(
        json.code == 1 && json.json()["error"].as_str().is_some_and(|error| error.starts_with("`x` is neither")),
        "{json:?}"
    );
}

#[test]
fn groups_that_do_not_exist_are_told() {
    let deployed = Deployed::new(Project::with(TOML), "ungrouped", Program::Hollow);
    let producer = group(&deployed, "ProducerLogs");
    let absent = format!(
        "error: environment `dev` is not deployed: there is no log group `{producer}`\n  run `fanggen apply --env dev`\n"
    );
    for arguments in [&["logs"][..], &["logs", "-n", "5"], &["logs", "-f"]] {
        let ran = deployed.fanggen(arguments);
        // The deployer has no permission for it, so the one who asks is root.
        assert!(ran.stderr.contains("missing permission: logs:FilterLogEvents"), "{ran:?}");
        let operator =
            Person::new(&deployed, &format!("ungrouped{}", arguments.len()), &["--operator", "--env", "dev"]);
        operator.run(arguments).assert_error(1, &absent);
    }
    deployed.good(&["apply", "--yes", "--no-run"]);
    let client = aws_sdk_cloudwatchlogs::Client::new(&target_account().sdk);
    block_on(client.delete_log_group().log_group_name(&producer).send()).expect("deleted");
    put_lines(&group(&deployed, "WorkerLogs"), "s", &[(Timestamp::now(), "{\"message\":\"there\"}".to_owned())]);
    let operator = Person::new(&deployed, "ungrouped-operator", &["--operator", "--env", "dev"]);
    let ran = operator.run(&["logs"]);
    assert!(ran.code == 0 && ran.stdout.ends_with("  worker        INFO   there\n"), "{ran:?}");
    let warning = format!(
        "warning: the log group `{producer}` of `producer` does not exist\n  `fanggen drift --env dev` shows what else is missing\n"
    );
    assert_eq!(words(&ran), warning);
    // Another account than the file names.
    let toml = deployed.project.read("pipeline.toml").replace("account = \"", "account = \"999999999999\" # ");
    deployed.project.write("other.toml", &toml);
    let ran = operator.run(&["logs", "--file", "other.toml"]);
    assert!(
        ran.code == 1
            && ran.error_message().starts_with(
                "error: the credentials belong to account 123456789012, and `[aws] account` is 999999999999"
            ),
        "{ran:?}"
    );
}
