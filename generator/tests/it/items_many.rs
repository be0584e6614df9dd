//! `fanggen items` with many items, end to end on the emulator: the number of calls, faults, kills, the log, and memory.

use crate::harness::aws;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws::deployed::Deployed;
use aws::faults::{Fault, Faults};
use aws::proxy::{Cut, Proxy, RecordedCall};
use aws::sweep;
use aws::target_account::target_account;
use serde_json::Value;

use crate::items::{deployed, emulator, table, titles};

/// Names of items in a list, and the rows that they become.
fn many(count: usize) -> (String, BTreeSet<String>) {
    let names: BTreeSet<String> = (0..count).map(|number| format!("item {number:06}")).collect();
    (names.iter().map(|name| format!("{name}\n")).collect(), names)
}

/// A deployed pipeline without items, and a list of many of them in `names.txt`.
fn with_list(name: &str, count: usize) -> (Deployed, BTreeSet<String>) {
    let deployed = deployed(name, "name\n");
    let (list, names) = many(count);
    deployed.project.write("names.txt", &list);
    (deployed, names)
}

/// Edits the items of the list, which has to work; gives the summary and the number of calls.
#[track_caller]
fn edit_list(deployed: &Deployed, proxy: &Proxy, verb: &str) -> (Value, usize) {
    let begin = std::time::Instant::now();
    let ran = deployed.through(&proxy.endpoint(), &["items", verb, "--from", "names.txt", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let calls = proxy.operations().len();
    sweep::print(&format!("{verb}: {calls} calls in {:.1} s", begin.elapsed().as_secs_f64()));
    proxy.clear();
    (ran.json()["edits"][0].clone(), calls)
}

#[test]
fn many_items_take_a_call_per_hundred() {
    let (deployed, names) = with_list("many", if sweep::full() { 100_000 } else { 1_000 });
    let proxy = Proxy::before(emulator());
    let (count, expected) = (names.len(), 1 + names.len() / 100);
    for (verb, outcome) in [("add", "added"), ("add", "unchanged"), ("remove", "removed")] {
        let (summary, calls) = edit_list(&deployed, &proxy, verb);
        assert_eq!((summary[outcome].as_u64(), calls), (Some(count as u64), expected), "{verb}");
        let left: BTreeSet<String> = titles(&deployed).into_keys().collect();
        assert!(left == if verb == "add" { names.clone() } else { BTreeSet::new() }, "{verb}");
    }
}

#[test]
fn many_items_are_written_while_a_third_of_the_calls_fails() {
    // Some answers are lost after the call was executed: no row is reported or written twice.
    let (deployed, names) = with_list("faulty", if sweep::full() { 10_000 } else { 1_000 });
    let proxy = Proxy::before(emulator());
    let kinds = vec![Fault::Throttled, Fault::Throttled, Fault::Broken, Fault::Lost, Fault::Unheard];
    for seed in 1..=if sweep::full() { 3 } else { 1 } {
        for (verb, outcome) in [("add", "added"), ("remove", "removed")] {
            proxy.faults(Faults { seed, percent: 34, kinds: kinds.clone(), only: Vec::new() });
            let (summary, _) = edit_list(&deployed, &proxy, verb);
            assert_eq!(summary[outcome], names.len(), "{verb}, seed {seed}: {summary}");
            let left: BTreeSet<String> = titles(&deployed).into_keys().collect();
            assert!(left == if verb == "add" { names.clone() } else { BTreeSet::new() }, "{verb}, seed {seed}");
        }
    }
}

#[test]
fn a_sync_killed_at_random_moments_ends_with_the_table_like_the_file() {
    let (count, seeds) = if sweep::full() { (10_000, 10) } else { (1_000, 3) };
    let deployed = deployed("killed", "name,title\n");
    for seed in 1..=seeds {
        // Some rows go, some change, some come.
        let rows: BTreeMap<String, String> = (0..count)
            .filter(|number| number % (seed + 2) != 0)
            .map(|number| (format!("item {number:06}"), format!("title {}", number * seed % 3)))
            .collect();
        let csv: String = rows.iter().map(|(name, title)| format!("{name},{title}\n")).collect();
        deployed.project.write("companies.csv", &format!("name,title\n{csv}"));
        let mut kills = 0;
        let endpoint = target_account().endpoint();
        for attempt in 0.. {
            assert!(attempt < 200, "never done");
            let mut command = deployed.command(&endpoint, &["items", "sync", "--prune", "--yes"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
            // xorshift: all that is asked of it is to differ.
            let mut chance = (seed * 1_000 + attempt + 1) as u64;
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let until = Duration::from_millis(150 + chance % (300 + 100 * attempt as u64));
            let start = std::time::Instant::now();
            let ended = loop {
                match child.try_wait().expect("a child") {
                    Some(status) => break Some(status),
                    None if start.elapsed() > until => break None,
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
            };
            match ended {
                Some(status) if status.success() => break,
                Some(_) => {}
                None => {
                    child.kill().expect("killed");
                    child.wait().expect("gone");
                    kills += 1;
                }
            }
        }
        sweep::print(&format!("sync of {} items, seed {seed}: killed {kills} times", rows.len()));
        assert!(titles(&deployed) == rows, "seed {seed}");
    }
}

/// Every kind of fault that a batch of rows can meet.
const KINDS: [Fault; 6] =
    [Fault::Throttled, Fault::Throttled, Fault::Broken, Fault::Lost, Fault::Unheard, Fault::Unprocessed];

/// Runs a command to its end, and gives the most memory that it took, in kilobytes.
#[track_caller]
fn peak_kb(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(line.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peak
}

/// Rows of a file with titles, and the file.
fn file(count: usize) -> (BTreeMap<String, String>, String) {
    let rows: BTreeMap<String, String> =
        (0..count).map(|number| (format!("item {number:06}"), format!("Title \u{e9} {number}"))).collect();
    let lines: String = rows.iter().map(|(name, title)| format!("{name},{title}\n")).collect();
    (rows, format!("name,title\n{lines}"))
}

#[test]
fn many_items_are_added_and_synced_through_every_fault_in_flat_memory() {
    let (count, percent) = if sweep::full() { (100_000, 10) } else { (2_000, 30) };
    let deployed = deployed("flat", "name,title\n");
    let proxy = Proxy::before(emulator());
    let (rows, csv) = file(count);
    let (_, few) = file(count / 10);
    deployed.project.write("few.csv", &few);
    deployed.project.write("many.csv", &csv);
    let mut lines = vec![
        "| command | items | calls without a fault | calls with one | peak, MB |".to_owned(),
        "| --- | --: | --: | --: | --: |".to_owned(),
    ];
    let mut run = |arguments: &[&str], operation: &str, items: usize, per_call: usize| {
        let faults = Faults { seed: 7, percent, kinds: KINDS.to_vec(), only: Vec::new() };
        proxy.clear();
        proxy.faults(faults);
        let peak = peak_kb(&mut deployed.command(&proxy.endpoint(), &[&["items"], arguments].concat()));
        let calls: Vec<RecordedCall> = proxy.calls().into_iter().filter(|call| call.operation == operation).collect();
        let good = calls.iter().filter(|call| call.fault.is_none()).count();
        // What failed is repeated until it works, once: no call is made in vain.
        assert_eq!(good, items.div_ceil(per_call), "{arguments:?}");
        let words = format!("`items {}`", arguments.join(" "));
        let megabytes = peak as f64 / 1024.0;
        lines.push(format!("| {words} | {items} | {good} | {} | {megabytes:.1} |", calls.len() - good));
        peak
    };
    let write = "dynamodb:TransactWriteItems";
    let small = run(&["add", "--from", "few.csv"], write, count / 10, 100);
    run(&["remove", "--from", "few.csv"], write, count / 10, 100);
    let large = run(&["add", "--from", "many.csv"], write, count, 100);
    assert!(titles(&deployed) == rows, "added");
    // The list is read as a stream, and nothing of it is kept.
    assert!(large < small + 4 * 1024, "{small} kB for a tenth of the items, {large} kB for all");
    run(&["remove", "--from", "many.csv"], write, count, 100);
    assert!(titles(&deployed).is_empty(), "removed");

    deployed.project.write("companies.csv", &csv);
    let synced = run(&["sync"], "dynamodb:BatchWriteItem", count, 25);
    assert!(titles(&deployed) == rows, "synced");
    // The file and the table are compared, so both are held: their rows, and their hashes.
    assert!(synced < small + 8 * 1024 + (count as u64 * 3), "{synced} kB to sync {count} items");
    deployed.project.write("companies.csv", "name,title\n");
    run(&["sync", "--prune", "--yes"], "dynamodb:BatchWriteItem", count, 25);
    assert!(titles(&deployed).is_empty(), "pruned");
    if sweep::full() {
        sweep::record("items", &lines.join("\n"));
    }
    lines.iter().for_each(|line| sweep::print(line));
}

#[test]
fn a_killed_sync_has_logged_the_rows_that_it_wrote() {
    let deployed = deployed("told", "name,title\n");
    let (rows, csv) = file(1_000);
    deployed.project.write("companies.csv", &csv);
    let (proxy, log) = (Proxy::before(emulator()), deployed.project.path().join("log"));
    let mut all = BTreeSet::new();
    // The first calls are those before the first row; 25 rows each follow.
    for cut in [Cut::After(12), Cut::Before(16), Cut::After(20), Cut::Before(24)] {
        let mut command = deployed.command(&proxy.endpoint(), &["items", "sync", "--log-format", "json"]);
        command.stdout(Stdio::null()).stderr(File::create(&log).expect("a file"));
        let killed = proxy.kill_at(cut, &mut command, Duration::from_secs(60));
        assert_eq!(killed.as_deref(), Some("dynamodb:BatchWriteItem"), "{cut:?}");
        let there = titles(&deployed);
        let text = fs::read_to_string(&log).expect("a log");
        let changes = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        let before = all.len();
        for change in changes.filter(|line| line["event"] == "change") {
            let (item, title) = (change["item"].as_str().expect("an item"), change["after"]["title"].as_str());
            assert_eq!((there.get(item).map(String::as_str), &change["place"]), (title, &table(&deployed).into()));
            assert!(all.insert(item.to_owned()), "{item} is logged twice");
        }
        assert!(all.len() > before, "{cut:?}");
        // Of the batch in progress, nobody can know: its answer did not arrive. Later runs find its rows.
        let unheard = there.len() - all.len();
        all = there.into_keys().collect();
        assert_eq!(unheard, if matches!(cut, Cut::After(_)) { 25 } else { 0 }, "{cut:?}");
    }
    deployed.good(&["items", "sync"]);
    assert!(titles(&deployed) == rows);
}
