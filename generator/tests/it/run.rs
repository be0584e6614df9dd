//! `fanggen run`, as users run it: the root's pipeline and the examples end to end, offline and with a Wikipedia server.

use crate::harness::project;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use fanggen_runtime::testing::components::recorded;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use flate2::read::GzDecoder;
use project::Project;
use serde_json::{Value, json};

/// The records of all objects of a gzipped JSON Lines sink.
fn archived(project: &Project, folder: &str) -> Vec<Value> {
    let mut records = Vec::new();
    for path in project.files(folder) {
        let mut text = String::new();
        GzDecoder::new(fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("gzip");
        records.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
    }
    records
}

fn rows(project: &Project, path: &str) -> Vec<Value> {
    project.read(path).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn labels(summary: &Value) -> BTreeMap<String, String> {
    let items = summary["items"].as_array().expect("items");
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    items.iter().map(|row| (text(&row["item"]), text(&row["label"]))).collect()
}

#[test]
fn the_main_job_runs_offline_and_says_what_it_did() {
    let project = Project::root();
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("summary: texts from examples/fang/texts.jsonl instead of wikipedia (--live fetches)"));
    assert!(ran.stderr.contains("5 items, 5 succeeded, 0 failed"), "{}", ran.stderr);
    for company in ["Facebook", "Apple", "Amazon", "Netflix", "Google"] {
        assert!(
            ran.stdout.lines().any(|line| line.contains(company) && line.contains("local texts")),
            "{}",
            ran.stdout
        );
    }
    // Where the results are is said, and true.
    let archive = ran.stderr.lines().find_map(|line| line.trim().strip_prefix("archive  ")).expect("a place");
    assert!(project.path().join(archive).is_file(), "{archive}");
    assert_eq!(rows(&project, ".fanggen/fang/dev/latest/rows.jsonl").len(), 5);
}

#[test]
fn the_main_job_needs_no_network() {
    // A network namespace of its own has nothing but a loopback that is down.
    let alone = |project: &Project, program: &str, arguments: &[&str]| {
        project.run(Command::new("unshare").args(["--user", "--map-root-user", "--net", program]).args(arguments))
    };
    let project = Project::root();
    let possible = Command::new("unshare").args(["--user", "--map-root-user", "--net", "true"]).output();
    if !possible.is_ok_and(|out| out.status.success()) {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"skipped: this machine lets nobody make a network namespace\n",
        );
        return;
    }
    let ran = alone(&project, env!("CARGO_BIN_EXE_fanggen"), &["run", "--json"]);
    assert_eq!((ran.code, ran.json()["succeeded"].as_u64()), (0, Some(5)), "{ran:?}");
    // The same place does keep the run from fetching, so that the above says something.
    let ran = alone(&project, env!("CARGO_BIN_EXE_fanggen"), &["run", "--json", "--live"]);
    assert_eq!((ran.code, ran.json()["succeeded"].as_u64()), (1, Some(0)), "{ran:?}");
}

#[test]
fn comprehend_is_replaced_and_every_record_says_so() {
    let project = Project::root();
    let ran = project.fanggen(&["run", "--env", "prod"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("sentiment: lexicon instead of comprehend (marked in every record)"), "{}", ran.stderr);
    assert!(ran.stdout.contains("lexicon (for comprehend)"), "{}", ran.stdout);
    let records = archived(&project, ".fanggen/fang/prod/archive");
    assert_eq!(records.len(), 5);
    for record in records {
        let finding = &record["findings"][0];
        assert_eq!((&finding["engine"], &finding["stands_in_for"]), (&json!("lexicon"), &json!("comprehend")));
    }
}

#[test]
fn a_second_run_adds_and_never_overwrites() {
    let project = Project::root();
    let first = project.fanggen(&["run", "--json"]).json();
    let before: Vec<_> =
        project.files(".fanggen").into_iter().map(|path| (fs::read(&path).expect("read"), path)).collect();
    let second = project.fanggen(&["run", "--json"]).json();
    assert_ne!(first["run"], second["run"]);
    for (bytes, path) in before {
        let after = fs::read(&path).expect("still there");
        let grows = path.ends_with("rows.jsonl");
        assert!(if grows { after.starts_with(&bytes) } else { after == bytes }, "{}", path.display());
    }
    assert_eq!(rows(&project, ".fanggen/fang/dev/latest/rows.jsonl").len(), 10);
    assert_eq!(project.files(".fanggen/fang/dev/archive").len(), 2);
}

#[test]
fn concurrent_runs_do_not_collide() {
    let project = Project::root();
    let start =
        || Command::new(env!("CARGO_BIN_EXE_fanggen")).args(["run", "--json"]).current_dir(project.path()).output();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
        for run in runs {
            assert!(run.join().expect("no panic").expect("started").status.success());
        }
    });
    assert_eq!(project.files(".fanggen/fang/dev/runs").len(), 6);
    assert_eq!(archived(&project, ".fanggen/fang/dev/archive").len(), 30);
    assert_eq!(rows(&project, ".fanggen/fang/dev/latest/rows.jsonl").len(), 30);
}

