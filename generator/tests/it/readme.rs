//! Runs the commands of the README, the guide and the examples, and compares the output.

#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

#[cfg(feature = "aws")]
use crate::harness::aws;
#[cfg(feature = "aws")]
use crate::harness::elf;
use crate::harness::{project, readme};

use std::fs;

use fanggen_runtime::function::registry;
use project::{Project, workspace};
use readme::{blocks, run_again};

/// The documents whose commands are run, each with the folder where they run.
fn documents() -> Vec<(String, String)> {
    let entries = fs::read_dir(workspace().join("examples")).expect("the examples");
    let folders = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    let mut folders: Vec<_> =
        folders.map(|entry| format!("examples/{}", entry.file_name().to_string_lossy())).collect();
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    let examples = folders.into_iter().map(|folder| (format!("{folder}/README.md"), folder));
    let root = ["README.md", "docs/guide.md"].map(|document| (document.to_owned(), String::new()));
    root.into_iter().chain(examples).collect()
}

/// Accepts what is printed now: run with this set to 1.
const UPDATE: &str = "UPDATE_SNAPSHOTS";

fn accepts() -> bool {
    std::env::var(UPDATE).is_ok_and(|value| value == "1") && std::env::var_os("CI").is_none()
}

#[test]
fn the_commands_of_the_documents_print_what_they_show() {
    for (document, folder) in documents() {
        let folder = folder.as_str();
        let file = workspace().join(&document);
        let path = file.display();
        let readme = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        let project = Project::root();
        let account = if folder.is_empty() { Account::of(&project, &document) } else { Account::default() };
        let environment = &account.environment;
        let mut now = readme.clone();
        let consoles: Vec<_> = blocks(&readme).into_iter().filter(|(language, ..)| language == "console").collect();
        assert!(!consoles.is_empty(), "{path} shows no command");
        // In the order of the text, as a reader would; put in from the last, so that places stay true.
        let printed: Vec<_> = consoles
            .iter()
            .map(|(_, text, place)| (run_again(&project, folder, environment, text), place.clone()))
            .collect();
        for (text, place) in printed.into_iter().rev() {
            now.replace_range(place, &text);
        }
        if document == "README.md" {
            now = with_table(&now);
        }
        compare(&file, &readme, &now);
    }
}

/// The account of one document, and the variables with which its commands find it.
///
/// Each document has an emulator of its own: a function's late invocation writes its log group anew after `destroy`,
/// and the next document deploys under the same name.
#[derive(Default)]
struct Account {
    environment: Vec<(&'static str, String)>,
    #[cfg(feature = "aws")]
    _emulator: Option<aws::emulator::Emulator>,
}

impl Account {
    /// An account with a deployer who has exactly the policy that the guide tells how to get. The runtime is none that
    /// could run: what the functions do is not looked at here.
    #[cfg(feature = "aws")]
    fn of(project: &Project, document: &str) -> Self {
        use aws::emulator::{ACCOUNT, Emulator};
        let program = elf::elf(elf::ARM64, elf::LOADER_ARM64, "GLIBC_2.34");
        fs::write(project.path().join("program"), program).expect("written");
        let built = project.fanggen(&["build", "--runtime", "program"]);
        assert_eq!(built.code, 0, "{built:?}");
        let asked = project.fanggen(&["iam", "--deployer", "--artifacts", "--account", ACCOUNT]).json();
        let documents = asked.as_array().expect("documents").iter();
        let statements = documents.flat_map(|document| document["policy"]["Statement"].as_array().expect("statements"));
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() });
        let emulator = Emulator::start();
        let key = aws::deployer::deployer(&emulator, &document.replace('/', "-"), &policy.to_string());
        let mut environment = emulator.environment_of(&emulator.endpoint(), &key);
        environment.push(("XDG_CACHE_HOME", project.path().join(".cache").display().to_string()));
        Self { environment, _emulator: Some(emulator) }
    }

    #[cfg(not(feature = "aws"))]
    fn of(_: &Project, _: &str) -> Self {
        Self::default()
    }
}

#[test]
fn the_short_pipeline_is_one() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("a README");
    let (_, toml, _) = blocks(&readme).into_iter().find(|(language, ..)| language == "toml").expect("a pipeline");
    let project = Project::with(&toml);
    let ran = project.fanggen(&["render"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
}

/// The table of components, from the kinds, between its two marks.
fn with_table(readme: &str) -> String {
    let (start, end) = ("<!-- components -->\n", "<!-- end of components -->");
    let from = readme.find(start).expect("the start of the table") + start.len();
    let to = readme.find(end).expect("the end of the table");
    let mut table = String::from("\n| | type | what it does |\n| --- | --- | --- |\n");
    for card in registry::all().map(|kind| kind.card) {
        table += &format!("| {} | `{}` | {} |\n", card.role.as_str(), card.name, card.summary);
    }
    let mut now = readme.to_owned();
    now.replace_range(from..to, &(table + "\n"));
    now
}

/// Every file that a README links to is there.
#[test]
fn links_lead_somewhere() {
    for (document, _) in documents() {
        let path = workspace().join(&document);
        let folder = path.parent().expect("a folder");
        let readme = fs::read_to_string(&path).expect("a README");
        let link = regex_lite::Regex::new(r"\]\(([^)#]+)[^)]*\)").expect("a pattern");
        for target in link.captures_iter(&readme).map(|found| found[1].to_owned()) {
            if !target.starts_with("http") {
                assert!(folder.join(&target).exists(), "{} links to {target}", path.display());
            }
        }
    }
}

fn compare(file: &std::path::Path, before: &str, now: &str) {
    if before == now {
        return;
    }
    if accepts() {
        fs::write(file, now).expect("written");
        return;
    }
    let diff = similar::TextDiff::from_lines(before, now);
    panic!("{} is not true any more; {UPDATE}=1 accepts:\n{}", file.display(), diff.unified_diff().context_radius(3));
}
