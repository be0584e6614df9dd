//! The changes of an apply, computed from real templates and described in the terms of the pipeline.

use crate::harness::yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fanggen::config::Config;
use fanggen::deploy::aws::account::CallerIdentity;
use fanggen::deploy::diff::{Action, Changes, Listed, Replacement, Side, compare};
use fanggen::deploy::generated::Manifest;
use fanggen::plan::Plan;
use fanggen::render::{RenderPaths, render};

const PIPELINE: &str = r#"
[pipeline]
name = "fang"
contact = "team@example.com"

[schedule]
expression = "rate(1 hour)"

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple"]

[[stages]]
name = "summary"
type = "wikipedia"
sentences = 3

[[stages]]
name = "sentiment"
type = "lexicon"

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"
table = "sentiment"
ttl_days = 90
"#;

/// The pipeline with some of its lines replaced, and more lines behind it.
fn with(replaced: &[(&str, &str)], more: &str) -> String {
    let mut text = PIPELINE.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text + more
}

fn rendered(pipeline: &str) -> (String, Manifest) {
    let mut config = Config::read("pipeline.toml", pipeline);
    let plans = Plan::all(&mut config);
    assert!(!config.broken(), "{:?}", config.mistakes);
    let names = RenderPaths { file: "pipeline.toml", folder: "generated", root: Some("..") };
    let artifacts = render(&plans, &names).expect("artifacts");
    let text = |path: &str| artifacts.iter().find(|it| it.path == path).expect(path).text.clone();
    (text("dev/template.yaml"), serde_json::from_str(&text("dev/plan.json")).expect("a manifest"))
}

fn caller() -> CallerIdentity {
    CallerIdentity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/a".into() }
}

/// What a change set lists of two templates, were it to list neither more nor less than what is different.
fn listed(before: Option<&str>, after: &str, runtime: bool) -> Vec<Listed> {
    let resources = |text: &str| yaml::read(text).expect("YAML")["Resources"].as_object().expect("resources").clone();
    let (was, is) = (before.map(resources).unwrap_or_default(), resources(after));
    let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let one = |id: &&String| {
        let (was, is) = (was.get(*id), is.get(*id));
        let kind = is.or(was).and_then(|it| it["Type"].as_str()).expect("a type").to_owned();
        let action = match (was, is) {
            (None, _) => Action::Add,
            (_, None) => Action::Remove,
            (was, is) if was != is || runtime && kind == "AWS::Lambda::Function" => Action::Modify,
            _ => return None,
        };
        Some(Listed { id: (*id).clone(), kind, action, replacement: Replacement::No, physical: None, scope: vec![] })
    };
    ids.iter().filter_map(one).collect()
}

fn changes(before: Option<&str>, after: &str) -> Changes {
    changed(before, after, &[], "a")
}

/// With resources that are listed though nothing of theirs is different, and another runtime.
fn changed(before: Option<&str>, after: &str, more: &[Listed], runtime: &str) -> Changes {
    let before = before.map(|pipeline| rendered(pipeline).0);
    let (after, manifest) = rendered(after);
    let parameters = |key: &str| {
        let key = format!("runtime/{}.zip", key.repeat(64));
        let ready = "2026-11-22T09:00:00Z".to_owned();
        let all = [("ArtifactBucket", "artifacts".to_owned()), ("ArtifactKey", key), ("Ready", ready)];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>()
    };
    let (was, is) = (parameters("a"), parameters(runtime));
    let mut listed = listed(before.as_deref(), &after, runtime != "a");
    listed.extend_from_slice(more);
    let before = before.as_deref().map(|template| Side { template, parameters: &was });
    compare(before, Side { template: &after, parameters: &is }, &listed, &manifest, &caller()).expect("changes")
}

fn text(changes: &Changes) -> String {
    anstream::adapter::strip_str(&changes.text().to_string()).to_string()
}

/// The text of what a change of the file changes.
fn told(replaced: &[(&str, &str)], more: &str) -> String {
    let changes = changes(Some(PIPELINE), &with(replaced, more));
    assert_eq!(changes.unexplained, [""; 0], "{changes:#?}");
    text(&changes)
}

