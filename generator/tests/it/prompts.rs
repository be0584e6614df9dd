//! What `items sync` asks on a terminal, and that it never asks without one.

use crate::harness::aws::deployed::{Deployed, Program};
use crate::harness::aws::services::rows;
use crate::harness::aws::target_account::target_account;
use crate::harness::aws::template::names;
use crate::harness::project::Project;
use crate::harness::terminal::at_a_terminal;

const TOML: &str = "[pipeline]\nname = \"NAME\"\n[sources.companies]\ntype = \"dynamodb\"\nitems_file = \"companies.csv\"\n\
                    [[stages]]\nname = \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n\
                    [sinks.archive]\ntype = \"s3\"\n[environments.dev]\n";

#[test]
fn sync_asks_before_it_deletes_and_not_before_it_adds() {
    let project = Project::with(TOML);
    project.write("companies.csv", "name\nApple\nGoogle\n");
    let deployed = Deployed::new(project, "ask-sync", Program::Hollow);
    deployed.good(&["apply", "--yes", "--no-run"]);
    let emulator = target_account().emulator.expect("an emulator");
    let typed = |arguments: &[&str], answer: &str| {
        let (code, shown) = at_a_terminal(&deployed.command(&emulator.endpoint(), arguments), answer);
        (code, shown, rows(&names(&deployed.plan("dev"))["CompaniesTable"]).len())
    };
    deployed.project.write("companies.csv", "name\nApple\nLego\n");
    let (code, shown, count) = typed(&["items", "sync"], "n");
    assert_eq!((code, count, shown.contains("[y/N]")), (0, 3, false), "added without a question: {shown}");
    let prune = ["items", "sync", "--prune"];
    let (code, shown, count) = typed(&prune, "n");
    assert_eq!((code, count), (1, 3), "{shown}");
    assert!(shown.ends_with("- Google\n\nWrite them? [y/N] the rows of this table are unchanged\n"), "{shown}");
    let without = deployed.fanggen(&prune);
    let message =
        "error: there is no terminal to ask on: nothing was changed\n  add `--yes` to go on without a prompt\n";
    assert!(without.code == 1 && without.stderr.ends_with(message), "{without:?}");
    let (code, shown, count) = typed(&prune, "y");
    assert_eq!((code, count), (0, 2), "{shown}");
}
