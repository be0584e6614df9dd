//! `fanggen add` and `fanggen components`: every type can be added where it belongs, and nothing else in the file changes.

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;

use crate::harness::project::Project;

/// A file with comments in many places.
const TOML: &str = "# what the press says\n[pipeline] # head\nname = \"press\"\ncontact = \"me@example.com\"\n\n\
                    [sources.companies]\ntype = \"inline\"\nitems = [\n    \"SAP\", # software\n    \"Siemens\",\n]\n\n\
                    # where texts come from\n[[stages]]\nname = \"page\"\ntype = \"wikipedia\"\n\n\
                    # what is judged\n[[stages]]\nname = \"mood\" # a name\ntype = \"lexicon\"\n\n\
                    [sinks.archive]\ntype = \"s3\" # gzip\n\n# the end\n[local]\ntexts = \"texts.jsonl\"\n# last words\n";

fn project(toml: &str) -> Project {
    let project = Project::with(toml);
    project.write("texts.jsonl", "{\"item\":\"SAP\",\"text\":\"good\"}\n{\"item\":\"Siemens\",\"text\":\"bad\"}\n");
    project.write("reviews.csv", "name,id,review\nLego,1,good\n");
    project
}

/// The lines of one text that are not in the other, which otherwise has the same lines in the same order.
fn added(before: &str, after: &str) -> String {
    let mut before = before.lines().peekable();
    let new: Vec<&str> = after.lines().filter(|line| before.next_if_eq(line).is_none()).collect();
    assert_eq!(before.next(), None, "a line is gone:\n{after}");
    new.join("\n").trim().to_owned()
}