/// Compares two templates that were rendered, with the change set that lists these resources.
fn compared(before: &str, (after, manifest): &(String, Manifest), listed: &[Listed]) -> Changes {
    let parameters = BTreeMap::new();
    let side = |template| Side { template, parameters: &parameters };
    compare(Some(side(before)), side(after), listed, manifest, &caller()).expect("changes")
}

/// A template as an older fanggen rendered it.
fn without_metadata(template: &str) -> String {
    let (start, rest) = template.split_once("\nMetadata:\n").expect("metadata");
    let (_, end) = rest.split_once("\nParameters:\n").expect("parameters");
    format!("{start}\nParameters:\n{end}")
}

/// Compares with what was accepted before; `UPDATE_SNAPSHOTS=1` accepts.
#[track_caller]
fn same(found: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/changes").join(name).with_extension("txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, found).expect("a file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}; UPDATE_SNAPSHOTS=1 accepts:\n{found}");
}

fn names(changes: &Changes) -> Vec<&str> {
    changes.settings.iter().map(|setting| setting.name.as_str()).collect()
}

#[test]
fn no_change_prints_nothing() {
    let same_again = changes(Some(PIPELINE), PIPELINE);
    assert!(same_again.is_empty(), "{same_again:?}");
    assert_eq!(text(&same_again), "fang-dev in us-east-1: nothing to change\n");
}

#[test]
fn a_new_stack_is_counted_and_listed() {
    let new = changes(None, PIPELINE);
    let text = text(&new);
    same(&text, "creation");
    assert_eq!(text.lines().filter(|line| line.starts_with("  + ")).count(), new.resources.len());
    assert!(new.creation && new.settings.is_empty() && new.dangers().next().is_none());
}

#[test]
fn another_schedule_is_one_line() {
    same(&told(&[("rate(1 hour)", "rate(2 hours)")], ""), "schedule");
}

#[test]
fn other_memory_is_one_line_for_all_functions() {
    same(&told(&[], "[functions]\nmemory_mb = 512\n"), "memory");
}

#[test]
fn another_timeout_shows_what_follows_from_it() {
    same(&told(&[], "[functions]\ntimeout_s = 120\n"), "timeout");
}

#[test]
fn a_setting_of_a_stage_is_one_line() {
    same(&told(&[("sentences = 3", "sentences = 5")], ""), "stage-setting");
}

#[test]
fn a_share_of_the_quota_is_shown_by_its_effects() {
    same(&told(&[("sentences = 3", "sentences = 3\nshare = 0.1")], ""), "share");
}

#[test]
fn a_stage_of_another_type_drops_the_old_settings() {
    same(&told(&[("type = \"lexicon\"", "type = \"comprehend\"\ndetect = [\"sentiment\"]")], ""), "stage-type");
}

#[test]
fn an_isolated_stage_brings_a_function_of_its_own() {
    let stage = "[[stages]]\nname = \"words\"\ntype = \"comprehend\"\nisolate = true\n";
    same(&told(&[], stage), "stage-isolated");
}

#[test]
fn deleting_a_sink_deletes_its_rows() {
    let sink = &PIPELINE[PIPELINE.find("[sinks.latest]").expect("a sink")..];
    let changes = changes(Some(PIPELINE), &with(&[(sink, "")], ""));
    same(&text(&changes), "sink-removed");
    let dangers: Vec<_> = changes.dangers().map(|danger| (danger.id.as_str(), danger.kept)).collect();
    assert_eq!(dangers, [("SentimentTable", false)]);
}

const TOLD: &str = "[sinks.bad-news]\ntype = \"sqs\"\n\n[sinks.turns]\ntype = \"sns\"\nwhen = \"changed\"\n\
                    email = \"press@example.com\"\n";

