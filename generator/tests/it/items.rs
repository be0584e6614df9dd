//! `fanggen items` on a table and on an uploaded file, end to end on the emulator: conditions, calls, an operator with exactly
//! its policy, and the next `apply`.

use crate::harness::aws;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::deployed::Deployed;
use aws::emulator::{Emulator, block_on};
use aws::faults::{Fault, Faults};
use aws::person::Person;
use aws::proxy::{Cut, Proxy};
use aws::services::rows;
use aws::target_account::target_account;
use aws::template::names;
use fanggen_runtime::testing::process::ProcessOutput;
use serde_json::{Value, json};

const TOML: &str = r#"[pipeline]
name = "NAME"
contact = "team@example.com"

[aws]

[functions]

[sources.companies]
type = "dynamodb"
items_file = "companies.csv"

[[stages]]
name = "text"
type = "text"

[[stages]]
name = "words"
type = "lexicon"

[sinks.archive]
type = "s3"

[environments.dev]

[environments.prod]
"#;

/// A deployed pipeline with these companies in its file.
pub fn deployed(name: &str, csv: &str) -> Deployed {
    let deployed = undeployed(name, csv);
    deployed.good(&["apply", "--yes", "--no-run"]);
    deployed
}

pub fn undeployed(name: &str, csv: &str) -> Deployed {
    let project = crate::harness::project::Project::with(TOML);
    project.write("companies.csv", csv);
    Deployed::new(project, name, aws::deployed::Program::Hollow)
}

pub fn emulator() -> &'static Emulator {
    target_account().emulator.expect("calls are counted here: this is for the emulator only")
}

pub fn table(deployed: &Deployed) -> String {
    names(&deployed.plan("dev"))["CompaniesTable"].clone()
}

/// The titles of the rows, by key.
pub fn titles(deployed: &Deployed) -> BTreeMap<String, String> {
    let title = |row: &BTreeMap<String, String>| row.get("title").cloned().unwrap_or_default();
    rows(&table(deployed)).iter().map(|row| (row["name"].clone(), title(row))).collect()
}

pub fn map(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter().map(|(key, title)| ((*key).to_owned(), (*title).to_owned())).collect()
}

/// It ended with this code and these words, after the note about the emulator.
#[track_caller]
pub fn says(ran: &ProcessOutput, code: i32, words: &str) {
    let own = ran.stderr.lines().filter(|line| !line.starts_with("note: using ")).collect::<Vec<_>>().join("\n");
    assert_eq!((ran.code, own.as_str()), (code, words), "{ran:?}");
}