/// The names of the stages of a file, in order.
fn stages(text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().expect("TOML");
    let stages = table["stages"].as_array().expect("a list");
    stages.iter().map(|stage| stage["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn every_type_can_be_added_and_the_rest_of_the_file_stays() {
    for kind in registry::all() {
        let project = project(TOML);
        let (role, name) = (kind.card.role.as_str(), kind.card.name);
        let ran = project.fanggen(&["add", role, name]);
        assert_eq!(ran.code, 0, "{role} {name}: {ran:?}");
        let text = project.read("pipeline.toml");
        let new = added(TOML, &text);
        assert!(new.contains(&format!("type = \"{name}\"")), "{new}");
        let validated = project.fanggen(&["validate"]);
        assert_eq!(validated.code, 0, "{text}\n{validated:?}");
    }
}

#[test]
fn a_stage_goes_where_its_type_belongs_or_where_it_is_told() {
    let order = |arguments: &[&str]| {
        let project = project(TOML);
        let ran = project.fanggen(&[&["add", "stage"], arguments].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        stages(&project.read("pipeline.toml"))
    };
    assert_eq!(order(&["language"]), ["page", "language", "mood"], "before what analyses");
    assert_eq!(order(&["http"])[2], "mood", "texts come first");
    assert_eq!(order(&["filter"]), ["page", "mood", "bad"], "filters come last");
    assert_eq!(order(&["headlines"]), ["page", "mood", "sentiment"]);
    assert_eq!(
        order(&["http", "--name", "x", "-s", "url=https://example.com/{key}", "--before", "page"]),
        ["x", "page", "mood"]
    );
    assert_eq!(order(&["filter", "--after", "page", "-s", "when=language == \"en\""]), ["page", "bad", "mood"]);
}

#[test]
fn settings_are_toml_or_text() {
    let project = project(TOML);
    let ran = project.fanggen(&[
        "add",
        "source",
        "file",
        "-n",
        "more",
        "-s",
        "path=reviews.csv",
        "--set",
        "columns.text=review",
        "-s",
        "key = id",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let new = added(TOML, &project.read("pipeline.toml"));
    assert_eq!(
        new,
        "\n[sources.more]\ntype = \"file\"\npath = \"reviews.csv\"\ncolumns.text = \"review\"\nkey = \"id\""
            .trim_start()
    );
    assert!(!ran.stderr.contains("example"), "{}", ran.stderr);
    let ran = project.fanggen(&["add", "stage", "comprehend", "-s", "detect=[\"sentiment\", \"entities\"]"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(project.read("pipeline.toml").contains("detect = [\"sentiment\", \"entities\"]"));
}

#[test]
fn files_are_edited_in_the_style_they_are_written_in() {
    let windows = TOML.replace('\n', "\r\n");
    let project_of_windows = project(&windows);
    assert_eq!(project_of_windows.fanggen(&["add", "sink", "csv"]).code, 0);
    let text = project_of_windows.read("pipeline.toml");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");

    let inline = "stages = [{ name = \"page\", type = \"wikipedia\" }, { name = \"mood\", type = \"lexicon\" }]\n\
                  sinks = { archive = { type = \"s3\" } }\n[pipeline]\nname = \"p\"\ncontact = \"a@example.com\"\n\
                  [sources.x]\ntype = \"inline\"\nitems = [\"a\"]\n";
    let project_inline = project(inline);
    assert_eq!(project_inline.fanggen(&["add", "stage", "language"]).code, 0);
    assert_eq!(project_inline.fanggen(&["add", "sink", "csv"]).code, 0);
    let text = project_inline.read("pipeline.toml");
    assert_eq!(stages(&text), ["page", "language", "mood"]);
    assert!(text.contains("sinks = { archive = { type = \"s3\" }, sheet = { type = \"csv\" } }"), "{text}");

    let dotted =
        format!("sinks.archive.type = \"s3\"\n{}", TOML.replace("[sinks.archive]\ntype = \"s3\" # gzip\n", ""));
    let project_dotted = project(&dotted);
    let ran = project_dotted.fanggen(&["add", "sink", "csv"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(project_dotted.fanggen(&["validate"]).code, 0, "{}", project_dotted.read("pipeline.toml"));
}

#[test]
fn comments_stay_with_what_they_are_about() {
    let edited = |toml: &str, arguments: &[&str]| {
        let project = project(toml);
        let ran = project.fanggen(&[&["add"], arguments].concat());
        assert_eq!(ran.code, 0, "{toml}\n{ran:?}");
        assert_eq!(project.fanggen(&["validate"]).code, 0, "{}", project.read("pipeline.toml"));
        project.read("pipeline.toml")
    };
    // Below a component, up to an empty line, and right above the next one.
    let toml = TOML.replace("type = \"lexicon\"\n", "type = \"lexicon\"\n# isolate = true\n");
    let text = edited(&toml, &["stage", "filter"]);
    assert!(text.contains("type = \"lexicon\"\n# isolate = true\n\n[[stages]]\nname = \"bad\"\n"), "{text}");
    let text = edited(TOML, &["stage", "language"]);
    assert!(text.contains("type = \"language\"\n\n# what is judged\n[[stages]]\nname = \"mood\""), "{text}");
    // Sections that stand apart, so that a position is not that of the table before.
    let apart = format!("{TOML}\n[sources.more]\ntype = \"inline\"\nitems = [\"x\"]\n");
    let text =
        edited(&apart, &["stage", "http", "-n", "first", "-s", "url=https://example.com/{key}", "--before", "page"]);
    assert_eq!(stages(&text), ["first", "page", "mood"]);
    let text = edited(&apart, &["source", "inline"]);
    assert!(text.ends_with("items = [\"x\"]\n\n[sources.brands]\ntype = \"inline\"\nitems = [\"Lego\", { name = \"Miele\", language = \"de\" }]\n"), "{text}");

    const HEAD: &str = "[pipeline]\nname = \"p\"\ncontact = \"a@example.com\"\n[sources.x]\ntype = \"inline\"\nitems = [\"a\"]\n\
                        [sinks.archive]\ntype = \"s3\"\n";
    let list = |list: &str| format!("stages = {list}\n{HEAD}");
    let (page, mood) = ("{ name = \"page\", type = \"wikipedia\" }", "{ name = \"mood\", type = \"lexicon\" }");
    let (language, bad) =
        ("{ name = \"language\", type = \"language\" }", "{ name = \"bad\", type = \"filter\", when =");
    let many = list(&format!("[ # first\n\t{page}, # of page\n\t# before mood\n\t{mood} # of mood\n\t# last\n]"));
    let text = edited(&many, &["stage", "language"]);
    assert!(
        text.contains(&format!("{page}, # of page\n\t# before mood\n\t{language},\n\t{mood} # of mood\n")),
        "{text}"
    );
    let text = edited(&many, &["stage", "filter"]);
    assert!(text.contains(&format!("\n\t{mood}, # of mood\n\t{bad}")) && text.contains("\n\t# last\n]"), "{text}");
    for toml in [
        list(&format!("[{page}, {mood}]")),
        list(&format!("[{page}, {mood},]")),
        list(&format!("[\r\n  {page},\r\n  {mood},\r\n]")),
        list(&format!("[\n  {page}\n  , {mood}\n]")),
        list(&format!("[\n  {page}, {mood}]")),
        list(&format!("[{page},\n{mood}]")),
    ] {
        assert_eq!(stages(&edited(&toml, &["stage", "filter"])), ["page", "mood", "bad"], "{toml}");
        assert_eq!(stages(&edited(&toml, &["stage", "language"])), ["page", "language", "mood"], "{toml}");
    }
    // Only what is added is new, whatever the line ends.
    let mixed = TOML.replacen('\n', "\r\n", 8);
    let text = edited(&mixed, &["stage", "language"]);
    assert_eq!(added(&mixed, &text), "[[stages]]\nname = \"language\"\ntype = \"language\"");
    assert_eq!(text.matches("\r\n").count(), 8, "{text:?}");
    let text = edited(&format!("\u{feff}{TOML}").replace("\n# last words\n", ""), &["sink", "csv"]);
    assert!(text.starts_with('\u{feff}'), "{text:?}");
}

#[test]
fn the_first_of_a_role_can_be_added_and_what_is_wrong_elsewhere_is_told() {
    let without = TOML.replace("[sinks.archive]\ntype = \"s3\" # gzip\n\n", "");
    let project_without = project(&without);
    let ran = project_without.fanggen(&["add", "sink", "s3"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(project_without.fanggen(&["validate"]).code, 0, "{}", project_without.read("pipeline.toml"));
    let empty = project("[pipeline]\nname = \"p\"\n");
    for (arguments, left) in [(["source", "inline"], "2 errors"), (["stage", "wikipedia"], "1 error")] {
        let ran = empty.fanggen(&[&["add"][..], &arguments].concat());
        assert!(
            ran.code == 0 && ran.stderr.contains(&format!("the file still has {left}: run `fanggen validate`")),
            "{ran:?}"
        );
    }
    assert_eq!(empty.fanggen(&["add", "sink", "s3"]).code, 0);
    assert_eq!(empty.fanggen(&["validate"]).code, 0, "{}", empty.read("pipeline.toml"));
    // A warning that comes with what was added.
    let ran = project(TOML).fanggen(&["add", "sink", "csv"]);
    assert!(ran.code == 0 && ran.stderr.contains("warning[W103]"), "{ran:?}");
    assert!(!ran.stderr.contains("W108"), "old warnings are not repeated: {}", ran.stderr);
}

#[test]
fn what_would_break_the_file_is_not_written() {
    let cases: [(&[&str], &str); 13] = [
        (&["sink", "s4"], "there is no sink of type `s4`: did you mean `s3`?\n  types: `csv`, `dynamodb`, `jsonl`"),
        (&["sink", "lexicon"], "there is no sink of type `lexicon`: it is a stage"),
        (&["stage", "lexcion"], "did you mean `lexicon`?"),
        (
            &["stage", "split", "--after", "paige"],
            "there is no stage `paige`; the stages are `page`, `mood`; did you mean `page`?",
        ),
        (&["stage", "split", "--name", "mood"], "there is already a stage named `mood`"),
        (&["sink", "csv", "--after", "mood"], "only stages have an order"),
        (&["sink", "csv", "--set", "path"], "`--set path` is not of the form `KEY=VALUE`"),
        (&["sink", "csv", "--set", "a.=1"], "`--set a.=1` is not of the form `KEY=VALUE`"),
        (&["stage", "split", "-s", "most=1", "-s", "most.x=2"], "`most.x` is set more than once"),
        (&["stage", "split", "-s", "mots=1"], "stage `parts` (type `split`) has no setting `mots`"),
        (&["source", "file", "-s", "path=gone.csv"], "the file `gone.csv` does not exist"),
        (&["sink", "csv", "-s", "name=x"], "`name` is set more than once: give the name with `--name`"),
        (&["sink", "csv", "-s", "type=x"], "`type` is set more than once: the type is the argument TYPE"),
    ];
    for (arguments, message) in cases {
        let project = project(TOML);
        let ran = project.fanggen(&[&["add"], arguments].concat());
        assert_eq!((ran.code, project.read("pipeline.toml").as_str()), (1, TOML), "{arguments:?}");
        assert!(ran.stderr.contains(message), "{arguments:?}: {}", ran.stderr);
        let json = project.fanggen(&[&["--json", "add"], arguments].concat());
        assert!(json.json().is_object(), "{json:?}");
    }
    let broken = project("[pipeline\nname = 3\n");
    let ran = broken.fanggen(&["add", "sink", "csv"]);
    assert!(ran.code == 1 && ran.stderr.contains("error[E0") && !ran.stderr.contains("nothing was added"), "{ran:?}");
    let example = project(TOML);
    std::fs::remove_file(example.path().join("reviews.csv")).expect("removed");
    let ran = example.fanggen(&["add", "source", "file"]);
    assert!(
        ran.stderr.ends_with("\nthe value of `path` is an example: pass your own with `--set path=VALUE`\n"),
        "{ran:?}"
    );
}

#[test]
fn a_dry_run_shows_the_change_and_what_to_edit() {
    let project = project(TOML);
    let ran = project.fanggen(&["add", "sink", "sns", "--dry-run"]);
    assert_eq!(
        ran.stdout,
        "--- pipeline.toml\n+++ pipeline.toml\n@@ -24,4 +24,8 @@\n type = \"s3\" # gzip\n \n+[sinks.news]\n+type = \"sns\"\n\
         +when = \"changed\"\n+\n # the end\n [local]\n"
    );
    assert_eq!(
        ran.stderr,
        "would add sink `news` (type `sns`) to pipeline.toml\nthe value of `when` is an example: pass your own with `--set when=VALUE`\n"
    );
    assert_eq!(project.read("pipeline.toml"), TOML);
    let json = project.fanggen(&["add", "sink", "sns", "--json"]).json();
    assert_eq!(
        (json["name"].as_str(), json["role"].as_str(), json["dry_run"].as_bool()),
        (Some("news"), Some("sink"), Some(false))
    );
    assert_eq!(json["example_values"], serde_json::json!(["when"]));
}

#[test]
fn components_are_listed_and_shown_from_their_cards() {
    let project = Project::empty();
    let list = project.fanggen(&["components"]);
    assert_eq!(list.code, 0, "{list:?}");
    for kind in registry::all() {
        let card = kind.card;
        assert!(list.stdout.contains(card.summary), "{}", card.name);
        let page = project.fanggen(&["components", card.name, "--role", card.role.as_str()]);
        assert_eq!(page.code, 0, "{page:?}");
        for line in card.example.trim().lines() {
            assert!(page.stdout.contains(line), "{}: {line}", card.name);
        }
        assert!(page.stdout.lines().all(|line| line.chars().count() <= 100), "{}", page.stdout);
    }
    let both = project.fanggen(&["components", "dynamodb", "--json"]).json();
    let roles: Vec<&str> = both.as_array().expect("a list").iter().filter_map(|one| one["role"].as_str()).collect();
    assert_eq!(roles, ["source", "sink"]);
    let comprehend = project.fanggen(&["components", "comprehend", "--json"]).json();
    let one = &comprehend[0];
    assert_eq!(one["billed"][0]["unit"], "comprehend_unit");
    assert_eq!(one["quota"]["calls_per_second"], 10.0);
    assert!(one["permissions"][0]["actions"].to_string().contains("comprehend:BatchDetectSentiment"));
    assert!(one["settings"].as_array().expect("a list").iter().any(|setting| setting["name"] == "detect"));
    let all = project.fanggen(&["components", "--role", "sink", "--json"]).json();
    assert_eq!(all.as_array().map(Vec::len), Some(registry::of(ComponentRole::Sink).len()));
    let wrong = project.fanggen(&["components", "lexcion"]);
    assert!(
        wrong.code == 1 && wrong.stderr.contains("there is no component of type `lexcion`: did you mean `lexicon`?"),
        "{wrong:?}"
    );
}