#[test]
fn deleting_a_queue_and_a_topic_deletes_messages_and_subscriptions() {
    let told = with(&[], TOLD);
    same(&text(&changes(Some(PIPELINE), &told)), "told-given");
    let gone = changes(Some(&told), PIPELINE);
    same(&text(&gone), "told-taken");
    let dangers: Vec<_> = gone.dangers().map(|danger| (danger.id.as_str(), danger.holds)).collect();
    assert_eq!(dangers, [("BadNewsQueue", "messages"), ("TurnsTopic", "subscriptions")]);
}

#[test]
fn another_address_is_one_line() {
    let (before, after) = (with(&[], TOLD), with(&[], &TOLD.replace("press@", "news@")));
    let changes = changes(Some(&before), &after);
    assert_eq!(names(&changes), ["sinks.turns.email"]);
    same(&text(&changes), "told-another");
}

#[test]
fn another_format_and_prefix_are_shown_with_their_effect_on_athena() {
    same(&told(&[("type = \"s3\"", "type = \"s3\"\nformat = \"csv\"\nprefix = \"press\"")], ""), "form");
}

#[test]
fn another_key_is_another_table() {
    let changes = changes(Some(PIPELINE), &with(&[("key = \"name\"", "key = \"company\"")], ""));
    same(&text(&changes), "table-key");
}

#[test]
fn another_table_of_a_sink_is_one_setting() {
    let changes = changes(Some(PIPELINE), &with(&[("table = \"sentiment\"", "table = \"mood\"")], ""));
    assert_eq!(names(&changes), ["sinks.latest.table"]);
    assert_eq!(changes.settings[0].after, Some("mood".into()));
}

const SCOPE: &str =
    "[[iam.scopes]]\nfunction = \"worker\"\nactions = [\"s3:GetObject\"]\nresources = [\"arn:aws:s3:::press/*\"]\n";

#[test]
fn a_scope_broadens_and_its_end_narrows() {
    let scoped = with(&[], SCOPE);
    same(&text(&changes(Some(PIPELINE), &scoped)), "scope-given");
    same(&text(&changes(Some(&scoped), PIPELINE)), "scope-taken");
}

#[test]
fn a_narrower_resource_or_a_condition_narrows() {
    let scoped = with(&[], SCOPE);
    let narrower = with(&[], &SCOPE.replace("press/*", "press/2026/*"));
    same(&text(&changes(Some(&scoped), &narrower)), "scope-narrower");
    let condition = "conditions = { StringEquals = { \"aws:RequestedRegion\" = \"us-east-1\" } }\n";
    let conditioned = with(&[], &format!("{SCOPE}{condition}"));
    same(&text(&changes(Some(&scoped), &conditioned)), "condition-given");
    same(&text(&changes(Some(&conditioned), &scoped)), "condition-taken");
}

#[test]
fn a_boundary_narrows_all_roles_at_once() {
    same(&told(&[], "[iam]\npermissions_boundary = \"arn:aws:iam::123456789012:policy/team\"\n"), "boundary");
}

#[test]
fn retained_data_is_one_setting_and_is_kept() {
    let retained = with(&[], "[data]\nretain = true\n");
    same(&text(&changes(Some(PIPELINE), &retained)), "retain");
    let sink = &PIPELINE[PIPELINE.find("[sinks.latest]").expect("a sink")..];
    let changes = changes(Some(&retained), &with(&[(sink, "")], "[data]\nretain = true\n"));
    assert!(changes.dangers().all(|danger| danger.kept));
    let text = text(&changes);
    assert!(text.contains("kept, no longer managed: fang-dev-sentiment-bb6625 stays in the account"), "{text}");
    assert!(!text.contains("LOSS"), "{text}");
}

#[test]
fn tracing_is_flagged_for_its_resources() {
    same(&told(&[], "[functions]\ntracing = true\n"), "tracing");
}

#[test]
fn stages_in_another_order_are_one_line() {
    let (words, sentiment) = ("[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n", "[[stages]]\nname = \"sentiment\"");
    let (before, after) = (with(&[], words), with(&[(sentiment, &format!("{words}\n{sentiment}"))], ""));
    same(&text(&changes(Some(&before), &after)), "stage-order");
}

