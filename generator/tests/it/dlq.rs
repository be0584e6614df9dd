//! `fanggen dlq` on the emulator: messages that the real bootstrap set aside, and many that were put there, read, moved back
//! and discarded by an operator with exactly its policy; faults, kills and wrong inputs.

use crate::harness::aws;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::deployed::{Deployed, Program};
use aws::emulator::{Emulator, block_on};
use aws::faults::Faults;
use aws::person::Person;
use aws::proxy::{Cut, Proxy};
use aws::queues::{bodies, peek, purge, stop_reading, url};
use aws::sweep;
use aws::target_account::target_account;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use fanggen_runtime::testing::process::ProcessOutput;
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
    target_account().emulator.expect("messages are put here: this is for the emulator only")
}

/// A deployed pipeline with two workers, which read nothing.
fn deployed(name: &str) -> Deployed {
    let deployed = Deployed::new(Project::with(TOML), name, Program::Hollow);
    deployed.good(&["apply", "--yes", "--no-run"]);
    for function in ["worker", "worker-words"] {
        stop_reading(&format!("{name}-dev-{function}"));
    }
    deployed
}

fn sqs() -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&target_account().sdk)
}

/// Fills a queue with messages that have these bodies, each with a reason.
fn fill(queue: &str, messages: &[(String, Option<&str>)]) {
    for part in messages.chunks(10) {
        let entry = |(number, (body, reason)): (usize, &(String, Option<&str>))| {
            let mut entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body);
            if let Some(reason) = reason {
                let value = MessageAttributeValue::builder().data_type("String").string_value(*reason).build();
                entry = entry.message_attributes("reason", value.expect("a value"));
            }
            entry.build().expect("an entry")
        };
        let entries = part.iter().enumerate().map(entry).collect();
        block_on(sqs().send_message_batch().queue_url(url(queue)).set_entries(Some(entries)).send()).expect("sent");
    }
}

/// Bodies, half of them with one reason and half with another.
fn letters(count: usize) -> Vec<(String, Option<&'static str>)> {
    let reason = |number: usize| Some(if number.is_multiple_of(2) { "message_unreadable" } else { "file_unwritable" });
    (0..count).map(|number| (format!("message {number:03}"), reason(number))).collect()
}

/// stderr without the note about the emulator.
fn words(ran: &ProcessOutput) -> String {
    let own = ran.stderr.lines().filter(|line| !line.starts_with("note: using "));
    own.map(|line| format!("{line}\n")).collect()
}