#[test]
fn reviews_with_two_bad_ones_give_all_the_others_and_exit_1() {
    let project = Project::example("reviews");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let failed: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("failed: ")).collect();
    assert_eq!(
        failed,
        [
            "failed: R-013 at review: `R-013` has no text [text_missing]",
            "failed: R-018 at sentiment: the engine `lexicon` supports only English, but the text is in `de` [language_unsupported]",
        ]
    );
    assert!(ran.stderr.contains("24 items, 22 succeeded, 2 failed"), "{}", ran.stderr);
    let rows = rows(&project, ".fanggen/reviews/dev/latest/rows.jsonl");
    assert_eq!(rows.len(), 24, "what failed is kept too, with its reason");
    assert_eq!(rows.iter().filter(|row| row["label"].is_null()).count(), 2, "and no answer is invented");
    let sheet = project.files(".fanggen/reviews/dev/archive");
    assert!(fs::read_to_string(&sheet[0]).expect("a sheet").starts_with("run,source,item,"));
}

#[test]
fn tickets_keep_their_subjects_and_labels() {
    let project = Project::example("tickets");
    let ran = project.fanggen(&["run", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(labels(&ran.json()).len(), 16);
    let records = archived(&project, ".fanggen/tickets/dev/archive");
    let first = records.iter().find(|record| record["item"]["key"] == "T-1001").expect("the first ticket");
    assert_eq!(first["item"]["title"], "Charged twice this month");
    assert_eq!(first["item"]["labels"], json!({ "priority": "high", "team": "billing" }));
    assert_eq!(project.files(".fanggen/tickets/dev/sheet").len(), 1);
}

/// Companies, whose summaries come from this server.
fn companies(server: &HttpServer, items: &str) -> Project {
    Project::with(&format!(
        "[pipeline]\nname = \"press\"\ncontact = \"me@example.com\"\n[sources.companies]\ntype = \"inline\"\nitems = {items}\n\
         [[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\nendpoint = \"{}\"\nallow = [\"{}\"]\n\
         [[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \"s3\"\n",
        server.url("/{language}/w/api.php"),
        server.host_port()
    ))
}

#[test]
fn summaries_are_fetched_from_a_recorded_wikipedia() {
    let Some(body) = recorded("TestVcrWikiExtracts.test_extracts.json") else { return };
    let server = HttpServer::start(move |_| CannedResponse::text(200, &body));
    let project = companies(&server, "[{ name = \"Python\", title = \"Python_(programming_language)\" }]");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("wikipedia: Python (programming language)"), "{}", ran.stdout);
    let record = &archived(&project, ".fanggen/press/dev/archive")[0];
    assert_eq!(record["text"]["licence"], "CC BY-SA 4.0");
    assert_eq!(server.requests().len(), 1);
}

/// A feed of four entries in two languages, and a page.
fn press(asked: &ReceivedRequest) -> CannedResponse {
    if asked.path != "/Apple.xml" {
        let page = "<nav>Menu</nav><p>The company had a great year, and everybody loves it.</p>";
        return CannedResponse::text(200, page).with_header("Content-Type: text/html");
    }
    let entry = |(number, title): (usize, &str)| format!("<item><guid>{number}</guid><title>{title}</title></item>");
    let titles = [
        "The company had a great and happy year, and everybody loves what it makes.",
        "The company had a terrible, horrible year, and everybody hates what it makes.",
        "Das Unternehmen hatte ein gutes Jahr, und alle sind damit sehr zufrieden.",
        "OK",
    ];
    let entries: String = titles.into_iter().enumerate().map(entry).collect();
    CannedResponse::text(200, &format!("<rss version='2.0'><channel>{entries}</channel></rss>"))
}

/// A pipeline with this stage before the others; only what is good goes on.
fn watched(server: &HttpServer, stage: &str, texts: &str) -> Project {
    Project::with(&format!(
        "[pipeline]\nname = \"press\"\n[sources.companies]\ntype = \"inline\"\nitems = [\"Apple\"]\n\
         [[stages]]\nname = \"press\"\n{stage}\nurl = \"{}\"\nallow = [\"{}\"]\n\
         [[stages]]\nname = \"tongue\"\ntype = \"language\"\n\
         [[stages]]\nname = \"english\"\ntype = \"filter\"\nwhen = 'language == \"en\"'\n\
         [[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n\
         [[stages]]\nname = \"bad\"\ntype = \"filter\"\nwhen = 'sentiment == \"NEGATIVE\" && score > 0.8'\n\
         [sinks.archive]\ntype = \"s3\"\n{texts}",
        server.url("/{key}.xml"),
        server.host_port()
    ))
}

#[test]
fn entries_of_a_feed_are_rows_and_what_is_filtered_is_counted() {
    let server = HttpServer::start(press);
    let project = watched(&server, "type = \"feed\"", "");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 1, "an entry is too short to tell its language: {ran:?}");
    assert!(ran.stderr.contains("  bad  1 record dropped\n  english  1 record dropped\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 records, 1 succeeded, 1 failed"), "{}", ran.stderr);
    let summary = project.fanggen(&["run", "--json"]).json();
    assert_eq!(summary["ended"], json!({ "bad": 1, "english": 1 }));
    assert_eq!(summary["failed"][0]["code"], "language_unknown");
    let records = archived(&project, ".fanggen/press/dev/archive");
    let bad = records.iter().find(|record| record["failure"].is_null()).expect("the bad one");
    assert_eq!((&bad["entry"], &bad["item"]["key"]), (&json!("1"), &json!("Apple")));
    assert_eq!((&bad["findings"][0]["engine"], &bad["findings"][1]["label"]), (&json!("whatlang"), &json!("NEGATIVE")));
}