#[test]
fn the_rest_of_the_file_is_described() {
    for (replaced, more, name) in [
        (&[("team@example.com", "other@example.com")][..], "", "pipeline.contact"),
        (&[("name = \"fang\"", "name = \"fang\"\ndescription = \"x\"")][..], "", "pipeline.description"),
        (&[("rate(1 hour)\"", "rate(1 hour)\"\ntimezone = \"Europe/Berlin\"")][..], "", "schedule.timezone"),
        (&[("rate(1 hour)\"", "rate(1 hour)\"\nenabled = false")][..], "", "schedule.enabled"),
        (&[("type = \"s3\"", "type = \"s3\"\nexpire_days = 9")][..], "", "sinks.archive.expire_days"),
        (&[("type = \"s3\"", "type = \"s3\"\nformat = \"csv\"")][..], "", "sinks.archive.format"),
        (&[("ttl_days = 90", "ttl_days = 9")][..], "", "sinks.latest.ttl_days"),
        (&[("ttl_days = 90", "")][..], "", "sinks.latest.ttl_days"),
        (&[("items = [\"Apple\"]", "existing = \"theirs\"")][..], "", "sources.companies.existing"),
        (&[("items = [\"Apple\"]", "segments = 2")][..], "", "sources.companies.segments"),
        (&[][..], "[logs]\nretention_days = 7\n", "logs.retention_days"),
        (&[][..], "[functions]\narchitecture = \"x86_64\"\n", "functions.architecture"),
        (&[("type = \"lexicon\"", "type = \"lexicon\"\nisolate = true")][..], "", "stages.sentiment.isolate"),
    ] {
        let changes = changes(Some(PIPELINE), &with(replaced, more));
        assert_eq!(names(&changes), [name], "{}", text(&changes));
        assert_eq!(changes.unexplained, [""; 0], "{name}");
        // Only the description of a stack is no resource's.
        assert_eq!(changes.settings[0].resources.is_empty(), name == "pipeline.description", "{changes:#?}");
    }
    // What only this machine knows changes nothing.
    assert!(changes(Some(PIPELINE), &with(&[], "[budget]\nmonthly_usd = 5\n")).is_empty());
}

#[test]
fn changed_inline_items_are_named() {
    let source = "type = \"dynamodb\"\nkey = \"name\"\nitems = [\"Apple\"]";
    let inline = |items: &str| with(&[(source, &format!("type = \"inline\"\nitems = [{items}]"))], "");
    let changes = changes(Some(&inline("\"Lego\", \"Miele\"")), &inline("\"Lego\", \"Br\u{e4}un\""));
    assert_eq!(names(&changes), ["sources.companies.items"]);
    assert_eq!(changes.settings[0].note.as_deref(), Some("+ Br\u{e4}un, - Miele"));
}

#[test]
fn another_runtime_and_those_that_only_refer() {
    let follower = |id: &str, kind: &str| Listed {
        id: id.into(),
        kind: kind.into(),
        action: Action::Modify,
        replacement: Replacement::Perhaps,
        physical: None,
        scope: vec!["Properties".into()],
    };
    let more = [
        follower("WorkerMapping", "AWS::Lambda::EventSourceMapping"),
        follower("Schedule", "AWS::Scheduler::Schedule"),
    ];
    same(&text(&changed(Some(PIPELINE), PIPELINE, &more, "b")), "runtime-and-followers");
}

#[test]
fn data_loss_that_a_change_set_omits_is_reported() {
    let sink = &PIPELINE[PIPELINE.find("[sinks.latest]").expect("a sink")..];
    let (before, (after, manifest)) = (rendered(PIPELINE).0, rendered(&with(&[(sink, "")], "")));
    let none = BTreeMap::new();
    let side = |template| Side { template, parameters: &none };
    let changes = compare(Some(side(&before)), side(&after), &[], &manifest, &caller()).expect("changes");
    assert_eq!(changes.dangers().map(|danger| danger.id.as_str()).collect::<Vec<_>>(), ["SentimentTable"]);
}