#[track_caller]
fn good(ran: ProcessOutput) -> ProcessOutput {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

#[test]
fn an_operator_sees_and_discards_what_the_functions_set_aside() {
    let live = DeployedPipeline::root("aside", "dev");
    let dead = live.name("WorkerDeadQueue");
    let newer = json!({ "version": 9, "chunk": { "run": "20261122T120000Z", "id": "0123456789abcdef", "number": 0 }, "records": [] });
    for body in ["no JSON\u{85}", "{}", &newer.to_string()] {
        live.send("WorkerQueue", body);
    }
    live.wait_until("dead letters", || (peek(&dead).len() == 3).then_some(()));
    let operator = Person::new(&live.deployed, "aside-operator", &["--operator", "--env", "dev"]);
    let run = |arguments: &[&str]| good(operator.run(&[&["dlq"], arguments, &["--env", "dev"]].concat()));

    let listed = run(&["ls", "--json", "-v"]);
    let of: BTreeMap<String, Value> = listed
        .json()
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["queue"].as_str().expect("a name").to_owned(), one.clone()))
        .collect();
    assert_eq!(of.keys().collect::<Vec<_>>(), ["producer", "schedule", "worker"]);
    let worker = &of["worker"];
    assert_eq!((&worker["messages"], &worker["read"], &worker["name"]), (&json!(3), &json!(3), &json!(dead)));
    assert_eq!(worker["reasons"], json!({ "message_unreadable": 2, "message_version": 1 }));
    assert_eq!((&of["producer"]["messages"], &of["producer"]["read"]), (&json!(0), &json!(0)));
    // Two for each queue, and for the one with messages one that reads and one that makes them visible again.
    let calls = |name: &str| listed.stderr.lines().filter(|line| line.contains(&format!(" call sqs:{name} "))).count();
    let counts = ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "ChangeMessageVisibilityBatch"].map(calls);
    assert_eq!((counts, listed.stderr.matches(" call ").count()), ([3, 3, 1, 1], 9), "{}", listed.stderr);
    assert!(peek(&dead).iter().all(|message| message.is_visible), "{:?}", peek(&dead));
    let table = run(&["ls"]);
    let rows: Vec<Vec<&str>> = table.stdout.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..2], ["producer", "0"]);
    assert_eq!(
        (rows[2][..2].to_vec(), rows[2][4..].join(" ")),
        (vec!["worker", "3"], "2 message_unreadable, 1 message_version".to_owned())
    );
    let told = "ages and reasons are from 3 of about 3 messages, which are visible again\n  `fanggen dlq show --env dev` shows \
                messages\n";
    assert_eq!(words(&table), told);

    let shown = run(&["show", "--queue", "worker", "-n", "2", "--json"]);
    assert_eq!(words(&shown), "2 of about 3 messages of `worker`, visible again\n");
    assert_eq!(shown.json().as_array().map(Vec::len), Some(2));
    let shown = run(&["show"]);
    assert_eq!(words(&shown), "3 of about 3 messages of `worker`, visible again\n");
    let lines: BTreeSet<&str> = shown.stdout.lines().map(str::trim).collect();
    for line in [
        "detail   cannot parse the message: it is not valid JSON (line 1, column 2)",
        "detail   the message has version 9, but this function supports at most 2",
        "next     fanggen dlq redrive --env dev --queue worker --reason message_version",
        // A control character of the message is not the terminal's.
        "body     no JSON\\u{85}",
    ] {
        assert!(lines.contains(line), "{line} is not in {}", shown.stdout);
    }
    assert!(peek(&dead).iter().all(|message| message.is_visible));

    // Moved back, they fail again: that does not go on for ever.
    let moved = run(&["redrive", "--yes", "--rate", "1000/s"]);
    assert!(
        words(&moved).starts_with(&format!(
            "3 messages of `worker` moved to `{}` (2 message_unreadable, 1 message_version)\n",
            live.name("WorkerQueue")
        )),
        "{moved:?}"
    );
    live.wait_until("dead letters again", || (peek(&dead).len() == 3).then_some(()));

    let file = live.deployed.path().join("dead.jsonl");
    let discard = ["discard", "--reason", "message_unreadable", "--save", "dead.jsonl"];
    operator.run(&[&["dlq", "--env", "dev"][..1], &discard, &["--env", "dev"]].concat()).assert_error(
        1,
        "error: there is no terminal to ask on: nothing was deleted\n  add `--yes` to go ahead without a prompt\n",
    );
    assert!(!file.exists() && peek(&dead).len() == 3);
    let discarded = run(&[&discard[..], &["--yes"]].concat());
    assert_eq!(
        words(&discarded),
        "2 messages of `worker` deleted (2 message_unreadable)\n  left, with another reason: 1 message_version\n"
    );
    let saved = live.deployed.project.read("dead.jsonl");
    let saved: Vec<Value> = saved.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found: BTreeSet<&str> = saved.iter().filter_map(|letter| letter["body"].as_str()).collect();
    assert_eq!(found, BTreeSet::from(["no JSON\u{85}", "{}"]));
    assert_eq!(
        (&saved[0]["reason"], &saved[0]["attributes"]["reason"]["text"]),
        (&json!("message_unreadable"), &json!("message_unreadable"))
    );
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(bodies(&dead), BTreeSet::from([newer.to_string()]));
    operator.run(&[&["dlq"], &discard[..], &["--yes", "--env", "dev"]].concat()).assert_error(
        1,
        "error: `dead.jsonl` exists already, and is never overwritten: nothing was moved or deleted\n  name another file\n",
    );
    let none = run(&["discard", "--reason", "nothing", "--save", "none.jsonl", "--yes"]);
    assert_eq!(words(&none), "0 messages of `worker` deleted\n  left, with another reason: 1 message_version\n");
    assert!(!live.deployed.path().join("none.jsonl").exists(), "an empty file would be in the way");
}

