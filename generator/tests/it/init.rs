//! `fanggen init`: each template runs at once, and nothing that is there already is touched.

use fanggen::init::TEMPLATES;

use crate::harness::project::Project;
#[cfg(unix)]
use crate::harness::terminal::at_a_terminal;

#[test]
fn every_template_is_valid_runs_passes_its_tests_and_renders() {
    for template in TEMPLATES {
        let project = Project::empty();
        let name = template.name;
        let created = project.fanggen(&["init", "--template", name, "--name", "own", "--contact", "me@example.com"]);
        assert_eq!(created.code, 0, "{name}: {created:?}");
        assert!(!created.stderr.contains("warning"), "{name}: {}", created.stderr);
        for command in [&["validate"][..], &["run"], &["render"], &["render", "--check"], &["plan", "--offline"]] {
            let ran = project.fanggen(command);
            assert_eq!(ran.code, 0, "{name}, {command:?}: {ran:?}");
            assert!(!ran.stderr.contains("warning"), "{name}, {command:?}: {}", ran.stderr);
        }
        let tested = project.fanggen(&["test", "--json"]);
        assert_eq!(tested.code, 0, "{name}: {tested:?}");
        assert!(tested.json()["tests"].as_array().is_some_and(|tests| !tests.is_empty()), "{}", tested.stdout);
        assert!(project.read(".gitignore").lines().any(|line| line == ".fanggen/"));
        assert!(project.read("pipeline.toml").starts_with("#:schema generated/pipeline.schema.json\n"), "{name}");
        assert!(project.read("pipeline.toml").contains("name = \"own\"\n"), "{name}");
    }
}