#[test]
fn fetching_stages_use_local_texts_offline_and_send_no_request() {
    let server = HttpServer::start(press);
    let texts = "[local]\ntexts = \"texts.jsonl\"\n";
    let line = json!({ "item": "Apple", "text": "A terrible, horrible company that everybody really hates." });
    for stage in ["type = \"feed\"", "type = \"http\""] {
        let project = watched(&server, stage, texts);
        project.write("texts.jsonl", &line.to_string());
        let ran = project.fanggen(&["run"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("NEGATIVE") && ran.stdout.contains("local texts"), "{}", ran.stdout);
        assert_eq!(server.requests().len(), 0, "{stage}");
    }
    let project = watched(&server, "type = \"http\"", texts);
    project.write("texts.jsonl", &line.to_string());
    let ran = project.fanggen(&["run", "--live"]);
    assert_eq!((ran.code, server.requests().len()), (1, 1), "{ran:?}");
    assert!(
        ran.stderr.contains("XML other than HTML: for a feed, use a stage of type `feed` [answer_unreadable]"),
        "{}",
        ran.stderr
    );
}

#[test]
fn one_missing_page_fails_no_other_item() {
    let server = HttpServer::start(|asked: &ReceivedRequest| {
        let page = |title: &&str| match *title {
            "Nonesuch" => json!({ "title": title, "missing": true }),
            "Mercury" => json!({ "title": title, "pageprops": { "disambiguation": "" }, "extract": "Mercury may be" }),
            _ => {
                json!({ "title": title, "pageid": 1, "lastrevid": 9, "extract": format!("{title} is a great success.") })
            }
        };
        let pages: Vec<Value> = asked.titles().iter().map(page).collect();
        CannedResponse::json(&json!({ "batchcomplete": true, "query": { "pages": pages } }))
    });
    let names: Vec<String> = (0..45).map(|n| format!("\"Company {n}\"")).collect();
    let project = companies(&server, &format!("[\"Nonesuch\", \"Mercury\", {}]", names.join(", ")));
    let ran = project.fanggen(&["run", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let summary = ran.json();
    assert_eq!(summary["succeeded"], 45);
    let codes: Vec<&str> =
        summary["failed"].as_array().expect("a list").iter().filter_map(|it| it["code"].as_str()).collect();
    assert_eq!(codes, ["page_missing", "page_ambiguous"]);
    assert_eq!(server.requests().len(), 3, "47 titles are three requests");
}

#[test]
fn a_redirect_to_another_port_of_this_machine_is_refused() {
    let secret = HttpServer::start(|_| CannedResponse::text(200, "{}"));
    let target = secret.url("/");
    let server = HttpServer::start(move |_| CannedResponse::redirect(&target));
    let ran = companies(&server, "[\"Apple\"]").fanggen(&["run", "--json"]);
    assert_eq!((ran.code, &ran.json()["failed"][0]["code"]), (1, &json!("address_refused")), "{ran:?}");
    assert_eq!(secret.connections(), 0);
}

/// Reviews in a CSV of so many rows, with stages in one function or in two.
fn many(rows: usize, isolate: bool) -> Project {
    let project = Project::with(&format!(
        "[pipeline]\nname = \"many\"\n[sources.all]\ntype = \"file\"\npath = \"all.csv\"\n\
         [[stages]]\nname = \"own\"\ntype = \"text\"\nlanguage = \"en\"\n\
         [[stages]]\nname = \"mood\"\ntype = \"lexicon\"\nisolate = {isolate}\n[sinks.lines]\ntype = \"jsonl\"\n"
    ));
    let row = |n| format!("item {n},{}\n", ["A great day.", "An awful day.", "A day."][n % 3]);
    project.write("all.csv", &format!("name,text\n{}", (0..rows).map(row).collect::<String>()));
    project
}

#[test]
fn chunks_are_those_of_the_lambda_and_isolation_changes_no_result() {
    let results = |isolate: bool| {
        let project = many(250, isolate);
        let summary = project.fanggen(&["run", "--json"]).json();
        assert_eq!((&summary["chunks"], &summary["succeeded"]), (&json!(3), &json!(250)));
        assert_eq!(project.files(".fanggen/many/dev/lines").len(), 3);
        labels(&summary)
    };
    assert_eq!(results(false), results(true));
}

#[test]
fn a_sink_that_cannot_write_is_named_and_the_other_one_writes() {
    let project = Project::root();
    project.write(".fanggen/fang/dev/archive", "a file where the folder should be");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("failed: a whole chunk at archive:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("[file_unwritable]"), "{}", ran.stderr);
    assert_eq!(rows(&project, ".fanggen/fang/dev/latest/rows.jsonl").len(), 5);
}

#[test]
fn a_run_that_cannot_start_says_why_and_leaves_nothing_behind() {
    let project = Project::root();
    let texts = "examples/fang/texts.jsonl";
    let good = project.read(texts);
    for (broken, expected) in [
        ("not json\n".to_owned(), "texts.jsonl:1: expected"),
        (
            format!("{good}{good}"),
            "texts.jsonl:6: `Facebook` already has a text: several texts of one item need different values of `entry` (texts_unreadable)",
        ),
        ("{\"item\": \"Apple\"}".to_owned(), "missing field `text`"),
    ] {
        project.write(texts, &broken);
        let ran = project.fanggen(&["run"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!project.path().join(".fanggen").exists(), "nothing was begun");
    }
    let unknown = project.fanggen(&["run", "--env", "prd"]);
    assert_eq!(
        (unknown.code, unknown.stderr.trim()),
        (1, "error: there is no environment `prd` in `pipeline.toml`; known: `dev`, `prod`; did you mean `prod`?")
    );
    let nowhere = Project::empty().fanggen(&["run"]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.stderr.starts_with("error: `pipeline.toml` cannot be read"), "{}", nowhere.stderr);
}

#[test]
fn an_item_without_a_local_text_fails_alone_with_advice() {
    let project = Project::root();
    let texts = project.read("examples/fang/texts.jsonl");
    project.write("examples/fang/texts.jsonl", texts.lines().next().expect("a line"));
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`Apple` has no text in `examples/fang/texts.jsonl`: add one, or fetch with --live"));
    assert!(ran.stderr.contains("5 items, 1 succeeded, 4 failed"), "{}", ran.stderr);
}

#[test]
fn broken_rows_of_a_file_are_kept_with_their_place() {
    let project = many(2, false);
    project.write("all.csv", "name,text\nfine,A great day.\nonly one cell\n,nobody\nalso fine,An awful day.\n");
    let summary = project.fanggen(&["run", "--json"]).json();
    let failed: Vec<_> =
        summary["failed"].as_array().expect("a list").iter().map(|it| (&it["item"], &it["code"])).collect();
    assert_eq!(failed, [(&json!("all.csv:3"), &json!("row_unreadable")), (&json!("all.csv:4"), &json!("key_missing"))]);
    assert_eq!(summary["succeeded"], 2);
    let kept: String = project
        .files(".fanggen/many/dev/lines")
        .iter()
        .map(|path: &std::path::PathBuf| fs::read_to_string(Path::new(path)).expect("read"))
        .collect();
    assert_eq!(kept.lines().count(), 4, "nothing is lost");
}

#[test]
fn what_a_stand_in_cannot_answer_is_omitted_and_never_invented() {
    let project = Project::example("reviews");
    let toml =
        project.read("pipeline.toml").replace("type = \"comprehend\"", "type = \"comprehend\"\ndetect = [\"pii\"]");
    project.write("pipeline.toml", &toml);
    let ran = project.fanggen(&["run"]);
    assert!(ran.stderr.contains("sentiment: nothing instead of comprehend's pii (left out)"), "{ran:?}");
    for row in rows(&project, ".fanggen/reviews/dev/latest/rows.jsonl") {
        assert!(row["label"].is_null() && row["findings"] == json!([]), "{row}");
    }
}

#[test]
fn a_source_and_a_sink_may_have_one_name() {
    let project = many(3, false);
    let toml = project
        .read("pipeline.toml")
        .replace("[sinks.lines]\ntype = \"jsonl\"", "[sinks.all]\ntype = \"dynamodb\"\ntable = \"results\"");
    project.write(
        "pipeline.toml",
        &toml.replace("type = \"file\"\npath = \"all.csv\"", "type = \"dynamodb\"\nitems_file = \"all.csv\""),
    );
    assert_eq!(project.fanggen(&["run"]).code, 0);
    assert_eq!(rows(&project, ".fanggen/many/dev/all/rows.jsonl").len(), 3);
}

#[test]
fn a_name_cannot_move_the_cursor() {
    let project = many(1, false);
    project.write("all.csv", "name,text\n\u{202e}abc,\n\u{9b}2J x,A great day.\n");
    let ran = project.fanggen(&["run"]);
    let shown = ran.stdout + &ran.stderr;
    assert!(!shown.chars().any(|c| c != '\n' && c.is_control() || c == '\u{202e}'), "{shown:?}");
}

#[test]
fn failures_of_one_kind_are_told_once_and_labels_are_counted() {
    let project = many(6, false);
    project.write("all.csv", "name,text\na,A great day.\nb,\nc,\nd,An awful day.\ne,A great day.\nf,\n");
    let ran = project.fanggen(&["run"]);
    let failed: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("failed: ")).collect();
    assert_eq!(failed, ["failed: 3 items, such as b, at own: `b` has no text [text_missing]"]);
    assert!(ran.stderr.contains("  `--all` prints every failure\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\n6 items, 3 succeeded, 3 failed, in "), "{}", ran.stderr);
    assert!(ran.stderr.contains("\n  2 POSITIVE, 1 NEGATIVE\n"), "{}", ran.stderr);
    let all = project.fanggen(&["run", "--all"]);
    assert_eq!(all.stderr.lines().filter(|line| line.starts_with("failed: ")).count(), 3);
    let summary = project.fanggen(&["run", "--json"]).json();
    assert_eq!(summary["labels"], json!({ "NEGATIVE": 1, "POSITIVE": 2 }));
    let kind = &summary["failures"][0];
    assert_eq!(
        (&kind["count"], &kind["code"], &kind["example"]["item"]),
        (&json!(3), &json!("text_missing"), &json!("b"))
    );
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(3), "and all of them are listed");
}

#[test]
fn of_two_rows_with_one_key_the_first_counts_wherever_they_are() {
    let rows_of = |source: &str, file: &str, text: &dyn Fn(usize) -> String| {
        let project = many(0, false);
        let toml = project.read("pipeline.toml").replace("type = \"file\"\npath = \"all.csv\"", source);
        project.write("pipeline.toml", &format!("{toml}[sinks.latest]\ntype = \"dynamodb\"\n"));
        // The second row with the key is in the chunk of the first, and the third in another chunk.
        let keys = (0..150).map(|n| if n == 7 || n == 149 { 3 } else { n });
        let head = if file.ends_with("csv") { "name,text\n" } else { "" };
        project.write(file, &format!("{head}{}", keys.map(text).collect::<String>()));
        let ran = project.fanggen(&["run", "--json"]);
        let summary = ran.json();
        let failed = summary["failed"].as_array().expect("a list");
        let codes: Vec<_> = failed.iter().map(|it| (it["item"].as_str(), it["code"].as_str())).collect();
        assert_eq!(codes, [(Some("item 3"), Some("item_twice")); 2], "{source}: {}", ran.stderr);
        let stored = rows(&project, ".fanggen/many/dev/latest/rows.jsonl");
        assert_eq!(stored.len(), 148, "{source}");
        assert!(stored.iter().all(|row| row["failure"].is_null()), "{source}: no failure replaces the first");
    };
    let csv = |key: usize| format!("item {key},A great day.\n");
    let json = |key: usize| format!("{}\n", json!({ "name": format!("item {key}"), "text": "A great day." }));
    rows_of("type = \"file\"\npath = \"all.csv\"", "all.csv", &csv);
    rows_of("type = \"file\"\npath = \"all.jsonl\"", "all.jsonl", &json);
    rows_of("type = \"dynamodb\"\nitems_file = \"all.csv\"", "all.csv", &csv);
}

#[test]
fn a_key_in_the_items_and_in_the_file_of_a_table_is_given_twice() {
    let project = many(0, false);
    let table = "type = \"dynamodb\"\nitems = [{ name = \"a\", text = \"A great day.\" }]\nitems_file = \"all.csv\"";
    let toml = project.read("pipeline.toml").replace("type = \"file\"\npath = \"all.csv\"", table);
    project.write("pipeline.toml", &toml);
    project.write("all.csv", "name,text\nb,A great day.\na,An awful day.\n");
    let summary = project.fanggen(&["run", "--json"]).json();
    assert_eq!((&summary["succeeded"], &summary["failed"][0]["code"]), (&json!(2), &json!("item_twice")), "{summary}");
}

#[test]
fn errors_of_json_lines_name_their_line_and_files_of_old_macs_are_told() {
    let project = many(0, false);
    let toml = project.read("pipeline.toml").replace("all.csv", "all.jsonl");
    project.write("pipeline.toml", &toml);
    project.write("all.jsonl", "{\"name\": \"a\", \"text\": \"A great day.\"}\n\n{\"name\": oops}\n");
    let ran = project.fanggen(&["run"]);
    let told = "failed: all.jsonl:3 at all: `all.jsonl`: line 3, column 10: expected value [row_unreadable]";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    project.write("all.jsonl", "{\"name\": \"a\", \"text\": \"A great day.\"}\r{\"name\": \"b\"}\r");
    let ran = project.fanggen(&["run"]);
    let told = "`all.jsonl`: its lines end in CR only: save it with LF or CRLF [row_unreadable]";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let texts = Project::root();
    let text = texts.read("examples/fang/texts.jsonl").replace('\n', "\r");
    texts.write("examples/fang/texts.jsonl", &text);
    let ran = texts.fanggen(&["run"]);
    assert!(ran.stderr.contains("texts.jsonl`: its lines end in CR only"), "{}", ran.stderr);
}

#[test]
fn a_page_that_is_missing_is_told_with_its_whole_address() {
    let server = HttpServer::start(|_| CannedResponse::text(404, "nothing here"));
    let project = watched(&server, "type = \"http\"", "");
    let ran = project.fanggen(&["run"]);
    let told = format!("404 Not Found: check the URL {} [page_missing]", server.url("/Apple.xml"));
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
}

#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    let project = Project::root();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    let status = command.args(["run", "--json"]).current_dir(project.path()).stdout(full).status().expect("started");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_run_that_was_killed_says_so_and_a_link_leads_nowhere() {
    let project = Project::root();
    assert_eq!(project.fanggen(&["run"]).code, 0);
    let note = project.files(".fanggen/fang/dev/runs").remove(0);
    assert!(fs::read_to_string(note).expect("a note").contains("\"state\": \"ended\""));

    let outside = Project::empty();
    let linked = Project::root();
    std::os::unix::fs::symlink(outside.path(), linked.path().join(".fanggen")).expect("a link");
    let ran = linked.fanggen(&["run"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("`.fanggen` is a link"), "{}", ran.stderr);
    assert!(outside.files("").is_empty());
}

#[test]
fn no_link_below_the_results_is_followed() {
    let outside = Project::empty();
    outside.write("profile", "# precious\n");
    for (place, target) in [
        (".fanggen/fang", ""),
        (".fanggen/fang/dev/latest", ""),
        (".fanggen/fang/dev/latest/rows.jsonl", "profile"),
        (".fanggen/fang/dev/archive/archive", ""),
    ] {
        let linked = Project::root();
        let link = linked.path().join(place);
        fs::create_dir_all(link.parent().expect("a folder")).expect("folders");
        std::os::unix::fs::symlink(outside.path().join(target), &link).expect("a link");
        let ran = linked.fanggen(&["run"]);
        assert_eq!(ran.code, 1, "{place}: {ran:?}");
        assert!(ran.stderr.contains(&format!("{place}` is a link: ")), "{place}: {}", ran.stderr);
        assert_eq!((outside.files("").len(), outside.read("profile").as_str()), (1, "# precious\n"), "{place}");
    }
}

#[test]
fn local_texts_are_in_the_language_that_the_stage_would_fetch_in() {
    let project = Project::root();
    project.write("examples/fang/texts.jsonl", "{\"item\": \"Apple\", \"text\": \"A great success.\"}\n");
    let summary = project.fanggen(&["run", "--json"]).json();
    assert_eq!(labels(&summary)["Apple"], "POSITIVE");
}

#[test]
fn a_webhook_sends_nothing_from_this_machine_and_says_so() {
    let project = Project::empty();
    fs::copy(project::workspace().join("generator/tests/pipelines/webhook.toml"), project.path().join("pipeline.toml"))
        .expect("copied");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("alert: jsonl instead of webhook (nothing is sent)"), "{}", ran.stderr);
    assert_eq!(project.files(".fanggen/hook/dev/alert").len(), 1);
}

/// A pipeline of two reviews, with sinks that send some of them.
fn senders(url: &str, allow: &str) -> Project {
    Project::with(&format!(
        r#"
[pipeline]
name = "reviews"
[sources.reviews]
type = "inline"
items = [
    {{ name = "good", text = "A wonderful, great product.", language = "en" }},
    {{ name = "bad", text = "A horrible, terrible product.", language = "en" }},
]
[[stages]]
name = "text"
type = "text"
[[stages]]
name = "sentiment"
type = "lexicon"
[sinks.negative]
type = "sqs"
when = 'label == "NEGATIVE"'
[sinks.digest]
type = "sns"
when = "changed"
email = "team@example.com"
[sinks.hook]
type = "webhook"
url = "{url}"
when = 'label == "POSITIVE"'
{allow}
[sinks.all]
type = "dynamodb"
"#
    ))
}

/// The items in the JSON Lines files of a sink, in order.
fn sent(project: &Project, sink: &str) -> Vec<String> {
    let mut items = Vec::new();
    for file in project.files(&format!(".fanggen/reviews/dev/{sink}")) {
        let text = fs::read_to_string(file).expect("UTF-8");
        let item = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["item"]["key"].to_string();
        items.extend(text.lines().map(item));
    }
    items
}

#[test]
fn sinks_that_send_write_what_their_condition_selects() {
    let project = senders("https://example.com/hook", "");
    let first = project.fanggen(&["run"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stderr.contains("  digest  nothing written\n"), "nothing was known before: {}", first.stderr);
    assert_eq!(sent(&project, "negative"), ["\"bad\""]);
    assert_eq!(sent(&project, "hook"), ["\"good\""]);
    // The state of the first run is that of the second, in which one item is judged otherwise.
    let file = project.read("pipeline.toml").replace("A horrible, terrible product", "A nice product");
    fs::write(project.path().join("pipeline.toml"), file).expect("written");
    let second = project.fanggen(&["run"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.stderr.contains("  negative  nothing written\n"), "{}", second.stderr);
    assert_eq!(sent(&project, "digest"), ["\"bad\""]);
    let third = project.fanggen(&["run"]);
    assert!(third.stderr.contains("  digest  nothing written\n"), "{}", third.stderr);
}

#[test]
fn a_webhook_posts_with_live_to_an_allowed_address_only() {
    let server = HttpServer::start(|_| CannedResponse::text(204, ""));
    let project = senders(&server.url("/hook"), &format!("allow = [\"{}\"]", server.host_port()));
    assert_eq!(project.fanggen(&["run"]).code, 0);
    assert_eq!(server.requests().len(), 0, "without --live nothing is sent");
    let live = project.fanggen(&["run", "--live"]);
    assert_eq!(live.code, 0, "{live:?}");
    assert!(!live.stderr.contains("hook: jsonl instead of webhook"), "{}", live.stderr);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let body: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    let posted: Vec<_> = body["records"].as_array().expect("records").iter().map(|it| &it["item"]["key"]).collect();
    assert_eq!(posted, ["good"], "{body}");
}

#[test]
fn a_torn_row_of_a_killed_run_costs_no_other_row() {
    let project = senders("https://example.com/hook", "");
    assert_eq!(project.fanggen(&["run"]).code, 0);
    let path = project.path().join(".fanggen/reviews/dev/all/rows.jsonl");
    let whole = fs::read(&path).expect("rows");
    fs::write(&path, &whole[..whole.len() - 10]).expect("written");
    let again = project.fanggen(&["run"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stderr.contains("warning: removed the last row of "), "{}", again.stderr);
    let kept = rows(&project, ".fanggen/reviews/dev/all/rows.jsonl");
    assert_eq!(kept.len(), 3, "one of the first run's two rows, and both of the second run");
}

#[test]
fn a_file_that_is_none_or_leads_outside_is_named_as_what_it_is() {
    let outside = Project::empty();
    outside.write("secret.csv", "name\nApple\n");
    let project = Project::with(
        "[pipeline]\nname = \"files\"\n[sources.a]\ntype = \"file\"\npath = \"a.csv\"\n[[stages]]\nname = \"t\"\n\
         type = \"text\"\n[sinks.s]\ntype = \"s3\"\n",
    );
    let path = project.path().join("a.csv");
    let told = |what: &str, found: &str| {
        let ran = project.fanggen(&["validate"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(&format!("error[E080]: the file `a.csv` {what}\n")), "{}", ran.stderr);
        assert!(ran.stderr.contains(found), "{}", ran.stderr);
    };
    told("does not exist", "no such file");
    fs::create_dir(&path).expect("a folder");
    told("is a folder", "a folder");
    fs::remove_dir(&path).expect("removed");
    std::os::unix::fs::symlink("nowhere", &path).expect("a link");
    told("is a broken link", "a link to `nowhere`, which does not exist");
    fs::remove_file(&path).expect("removed");
    assert!(Command::new("mkfifo").arg(&path).status().expect("started").success());
    told("is not a regular file", "a pipe, a socket or a device");
    fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), &path).expect("a link");
    told("is a link out of its folder", "secret.csv`");
    fs::remove_file(&path).expect("removed");
    project.write("data/b.csv", "name\nApple\n");
    std::os::unix::fs::symlink("data/b.csv", &path).expect("a link");
    assert_eq!(project.fanggen(&["validate"]).code, 0, "a link to a file of the project");
}