#[test]
fn messages_that_sqs_moved_point_to_the_logs_and_failed_invocations_to_invoke() {
    let deployed = deployed("pointed");
    let (source, dead) = ("pointed-dev-worker", "pointed-dev-worker-dead");
    let body = json!({
        "version": 1, "chunk": { "run": "20261122T120000Z", "id": "0123456789abcdef", "number": 0 }, "records": [],
    })
    .to_string();
    fill(source, &[(body, Some("earlier_one"))]);
    // As a function does that ends without a word, ten times.
    while peek(dead).is_empty() {
        block_on(sqs().receive_message().queue_url(url(source)).visibility_timeout(0).send()).expect("received");
    }
    let record = json!({
        "version": "1.0", "requestContext": { "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "scheduled_time": "2026-11-22T12:00:00Z" },
        "responsePayload": { "errorType": "table_unreadable", "errorMessage": "no" },
    });
    fill("pointed-dev-producer-dead", &[(record.to_string(), None)]);
    let operator = Person::new(&deployed, "pointed-operator", &["--operator", "--env", "dev"]);
    let shown = good(operator.run(&["dlq", "show"]));
    let sent = shown.stdout.lines().find_map(|line| line.trim().strip_prefix("sent     ")).expect("a time");
    assert!(sent.starts_with("20"), "{sent}");
    let since = good(operator.run(&["dlq", "show", "--queue", "worker", "--json"])).json();
    let letter = &since[0];
    assert_eq!(
        (&letter["reason"], &letter["earlier_reason"], &letter["records"]),
        (&Value::Null, &json!("earlier_one"), &json!(0))
    );
    let time: jiff::Timestamp = letter["sent"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(
        letter["next"],
        json!([
            "fanggen logs --env dev --function worker --run 20261122T120000Z --chunk 0123456789abcdef",
            format!("fanggen logs --env dev --function worker --errors --since {time:.0}"),
        ])
    );
    // The commands are ones that this program takes.
    for next in letter["next"].as_array().expect("a list") {
        let arguments: Vec<&str> = next.as_str().expect("text").split(' ').skip(1).collect();
        good(operator.run(&arguments));
    }
    let text = &shown.stdout;
    assert!(
        text.contains("not recorded  worker message ") && text.contains("table_unreadable  producer message "),
        "{text}"
    );
    assert!(text.contains("\n  next     fanggen invoke --env dev --at 2026-11-22T12:00:00Z\n"), "{text}");

    // A failed invocation is no message for a queue.
    let moved = good(operator.run(&["dlq", "redrive", "--dry-run"]));
    let told = "note: about 1 failed invocation of `producer` cannot be moved to a queue: `fanggen dlq show --env dev --queue \
                producer` prints the command that invokes each again\n1 message of `worker` would be moved (1 not recorded) (dry \
                run: nothing was moved)\n";
    assert_eq!(words(&moved), told);
    operator.run(&["dlq", "redrive", "--queue", "producer", "--yes"]).assert_error(
        1,
        "error: the dead letters of `producer` are failed invocations, which no queue can take back: nothing was moved\n  \
         `fanggen dlq show --env dev --queue producer` shows them, each with the command that invokes it again\n",
    );
    assert_eq!((peek(dead).len(), peek("pointed-dev-producer-dead").len()), (1, 1));
    let moved = good(operator.run(&["dlq", "redrive", "--reason", "not recorded", "--yes"]));
    assert!(
        words(&moved).contains("1 message of `worker` moved to `pointed-dev-worker` (1 not recorded)\n"),
        "{moved:?}"
    );
    assert_eq!((peek(dead).len(), peek(source).len()), (0, 1));
}

#[test]
fn redriving_keeps_everything_of_a_message_and_takes_the_fewest_calls() {
    let deployed = deployed("redriven");
    let (source, dead) = ("redriven-dev-worker-words", "redriven-dev-worker-words-dead");
    let operator = Person::new(&deployed, "redriver", &["--operator", "--env", "dev"]);
    let trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
    let value = |kind: &str| MessageAttributeValue::builder().data_type(kind);
    let header =
        MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build().expect("a value");
    let send = sqs()
        .send_message()
        .queue_url(url(dead))
        .message_body("odd \u{1F642} \t\n\"'")
        .message_attributes("reason", value("String").string_value("file_unwritable").build().expect("a value"))
        .message_attributes("count", value("Number.int").string_value("7").build().expect("a value"))
        .message_attributes("raw", value("Binary").binary_value(Blob::new([0, 255, 1])).build().expect("a value"))
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header);
    block_on(send.send()).expect("sent");
    let before = peek(dead).remove(0);
    // The emulator forgets the trace of a message in a batch: what was asked for is looked at.
    let batches = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&batches);
    let record = move |call: &aws::wire::Call| {
        if call.operation() == "sqs:SendMessageBatch" {
            asked.lock().expect("a lock").push(serde_json::from_slice::<Value>(&call.body).expect("JSON"));
        }
        None
    };
    let proxy = Proxy::with(emulator(), Arc::new(record));
    let run = |arguments: &[&str]| {
        proxy.clear();
        let ran = operator.through(&proxy.endpoint(), &[&["dlq"], arguments].concat());
        (good(ran), proxy.counts().into_iter().filter(|(name, _)| name.starts_with("sqs:")).collect::<BTreeMap<_, _>>())
    };
    let (moved, _) = run(&["redrive", "--yes", "--save", "moved.jsonl"]);
    assert_eq!(words(&moved), format!("1 message of `worker-words` moved to `{source}` (1 file_unwritable)\n"));
    let after = peek(source).remove(0);
    assert_eq!((&after.body, &after.attributes), (&before.body, &before.attributes));
    let entry = batches.lock().expect("a lock")[0]["Entries"][0].clone();
    let header = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": trace } });
    assert_eq!(entry["MessageSystemAttributes"], header);
    let saved: Value = serde_json::from_str(&deployed.project.read("moved.jsonl")).expect("one line");
    assert_eq!((&saved["body"], &saved["trace"]), (&json!(before.body), &json!(trace)));
    let attributes = json!({
        "count": { "type": "Number.int", "text": "7" }, "raw": { "type": "Binary", "base64": "AP8B" },
        "reason": { "type": "String", "text": "file_unwritable" },
    });
    assert_eq!(saved["attributes"], attributes);
    purge(source);

    // 25 of 50, of one reason; the others are visible again at once.
    fill(dead, &letters(50));
    let (counted, calls) = run(&["redrive", "--dry-run", "--json"]);
    let counted = counted.json();
    assert_eq!(counted["queues"][0]["reasons"], json!({ "file_unwritable": 25, "message_unreadable": 25 }));
    assert!(!calls.contains_key("sqs:SendMessageBatch") && !calls.contains_key("sqs:DeleteMessageBatch"), "{calls:?}");
    assert!(peek(dead).iter().all(|message| message.is_visible) && peek(source).is_empty());
    let (moved, calls) = run(&["redrive", "--reason", "message_unreadable", "--yes", "--rate", "600/m", "--json"]);
    let summary = &moved.json()["queues"][0];
    assert_eq!((&summary["done"], &summary["skipped"]), (&json!(25), &json!({ "file_unwritable": 25 })));
    let expected: BTreeSet<String> = letters(50).into_iter().step_by(2).map(|(body, _)| body).collect();
    assert_eq!(bodies(source), expected);
    assert!(peek(dead).len() == 25 && peek(dead).iter().all(|message| message.is_visible));
    // Five receives of ten, and two that find nothing; five of each kind for what was moved; three to show the others again.
    let expected: BTreeMap<String, usize> = [
        ("GetQueueUrl", 5),
        ("GetQueueAttributes", 4),
        ("ReceiveMessage", 7),
        ("SendMessageBatch", 5),
        ("DeleteMessageBatch", 5),
        ("ChangeMessageVisibilityBatch", 3),
    ]
    .map(|(name, count)| (format!("sqs:{name}"), count))
    .into();
    assert_eq!(calls, expected);
    let (moved, _) = run(&["redrive", "--max", "7", "--yes"]);
    assert_eq!(words(&moved), format!("7 messages of `worker-words` moved to `{source}` (7 file_unwritable)\n"));
    assert_eq!((peek(dead).len(), peek(source).len()), (18, 32));
    // Twelve a minute would take longer than anybody waits for here: Ctrl-C ends it between two messages.
    let mut slow = operator.command(&emulator().endpoint(), &["dlq", "redrive", "--yes", "--rate", "12/m"]);
    slow.stdout(Stdio::piped()).stderr(Stdio::piped());
    let slow = slow.spawn().expect("started");
    while peek(source).len() == 32 {
        std::thread::sleep(Duration::from_millis(50));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&slow), rustix::process::Signal::INT)
        .expect("signalled");
    let stopped: ProcessOutput = slow.wait_with_output().expect("ended").into();
    stopped.assert_error(
        1,
        "error: stopped after 1 messages, each of them moved completely\n  the others are in their queue, and the same command \
         continues with them\n",
    );
    assert!(peek(dead).len() == 17 && peek(dead).iter().all(|message| message.is_visible));

    // Messages of up to a megabyte: of two such ones, no call takes more than one.
    purge(dead);
    purge(source);
    for letter in ["a", "b", "c"] {
        fill(dead, &[(letter.repeat(1_048_576 - 100), Some("message_unreadable"))]);
    }
    let (_, calls) = run(&["redrive", "--yes"]);
    assert_eq!((calls["sqs:SendMessageBatch"], peek(source).len(), peek(dead).len()), (3, 3, 0));
}

