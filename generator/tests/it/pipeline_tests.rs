//! `fanggen test`, as users run it: passes, failures with their places, faults, recording, reports, and wrong input.

use crate::harness::{project, tools};

use std::fs;
use std::process::Command;

use fanggen_runtime::testing::process::ProcessOutput;
use project::{Project, workspace};

/// A pipeline with everything that a fault can meet.
const PIPELINE: &str = r#"[pipeline]
name = "shop"
contact = "me@example.com"

[sources.items]
type = "inline"
items = ["kettle", { name = "lamp", url = "https://example.com/lamp", labels = { shelf = "3" } }]

[[stages]]
name = "page"
type = "http"
url = "https://example.com/{key}"
language = "en"

[[stages]]
name = "mood"
type = "comprehend"

[[stages]]
name = "bad"
type = "filter"
when = 'label != "NEUTRAL"'

[sinks.archive]
type = "s3"

[sinks.hook]
type = "webhook"
url = "https://hooks.example.com/shop"
when = 'label == "NEGATIVE"'
"#;

const GOOD: &str = "This is a wonderful and very useful thing.";
const BAD: &str = "This is a terrible and useless thing.";

/// Runs one test of the pipeline, named `t`.
fn tested(test: &str) -> ProcessOutput {
    Project::with(&format!("{PIPELINE}\n[[tests]]\nname = \"t\"\n{test}\n")).fanggen(&["test"])
}

/// Asserts that a test passes.
#[track_caller]
fn passes(test: &str) {
    let ran = tested(test);
    assert_eq!(ran.code, 0, "{test}\n{}", ran.stderr);
    assert!(ran.stdout.starts_with("ok     t ("), "{}", ran.stdout);
}

