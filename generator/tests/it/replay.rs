//! `fanggen replay` on this machine: new results in every sink that stores, compared with the old ones; twice changes nothing,
//! a kill tears nothing, and what cannot be replayed is named and left as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fanggen_runtime::testing::process::ProcessOutput;
use serde_json::{Value, json};

use crate::harness::process_output::ProcessOutputExt as _;
use crate::harness::project::Project;
use crate::harness::terminal::at_a_terminal;

const TOML: &str = r#"[pipeline]
name = "shop"
contact = "me@example.com"

[sources.reviews]
type = "inline"
items = [
    { name = "Good", text = "A great phone, and I love it." },
    { name = "Bad", text = "A horrible, broken thing." },
    { name = "Flat", text = "Profit warning: shares slump." },
    { name = "=Empty", text = "\u00ad" },
]

[[stages]]
name = "text"
type = "text"
language = "en"

[[stages]]
name = "words"
type = "lexicon"

[sinks.archive]
type = "s3"

[sinks.files]
type = "jsonl"

[sinks.sheet]
type = "csv"

[sinks.zstd]
type = "s3"
compression = "zstd"

[sinks.rows]
type = "dynamodb"

[sinks.alert]
type = "sqs"
"#;

/// A pipeline that has run so many times.
fn run(toml: &str, times: usize) -> Project {
    let project = Project::with(toml);
    for _ in 0..times {
        // One of the four has no text that shows.
        assert!(project.fanggen(&["run"]).code <= 1);
    }
    project
}

fn edit(project: &Project, from: &str, to: &str) {
    let toml = project.read("pipeline.toml");
    assert!(toml.contains(from), "{toml}");
    project.write("pipeline.toml", &toml.replacen(from, to, 1));
}

fn other_engine(project: &Project) {
    edit(project, "\"lexicon\"", "\"headlines\"");
}

fn replay(project: &Project, arguments: &[&str]) -> ProcessOutput {
    project.fanggen(&[&["replay"], arguments].concat())
}

/// All results of this machine, without what replays saved.
fn results(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.join(".fanggen")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "replays" {
                folders.push(path);
            } else if path.is_file() {
                let body = fs::read(&path).expect("a file");
                found.insert(path.strip_prefix(root).expect("below").to_owned(), body);
            }
        }
    }
    found
}

/// The engines of all records that `results` shows of a sink.
fn engines(project: &Project, sink: &str) -> Vec<String> {
    let ran = project.fanggen(&["results", "--since", "all", "--sink", sink, "--json"]);
    let all = ran.json();
    let engine = |record: &Value| record["findings"][0]["engine"].as_str().unwrap_or("none").to_owned();
    all.as_array().expect("a list").iter().map(engine).collect()
}