#[test]
fn every_verb_edits_the_table_in_the_fewest_calls() {
    let deployed = deployed("verbs", "name,title\nApple,Apple Inc.\nNetflix,\n");
    let (place, proxy) = (format!("table `{}`", table(&deployed)), Proxy::before(emulator()));
    let run = |arguments: &[&str], calls: &[&str]| {
        let ran = deployed.through(&proxy.endpoint(), &[&["items"], arguments].concat());
        let identity = ["sts:GetCallerIdentity"];
        assert_eq!(proxy.operations(), [&identity[..], calls].concat(), "{arguments:?}");
        proxy.clear();
        ran
    };
    let (write, read) = ("dynamodb:TransactWriteItems", "dynamodb:BatchGetItem");
    let listed = run(&["list", "--json"], &["dynamodb:Scan"]);
    assert_eq!(listed.json(), json!([{ "name": "Apple", "title": "Apple Inc." }, { "name": "Netflix" }]));

    let odd = "Ya \"hoo\", 'Inc'. 🙂";
    says(
        &run(&["add", "-i", odd, "team=x", "-i", "Google", "title=Google LLC"], &[write]),
        0,
        &format!("{place}: 2 added"),
    );
    let again = run(&["add", "-i", "Google", "title=G", "-i", "Apple", "-i", "Lego"], &[write, write]);
    let words = format!(
        "{place}: 1 added, 1 already there, unchanged, 1 already there with other attributes, not changed\n  ! Google: there \
         already; `--replace` gives it these attributes"
    );
    says(&again, 0, &words);
    says(&run(&["add", "-i", "Google", "title=G", "--replace"], &[write, write]), 0, &format!("{place}: 1 replaced"));
    says(&run(&["update", "-i", "Google", "title=H", "team=y"], &[read, write]), 0, &format!("{place}: 1 changed"));
    says(&run(&["update", "-i", "Google", "title="], &[read, write]), 0, &format!("{place}: 1 changed"));
    says(
        &run(&["update", "--old", odd, "--new", "Yahoo"], &["dynamodb:GetItem", write]),
        0,
        &format!("{place}: 1 renamed"),
    );
    says(
        &run(&["remove", "-i", "Netflix", "-i", "Nobody"], &[write, write]),
        0,
        &format!("{place}: 1 removed, 1 not there\n  ! Nobody: not there"),
    );
    let row = |cells: &[(&str, &str)]| map(cells);
    assert_eq!(
        rows(&table(&deployed)),
        [
            row(&[("name", "Apple"), ("title", "Apple Inc.")]),
            row(&[("name", "Google"), ("team", "y")]),
            row(&[("name", "Lego")]),
            row(&[("name", "Yahoo"), ("team", "x")]),
        ]
    );
    let found = run(&["list", "--filter", "team=x", "--csv"], &["dynamodb:Scan"]);
    assert_eq!(found.stdout, "name,team\nYahoo,x\n");

    // What is asked for and cannot be.
    let words = format!(
        "error: there is no item `Nobody` in {place}: nothing was changed\n  `fanggen items list` shows the items"
    );
    says(&run(&["update", "--old", "Nobody", "--new", "N"], &["dynamodb:GetItem"]), 1, &words);
    let words = format!(
        "error: there is an item `Apple` in {place} already: nothing was changed, and `Lego` is still there\n  remove one of \
         the two with `fanggen items remove`"
    );
    says(&run(&["update", "--old", "Lego", "--new", "Apple"], &["dynamodb:GetItem", write]), 1, &words);
    says(
        &run(&["update", "-i", "Nobody", "title=x"], &[read]),
        1,
        &format!("{place}: 1 not there\n  ! Nobody: not there"),
    );
    for dry in [&["add", "-i", "New"][..], &["remove", "-i", "Apple"], &["update", "-i", "Lego", "title=x"]] {
        let ran = run(&[dry, &["--dry-run"]].concat(), &[read]);
        assert!(ran.code == 0 && ran.stderr.contains("(dry run: nothing was written)"), "{ran:?}");
    }
    assert_eq!(titles(&deployed).len(), 4);

    // The next apply has nothing to do, and a later one undoes none of this.
    let applied = deployed.good(&["apply", "--yes"]);
    assert!(applied.stderr.contains("nothing to do"), "{applied:?}");
    deployed.project.write("companies.csv", "name,title\nApple,Apple Inc.\nNetflix,\nMiele,\n");
    let diff = deployed.fanggen(&["items", "diff"]);
    assert!(
        diff.code == 2 && diff.stdout.contains("  + Miele\n  ! Netflix: deleted from the table, not put back"),
        "{diff:?}"
    );
    assert!(diff.stdout.contains("and 3 only in the table"), "{diff:?}");
    let synced = deployed.good(&["items", "sync", "--prune"]);
    assert!(synced.stderr.contains("1 new, 1 left unchanged, 1 unchanged\n  + Miele"), "{synced:?}");
    assert_eq!(deployed.fanggen(&["items", "diff"]).code, 0);
    let keys: Vec<String> = titles(&deployed).into_keys().collect();
    assert_eq!(keys, ["Apple", "Google", "Lego", "Miele", "Yahoo"]);
    let done = deployed.good(&["items", "sync"]);
    assert!(done.stderr.ends_with("nothing to do: the items are up to date\n"), "{done:?}");
}

#[test]
fn deleting_asks_and_without_a_terminal_needs_yes() {
    let deployed = deployed("prune", "name\nA\nB\n");
    deployed.project.write("companies.csv", "name\nA\n");
    deployed.good(&["items", "add", "-i", "Mine"]);
    let kept = deployed.good(&["items", "sync"]);
    assert!(kept.stderr.contains("? B: removed from the file; `--prune` deletes it"), "{kept:?}");
    let refused = deployed.fanggen(&["items", "sync", "--prune"]);
    assert!(refused.code == 1 && refused.stderr.contains("there is no terminal to ask on"), "{refused:?}");
    assert_eq!(titles(&deployed).len(), 3);
    deployed.good(&["items", "sync", "--prune", "--yes"]);
    assert_eq!(titles(&deployed), map(&[("A", ""), ("Mine", "")]));
}

#[test]
fn a_table_that_is_not_there_and_rights_that_are_missing_are_named() {
    let deployed = undeployed("absent", "name\nA\n");
    let name = table(&deployed);
    let words = format!(
        "error: environment `dev` is not deployed: there is no table `{name}`\n  run `fanggen apply --env dev`"
    );
    for arguments in [
        &["list"][..],
        &["add", "-i", "x"],
        &["remove", "-i", "x"],
        &["update", "-i", "x", "a=b"],
        &["update", "--old", "x", "--new", "y"],
    ] {
        says(&deployed.fanggen(&[&["items"], arguments].concat()), 1, &words);
    }
    let planner = Person::new(&deployed, "absent-planner", &["--planner"]);
    deployed.good(&["apply", "--yes", "--no-run"]);
    let denied = planner.run(&["items", "add", "-i", "x"]);
    assert!(
        denied.code == 1 && denied.stderr.contains("error: missing permission: dynamodb:PutItem on "),
        "{denied:?}"
    );
    let listed = deployed.good(&["items", "list", "--local", "--csv"]);
    assert_eq!(listed.stdout, "name\nA\n");
    let words = "error: the items of source `companies` are in a table, so there is no file to edit with `--local`\n  leave out \
                 `--local`, or edit the pipeline's file";
    says(&deployed.fanggen(&["items", "add", "-i", "x", "--local"]), 1, words);
}