/// The first failure of a test: its title, the line and the label below the caret.
#[track_caller]
fn failure(test: &str) -> (String, String) {
    let ran = tested(test);
    assert_eq!(ran.code, 1, "{test}\n{}", ran.stderr);
    assert!(ran.stdout.starts_with("FAILED t ("), "{}", ran.stdout);
    let mut lines = ran.stderr.lines();
    let title = lines.find_map(|line| line.strip_prefix("error: ")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let label = lines.find(|line| line.contains('^')).and_then(|line| line.rsplit_once('^')).expect("a caret").1;
    (title.to_owned(), label.trim().to_owned())
}

#[test]
fn the_examples_and_the_root_pass_their_own_tests() {
    let root = Project::root();
    let mut pipelines = vec!["pipeline.toml".to_owned()];
    for example in fs::read_dir(workspace().join("examples")).expect("a folder") {
        let file = example.expect("an entry").path().join("pipeline.toml");
        if file.is_file() {
            let path = file.strip_prefix(workspace()).expect("within");
            pipelines.push(path.to_string_lossy().into_owned());
        }
    }
    assert!(pipelines.len() >= 8, "{pipelines:?}");
    for pipeline in pipelines {
        let ran = root.fanggen(&["test", "--file", &pipeline, "--json"]);
        assert_eq!(ran.code, 0, "{pipeline}: {ran:?}");
        assert!(ran.json()["passed"].as_u64().is_some_and(|passed| passed >= 3), "{pipeline} has too few tests");
    }
    // Nothing was written beside them.
    assert!(root.files(".fanggen").is_empty());
}

#[test]
fn a_test_says_what_it_expects_of_records_drops_and_sinks() {
    passes(&format!(
        r#"
        items = ["kettle", "lamp", {{ name = "chair" }}]
        texts = [
            {{ item = "kettle", text = "{GOOD}" }},
            {{ item = "lamp", text = "{BAD}" }},
            {{ item = "chair", text = "It has four legs.", title = "A chair" }},
        ]
        expect = [
            {{ item = "kettle", label = "POSITIVE", when = "score > 0.5" }},
            {{ item = "lamp", label = "NEGATIVE", when = 'labels.shelf == "3"' }},
            {{ item = "chair", dropped_by = "bad" }},
            {{ sink = "archive", items = ["kettle", "lamp"], records = 2 }},
            {{ sink = "hook", items = ["lamp"], records = 1 }},
        ]"#
    ));
}

#[test]
fn every_failed_expectation_names_its_value_and_what_came() {
    let with =
        |expect: &str| failure(&format!("items = [\"kettle\", \"lamp\"]\ntext = \"{GOOD}\"\nexpect = [{expect}]"));
    let cases = [
        ("{ item = \"kettle\", label = \"NEGATIVE\" }", "NEGATIVE", "found POSITIVE"),
        ("{ item = \"kettle\", when = \"score > 0.99\" }", "`score > 0.99`", "found a record that does not match"),
        ("{ item = \"kettle\", failed = \"text_empty\" }", "`text_empty`", "found no failure"),
        ("{ item = \"kettle\", dropped_by = \"bad\" }", "dropped by `bad`", "found it reached the sinks"),
        ("{ item = \"kettle\", entry = \"1\" }", "a record at the end of the run", "found records of `kettle`, `lamp`"),
        ("{ sink = \"hook\", items = [\"lamp\"] }", "`lamp`", "found no items"),
        ("{ sink = \"archive\", items = [\"lamp\"] }", "`lamp`", "found `kettle`, `lamp` (unexpected: `kettle`)"),
        ("{ sink = \"archive\", items = [] }", "no items", "found `kettle`, `lamp`"),
        ("{ sink = \"archive\", records = 3 }", "3 records", "found 2 records"),
        ("{ dead_letter = \"throttled\" }", "a dead letter: `throttled`", "found no dead letters"),
    ];
    for (expect, expected, found) in cases {
        assert_eq!(with(expect), (format!("test `t`: expected {expected}"), found.to_owned()), "{expect}");
    }
    let neutral =
        "items = [\"kettle\"]\ntext = \"It has a lid.\"\nexpect = [{ item = \"kettle\", label = \"POSITIVE\" }]";
    assert_eq!(failure(neutral).1, "found dropped by `bad`");
    let missing = "items = [\"kettle\"]\nexpect = [{ item = \"kettle\", label = \"POSITIVE\" }]";
    assert_eq!(failure(missing).1, "found it failed at `page` with `text_missing`");
    let elsewhere = "items = [\"kettle\"]\nexpect = [{ item = \"kettle\", failed = \"text_missing\", at = \"mood\" }]";
    assert_eq!(
        failure(elsewhere),
        ("test `t`: expected a failure at `mood`".into(), "found a failure at `page`".into())
    );
    let other = "items = [\"kettle\"]\nexpect = [{ item = \"kettle\", failed = \"text_empty\" }]";
    assert_eq!(failure(other).1, "found `text_missing`");
    let nothing = format!("items = [\"kettle\"]\ntext = \"{GOOD}\"");
    assert_eq!(failure(&nothing).1, "found nothing: add `expect`, or let `fanggen test --record` write it");
}

#[test]
fn a_failure_is_printed_whole() {
    let test =
        format!("items = [\"kettle\"]\ntext = \"{BAD}\"\nexpect = [{{ item = \"kettle\", label = \"POSITIVE\" }}]");
    let ran = tested(&test);
    let (report, total) = ran.stderr.trim().rsplit_once('\n').expect("two parts");
    assert_eq!(
        report,
        "mood: lexicon instead of comprehend

error: test `t`: expected POSITIVE
  --> pipeline.toml:36:38
   |
36 | expect = [{ item = \"kettle\", label = \"POSITIVE\" }]
   |                                      ^^^^^^^^^^ found NEGATIVE
   |
   = note: `kettle` is NEGATIVE, polarity -0.710 by lexicon (for comprehend)"
    );
    assert!(total.starts_with("1 test: 0 passed, 1 failed, in "), "{total}");
}

#[test]
fn faults_happen_where_the_function_meets_them() {
    let with = |faults: &str, expect: &str| {
        passes(&format!("items = [\"kettle\", \"lamp\"]\ntext = \"{BAD}\"\nfaults = [{faults}]\nexpect = [{expect}]"));
    };
    // A server that is busy, refuses, breaks or says nothing: each as the retries of the real stage leave it.
    for (fault, code) in [
        ("http 429", "rate_limited"),
        ("http 503", "rate_limited"),
        ("http 500", "unavailable"),
        ("http 404", "page_missing"),
        ("http 403", "access_refused"),
        ("timeout", "timed_out"),
    ] {
        with(
            &format!("\"{fault}\""),
            &format!(
                "{{ item = \"kettle\", failed = \"{code}\", at = \"page\" }}, {{ sink = \"archive\", records = 2 }}"
            ),
        );
    }
    let good = "{ item = \"kettle\", label = \"NEGATIVE\" }, { item = \"lamp\", label = \"NEGATIVE\" }";
    for passing in [
        "{ fault = \"http 429\", times = 3 }",
        "{ fault = \"timeout\", times = 1 }",
        "{ fault = \"throttle\", times = 2 }",
        "{ fault = \"timeout\", at = \"mood\", times = 1 }",
        "{ fault = \"batch error list\", times = 1 }",
        "\"long text\"",
    ] {
        with(passing, &format!("{good}, {{ sink = \"archive\", records = 2 }}, {{ sink = \"hook\", records = 2 }}"));
    }
    for (lasting, code) in [
        ("\"throttle\"", "throttled"),
        ("{ fault = \"timeout\", at = \"mood\" }", "timed_out"),
        ("\"batch error list\"", "aws_unavailable"),
    ] {
        with(lasting, &format!("{{ item = \"kettle\", failed = \"{code}\", at = \"mood\" }}"));
    }
}

#[test]
fn faults_of_sinks_and_of_the_queue_are_delivered_again_or_dead() {
    let with = |faults: &str, expect: &str| {
        passes(&format!("items = [\"kettle\"]\ntext = \"{BAD}\"\nfaults = [{faults}]\nexpect = [{expect}]"));
    };
    // The archive has the chunk after the first delivery, and does not get it again.
    let down =
        "{ sink = \"archive\", records = 1 }, { sink = \"hook\", items = [] }, { dead_letter = \"post_refused\" }";
    with("{ fault = \"http 500\", at = \"hook\" }", down);
    let once = "{ sink = \"archive\", records = 1 }, { sink = \"hook\", records = 1 }";
    with("{ fault = \"http 500\", at = \"hook\", times = 2 }", once);
    with("{ fault = \"throttle\", at = \"archive\", times = 2 }", once);
    with("{ fault = \"timeout\", at = \"archive\", times = 1 }", once);
    with("\"duplicate delivery\"", once);
    with("\"poison message\"", &format!("{once}, {{ dead_letter = \"message_unreadable\" }}"));
    with(
        "{ fault = \"throttle\", at = \"archive\" }",
        "{ sink = \"archive\", records = 0 }, { dead_letter = \"throttled\" }",
    );
}

#[test]
fn a_long_text_has_5001_bytes_when_the_engine_gets_it() {
    let pipeline = PIPELINE.replace("type = \"comprehend\"", "type = \"comprehend\"\nmax_bytes = 300");
    let test = format!(
        "[[tests]]\nname = \"t\"\nitems = [\"kettle\"]\ntext = \"{GOOD}\"\nfaults = [\"long text\"]\nexpect = []\n"
    );
    // Without a limit of the stage, the real Comprehend would have to be asked twice.
    let project = Project::with(&format!("{pipeline}\n{test}"));
    let ran = project.fanggen(&["test", "--record"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(project.read("pipeline.toml").contains("{ item = \"kettle\", label = \"POSITIVE\" }"));
}

#[test]
fn an_earlier_run_makes_a_change() {
    let pipeline = PIPELINE.replace("when = 'label == \"NEGATIVE\"'", "when = \"changed\"");
    let test = |before: &str, items: &str| {
        let texts = format!("texts = [{{ item = \"kettle\", text = \"{BAD}\" }}]");
        let before = format!("before = [{{ item = \"kettle\", text = \"{before}\" }}]");
        let expect = format!("expect = [{{ sink = \"hook\", items = [{items}] }}]");
        let tests = format!("[[tests]]\nname = \"t\"\nitems = [\"kettle\"]\n{texts}\n{before}\n{expect}\n");
        Project::with(&format!("{pipeline}\n{tests}")).fanggen(&["test"])
    };
    for (before, items) in [(GOOD, "\"kettle\""), (BAD, "")] {
        let ran = test(before, items);
        assert_eq!(ran.code, 0, "{before}: {ran:?}");
    }
}

#[test]
fn a_file_without_tests_is_told_how_to_write_one() {
    let ran = Project::with(PIPELINE).fanggen(&["test"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert_eq!(
        ran.stderr,
        "`pipeline.toml` has no tests. A first one:\n\n[[tests]]\nname = \"good news is positive\"\nitems = [\"Apple\"]\n\
         text = \"Apple profit rises on strong sales\"\nexpect = [{ item = \"Apple\", label = \"POSITIVE\" }]\n\n\
         `fanggen test --record` writes `expect` for a test that has none.\n"
    );
}

#[test]
fn a_filter_chooses_by_name_and_says_what_there_is() {
    let test = |name: &str| {
        let expect = "expect = [{ item = \"kettle\", label = \"POSITIVE\" }]";
        format!("[[tests]]\nname = \"{name}\"\nitems = [\"kettle\"]\ntext = \"{GOOD}\"\n{expect}\n")
    };
    let project = Project::with(&format!("{PIPELINE}\n{}{}", test("One thing"), test("another")));
    let ran = project.fanggen(&["test", "one"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("ok     One thing") && ran.stdout.lines().count() == 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("1 test: 1 passed, 0 failed, 1 left out, in "), "{}", ran.stderr);
    let ran = project.fanggen(&["test", "nothing"]);
    let error = "error: no test has `nothing` in its name; the file has `One thing`, `another`\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (1, error));
}

#[test]
fn a_test_of_a_table_that_is_not_here_asks_for_items() {
    let pipeline = PIPELINE.replace(
        "type = \"inline\"\nitems = [\"kettle\", { name = \"lamp\", url = \"https://example.com/lamp\", labels = { shelf = \"3\" } }]",
        "type = \"dynamodb\"\nexisting = \"things\"",
    );
    let test =
        format!("[[tests]]\nname = \"t\"\ntext = \"{GOOD}\"\nexpect = [{{ sink = \"archive\", records = 1 }}]\n");
    let ran = Project::with(&format!("{pipeline}\n{test}")).fanggen(&["test"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains(
            "error: test `t` could not run: source `items` has no items: the table `things` is not read on this machine; \
             set `items` or `items_file` in another environment, or list `items` in the test (items_missing)\n"
        ),
        "{}",
        ran.stderr
    );
    let test = test.replace("text =", "items = [\"cup\"]\ntext =");
    assert_eq!(Project::with(&format!("{pipeline}\n{test}")).fanggen(&["test"]).code, 0);
}

#[test]
fn recording_writes_expectations_and_keeps_everything_else() {
    let tests = format!(
        r#"
# What people think of kettles.
[[tests]]
name = "new" # no expectations yet
items = ["kettle", "lamp", "chair"]
texts = [{{ item = "kettle", text = "{GOOD}" }}, {{ item = "lamp", text = "{BAD}" }}, {{ item = "chair", text = "A chair." }}]
faults = ["poison message"]

[[tests]]
name = "wrong"
items = ["kettle"]
text = "{BAD}" # bad
expect = [
    # the label
    {{ item = "kettle", label = "POSITIVE" }}, # really?
    {{ sink = "archive", records = 1 }},
    {{ sink = "hook", items = [] }}, # nothing
] # the end

[[tests]]
name = "right"
items = ["kettle"]
text = "{BAD}"
expect = [{{item="kettle",label="NEGATIVE"}}]
"#
    );
    let project = Project::with(&format!("{PIPELINE}{tests}"));
    let ran = project.fanggen(&["test", "--record"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = "recorded 8 expectations of 2 tests in `pipeline.toml`: read them before you commit\n";
    assert!(ran.stderr.ends_with(said), "{}", ran.stderr);
    let recorded = tests
        .replace(
            "faults = [\"poison message\"]\n",
            "faults = [\"poison message\"]
expect = [
    { item = \"kettle\", label = \"POSITIVE\" },
    { item = \"lamp\", label = \"NEGATIVE\" },
    { item = \"chair\", dropped_by = \"bad\" },
    { sink = \"archive\", records = 2 },
    { sink = \"hook\", items = [\"lamp\"], records = 1 },
    { dead_letter = \"message_unreadable\" },
]\n",
        )
        .replace(
            "{ item = \"kettle\", label = \"POSITIVE\" }, # really?",
            "{ item = \"kettle\", label = \"NEGATIVE\" }, # really?",
        )
        .replace("items = [] }, # nothing", "items = [\"kettle\"] }, # nothing");
    assert_eq!(project.read("pipeline.toml"), format!("{PIPELINE}{recorded}"));
    // What was recorded holds, and is not recorded again.
    let ran = project.fanggen(&["test", "--record"]);
    assert_eq!((ran.code, ran.stderr.contains("recorded")), (0, false), "{ran:?}");
    assert_eq!(project.files(".").len(), 1, "no temporary file is left behind");
}

#[test]
fn recording_keeps_line_ends_and_writes_no_list_of_thousands() {
    let text = format!("\u{feff}{PIPELINE}\n[[tests]]\nname = \"t\"\nitems = [\"kettle\"]\ntext = \"{GOOD}\"\n");
    let text = text.replace('\n', "\r\n");
    let project = Project::with(&text);
    assert_eq!(project.fanggen(&["test", "--record"]).code, 0);
    let expect = "expect = [\n    { item = \"kettle\", label = \"POSITIVE\" },\n    { sink = \"archive\", records = 1 },\n    \
                  { sink = \"hook\", items = [], records = 0 },\n]\n";
    assert_eq!(project.read("pipeline.toml"), text + &expect.replace('\n', "\r\n"));
    let items: Vec<String> = (0..101).map(|number| format!("\"item {number}\"")).collect();
    let many = format!("{PIPELINE}\n[[tests]]\nname = \"t\"\nitems = [{}]\ntext = \"{BAD}\"\n", items.join(", "));
    let project = Project::with(&many);
    assert_eq!(project.fanggen(&["test", "--record"]).code, 0);
    let expect = "expect = [\n    { sink = \"archive\", records = 101 },\n    { sink = \"hook\", records = 101 },\n]\n";
    assert_eq!(project.read("pipeline.toml"), many.clone() + expect);
    let wrong = many + "expect = [{ sink = \"hook\", items = [\"item 1\"] }]\n";
    let ran = Project::with(&wrong).fanggen(&["test"]);
    assert!(
        ran.stderr.contains("`item 12`, `item 13`, `item 14`, `item 15`") && ran.stderr.contains(" and 91 more"),
        "{}",
        ran.stderr
    );
}

#[cfg(unix)]
#[test]
fn recording_into_a_file_that_cannot_be_replaced_loses_nothing() {
    use fanggen::pipeline_tests::record::{TestEdit, write};

    let project = Project::with(PIPELINE);
    let path = project.path().join("pipeline.toml");
    let edit = |name| [TestEdit { name, recorded: Vec::new(), unmet: Vec::new() }];
    let changed = write(&path, "[[tests]]\nname = \"t\"\n", &edit("t")).expect_err("another text");
    let again = "was changed in the meantime, so nothing was written: run the command again";
    assert_eq!(changed.to_string(), format!("`{}` {again}", path.display()));
    let unknown = write(&path, PIPELINE, &edit("t")).expect_err("no tests");
    let why = "cannot be edited, so nothing was recorded: it has no tests";
    assert_eq!(unknown.to_string(), format!("`{}` {why}", path.display()));
    let gone = project.path().join("gone.toml");
    let missing = write(&gone, "tests = [{ name = \"t\" }]\n", &edit("t")).expect_err("no file");
    assert!(missing.to_string().contains("cannot be written, so nothing was changed: No such file"), "{missing}");
    assert_eq!(project.read("pipeline.toml"), PIPELINE);
}

#[test]
fn coverage_lists_what_no_test_reaches() {
    let test = format!(
        "[[tests]]\nname = \"t\"\nitems = [\"kettle\"]\ntext = \"{BAD}\"\nexpect = [{{ sink = \"hook\", records = 1 }}]\n"
    );
    let project = Project::with(&format!("{PIPELINE}\n{test}"));
    let ran = project.fanggen(&["test", "--coverage"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in [
        "  condition of `bad`: `label != \"NEUTRAL\"` is false",
        "  condition of `hook`: `label == \"NEGATIVE\"` is false",
        "  failures of `mood`: answer_unreadable, aws_unavailable, language_unknown, language_unsupported, rate_limited, text_empty, text_refused, throttled, timed_out",
    ] {
        assert!(ran.stderr.lines().any(|said| said == line), "{line}\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("` is true") && !ran.stderr.contains("  stage `"), "{}", ran.stderr);
    let unreached = project.fanggen(&["test", "--coverage", "--json"]).json()["unreached"].clone();
    let first = serde_json::json!({
        "kind": "condition", "component": "bad", "when": "label != \"NEUTRAL\"", "never": false,
    });
    assert_eq!(unreached[0], first);
    // A record that fails in the first stage reaches no other.
    let failing = test.replace("expect", "faults = [\"http 404\"]\nexpect").replace("records = 1", "records = 0");
    let ran = Project::with(&format!("{PIPELINE}\n{failing}")).fanggen(&["test", "--coverage"]);
    assert!(ran.stderr.contains("  stage `mood`\n  stage `bad`\n"), "{}", ran.stderr);
}

#[test]
fn the_report_for_ci_is_valid_junit() {
    let test = |name: &str, label: &str| {
        let expect = format!("expect = [{{ item = \"kettle\", label = \"{label}\" }}]");
        format!("[[tests]]\nname = \"{name}\"\nitems = [\"kettle\"]\ntext = \"{GOOD}\"\n{expect}\n")
    };
    let odd = "<a & \\\"b\\\"> \u{1f600}";
    let project = Project::with(&format!("{PIPELINE}\n{}{}", test("good", "POSITIVE"), test(odd, "NEGATIVE")));
    let ran = project.fanggen(&["test", "--junit", "report.xml"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let read = "import sys, junitparser
for suite in junitparser.JUnitXml.fromfile(sys.argv[1]):
    print(suite.name, suite.tests, suite.failures, suite.errors)
    for case in suite:
        print(case.name, case.classname, [(one.message, one.text) for one in case.result])";
    let output =
        Command::new(tools::junit_python()).args(["-c", read, "report.xml"]).current_dir(project.path()).output();
    let output: ProcessOutput = output.expect("Python starts").into();
    assert_eq!(output.stderr, "");
    assert_eq!(
        output.stdout,
        "shop 2 1 0\ngood dev []\n<a & \"b\"> \u{1f600} dev [('expected NEGATIVE, found POSITIVE', \
         '`kettle` is POSITIVE, polarity +0.784 by lexicon (for comprehend)')]\n"
    );
    let ran = project.fanggen(&["test", "--junit", "no/such/folder/report.xml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("error: `no/such/folder/report.xml` cannot be written: No such file"),
        "{}",
        ran.stderr
    );
}

#[test]
fn tests_change_nothing_that_is_rendered() {
    let render = |text: &str| {
        let project = Project::with(text);
        let ran = project.fanggen(&["render"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let files = project.files("generated");
        files.iter().map(|file| fs::read(file).expect("a file")).collect::<Vec<_>>()
    };
    let test = format!("\n[[tests]]\nname = \"t\"\nitems = [\"kettle\"]\ntext = \"{GOOD}\"\nexpect = []\n");
    assert_eq!(render(PIPELINE), render(&format!("{PIPELINE}{test}")));
}