#[test]
fn nothing_is_lost_wherever_redriving_is_killed() {
    let deployed = deployed("killed");
    let (source, dead) = ("killed-dev-worker", "killed-dev-worker-dead");
    let operator = Person::new(&deployed, "killer", &["--operator", "--env", "dev"]);
    let proxy = Proxy::before(emulator());
    let all: BTreeSet<String> = letters(25).into_iter().map(|(body, _)| body).collect();
    let (mut tried, mut twice) = (0, 0);
    let step = if sweep::full() { 1 } else { 2 };
    for number in (5..17).step_by(step) {
        for cut in [Cut::Before(number), Cut::After(number)] {
            purge(source);
            purge(dead);
            fill(dead, &letters(25));
            let file = format!("{cut:?}.jsonl").replace(['(', ')'], "-");
            let arguments = ["dlq", "redrive", "--queue", "worker", "--yes", "--rate", "1000", "--save", &file];
            let killed =
                proxy.kill_at(cut, &mut operator.command(&proxy.endpoint(), &arguments), Duration::from_secs(60));
            let (moved, left) = (peek(source), peek(dead));
            let there: BTreeSet<String> = moved.iter().chain(&left).map(|message| message.body.clone()).collect();
            assert_eq!(there, all, "{cut:?}: {killed:?}");
            twice += moved.len() + left.len() - all.len();
            tried += usize::from(killed.is_some());
            // What was deleted is in the file.
            let saved = deployed.project.read(&file);
            let saved: BTreeSet<String> = saved
                .lines()
                .map(|line| {
                    serde_json::from_str::<Value>(line).expect("whole lines")["body"]
                        .as_str()
                        .expect("a body")
                        .to_owned()
                })
                .collect();
            let left: BTreeSet<String> = left.into_iter().map(|message| message.body).collect();
            assert!(all.difference(&left).all(|body| saved.contains(body)), "{cut:?}: {killed:?}");
            if killed.is_none() {
                assert_eq!((moved.len(), left.len()), (25, 0));
            }
        }
    }
    sweep::print(&format!("redrive of 25 messages killed {tried} times: 0 lost, {twice} in both queues"));
    assert!(tried >= 6, "{tried}");
}

