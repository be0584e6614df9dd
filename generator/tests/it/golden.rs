//! Golden cases: every pipeline of `tests/pipelines/` renders to its accepted files, and the linter accepts them, too.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it golden` accepts what is rendered now; with `CI` set nothing is ever written.

use crate::harness::rendered;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rendered::{CASES, RenderedProject, cases, decoded, good, lint};
use serde_json::{Value, json};
use similar::TextDiff;

#[test]
fn every_case_renders_as_accepted() {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0" && value != "false");
    let accept = set("UPDATE_SNAPSHOTS") && !set("CI");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut differences = String::new();
    for (name, project) in cases() {
        let folder = root.join(&name);
        // Schema and Makefile are the same for all but for names: those of the root are checked to be fresh, and the
        // Makefile has tests of its own.
        let is_own = |path: &str| !["pipeline.schema.json", "Makefile"].contains(&path);
        let now: BTreeMap<_, _> = project.render().files().into_iter().filter(|(path, _)| is_own(path)).collect();
        if accept {
            let _ = fs::remove_dir_all(&folder);
            for (path, text) in &now {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a golden file");
            }
        }
        let mut golden: BTreeMap<String, String> = BTreeMap::new();
        for path in rendered::files(&folder) {
            let name = path.strip_prefix(&folder).expect("inside").to_string_lossy().into_owned();
            golden.insert(name, fs::read_to_string(path).expect("a text"));
        }
        let paths: std::collections::BTreeSet<_> = now.keys().chain(golden.keys()).collect();
        for path in paths {
            let side = |side: &BTreeMap<String, String>| side.get(path).cloned().unwrap_or_default();
            let (golden, now) = (side(&golden), side(&now));
            if golden != now {
                let diff = TextDiff::from_lines(&golden, &now).unified_diff().context_radius(2).to_string();
                let _ = writeln!(differences, "{name}/{path}\n{diff}");
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{differences}\nwhere this is meant: UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it golden"
    );
    let gone = fs::read_dir(&root)
        .expect("golden files")
        .flatten()
        .filter(|entry| !Path::new(CASES).join(entry.file_name()).with_extension("toml").is_file());
    let gone: Vec<_> = gone.map(|entry| entry.path()).collect();
    assert!(gone.is_empty(), "without a pipeline: {gone:?}");
}

#[test]
fn the_linter_accepts_all_that_is_rendered() {
    let cases = cases();
    let mut templates: Vec<PathBuf> = cases.iter().flat_map(|(_, project)| project.render().templates()).collect();
    let out = tempfile::tempdir().expect("a folder");
    templates.extend(rendered::own_templates(out.path()));
    lint(&templates, &["--include-checks", "I"]);
}

#[test]
fn a_template_says_what_the_plan_says() {
    for (name, project) in cases() {
        let templates = project.render().templates();
        for (path, template) in templates.iter().zip(decoded(&templates)) {
            let environment = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
            let whose = format!("{name}/{environment}");
            let plan = good(&project.fanggen(&["plan", "--offline", "--json", "--env", &environment]));
            let plan: Value = serde_json::from_str(&plan).expect("JSON");
            assert_eq!(template["Description"], plan["description"], "{whose}");
            let resources = &template["Resources"];
            let listed: Value =
                serde_json::from_str(&project.read(&format!("generated/{environment}/plan.json"))).expect("JSON");
            let kinds = |of: &Value, key: &str| -> BTreeMap<String, Value> {
                of.as_object().into_iter().flatten().map(|(id, one)| (id.clone(), one[key].clone())).collect()
            };
            assert_eq!(kinds(resources, "Type"), kinds(&listed["resources"], "type"), "{whose}");
            let schedule = &resources["Schedule"]["Properties"];
            assert_eq!(schedule["Target"]["Input"], plan["schedule"]["input"], "{whose}");
            assert_eq!(schedule["ScheduleExpression"], plan["schedule"]["expression"], "{whose}");
            assert_eq!(schedule["ScheduleExpressionTimezone"], plan["schedule"]["timezone"], "{whose}");
            for function in list(&plan["functions"]) {
                let rendered = &resources[word(&function["id"])]["Properties"];
                let told: serde_json::Map<String, Value> = list(&function["variables"])
                    .iter()
                    .map(|variable| (word(&variable["name"]).to_owned(), variable["value"].clone()))
                    .collect();
                assert_eq!(rendered["Environment"]["Variables"], json!(told), "{whose}");
            }
            for role in list(&plan["roles"]) {
                let document = &resources[word(&role["id"])]["Properties"]["Policies"][0]["PolicyDocument"];
                let statements = list(&document["Statement"]);
                assert_eq!(statements.len(), list(&role["statements"]).len(), "{whose}");
                for (rendered, planned) in statements.iter().zip(list(&role["statements"])) {
                    assert_eq!(rendered["Action"], planned["actions"], "{whose}");
                    assert_eq!(rendered["Resource"], planned["resources"], "{whose}");
                    let none = json!({});
                    assert_eq!(rendered.get("Condition").unwrap_or(&none), &planned["conditions"], "{whose}");
                }
            }
            for table in list(&plan["tables"]) {
                let rendered = &resources[word(&table["id"])]["Properties"];
                assert_eq!(rendered["KeySchema"][0]["AttributeName"], table["partition"], "{whose}");
                assert_eq!(rendered["AttributeDefinitions"][0]["AttributeName"], table["partition"], "{whose}");
            }
        }
    }
}

/// The input of a schedule, as CloudFormation fills it in where the environment is not ready.
fn schedule_input(schedule: &Value) -> String {
    let input = &schedule["Properties"]["Target"]["Input"];
    match input.as_str() {
        Some(text) => text.to_owned(),
        None => {
            word(&input["Fn::Sub"][0]).replace("${Ready}", "").replace("${Rest}", word(&input["Fn::Sub"][1]["Rest"]))
        }
    }
}

#[test]
fn unusual_texts_are_rendered_unchanged() {
    let (_, project) = cases().into_iter().find(|(name, _)| name == "odd_texts").expect("the case");
    let file: Value = toml::from_str(&project.read("pipeline.toml")).expect("TOML");
    for template in decoded(&project.render().templates()) {
        assert_eq!(template["Description"], file["pipeline"]["description"]);
        let resources = &template["Resources"];
        let variables = &resources["ProducerFunction"]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["FANG_CONTACT"], file["pipeline"]["contact"]);
        let source: Value = serde_json::from_str(word(&variables["FANG_SOURCE_0"])).expect("JSON");
        for key in ["path", "key", "columns"] {
            assert_eq!(source[key], file["sources"]["a"][key]);
        }
        // The Scheduler looks for its own words in the input as text: only the scheduled time is there.
        let input = &schedule_input(&resources["Schedule"]);
        assert_eq!(input.matches("<aws.scheduler.").count(), 1, "{input}");
        let input: Value = serde_json::from_str(input).expect("JSON");
        let (items, written) = (list(&input["given"]["b"]["items"]), list(&file["sources"]["b"]["items"]));
        assert_eq!(items[..items.len() - 1], written[..written.len() - 1]);
        let (row, labels) = (&items[items.len() - 1], &written[written.len() - 1]["labels"]);
        assert_eq!(row["text"], written[written.len() - 1]["text"]);
        assert_eq!((&row["a: b"], &row[""]), (&labels["a: b"], &labels[""]));
        let keys = &resources["CTable"]["Properties"]["KeySchema"];
        assert_eq!(keys[0]["AttributeName"], file["sources"]["c"]["key"]);
    }
}

/// A pipeline whose stack has 495 resources, and one more for each table.
fn crowded(tables: usize) -> RenderedProject {
    let mut file = String::from(
        "[pipeline]\nname = \"crowd\"\n[sources.a]\ntype = \"inline\"\nitems = [\"x\"]\n[sinks.b]\ntype = \"s3\"\n\
         [[stages]]\nname = \"text\"\ntype = \"text\"\nisolate = true\n",
    );
    for stage in 1..60 {
        let _ = writeln!(file, "[[stages]]\nname = \"s{stage}\"\ntype = \"lexicon\"\nisolate = true");
    }
    for table in 0..tables {
        let _ = writeln!(file, "[sinks.t{table}]\ntype = \"dynamodb\"");
    }
    RenderedProject::of(&file)
}

#[test]
fn a_stack_of_500_resources_is_rendered_and_one_of_501_refused() {
    let full = crowded(5);
    let templates = full.render().templates();
    assert_eq!(decoded(&templates)[0]["Resources"].as_object().map(serde_json::Map::len), Some(500));
    // What the diff reads from the metadata must leave room: CloudFormation reads 1 MB at most from S3
    // (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
    let bytes = fs::metadata(&templates[0]).expect("a file").len();
    assert!(bytes < 700_000, "{bytes} bytes");
    // Informational rules say that a limit is near, which is the point here.
    lint(&templates, &[]);
    let over = crowded(6).fanggen(&["render"]);
    let said = String::from_utf8_lossy(&over.stderr);
    assert_eq!(over.status.code(), Some(1));
    assert!(said.contains("error[E063]") && said.contains("501 resources"), "{said}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
