//! End to end: the root's pipeline and all examples, from an empty account to all resources, and back to an empty account.

use crate::harness::aws;

use std::collections::BTreeMap;

use aws::deployed::Deployed;
use aws::proxy::Proxy;
use aws::services::{look, rows, there};
use aws::stacks::{change_sets, protected, status, users};
use aws::target_account::{note, target_account};
use aws::template::{Asked, asked, names, wanted};
use serde_json::{Value, json};

/// Edits of a pipeline's file, from and to.
type Edits<'a> = &'a [(&'a str, &'a str)];

/// Settings that a plan shows: path, before, after.
type Settings = Vec<(&'static str, Value, Value)>;

/// The calls of an apply with nothing to do, in order.
const UNCHANGED: [&str; 3] = ["sts:GetCallerIdentity", "cloudformation:DescribeStacks", "s3:GetObject"];

/// The memory of all functions, as every pipeline here is given it.
const MEMORY: (&str, &str) = ("[functions]\n", "[functions]\nmemory_mb = 512\n");

fn memory() -> (&'static str, Value, Value) {
    ("functions.memory_mb", json!(256), json!(512))
}

/// The rows of the root's table.
fn companies() -> Vec<BTreeMap<String, String>> {
    let row = |cells: &[(&str, &str)]| cells.iter().map(|(name, cell)| ((*name).into(), (*cell).into())).collect();
    let mut all: Vec<BTreeMap<String, String>> = vec![
        row(&[("name", "Facebook")]),
        row(&[("name", "Apple"), ("title", "Apple Inc.")]),
        row(&[("name", "Amazon"), ("title", "Amazon (company)")]),
        row(&[("name", "Netflix")]),
        row(&[("name", "Google")]),
    ];
    all.sort();
    all
}

/// What is there of what was asked for is exactly what was asked for.
#[track_caller]
fn all_there(asked: &BTreeMap<String, Asked>) {
    let (found, wanted) = (look(asked), wanted(asked));
    for (id, wanted) in &wanted {
        assert_eq!(&found[id], wanted, "{id}");
    }
}

/// Creates, changes and destroys an environment of a pipeline, and checks every resource in between.
fn create_change_and_destroy(
    deployed: &Deployed,
    environment: &str,
    items: &[(&str, Vec<BTreeMap<String, String>>)],
    edits: Edits<'_>,
) {
    let plan = deployed.plan(environment);
    let (stack, retains) = (plan["stack"].as_str().expect("a name"), plan["retain"].as_bool().expect("a flag"));
    let of = |arguments: &[&'static str]| {
        let mut all = vec![arguments[0], "--env"];
        all.push(match environment {
            "dev" => "dev",
            _ => "prod",
        });
        all.extend(&arguments[1..]);
        all
    };
    let first = asked(deployed, environment);
    assert_eq!(there(&first), [""; 0], "the account is empty");

    // A look at an empty account leaves it empty.
    let planned = deployed.fanggen(&of(&["plan", "--json"]));
    assert_eq!(planned.code, 2, "{planned:?}");
    let changes = &planned.json()["changes"];
    let listed: Vec<&str> = changes["resources"].as_array().expect("a list").iter().map(id).collect();
    assert_eq!(listed, first.keys().collect::<Vec<_>>());
    assert_eq!((changes["creation"].as_bool(), there(&first).len()), (Some(true), 0));
    assert_eq!(status(stack), None, "no shell of a stack is left");

    let applied = deployed.good(&of(&["apply", "--yes", "--no-run", "--json"])).json();
    assert_eq!((&applied["stack"]["outcome"], &applied["items"]["run"]), (&"created".into(), &Value::Null));
    let first = asked(deployed, environment);
    all_there(&first);
    let tables = names(&plan);
    for (id, expected) in items {
        assert_eq!(&rows(&tables[*id]), expected);
    }
    assert_eq!((status(stack).as_deref(), protected(stack)), (Some("UPDATE_COMPLETE"), retains));

    // Again: nothing to do, and hardly anything asked.
    if let Some(emulator) = target_account().emulator {
        for (arguments, calls) in [
            (&["apply", "--yes", "--no-run"][..], &UNCHANGED[..]),
            (&["apply", "--yes", "--no-items"][..], &UNCHANGED[..2]),
        ] {
            let proxy = Proxy::before(emulator);
            let ran = deployed.through(&proxy.endpoint(), &of(arguments));
            let note = note(&proxy.endpoint());
            let said = format!("{note}nothing to do: stack `{stack}` is up to date\n");
            // Before it may stand warnings of the pipeline's file.
            assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
            assert!(ran.stderr.ends_with(&said), "{}", ran.stderr);
            assert_eq!(proxy.operations(), calls);
        }
    }
    let idle = deployed.good(&of(&["plan", "--json"])).json();
    assert_eq!((&idle["changed"], &idle["changes"]), (&false.into(), &Value::Null));

    // Another schedule, another setting of a stage, other memory.
    for (from, to) in edits {
        deployed.edit(from, to);
    }
    deployed.render();
    let second = asked(deployed, environment);
    let planned = deployed.fanggen(&of(&["plan", "--json"]));
    assert_eq!(planned.code, 2, "{planned:?}");
    assert_eq!((status(stack).as_deref(), change_sets(stack)), (Some("UPDATE_COMPLETE"), vec![]));
    all_there(&first);
    let planned = planned.json();
    let shown: Settings = shown(&planned["changes"]);
    let mut expected = expected(&deployed.name, environment);
    expected.push(memory());
    expected.sort_by_key(|(name, ..)| *name);
    assert_eq!(shown, expected);
    for nothing in ["boundaries", "dangers", "derived", "outputs_added", "outputs_removed", "permissions"] {
        assert_eq!(planned["changes"][nothing], json!([]), "{nothing}");
    }
    let mut touched: Vec<&str> = planned["changes"]["resources"].as_array().expect("a list").iter().map(id).collect();
    // What is replaced stands before what is changed.
    touched.sort_unstable();
    let differ: Vec<&str> =
        first.iter().filter(|(id, one)| one.properties != second[*id].properties).map(name).collect();
    assert_eq!(touched, differ);

    let applied = deployed.good(&of(&["apply", "--yes", "--no-run", "--json"])).json();
    assert_eq!((&applied["stack"]["outcome"], &applied["items"]), (&"updated".into(), &Value::Null));
    assert_eq!(applied["stack"]["changes"], planned["changes"], "what was shown is what happens");
    all_there(&second);
    for (id, expected) in items {
        assert_eq!(&rows(&tables[*id]), expected);
    }

    if retains {
        let refused = deployed.fanggen(&of(&["destroy", "--yes"]));
        let said = format!(
            "error: environment `{environment}` retains its data (`[data] retain`, or the stack is protected): nothing was changed\n  to delete it with its data: `fanggen destroy --env {environment} --delete-data`\n"
        );
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
        assert!(refused.stderr.ends_with(&said), "{}", refused.stderr);
        all_there(&second);
        assert!(protected(stack));
    }
    let mut destroy = of(&["destroy", "--yes"]);
    destroy.extend(retains.then_some("--delete-data"));
    deployed.good(&destroy);
    assert_eq!((there(&second), status(stack)), (vec![], None), "nothing is left");
    assert!(!users().contains(&stack.to_owned()), "{:?}", users());
    let again = deployed.good(&destroy);
    let said = format!("nothing to do: nothing is left of environment `{environment}` in us-east-1\n");
    assert!(again.stderr.ends_with(&said), "{}", again.stderr);
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().expect("a name")
}

fn name<'a>((id, _): (&'a String, &'a Asked)) -> &'a str {
    id
}

/// The settings that a plan shows, by name.
fn shown(changes: &Value) -> Settings {
    let one = |setting: &Value| {
        let name: &'static str = setting["name"].as_str().expect("a name").to_owned().leak();
        (name, setting["before"].clone(), setting["after"].clone())
    };
    let mut all: Settings = changes["settings"].as_array().expect("a list").iter().map(one).collect();
    all.sort_by_key(|(name, ..)| *name);
    all
}

/// The settings that the edits below are about, but for the memory.
fn expected(pipeline: &str, environment: &str) -> Settings {
    let schedule = |from: &str, to: &str| ("schedule.expression", json!(from), json!(to));
    match (pipeline.split('-').next(), environment) {
        (Some("fang"), "dev") => {
            vec![schedule("rate(1 day)", "rate(2 days)"), ("stages.summary.sentences", json!(3), json!(5))]
        }
        (Some("fang"), _) => {
            vec![schedule("rate(1 hour)", "rate(2 hours)"), ("stages.summary.sentences", json!(3), json!(5))]
        }
        (Some("companies"), _) => {
            vec![schedule("rate(1 hour)", "rate(2 hours)"), ("stages.summary.sentences", json!(3), json!(5))]
        }
        (Some("told"), _) => vec![
            schedule("rate(1 hour)", "rate(2 hours)"),
            ("sinks.bad-news.when", json!("label == \"NEGATIVE\" && score > 0.8"), json!("label == \"NEGATIVE\"")),
            ("sinks.turns.email", json!("o'neil+press@example.com"), json!("news@example.com")),
        ],
        (Some("reviews"), _) => vec![
            schedule("cron(0 6 ? * MON-FRI *)", "cron(0 7 ? * MON-FRI *)"),
            ("stages.review.language", json!("en"), json!("de")),
        ],
        (_, "dev") => {
            vec![schedule("rate(1 day)", "rate(2 days)"), ("stages.body.language", Value::Null, json!("de"))]
        }
        _ => vec![schedule("rate(15 minutes)", "rate(20 minutes)"), ("stages.body.language", Value::Null, json!("de"))],
    }
}

#[test]
fn root_pipeline_is_created_changed_and_destroyed_in_every_environment() {
    for environment in Deployed::root("fang-all").environments() {
        let deployed = Deployed::root(&format!("fang-{environment}"));
        let edits = [
            ("\"rate(1 day)\"", "\"rate(2 days)\""),
            ("\"rate(1 hour)\"", "\"rate(2 hours)\""),
            ("sentences = 3", "sentences = 5"),
            MEMORY,
        ];
        create_change_and_destroy(&deployed, &environment, &[("CompaniesTable", companies())], &edits);
    }
}

#[test]
fn companies_example_is_created_changed_and_destroyed() {
    let deployed = Deployed::example("fang", "companies-e2e");
    assert_eq!(deployed.environments(), ["dev"]);
    let schedule = "[schedule]\nexpression = \"rate(2 hours)\"\n\n[sources.companies]";
    let stage = ("type = \"wikipedia\"", "type = \"wikipedia\"\nsentences = 5");
    create_change_and_destroy(&deployed, "dev", &[], &[("[sources.companies]", schedule), stage, MEMORY]);
}

#[test]
fn reviews_example_is_created_changed_and_destroyed() {
    let deployed = Deployed::example("reviews", "reviews-e2e");
    assert_eq!(deployed.environments(), ["dev"]);
    create_change_and_destroy(
        &deployed,
        "dev",
        &[],
        &[("cron(0 6", "cron(0 7"), ("language = \"en\"", "language = \"de\""), MEMORY],
    );
}

#[test]
fn tickets_example_is_created_changed_and_destroyed_in_every_environment() {
    for environment in ["dev", "prod"] {
        let deployed = Deployed::example("tickets", &format!("tickets-{environment}"));
        assert_eq!(deployed.environments(), ["dev", "prod"]);
        let edits = [
            ("\"rate(1 day)\"", "\"rate(2 days)\""),
            ("\"rate(15 minutes)\"", "\"rate(20 minutes)\""),
            ("type = \"text\"", "type = \"text\"\nlanguage = \"de\""),
            MEMORY,
        ];
        create_change_and_destroy(&deployed, environment, &[], &edits);
    }
}

#[test]
fn sinks_are_created_changed_and_destroyed_in_every_environment() {
    for environment in ["dev", "prod"] {
        let deployed = Deployed::of(include_str!("../pipelines/sinks.toml"), &format!("told-{environment}"));
        let edits = [
            ("[sources.companies]", "[schedule]\nexpression = \"rate(2 hours)\"\n\n[sources.companies]"),
            (" && score > 0.8", ""),
            ("o'neil+press@example.com", "news@example.com"),
            MEMORY,
        ];
        create_change_and_destroy(&deployed, environment, &[], &edits);
    }
}

#[test]
fn two_environments_do_not_affect_each_other() {
    let deployed = Deployed::root("fang-pair");
    let (dev, prod) = (asked(&deployed, "dev"), asked(&deployed, "prod"));
    let [dev_table, prod_table] = ["dev", "prod"].map(|one| names(&deployed.plan(one))["CompaniesTable"].clone());
    deployed.good(&["apply", "--env", "dev", "--yes", "--no-run"]);
    assert!(there(&prod).is_empty());
    let (dev, print) = (asked(&deployed, "dev"), look(&dev));
    deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    assert_eq!((look(&dev), rows(&dev_table)), (print.clone(), companies()));
    all_there(&asked(&deployed, "prod"));

    deployed.edit("\"rate(1 hour)\"", "\"rate(2 hours)\"").edit("    \"Google\",\n", "").render();
    let prod = asked(&deployed, "prod");
    deployed.good(&["apply", "--env", "prod", "--yes", "--prune"]);
    all_there(&prod);
    assert_eq!((look(&dev), rows(&dev_table)), (print, companies()));
    assert_eq!(rows(&prod_table).len(), 4);

    let print = look(&prod);
    deployed.good(&["destroy", "--env", "dev", "--yes"]);
    assert!(there(&dev).is_empty());
    assert_eq!((look(&prod), rows(&prod_table).len()), (print, 4));
    deployed.good(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert!(there(&prod).is_empty());
}
