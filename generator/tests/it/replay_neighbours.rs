//! What a replay leaves alone: work that was done before texts were split, rows of other sources, and the archive that has all
//! runs while a new sink has but few.

use serde_json::Value;

use crate::harness::project::Project;

const HEAD: &str = "[pipeline]\nname = \"shop\"\n";

/// A pipeline that has run so many times.
fn run(toml: &str, times: usize) -> Project {
    let project = Project::with(toml);
    project.write("other.csv", "name,text\nBeta,a wonderful thing\n");
    for _ in 0..times {
        let ran = project.fanggen(&["run"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    project
}

/// All records that `results` shows of a sink.
fn records(project: &Project, sink: &str) -> Vec<Value> {
    let ran = project.fanggen(&["results", "--since", "all", "--sink", sink, "--json"]);
    ran.json().as_array().expect("a list").clone()
}

#[test]
fn a_language_that_was_detected_before_a_split_stays() {
    let toml = format!(
        "{HEAD}[sources.reviews]\ntype = \"inline\"\nitems = [{{ name = \"Long\", text = \"This is a wonderful and excellent \
         product and I am really happy with it. Ok. No.\" }}]\n[[stages]]\nname = \"text\"\ntype = \"text\"\n[[stages]]\nname = \
         \"tongue\"\ntype = \"language\"\n[[stages]]\nname = \"parts\"\ntype = \"split\"\n[[stages]]\nname = \"words\"\ntype = \
         \"lexicon\"\n[sinks.files]\ntype = \"jsonl\"\n"
    );
    let project = run(&toml, 1);
    let before = records(&project, "files");
    assert!(before.len() > 1, "{before:?}");
    let again = project.fanggen(&["replay", "--since", "all", "--yes"]);
    assert!(again.code == 0 && again.stderr.contains("no result changed"), "{again:?}");
    assert_eq!(records(&project, "files"), before);
    project.write("pipeline.toml", &toml.replace("\"lexicon\"", "\"headlines\""));
    assert_eq!(project.fanggen(&["replay", "--since", "all", "--yes"]).code, 0);
    let after = records(&project, "files");
    assert!(after.iter().all(|record| record["failure"].is_null()), "{after:?}");
    assert!(
        after.iter().all(|record| record["findings"][0]["stage"] == "tongue"),
        "what was detected stays: {after:?}"
    );
    assert!(after.iter().all(|record| record["findings"][1]["engine"] == "headlines"), "{after:?}");
}

#[test]
fn an_item_of_the_same_name_in_another_source_keeps_its_row() {
    let toml = format!(
        "{HEAD}[sources.a]\ntype = \"inline\"\nitems = [{{ name = \"Beta\", text = \"a horrible thing\" }}]\n[sources.b]\ntype = \
         \"file\"\npath = \"other.csv\"\n[[stages]]\nname = \"text\"\ntype = \"text\"\nlanguage = \"en\"\n[[stages]]\nname = \
         \"words\"\ntype = \"lexicon\"\n[sinks.files]\ntype = \"jsonl\"\n[sinks.latest]\ntype = \"dynamodb\"\n"
    );
    let project = run(&toml, 1);
    let rows = || {
        let text = project.read(".fanggen/shop/dev/latest/rows.jsonl");
        let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let before = rows();
    assert_eq!(before.len(), 2, "{before:?}");
    let again = project.fanggen(&["replay", "--since", "all", "--yes"]);
    assert!(again.code == 0 && again.stderr.contains("no result changed"), "{again:?}");
    assert_eq!(rows(), before);
}

#[test]
fn a_sink_that_was_added_later_does_not_hide_the_archive() {
    let toml = format!(
        "{HEAD}[sources.a]\ntype = \"inline\"\nitems = [{{ name = \"Beta\", text = \"Profit warning: shares slump.\" }}]\n\
         [[stages]]\nname = \"text\"\ntype = \"text\"\nlanguage = \"en\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n\
         [sinks.store]\ntype = \"s3\"\n"
    );
    let project = run(&toml, 3);
    let more = toml.replace("\"lexicon\"", "\"headlines\"") + "[sinks.copy]\ntype = \"jsonl\"\n";
    project.write("pipeline.toml", &more);
    // As if the replay of the other runs had been killed.
    let newest = records(&project, "store")[0]["run"].as_str().expect("a run").to_owned();
    assert_eq!(project.fanggen(&["replay", "--run", &newest, "--yes"]).code, 0);
    assert_eq!(records(&project, "copy").len(), 1);
    let rest = project.fanggen(&["replay", "--since", "all", "--yes"]);
    assert!(rest.code == 0 && rest.stderr.contains("3 texts of 3 runs"), "{rest:?}");
    for sink in ["store", "copy"] {
        let all = records(&project, sink);
        assert!(all.len() == 3 && all.iter().all(|record| record["findings"][0]["engine"] == "headlines"), "{all:?}");
    }
}