#[test]
fn faults_of_the_network_lose_nothing_and_are_told() {
    let deployed = deployed("faulty");
    let (source, dead) = ("faulty-dev-worker", "faulty-dev-worker-dead");
    let operator = Person::new(&deployed, "fault", &["--operator", "--env", "dev"]);
    let proxy = Proxy::before(emulator());
    let redrive = ["dlq", "redrive", "--queue", "worker", "--yes", "--rate", "1000", "--json"];
    let all: BTreeSet<String> = letters(30).into_iter().map(|(body, _)| body).collect();
    let there = || -> BTreeSet<String> { bodies(source).union(&bodies(dead)).cloned().collect() };
    for seed in 1..=if sweep::full() { 10 } else { 2 } {
        purge(source);
        fill(dead, &letters(30));
        proxy.faults(Faults::all(seed, 25));
        let ran = good(operator.through(&proxy.endpoint(), &redrive));
        proxy.clear();
        assert_eq!(there(), all, "seed {seed}: {ran:?}");
        // Those that a lost response hid are told.
        let left = peek(dead);
        assert!(left.iter().all(|message| !message.is_visible), "seed {seed}: {ran:?}");
        let summary = &ran.json()["queues"][0];
        assert_eq!(
            (summary["done"].as_u64(), summary["unread"].as_u64()),
            (Some(30 - left.len() as u64), Some(left.len() as u64))
        );
        purge(dead);
    }
    // No delete gets through: all are moved, and told to be dead letters as well.
    purge(source);
    fill(dead, &letters(5));
    let stop = Proxy::with(
        emulator(),
        Arc::new(|call: &aws::wire::Call| (call.operation() == "sqs:DeleteMessageBatch").then(|| call.broken())),
    );
    let ran = operator.through(&stop.endpoint(), &redrive);
    assert_eq!(ran.code, 1, "{ran:?}");
    let summary =
        serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>().next().expect("a value").expect("JSON");
    assert_eq!((&summary["queues"][0]["done"], &summary["queues"][0]["not_deleted"]), (&json!(5), &json!(5)));
    assert!(ran.error_message().starts_with("error: sqs:DeleteMessage failed: "), "{ran:?}");
    assert_eq!((bodies(source).len(), bodies(dead).len()), (5, 5));

    // Some entries of a batch are refused: one for a passing reason, and one for good.
    purge(source);
    purge(dead);
    fill(dead, &letters(10));
    let partly = Proxy::with(
        emulator(),
        Arc::new(|call: &aws::wire::Call| {
            let text = String::from_utf8_lossy(&call.body).into_owned();
            (call.operation() == "sqs:SendMessageBatch" && text.contains("message 003")).then(|| {
                let asked: Value = serde_json::from_str(&text).expect("JSON");
                let failed: Vec<Value> = asked["Entries"]
                    .as_array()
                    .expect("entries")
                    .iter()
                    .map(|entry| {
                        let is_bad = entry["MessageBody"] == "message 003";
                        json!({ "Id": entry["Id"], "SenderFault": is_bad, "Code": if is_bad { "InvalidMessageContents" } else { "InternalError" }, "Message": "no" })
                    })
                    .collect();
                aws::wire::Answer::new(json!({ "Successful": [], "Failed": failed }).to_string().into())
            })
        }),
    );
    let ran = operator.through(&partly.endpoint(), &redrive[..redrive.len() - 1]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = format!(
        "9 messages of `worker` moved to `{source}` (4 file_unwritable, 5 message_unreadable)\n  1 rejected by SQS, and still dead \
         letters\n  no (InvalidMessageContents)\n"
    );
    assert_eq!(words(&ran), told);
    assert_eq!(bodies(dead), BTreeSet::from(["message 003".to_owned()]));
    assert!(peek(dead)[0].is_visible);
}

#[test]
fn what_cannot_be_done_with_dead_letters_is_told() {
    let deployed = Deployed::new(Project::with(TOML), "undone", Program::Hollow);
    let operator = Person::new(&deployed, "undone-operator", &["--operator", "--env", "dev"]);
    let absent = "error: environment `dev` is not deployed: there is no queue `undone-dev-producer-dead`\n  run `fanggen apply \
                  --env dev`\n";
    for verb in [&["ls"][..], &["show"], &["redrive", "--yes"], &["discard", "--save", "x", "--yes"]] {
        operator.run(&[&["dlq"], verb].concat()).assert_error(1, absent);
    }
    deployed.good(&["apply", "--yes", "--no-run"]);
    let empty = good(operator.run(&["dlq", "ls", "--json"]));
    assert_eq!((empty.json().as_array().map(Vec::len), words(&empty)), (Some(4), String::new()));
    assert_eq!(words(&good(operator.run(&["dlq", "ls"]))), "no dead letters in environment `dev`\n");
    let none = good(operator.run(&["dlq", "show", "--json"]));
    assert_eq!((none.stdout.as_str(), words(&none)), ("[]\n", "no dead letters in environment `dev`\n".to_owned()));
    assert_eq!(words(&good(operator.run(&["dlq", "redrive"]))), "no dead letters to be moved in environment `dev`\n");
    operator.run(&["dlq", "show", "--queue", "worker-word"]).assert_error(
        1,
        "error: no dead-letter queue is named `worker-word` in this environment; known: `producer`, `schedule`, `worker`, \
         `worker-words`; did you mean `worker-words`?\n",
    );
    fill("undone-dev-worker-dead", &letters(2));
    operator.run(&["dlq", "redrive"]).assert_error(
        1,
        "error: there is no terminal to ask on: nothing was moved\n  add `--yes` to go ahead without a prompt\n",
    );
    let unwritable = operator.run(&["dlq", "redrive", "--yes", "--save", "no/such/folder.jsonl"]);
    assert!(
        unwritable.code == 1 && unwritable.stderr.contains("error: `no/such/folder.jsonl` cannot be created: "),
        "{unwritable:?}"
    );
    assert!(peek("undone-dev-worker-dead").iter().all(|message| message.is_visible));
    // Ctrl-C while it waits for more: what was read is visible at once.
    let mut show = operator.command(&emulator().endpoint(), &["dlq", "show", "--queue", "worker", "-n", "100"]);
    let show = show.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    while peek("undone-dev-worker-dead").iter().any(|message| message.is_visible) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&show);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signalled");
    let shown: ProcessOutput = show.wait_with_output().expect("ended").into();
    assert!(
        shown.code == 130 && shown.stderr.contains("2 of about 2 messages of `worker`, visible again"),
        "{shown:?}"
    );
    assert!(peek("undone-dev-worker-dead").iter().all(|message| message.is_visible));
    for rate in ["0", "-1/s", "10/d", "fast"] {
        let usage = operator.run(&["dlq", "redrive", "--rate", rate]);
        assert!(
            usage.code == 2 && usage.stderr.contains("invalid value") | usage.stderr.contains("unexpected argument"),
            "{usage:?}"
        );
    }
    let usage = operator.run(&["dlq", "discard", "--yes"]);
    assert!(usage.code == 2 && usage.stderr.contains("--save <LETTER_FILE>"), "{usage:?}");
    let planner = Person::new(&deployed, "undone-planner", &["--planner"]);
    let denied = planner.run(&["dlq", "ls"]);
    assert!(
        denied.code == 1
            && denied.error_message().starts_with("error: missing permission: sqs:")
            && denied.error_message().ends_with("`fanggen iam --operator` prints a policy that includes it\n"),
        "{denied:?}"
    );
    // Receiving from the workers' own queues is not for an operator, nor is sending to a dead-letter queue.
    let own = aws_sdk_sqs::Client::new(&operator.sdk());
    let denied = |answer: String| assert!(answer.contains("AccessDenied"), "{answer}");
    denied(format!("{:?}", block_on(own.receive_message().queue_url(url("undone-dev-worker")).send())));
    denied(format!(
        "{:?}",
        block_on(own.send_message().queue_url(url("undone-dev-worker-dead")).message_body("x").send())
    ));
    denied(format!("{:?}", block_on(own.purge_queue().queue_url(url("undone-dev-worker-dead")).send())));
    let prod = operator.run(&["dlq", "ls", "--env", "prod"]);
    assert!(prod.code == 1 && prod.stderr.contains("missing permission: sqs:GetQueueUrl"), "{prod:?}");
}
