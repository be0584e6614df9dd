//! A benchmark: `fanggen items` beside the AWS CLI, for one item and for many, on the same emulator.
//!
//! `FANGGEN_PROGRAM=$PWD/target/release/fanggen cargo test -p fanggen --test it items_speed -- --ignored --nocapture` times that build;
//! `FANGGEN_ROUNDS` sets the number of rounds, and `FANGGEN_ITEMS` that of many items. It is an ignored test because it needs the emulator and the proxy of the tests.
//!
//! The calls of each command are counted in an extra round through a proxy; the times are those of commands that speak to the
//! emulator itself, over TLS and past its gate.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, Select,
};
use fanggen_runtime::testing::measure::{Measured, machine, ms};
use serde_json::{Value, json};

use crate::harness::aws::emulator::{Emulator, REGION, block_on};
use crate::harness::aws::proxy::Proxy;
use crate::harness::tools::aws_cli;

const ROUNDS: usize = 11;
/// Hundreds of processes of the AWS CLI, each with as many rows as one call takes, are waited for once.
const ROUNDS_OF_MANY: usize = 1;
const MANY: usize = 10_000;
const CLI_BATCH: usize = 25;

const TOML: &str = "[pipeline]\nname = \"quick\"\n[sources.companies]\ntype = \"dynamodb\"\nitems = [\"A\"]\n[[stages]]\nname = \
                    \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \
                    \"s3\"\n[environments.dev]\n";

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    AddOne,
    ListOne,
    AddMany,
    ListMany,
}

impl Step {
    const ALL: [Self; 4] = [Self::AddOne, Self::ListOne, Self::AddMany, Self::ListMany];

    /// The items in the table afterwards.
    const fn items(self, many: usize) -> usize {
        if matches!(self, Self::AddOne | Self::ListOne) { 1 } else { many }
    }

    /// What we run, and what the AWS CLI does.
    fn words(self, many: usize) -> [String; 2] {
        let processes = many.div_ceil(CLI_BATCH);
        match self {
            Self::AddOne => ["`items add -i Apple title=..`".to_owned(), "`aws dynamodb put-item`".to_owned()],
            Self::ListOne => ["`items list`, 1 item".to_owned(), "`aws dynamodb scan`, 1 item".to_owned()],
            Self::AddMany => [
                format!("`items add --from`, {many} items"),
                format!("`aws dynamodb batch-write-item`, {processes} times"),
            ],
            Self::ListMany => {
                [format!("`items list --json`, {many} items"), format!("`aws dynamodb scan`, {many} items")]
            }
        }
    }
}

/// Who does it: us, or the AWS CLI.
const SIDES: [usize; 2] = [0, 1];

/// The table, and the commands on it.
struct Bench<'a> {
    emulator: &'a Emulator,
    folder: &'a Path,
    table: String,
    client: Client,
    many: usize,
}

#[test]
#[ignore = "a benchmark of several minutes, for a release build on an idle machine"]
fn items_are_timed_beside_the_aws_cli() {
    let set = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let (rounds, many) = (set("FANGGEN_ROUNDS").unwrap_or(ROUNDS), set("FANGGEN_ITEMS").unwrap_or(MANY));
    let emulator = Emulator::start();
    let proxy = Proxy::before(&emulator);
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(&emulator, folder.path(), many);
    println!("{}\n", machine());
    let (mut calls, mut times) = (BTreeMap::new(), BTreeMap::<(Step, usize), Measured>::new());
    for (step, side) in all() {
        proxy.clear();
        bench.run(step, side, &proxy.endpoint(), &mut Measured::default());
        calls.insert((step, side), proxy.counts());
    }
    for round in 0..rounds {
        // One after the other, so that both have the same weather.
        for (step, side) in all().filter(|step| round < ROUNDS_OF_MANY || *step != (Step::AddMany, 1)) {
            bench.run(step, side, emulator.address(), times.entry((step, side)).or_default());
        }
    }
    println!("| command | median, ms | fastest | slowest | peak, MB | AWS calls |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    for (step, side) in all() {
        let runs = &times[&(step, side)];
        let [median, fastest, slowest] = runs.spread().map(ms);
        let peak = runs.peak_kb as f64 / 1024.0;
        let counts: Vec<String> = calls[&(step, side)].iter().map(|(call, count)| format!("{count} {call}")).collect();
        let what = &step.words(many)[side];
        println!("| {what} | {median} | {fastest} | {slowest} | {peak:.1} | {} |", counts.join(", "));
    }
    for step in Step::ALL {
        let median = |side: usize| times[&(step, side)].spread()[0].as_secs_f64();
        println!("\n{}: the AWS CLI takes {:.1} times as long.", step.words(many)[0], median(1) / median(0));
    }
}

fn all() -> impl Iterator<Item = (Step, usize)> {
    Step::ALL.into_iter().flat_map(|step| SIDES.map(|side| (step, side)))
}