#[test]
fn another_engine_replaces_results_wherever_they_are_stored_and_twice_changes_nothing() {
    let project = run(TOML, 2);
    let before = results(project.path());
    other_engine(&project);

    let dry = replay(&project, &["--since", "7d", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    let said = "shop, environment dev, on this machine (--since 7d): 8 texts of 2 runs analysed again, 6 would change: 2 labels, 4 \
                scores\n";
    assert_eq!(dry.stderr, said);
    assert_eq!(results(project.path()), before, "a dry run writes nothing");
    assert!(!project.path().join(".fanggen/shop/dev/replays").exists());

    let ran = replay(&project, &["--since", "7d", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout, dry.stdout);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["run", "item", "text", "before", "score", "now", "score"]);
    assert_eq!(rows[2][1..], ["Flat", "POSITIVE", "+0.402", "NEGATIVE", "-0.917"], "other labels come first");
    assert_eq!(rows[9], ["before", "\\", "now", "POSITIVE", "NEGATIVE", "failed"]);
    assert_eq!(
        rows[11..],
        [vec!["POSITIVE", "2", "2", "0"], vec!["NEGATIVE", "0", "2", "0"], vec!["failed", "0", "0", "2"]]
    );
    let saved = project.files(".fanggen/shop/dev/replays");
    assert_eq!(
        ran.stderr,
        format!(
            "new results replace the old ones in `archive`, `files`, `rows`, `sheet`, `zstd`; nothing is sent to `alert`\n{}  the \
             old results are saved in `.fanggen/shop/dev/replays/{}`\n",
            said.replace("would change", "changed"),
            saved[0].file_name().expect("a name").display()
        )
    );
    let was = fs::read_to_string(&saved[0]).expect("a file");
    assert_eq!((was.lines().count(), was.matches("\"engine\":\"lexicon\"").count()), (6, 6), "{was}");

    for sink in ["archive", "files", "zstd", "rows"] {
        let found = engines(&project, sink);
        assert_eq!(found.iter().filter(|engine| *engine == "headlines").count(), 6, "{sink}: {found:?}");
        assert_eq!(found.len(), 8, "{sink}: no record twice");
    }
    let after = results(project.path());
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "the same files");
    let same: Vec<_> = before.iter().filter(|(path, body)| after[*path] == **body).map(|(path, _)| path).collect();
    let touched = |path: &&&PathBuf| {
        let path = path.to_string_lossy();
        !["/alert/", "/runs/", "/runs.lock", ".gitignore", "state.json", "state.lock"]
            .iter()
            .any(|part| path.contains(part))
    };
    assert_eq!(same.iter().find(touched), None, "everything else is new");

    let again = replay(&project, &["--since", "7d", "--yes"]);
    assert!(again.code == 0 && again.stdout.is_empty(), "{again:?}");
    assert!(again.stderr.ends_with("8 texts of 2 runs analysed again, no result changed\n"), "{again:?}");
    assert_eq!(results(project.path()), after);
    assert_eq!(project.files(".fanggen/shop/dev/replays").len(), 1, "nothing to save");
    edit(&project, "\"headlines\"", "\"lexicon\"");
    assert_eq!(replay(&project, &["--since", "7d", "--yes"]).code, 0);
    assert_eq!(results(project.path()), before, "and back again");
}

#[test]
fn only_the_records_that_were_asked_for_are_replayed() {
    let project = run(TOML, 2);
    other_engine(&project);
    let run_id = project.fanggen(&["results", "--json"]).json()[0]["run"].as_str().expect("a run").to_owned();
    let texts = |arguments: &[&str]| {
        let ran = replay(&project, &[arguments, &["--dry-run", "--json"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        (ran.json()["texts"].as_u64(), ran.json()["runs"].as_u64())
    };
    assert_eq!(texts(&["--since", "all"]), (Some(8), Some(2)));
    assert_eq!(texts(&["--since", "1h", "-i", "Good", "-i", "Bad"]), (Some(4), Some(2)));
    assert_eq!(texts(&["--run", &run_id]), (Some(4), Some(1)));
    assert_eq!(texts(&["--since", "all", "--label", "negative"]), (Some(2), Some(2)));
    assert_eq!(texts(&["--since", "all", "--where", "polarity > 0.8"]), (Some(2), Some(2)));
    assert_eq!(texts(&["--since", "all", "--failed"]), (Some(2), Some(2)));
    assert_eq!(texts(&["--since", "all", "--until", "1h"]), (Some(0), Some(0)));
    assert_eq!(texts(&["--since", "all", "--until", "2099-01-01"]), (Some(8), Some(2)));
    let ran = replay(&project, &["--run", &run_id, "-i", "Flat", "--yes", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!(
        shown["changes"],
        json!([{
            "run": run_id, "item": "Flat", "change": "label",
            "before": { "result": "POSITIVE", "score": 0.4019, "engine": "lexicon" },
            "now": { "result": "NEGATIVE", "score": -0.9171, "engine": "headlines" },
        }])
    );
    assert_eq!(shown["labels"], json!([{ "before": "POSITIVE", "now": "NEGATIVE", "records": 1 }]));
    assert!(shown["saved"].as_str().is_some_and(|path| path.ends_with(".jsonl")), "{shown}");
    let count = |engine: &str| engines(&project, "archive").iter().filter(|found| *found == engine).count();
    assert_eq!((count("headlines"), count("lexicon")), (1, 5), "the others pass through");
}

#[test]
fn archived_texts_are_not_fetched_and_paid_engines_have_their_substitute() {
    let toml = "[pipeline]\nname = \"shop\"\ncontact = \"me@example.com\"\n[sources.companies]\ntype = \"inline\"\n\
                items = [\"Apple\", \"Nobody\"]\n[[stages]]\nname = \"page\"\ntype = \"wikipedia\"\n\
                [[stages]]\nname = \"mood\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \"s3\"\n\
                [local]\ntexts = \"texts.jsonl\"\n";
    let project = Project::with(toml);
    project.write("texts.jsonl", "{\"item\":\"Apple\",\"text\":\"A great company.\",\"language\":\"en\"}\n");
    assert_eq!(project.fanggen(&["run"]).code, 1, "one has no text");
    project.write("texts.jsonl", "{\"item\":\"Apple\",\"text\":\"An awful company.\",\"language\":\"en\"}\n");
    edit(&project, "\"lexicon\"", "\"comprehend\"");
    let ran = replay(&project, &["--since", "7d", "--yes", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!(
        (&shown["texts"], &shown["without_text"], &shown["kinds"]),
        (&json!(1), &json!(1), &json!({ "findings": 1 }))
    );
    assert!(
        ran.stderr.starts_with("1 record without a text: nothing to analyse\n`mood`: lexicon instead of comprehend\n"),
        "{ran:?}"
    );
    let all = project.fanggen(&["results", "--json"]).json();
    assert_eq!(all[0]["text"]["body"], "A great company.");
    assert_eq!(
        (&all[0]["findings"][0]["label"], &all[0]["findings"][0]["stands_in_for"]),
        (&json!("POSITIVE"), &json!("comprehend"))
    );
    assert_eq!(all[1]["failure"]["code"], "text_missing", "{all}");
}

#[test]
fn a_language_is_detected_again_and_a_filter_takes_nothing_away() {
    let toml = TOML.replace(
        "language = \"en\"\n\n",
        "\n[[stages]]\nname = \"tongue\"\ntype = \"language\"\nconfidence = 0.5\namong = [\"en\", \"de\"]\n\n",
    );
    // Texts that are long enough to tell their language.
    let toml = toml
        .replace("I love it.", "I love it with all of my heart.")
        .replace("shares slump.", "the shares of the company slump.");
    let project = run(&toml, 1);
    let first = results(project.path());
    let again = replay(&project, &["--since", "7d", "--yes"]);
    assert!(again.stderr.ends_with("no result changed\n"), "{again:?}");
    assert_eq!(results(project.path()), first, "detected, and found, as before");

    edit(
        &project,
        "[sinks.archive]",
        "[[stages]]\nname = \"bad\"\ntype = \"filter\"\nwhen = 'label == \"NEGATIVE\"'\n\n[sinks.archive]",
    );
    let ran = replay(&project, &["--since", "7d", "--yes", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    let dropped = shown["dropped"]["bad"].as_u64().expect("a count");
    assert!(dropped > 0 && shown["kinds"] == json!({ "dropped": dropped }) && shown["saved"].is_null(), "{shown}");
    assert_eq!(results(project.path()), first, "stored results stay");
    let ran = replay(&project, &["--since", "7d", "--yes"]);
    let said = format!("  bad  {dropped} records now dropped: stored results stay as they were\n");
    assert!(ran.stderr.ends_with(&said), "{ran:?}");
    assert!(
        ran.stderr.starts_with("what a filter dropped at the time is not archived, and so is not analysed again\n")
    );
}

#[test]
fn what_cannot_be_replayed_is_named_and_left_as_it_is() {
    let project = run(TOML, 2);
    other_engine(&project);
    let objects: Vec<PathBuf> =
        project.files(".fanggen/shop/dev/archive").into_iter().filter(|path| path.extension().is_some()).collect();
    let [torn, whole] = &objects[..] else { panic!("{objects:?}") };
    // Half of an object.
    let bytes = fs::read(torn).expect("an object");
    fs::write(torn, &bytes[..bytes.len() / 2]).expect("written");
    let ran = replay(&project, &["--since", "7d", "--yes"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("{}` is left as it is: ", torn.file_name().expect("a name").display())),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("4 texts of 1 run analysed again, 3 changed"), "{ran:?}");
    assert_eq!(fs::read(torn).expect("there"), bytes[..bytes.len() / 2]);
    assert_eq!(engines(&project, "rows").iter().filter(|engine| *engine == "headlines").count(), 3);
    let _ = whole;

    // A last line that was not written to its end, in an archive of plain lines.
    let plain = run(&TOML.replacen("type = \"s3\"\n", "type = \"s3\"\ncompression = \"none\"\n", 1), 1);
    other_engine(&plain);
    let object = plain
        .files(".fanggen/shop/dev/archive")
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "jsonl"));
    let object = object.expect("an object");
    let text = fs::read_to_string(&object).expect("an object");
    fs::write(&object, format!("{text}{{\"run\":\"2026")).expect("written");
    let ran = replay(&plain, &["--since", "7d", "--yes"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("is left as it is: line 5: EOF while parsing"), "{ran:?}");
    assert!(fs::read_to_string(&object).expect("there").ends_with("2026"));
    fs::write(&object, text).expect("written");

    // Another compression would leave two objects with the same records.
    edit(&plain, "compression = \"none\"", "compression = \"gzip\"");
    let ran = replay(&plain, &["--since", "7d", "--yes"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("it ends in `.jsonl`, but the sink now writes `.jsonl.gz`"), "{ran:?}");
}

#[test]
fn nothing_to_replay_is_a_success_and_wrong_arguments_say_what_is_allowed() {
    let project = Project::with(TOML);
    for arguments in [&["--since", "7d", "--from", "local"][..], &["--since", "2099-01-01", "--from", "local", "--yes"]]
    {
        let ran = replay(&project, arguments);
        let said =
            format!("no texts to analyse again: shop, environment dev, on this machine (--since {})\n", arguments[1]);
        ran.assert_stderr(0, &said);
    }
    let known = "error: there is no environment `prod` in `pipeline.toml`; known: `dev`";
    let ran = replay(&project, &["--since", "7d", "--env", "prod"]);
    assert!(ran.code == 1 && ran.stderr.starts_with(known), "{ran:?}");
    replay(&project, &["--since", "yesterday"]).assert_error(
        1,
        "error: `yesterday` is neither a duration such as 7d, 12h or 30m, nor a date such as 2026-11-22, a time such as \
         2026-11-22T09:00:00Z, or `all`\n",
    );
    for arguments in [
        &[][..],
        &["--since", "7d", "--run", "20261122T090000Z"],
        &["--run", "x"],
        &["--since", "7d", "--where", "changed"],
        &["--since", "7d", "--yes", "--dry-run"],
        &["--since", "7d", "--sink"],
    ] {
        assert_eq!(replay(&project, arguments).code, 2, "{arguments:?}");
    }
    let chosen = ["--since", "all", "--from", "local", "-i", "A b", "--label", "mixed", "--failed", "--sink", "zstd"];
    let said = "(--since all --sink zstd --item 'A b' --label MIXED --failed)\n";
    assert!(replay(&project, &chosen).stderr.ends_with(said), "the options are repeated");
    for (sink, problem) in [("rows", "keeps no whole records"), ("nope", "is not a sink of this pipeline")] {
        let said = format!("error: `{sink}` {problem}; these keep whole records: `archive`, `files`, `zstd`\n");
        replay(&project, &["--since", "7d", "--sink", sink]).assert_error(1, &said);
    }
    let account = replay(&project, &["--since", "7d", "--sink", "files", "--from", "account"]);
    match cfg!(feature = "aws") {
        true => account.assert_error(1, "error: `files` keeps its records on this machine only, not in the account\n"),
        false => assert!(
            account.code == 1 && account.stderr.contains("`fanggen replay --from account` needs AWS"),
            "{account:?}"
        ),
    }
    let local_only =
        Project::with(&TOML.replace("type = \"s3\"", "type = \"jsonl\"").replace("compression = \"zstd\"\n", ""));
    replay(&local_only, &["--since", "7d"]).assert_error(
        1,
        "error: no sink of this pipeline keeps whole records in the account, so there are no texts to analyse again\n  add a sink of \
         type `s3` with `format = \"jsonl\"`, its default: what runs write to it from then on can be replayed\n",
    );
    let rows_only = TOML.replace("type = \"s3\"", "type = \"dynamodb\"").replace("type = \"jsonl\"", "type = \"csv\"");
    let rows_only = run(&rows_only.replace("compression = \"zstd\"\n", ""), 1);
    replay(&rows_only, &["--since", "7d"]).assert_error(
        1,
        "error: no sink of this pipeline keeps whole records, so there are no texts to analyse again\n  add a sink of type \
         `s3` with `format = \"jsonl\"`, its default: what runs write to it from then on can be replayed\n",
    );
}

#[test]
fn it_asks_first_and_never_without_a_terminal() {
    let project = run(TOML, 1);
    other_engine(&project);
    let before = results(project.path());
    replay(&project, &["--since", "7d"]).assert_error(
        1,
        "error: there is no terminal to ask on\n  add `--yes` to replace the results, or `--dry-run` to see what would change\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    command.args(["replay", "--since", "7d"]).current_dir(project.path()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let (code, shown) = at_a_terminal(&command, "n");
    let asked = "Analyse 4 texts again, and replace the results on this machine? [y/N] ";
    assert!(code == 1 && shown.contains(asked) && shown.contains("declined: nothing was replaced"), "{code} {shown}");
    assert_eq!(results(project.path()), before);
    let (code, shown) = at_a_terminal(&command, "y");
    assert!(code == 0 && shown.contains("3 changed: 1 label, 2 scores"), "{code} {shown}");
    assert_ne!(results(project.path()), before);
}

#[test]
fn a_run_that_goes_on_is_not_replayed() {
    let project = run(TOML, 1);
    other_engine(&project);
    project.write(".fanggen/shop/dev/runs/20261122T090000Z.jsonl", "{}\n");
    let before = results(project.path());
    replay(&project, &["--since", "7d", "--yes"]).assert_error(
        1,
        "error: run 20261122T090000Z has not ended, and relies on the files that a replay would replace\n  wait for it, or let \
         `fanggen run` finish it, then try again\n",
    );
    assert_eq!(results(project.path()), before);
    assert_eq!(replay(&project, &["--since", "7d", "--dry-run"]).code, 0, "a comparison does no harm");
}

/// Items of a run: 110 chunks, more than are written at once.
const ITEMS: usize = 11_000;

#[test]
fn a_replay_that_is_killed_tears_nothing_and_the_next_one_finishes_it() {
    let project = Project::with(
        "[pipeline]\nname = \"shop\"\n[sources.all]\ntype = \"file\"\npath = \"all.csv\"\n[[stages]]\nname = \"own\"\ntype = \
         \"text\"\nlanguage = \"en\"\n[[stages]]\nname = \"mood\"\ntype = \"lexicon\"\n[sinks.lines]\ntype = \"jsonl\"\n\
         [sinks.latest]\ntype = \"dynamodb\"\n",
    );
    let row = |n| format!("item {n},{}\n", ["A great day.", "Shares slump.", "A day."][n % 3]);
    project.write("all.csv", &format!("name,text\n{}", (0..ITEMS).map(row).collect::<String>()));
    assert_eq!(project.fanggen(&["run"]).code, 0);
    other_engine(&project);
    let expected = Project::with(&project.read("pipeline.toml"));
    expected.write("all.csv", &project.read("all.csv"));
    for (path, body) in results(project.path()) {
        let path = expected.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, body).expect("written");
    }
    let start = std::time::Instant::now();
    assert_eq!(replay(&expected, &["--since", "7d", "--yes"]).code, 0);
    let took = start.elapsed();
    let (before, after) = (results(project.path()), results(expected.path()));
    let mut between = 0;
    for share in [40, 60, 75, 90] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
        command.args(["replay", "--since", "7d", "--yes"]).current_dir(project.path()).env_clear();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        std::thread::sleep(took.mul_f64(f64::from(share) / 100.0).min(Duration::from_secs(20)));
        let _ = child.kill();
        child.wait().expect("ended");
        let mut now = results(project.path());
        now.retain(|path, _| path.extension().is_none_or(|it| it != "part"));
        for (path, body) in &now {
            assert!(*body == before[path] || *body == after[path] || path.ends_with("rows.jsonl"), "{path:?}");
        }
        between += usize::from(now != before && now != after);
    }
    assert_eq!(replay(&project, &["--since", "7d", "--yes"]).code, 0);
    let mut now = results(project.path());
    now.retain(|path, _| path.extension().is_none_or(|it| it != "part"));
    assert!(now == after, "as without a kill ({between} kills were in between)");
    let saved = project.files(".fanggen/shop/dev/replays");
    let was: usize = saved.iter().map(|path| fs::read_to_string(path).expect("a file").lines().count()).sum();
    assert!(was >= ITEMS, "all of what was is saved: {was}");
}
