//! The cards of stages name the failures that the stages give, as their own source says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::{ErrorCode, ErrorScope};

/// Failures of a stage that is broken or set up wrongly, which no record is to blame for.
const OF_SETUP: [ErrorCode; 3] = [ErrorCode::StageBroken, ErrorCode::NotHere, ErrorCode::SettingsUnreadable];

/// The source of a stage: a file, or all files of a folder, without their unit tests.
fn source(kind: &str) -> String {
    let stages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stages");
    let file = stages.join(format!("{kind}.rs"));
    let files: Vec<PathBuf> = match file.is_file() {
        true => vec![file],
        false => {
            fs::read_dir(stages.join(kind)).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
        }
    };
    let code =
        |path: PathBuf| fs::read_to_string(path).expect("a file").split("#[cfg(test)]").next().unwrap_or("").to_owned();
    files.into_iter().map(code).collect()
}

#[test]
fn a_card_names_the_failures_that_its_stage_gives() {
    for kind in registry::of(ComponentRole::Stage) {
        let named: Vec<ErrorCode> = kind.card.failures.iter().flat_map(|codes| codes.iter().copied()).collect();
        let distinct: BTreeSet<ErrorCode> = named.iter().copied().collect();
        assert_eq!(distinct.len(), named.len(), "`{}` names a failure twice", kind.card.name);
        for code in &named {
            assert!(matches!(code.scope(), ErrorScope::Record | ErrorScope::Call), "`{}`: {code}", kind.card.name);
        }
        let source = source(kind.card.name);
        let given = ErrorCode::ALL.iter().filter(|code| source.contains(&format!("ErrorCode::{code:?}")));
        for code in given.filter(|code| code.scope() != ErrorScope::Setup && !OF_SETUP.contains(code)) {
            // The limits of its own rate, and the replies of a service, are told by their causes.
            assert!(distinct.contains(code), "the card of `{}` lacks {code}", kind.card.name);
        }
    }
}