impl<'a> Bench<'a> {
    fn new(emulator: &'a Emulator, folder: &'a Path, many: usize) -> Self {
        fs::create_dir_all(folder.join("home")).expect("a folder");
        fs::write(folder.join("pipeline.toml"), TOML).expect("written");
        let rendered = fanggen(folder, &[], &["render"]).output().expect("started");
        assert!(rendered.status.success(), "{rendered:?}");
        let plan = fs::read_to_string(folder.join("generated/dev/plan.json")).expect("a plan");
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        let table = plan["resources"]["CompaniesTable"]["name"].as_str().expect("a name").to_owned();
        let names = (0..many).map(|number| (format!("Company {number:05}"), format!("Company {number:05} Inc.")));
        let names: Vec<(String, String)> = names.collect();
        let rows: String = names.iter().map(|(name, title)| format!("{name},{title}\n")).collect();
        fs::write(folder.join("items.csv"), format!("name,title\n{rows}")).expect("written");
        for (place, batch) in names.chunks(CLI_BATCH).enumerate() {
            let put = |(name, title): &(String, String)| json!({ "PutRequest": { "Item": item(name, title) } });
            let requests = json!({ &table: batch.iter().map(put).collect::<Vec<_>>() });
            fs::write(folder.join(format!("batch-{place:03}.json")), requests.to_string()).expect("written");
        }
        let client = Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
        Self { emulator, folder, table, client, many }
    }

    /// Runs a step, which has to end with the table as it should be.
    fn run(&self, step: Step, side: usize, endpoint: &str, into: &mut Measured) {
        if matches!(step, Step::AddOne | Step::AddMany) {
            self.empty_table();
        }
        let mut command = if side == 0 { self.ours(step, endpoint) } else { self.theirs(step, endpoint) };
        let (out, log) = (File::create(self.folder.join("out")), File::create(self.folder.join("log")));
        command.stdin(Stdio::null()).stdout(out.expect("a file")).stderr(log.expect("a file"));
        let ended = into.add(&mut command);
        let said = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(ended.success(), "{command:?}, {ended}:\n{said}");
        assert_eq!(self.count(), step.items(self.many), "{command:?}:\n{said}");
        if step == Step::ListMany {
            let out = fs::read_to_string(self.folder.join("out")).expect("an output");
            let last = format!("Company {:05} Inc.", self.many - 1);
            assert_eq!(out.matches(&last).count(), 1, "{command:?} prints all");
        }
    }

    fn environment(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        let mut all = self.emulator.environment_of(endpoint, &self.emulator.root());
        all.push(("HOME", self.folder.join("home").display().to_string()));
        all.push(("AWS_CA_BUNDLE", self.emulator.ca_file().display().to_string()));
        all.push(("AWS_DEFAULT_REGION", REGION.to_owned()));
        all
    }

    fn ours(&self, step: Step, endpoint: &str) -> Command {
        let arguments: &[&str] = match step {
            Step::AddOne => &["add", "-i", "Apple", "title=Apple Inc."],
            Step::ListOne => &["list"],
            Step::AddMany => &["add", "--from", "items.csv"],
            Step::ListMany => &["list", "--json"],
        };
        fanggen(self.folder, &self.environment(endpoint), &[&["items"], arguments].concat())
    }

    /// As a user would do the same: one item under the same condition, and many with as many in a call as it takes.
    fn theirs(&self, step: Step, endpoint: &str) -> Command {
        let (cli, table) = (aws_cli(), self.table.as_str());
        let mut command = Command::new(if step == Step::AddMany { Path::new("sh") } else { &cli });
        match step {
            Step::AddOne => {
                let item = item("Apple", "Apple Inc.").to_string();
                let condition = ["--condition-expression", "attribute_not_exists(#k)"];
                command.args(["dynamodb", "put-item", "--table-name", table, "--item", &item]).args(condition);
                command.args(["--expression-attribute-names", "{\"#k\":\"name\"}"])
            }
            Step::ListOne | Step::ListMany => command.args(["dynamodb", "scan", "--table-name", table]),
            Step::AddMany => {
                let one = format!("'{}' dynamodb batch-write-item --request-items \"file://$batch\"", cli.display());
                command.args(["-ec", &format!("for batch in batch-*.json; do {one}; done")])
            }
        };
        command.current_dir(self.folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment(endpoint));
        command
    }

    /// Makes the table anew.
    fn empty_table(&self) {
        let attribute = AttributeDefinition::builder().attribute_name("name").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash);
        let create = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        let create = create.attribute_definitions(attribute.build().expect("an attribute"));
        let create = create.key_schema(key.build().expect("a key"));
        block_on(async {
            let _ = self.client.delete_table().table_name(&self.table).send().await;
            create.send().await
        })
        .expect("a table");
    }

    fn count(&self) -> usize {
        let pages = self.client.scan().table_name(&self.table).select(Select::Count).into_paginator().send();
        let pages = block_on(pages.try_collect()).expect("counted");
        pages.iter().map(|page| usize::try_from(page.count).unwrap_or_default()).sum()
    }
}

/// The program that is timed: the one that is named, or that of this build.
fn fanggen(folder: &Path, environment: &[(&'static str, String)], arguments: &[&str]) -> Command {
    let program = std::env::var_os("FANGGEN_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_fanggen").into());
    let program = std::path::absolute(program).expect("a path");
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(environment.iter().map(|(name, value)| (*name, value))).args(arguments);
    command
}

fn item(name: &str, title: &str) -> Value {
    json!({ "name": { "S": name }, "title": { "S": title } })
}