/// The lines of the log, by event.
pub fn logged(ran: &ProcessOutput, event: &str) -> Vec<Value> {
    let lines = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.filter(|line| line["event"] == event).collect()
}

#[test]
fn each_change_and_each_call_is_logged() {
    let deployed = deployed("logged", "name,title\nApple,Apple Inc.\n");
    let log = |arguments: &[&str]| deployed.good(&[&["items"], arguments, &["--log-format", "json"]].concat());
    let whole = |arguments: &[&str]| {
        let ran = log(arguments);
        let changes = logged(&ran, "change");
        let of = |change: &Value| {
            assert!(change["who"].as_str().is_some_and(|who| who.ends_with(":user/logged")), "{change}");
            assert_eq!(change["place"], table(&deployed));
            json!([change["action"], change["item"], change["before"], change["after"]])
        };
        changes.iter().map(of).collect::<Vec<_>>()
    };
    let row = |name: &str, title: &str| json!({ "name": name, "title": title });
    assert_eq!(whole(&["add", "-i", "B", "title=b", "-i", "Apple"]), [json!(["add", "B", null, row("B", "b")])]);
    let replaced = json!(["replace", "B", row("B", "b"), row("B", "c")]);
    assert_eq!(whole(&["add", "-i", "B", "title=c", "--replace"]), [replaced]);
    assert_eq!(whole(&["update", "-i", "B", "title=d"]), [json!(["change", "B", row("B", "c"), row("B", "d")])]);
    assert_eq!(whole(&["update", "--old", "B", "--new", "C"]), [json!(["rename", "B", row("B", "d"), row("C", "d")])]);
    assert_eq!(whole(&["remove", "-i", "C", "-i", "D"]), [json!(["remove", "C", row("C", "d"), null])]);
    deployed.project.write("companies.csv", "name,title\nApple,A\nNew,N\n");
    assert_eq!(
        whole(&["sync"]),
        [
            json!(["replace", "Apple", row("Apple", "Apple Inc."), row("Apple", "A")]),
            json!(["add", "New", null, row("New", "N")])
        ]
    );

    let calls = logged(&log(&["update", "--old", "Apple", "--new", "Pear"]), "call");
    let operations: Vec<&str> = calls.iter().filter_map(|call| call["operation"].as_str()).collect();
    assert_eq!(operations, ["sts:GetCallerIdentity", "dynamodb:GetItem", "dynamodb:TransactWriteItems"]);
    assert!(calls.iter().all(|call| call["outcome"] == "ok" && call["attempts"] == 1), "{calls:?}");
    let refused = deployed.fanggen(&["items", "update", "--old", "Pear", "--new", "New", "--log-format", "json"]);
    let calls = logged(&refused, "call");
    assert_eq!(calls[2]["outcome"], "HTTP 400 TransactionCanceledException");
    assert_eq!(logged(&refused, "command")[0]["exit_code"], 1);
    // Other commands log their calls too.
    let status = deployed.good(&["status", "--env", "dev", "--log-format", "json"]);
    let calls = logged(&status, "call");
    let operations: Vec<&str> = calls.iter().filter_map(|call| call["operation"].as_str()).collect();
    assert_eq!(operations, ["sts:GetCallerIdentity", "cloudformation:DescribeStacks", "s3:GetObject"]);
    assert_eq!(logged(&status, "command")[0]["environment"], "dev");
}