#[test]
fn control_characters_of_a_template_are_not_printed() {
    let (before, manifest) = rendered(PIPELINE);
    let odd = before
        .replace("rate(1 hour)", "\\u001b[2J\\u202e\\n`x`")
        .replace("  WorkerLogs:", "  \"Worker\\u001bLogs\":")
        .replace("s3:PutObject", "s3:\\u009bx");
    assert_ne!(odd, before);
    let none = BTreeMap::new();
    let side = |template| Side { template, parameters: &none };
    for (was, is) in [(&odd, &before), (&before, &odd)] {
        let listed = listed(Some(was), is, false);
        let text = text(&compare(Some(side(was)), side(is), &listed, &manifest, &caller()).expect("changes"));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn a_template_that_cannot_be_read_is_an_error() {
    let (after, manifest) = rendered(PIPELINE);
    let none = BTreeMap::new();
    let side = |template| Side { template, parameters: &none };
    let error = compare(Some(side("a: [")), side(&after), &[], &manifest, &caller()).expect_err("broken");
    assert!(error.to_string().starts_with("the template that is deployed cannot be read: "), "{error}");
}

#[test]
fn metadata_for_scanners_is_no_change_of_a_resource() {
    let before = rendered(PIPELINE).0;
    let (after, manifest) = rendered(PIPELINE);
    let after = after.replace("Reserved concurrency throttles", "As everybody knows, reserved concurrency throttles");
    assert_ne!(before, after);
    // CloudFormation lists a resource of which nothing but the metadata is different.
    let listed = listed(Some(&before), &after, false);
    let functions = ["ProducerFunction", "WorkerFunction"];
    assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), functions);
    let parameters = BTreeMap::new();
    let side = |template| Side { template, parameters: &parameters };
    let changes = compare(Some(side(&before)), side(&after), &listed, &manifest, &caller()).expect("changes");
    assert!(changes.resources.is_empty() && changes.settings.is_empty() && changes.permissions.is_empty());
    assert_eq!(changes.followers, functions);
}

#[test]
fn a_customer_key_is_one_setting_and_what_the_roles_may_do_with_it() {
    let keyed = PIPELINE.to_owned() + "\n[data]\nkms = true\n";
    let on = changes(Some(PIPELINE), &keyed);
    let [setting] = &on.settings[..] else { panic!("{:#?}", on.settings) };
    assert_eq!(
        (setting.name.as_str(), &setting.before, &setting.after),
        ("data.kms", &Some(false.into()), &Some(true.into()))
    );
    assert!(on.derived.is_empty() && on.dangers.is_empty(), "{:#?} {:#?}", on.derived, on.dangers);
    let off = changes(Some(&keyed), PIPELINE);
    let lost: Vec<_> = off.dangers.iter().map(|danger| (danger.words.as_str(), danger.holds)).collect();
    assert_eq!(lost, [("encryption key", "key")]);
    // Another function writes another log, under the same key.
    let isolated = keyed.replace("name = \"sentiment\"\n", "name = \"sentiment\"\nisolate = true\n");
    let more = changes(Some(&keyed), &isolated);
    let groups = more.derived.iter().find(|one| one.what == "log groups that use it").expect("the groups");
    assert_eq!(groups.after, Some("fang-dev-producer, fang-dev-worker, fang-dev-worker-sentiment".into()));
}