#[test]
fn items_of_the_user_take_the_place_of_the_samples() {
    let odd = "Hell \"Energy\" 🚗 O'Neil \\ é";
    for template in ["companies", "press"] {
        let project = Project::empty();
        let arguments = [
            "init",
            "cars",
            "-t",
            template,
            "-i",
            "Toyota",
            "feed=https://example.com/t.xml",
            "-i",
            odd,
            "labels.team=a",
        ];
        let created =
            project.fanggen(&[&arguments[..], &["--region", "eu-central-1", "--contact", "me@example.com"]].concat());
        assert_eq!(created.code, 0, "{created:?}");
        assert!(created.stderr.contains("created pipeline `cars` from template"), "{}", created.stderr);
        let file: toml::Table = project.read("cars/pipeline.toml").parse().expect("TOML");
        let items = &file["sources"]["companies"]["items"];
        assert_eq!(items[0]["name"].as_str(), Some("Toyota"));
        assert_eq!((items[1]["name"].as_str(), items[1]["labels"]["team"].as_str()), (Some(odd), Some("a")));
        assert_eq!(file["aws"]["region"].as_str(), Some("eu-central-1"));
        let run = |arguments: &[&str]| project.fanggen(&[&["-f", "cars/pipeline.toml"], arguments].concat());
        let ran = run(&["run", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(run(&["test"]).code, 0, "{:?}", run(&["test"]));
    }
}

#[test]
fn items_come_from_a_file_too_but_not_too_many() {
    let project = Project::empty();
    project.write("companies.csv", "name,title\nApple,Apple Inc.\nSAP,\nApple,Apple Inc.\n");
    let created = project.fanggen(&["init", "a", "-t", "companies", "--from", "companies.csv"]);
    assert_eq!(created.code, 0, "{created:?}");
    let toml = project.read("a/pipeline.toml");
    assert!(toml.contains("items = [\n    { name = \"Apple\", title = \"Apple Inc.\" },\n    \"SAP\",\n]"), "{toml}");
    let many: String = (0..201).map(|number| format!("company {number}\n")).collect();
    project.write("many.txt", &many);
    let refused = project.fanggen(&["init", "b", "-t", "companies", "--from", "many.txt"]);
    assert!(refused.code == 1 && refused.stderr.contains("201 items are too many"), "{refused:?}");
    for (name, text) in [("none.txt", ""), ("none.csv", "name,title\n"), ("none.jsonl", "\n")] {
        project.write(name, text);
        let refused = project.fanggen(&["init", "b", "-t", "companies", "--from", name]);
        assert!(refused.code == 1 && refused.stderr.contains(name), "{refused:?}");
    }
    project.write("array.json", "[{\"name\": \"A\"},\n{\"name\": \"B\"}]");
    let refused = project.fanggen(&["init", "b", "-t", "companies", "--from", "array.json"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("it is a JSON array; write one object per line"),
        "{refused:?}"
    );
    project.write("bad.csv", "name,feed\nApple,ftp://x\n");
    let refused = project.fanggen(&["init", "b", "-t", "press", "--from", "bad.csv"]);
    assert!(refused.code == 1 && refused.stderr.contains("bad.csv:2: the feed `ftp://x`"), "{refused:?}");
    assert!(project.files("b").is_empty());
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_written() {
    let project = Project::with("mine");
    project.write("data/texts.jsonl", "mine");
    project.write("data/.gitignore", "target");
    let cases: [(&[&str], &str); 6] = [
        (&[], "`pipeline.toml` already exists, so nothing was written: choose another folder"),
        (&["data", "-t", "companies"], "`data/texts.jsonl` already exists"),
        (&["new", "-t", "reviews", "-i", "x"], "template `reviews` reads its items from `reviews.csv`"),
        (&["new", "-t", "blank", "-i", "x"], "template `blank` does not take `--item` or `--from`"),
        (&["new", "-t", "companies", "-i", "x", "team=a", "--contact", "a\u{7}b"], "error[E0"),
        (&["-f", "other.toml"], "`init` always writes `pipeline.toml`: leave out `--file`"),
    ];
    for (arguments, message) in cases {
        let ran = project.fanggen(&[&["init"], arguments].concat());
        assert!(ran.code == 1 && ran.stderr.contains(message), "{arguments:?}: {ran:?}");
    }
    for (arguments, message) in [
        (["--name", "A b"], ": expected a lower-case letter"),
        (["--region", "x"], "such as `us-east-1`"),
        (["-t", "x"], "possible values: companies, press"),
    ] {
        let ran = project.fanggen(&[&["init", "new"][..], &arguments].concat());
        assert!(ran.code == 2 && ran.stderr.contains(message), "{arguments:?}: {ran:?}");
    }
    assert_eq!(project.files("").len(), 3, "{:?}", project.files(""));
    assert_eq!((project.read("pipeline.toml").as_str(), project.read("data/texts.jsonl").as_str()), ("mine", "mine"));
    project.write("blocked/generated", "a file");
    let ran = project.fanggen(&["init", "blocked", "-t", "companies"]);
    assert!(ran.code == 1 && ran.stderr.contains("blocked/generated"), "{ran:?}");
    assert_eq!(project.files("blocked").len(), 1, "what was written is removed again");
    let beside = project.fanggen(&["init", "data", "-t", "reviews"]);
    assert_eq!(beside.code, 0, "{beside:?}");
    assert!(project.read("data/.gitignore").starts_with("target\n"), "{}", project.read("data/.gitignore"));
}

#[test]
fn without_a_terminal_it_asks_nothing_and_json_says_what_was_written() {
    let project = Project::empty();
    let ran = project.fanggen(&["init", "My Companies", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let json = ran.json();
    assert_eq!((json["name"].as_str(), json["template"].as_str()), (Some("my-companies"), Some("companies")));
    assert_eq!(json["files"].as_array().map(Vec::len), Some(4), "{json}");
    assert!(ran.stderr.contains("\n  cd 'My Companies'\n"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn on_a_terminal_it_asks_for_what_is_not_given() {
    use std::process::Command;

    let project = Project::empty();
    let typed = |arguments: &[&str], answers: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
        command
            .arg("init")
            .args(arguments)
            .current_dir(project.path())
            .env("TERM", "xterm")
            .env("PATH", "/usr/bin:/bin");
        at_a_terminal(&command, answers)
    };
    let (code, shown) = typed(&["asked"], "\n\nme@example.com\nApple, SAP, Apple");
    assert_eq!(code, 0, "{shown}");
    let toml = project.read("asked/pipeline.toml");
    assert!(
        toml.contains("contact = \"me@example.com\"") && toml.contains("items = [\n    \"Apple\",\n    \"SAP\",\n]"),
        "{toml}"
    );
    let (code, shown) =
        typed(&["named", "-t", "press", "-n", "named", "--contact", "me@example.com", "-i", "Lego"], "");
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains('?'), "nothing left to ask: {shown}");
    let (code, shown) = typed(&["other"], "nope\ntickets\n\n");
    assert!(code == 0 && shown.contains("expected `companies`, `press`"), "{code}: {shown}");
    assert!(
        project.read("other/pipeline.toml").contains("name = \"other\""),
        "no contact is asked of a pipeline without requests"
    );
    let (code, shown) = typed(&["json", "--json"], "");
    assert!(code == 0 && !shown.contains("Template"), "{shown}");
}