#[test]
fn a_renamed_item_is_never_lost() {
    let deployed = deployed("rename", "name,title\n");
    let proxy = Proxy::before(emulator());
    deployed.good(&["items", "add", "-i", "A", "title=kept"]);
    let (mut old, mut new) = ("A", "B");
    for cut in [Cut::Before(2), Cut::After(2), Cut::Before(3), Cut::After(3)] {
        let mut command = deployed.command(&proxy.endpoint(), &["items", "update", "--old", old, "--new", new]);
        assert!(proxy.kill_at(cut, &mut command, Duration::from_secs(30)).is_some(), "{cut:?}");
        let there = titles(&deployed);
        let expected = if cut == Cut::After(3) { new } else { old };
        assert_eq!(there, map(&[(expected, "kept")]), "{cut:?}");
        if expected == new {
            (old, new) = (new, old);
        }
    }
    // An answer that is lost is no failure: the transaction is repeated under its token.
    proxy.faults(Faults::first(&["dynamodb:TransactWriteItems"], Fault::Unheard));
    let ran = deployed.through(&proxy.endpoint(), &["items", "update", "--old", old, "--new", new]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(titles(&deployed), map(&[(new, "kept")]));
}

#[test]
fn an_operator_edits_items_with_exactly_its_policy_and_deploys_nothing() {
    let deployed = deployed("operated", "name,title\nApple,\nLego,\n");
    let operator = Person::new(&deployed, "operator", &["--operator", "--env", "dev"]);
    deployed.project.write("companies.csv", "name,title\nApple,\n");
    for verb in [
        &["list"][..],
        &["add", "-i", "New", "-v"],
        &["add", "-i", "New", "title=x", "--replace"],
        &["add", "-i", "Newer", "--dry-run"],
        &["update", "-i", "New", "title=y"],
        &["update", "--old", "New", "--new", "Old"],
        &["remove", "-i", "Old", "-v"],
        &["sync", "--prune", "--yes"],
        &["diff"],
    ] {
        let ran = operator.run(&[&["items"], verb].concat());
        assert_eq!(ran.code, 0, "{verb:?}: {ran:?}");
    }
    assert_eq!(titles(&deployed), map(&[("Apple", "")]));
    deployed.edit("[functions]\n", "[functions]\nmemory_mb = 512\n").render();
    for forbidden in [&["apply", "--yes"][..], &["plan"], &["destroy", "--yes"]] {
        let refused = operator.run(forbidden);
        assert!(refused.code == 1 && refused.stderr.contains("missing permission: "), "{forbidden:?}: {refused:?}");
    }
    let sdk = operator.sdk();
    let bucket = format!("fanggen-artifacts-{}-{}", target_account().account, target_account().region);
    let put = |key: &str| {
        let body = b"{}".to_vec().into();
        block_on(aws_sdk_s3::Client::new(&sdk).put_object().bucket(&bucket).key(key).body(body).send()).is_ok()
    };
    assert!(!put("runtime/operated-dev/x86_64/1.zip") && !put("state/operated-prod.json"));
    let prod = operator.run(&["items", "list", "--env", "prod"]);
    assert!(prod.code == 1 && prod.stderr.contains("missing permission: dynamodb:Scan"), "{prod:?}");
}

#[test]
fn the_uploaded_copy_of_a_file_is_edited_with_the_file() {
    let toml = TOML.replace("type = \"dynamodb\"\nitems_file = ", "type = \"file\"\npath = ");
    let project = crate::harness::project::Project::with(&toml);
    project.write("companies.csv", "name,title\nApple,\n");
    let deployed = Deployed::new(project, "copied", aws::deployed::Program::Hollow);
    let early = deployed.good(&["items", "add", "-i", "Early"]);
    says(
        &early,
        0,
        "environment `dev` has no copy of the file yet: `fanggen apply --env dev` uploads the file\ncompanies.csv: 1 added",
    );
    deployed.good(&["apply", "--yes", "--no-run"]);
    let operator = Person::new(&deployed, "copier", &["--operator"]);
    let uploaded = || deployed.good(&["items", "list", "--uploaded", "--csv"]).stdout;
    let added = operator.run(&["items", "add", "-i", "Google", "title=G", "--json"]);
    assert_eq!((added.code, added.json()["edits"][1]["added"].as_u64()), (0, Some(1)), "{added:?}");
    let csv = "name,title\nApple,\nEarly,\nGoogle,G\n";
    assert_eq!((uploaded().as_str(), deployed.project.read("companies.csv").as_str()), (csv, csv));
    // One of them differs: each gets what it lacks.
    deployed.good(&["items", "add", "-i", "Here", "--local"]);
    let ran = deployed.good(&["items", "add", "-i", "Here"]);
    assert!(
        ran.stderr.contains("companies.csv: 1 already there, unchanged\n")
            && ran.stderr.contains("/companies.csv: 1 added"),
        "{ran:?}"
    );
    deployed.good(&["items", "update", "--old", "Google", "--new", "Alphabet"]);
    deployed.good(&["items", "remove", "-i", "Early"]);
    let csv = "name,title\nAlphabet,G\nApple,\nHere,\n";
    assert_eq!(uploaded(), csv);
    assert_eq!(deployed.project.read("companies.csv"), "name,title\nApple,\nAlphabet,G\nHere,\n");
    let diff = deployed.fanggen(&["items", "diff"]);
    assert!(diff.code == 2 && diff.stdout.contains("companies.csv: differs"), "{diff:?}");
    deployed.good(&["items", "sync"]);
    assert_eq!(deployed.fanggen(&["items", "diff"]).code, 0);
}