#[test]
fn a_setting_lists_the_resources_that_it_changes() {
    let more = "[functions]\ntimeout_s = 120\nmemory_mb = 512\n[logs]\nretention_days = 7\n";
    let changes = changes(Some(PIPELINE), &with(&[("sentences = 3", "sentences = 5")], more));
    let resources: Vec<(&str, Vec<&str>)> = (changes.settings.iter())
        .map(|it| (it.name.as_str(), it.resources.iter().map(String::as_str).collect()))
        .collect();
    let functions = vec!["ProducerFunction", "WorkerFunction"];
    assert_eq!(
        resources,
        [
            ("stages.summary.sentences", vec!["WorkerFunction"]),
            ("functions.memory_mb", functions.clone()),
            ("functions.timeout_s", vec!["ProducerFunction", "WorkerFunction", "WorkerQueue"]),
            ("logs.retention_days", vec!["ProducerLogs", "WorkerLogs"]),
        ]
    );
    let [derived] = &changes.derived[..] else { panic!("{:#?}", changes.derived) };
    assert_eq!((derived.of[0].as_str(), &derived.after), ("worker", &Some(720.into())));
    assert!(derived.resources.contains(&"WorkerQueue".to_owned()), "{derived:?}");
    assert!(derived.why.starts_with("6 x the function's timeout of 120 s"), "{derived:?}");
}

#[test]
fn metadata_that_differs_alone_is_nothing_to_change() {
    let (before, _) = rendered(PIPELINE);
    let after = rendered(PIPELINE);
    let older = before.replace("\"sentences\":3", "\"sentences\":4").replace("SQS's most", "the most of SQS");
    assert!(older.matches("\"sentences\":4").count() == 1 && older != before);
    let changes = compared(&older, &after, &[]);
    assert!(changes.is_empty(), "{changes:#?}");
    assert_eq!(text(&changes), "fang-dev in us-east-1: nothing to change\n");
}

#[test]
fn metadata_older_than_the_stack_claims_no_change_of_a_resource() {
    let memory = "[functions]\nmemory_mb = 512\n";
    let before = rendered(&with(&[], memory)).0.replace("\"memory_mb\":512", "\"memory_mb\":256");
    let after = rendered(&with(&[("rate(1 hour)", "rate(2 hours)")], memory));
    let changes = compared(&before, &after, &listed(Some(&before), &after.0, false));
    assert_eq!(changes.resources.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["Schedule"]);
    same(&text(&changes), "older-metadata");
}

#[test]
fn a_stack_of_an_older_fanggen_says_that_its_settings_cannot_be_compared() {
    let before = without_metadata(&rendered(PIPELINE).0);
    let after = rendered(&with(&[("sentences = 3", "sentences = 5")], SCOPE));
    let changes = compared(&before, &after, &listed(Some(&before), &after.0, false));
    assert!(!changes.settings_compared && changes.settings.is_empty() && changes.unexplained.is_empty());
    same(&text(&changes), "without-metadata");
    // Resources that go have CloudFormation's names.
    let sink = &PIPELINE[PIPELINE.find("[sinks.latest]").expect("a sink")..];
    let after = rendered(&with(&[(sink, "")], ""));
    let gone = compared(&before, &after, &listed(Some(&before), &after.0, false));
    assert_eq!(gone.dangers().map(|it| it.words.as_str()).collect::<Vec<_>>(), ["table SentimentTable"]);
    // With nothing to change there is nothing to say.
    let same_again = compared(&before, &rendered(PIPELINE), &[]);
    assert_eq!(text(&same_again), "fang-dev in us-east-1: nothing to change\n");
}

#[test]
fn a_change_that_no_setting_explains_is_named() {
    // As where another version of fanggen renders a property differently.
    let before = rendered(PIPELINE).0.replace("MaximumRetryAttempts: 2", "MaximumRetryAttempts: 1");
    let after = rendered(&with(&[("rate(1 hour)", "rate(2 hours)")], ""));
    let changes = compared(&before, &after, &listed(Some(&before), &after.0, false));
    assert_eq!(changes.unexplained, ["ProducerInvoke"]);
    same(&text(&changes), "unexplained");
}

#[test]
fn data_that_is_no_longer_retained_is_seen_without_metadata() {
    let retained = rendered(&with(&[], "[data]\nretain = true\n")).0;
    let after = rendered(PIPELINE);
    for before in [without_metadata(&retained), retained] {
        let changes = compared(&before, &after, &listed(Some(&before), &after.0, false));
        assert!(changes.releases_data());
        assert!(!compared(&after.0, &after, &[]).releases_data());
    }
}
