//! One card per CloudFormation resource type: all that is known of the type before any resource of it exists.
//!
//! The planner, the diff, the deployer's policy, the search for leftovers and the accepted findings read the cards. To
//! add a type, write its card in the file of its service and list it in [`ALL`].

pub mod budgets;
mod card;
pub mod cloudwatch;
pub mod dynamodb;
pub mod glue;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod scheduler;
pub mod sns;
pub mod sqs;

pub use card::{
    AcceptedFinding, AcceptedWhen, ArnScope, GrantCondition, HandlerGrant, KeyCalls, KeyUse, Lookup, NameLimit,
    ResourceType, Target,
};

/// Every type that a template can contain, in the order in which plans count them.
pub static ALL: &[&ResourceType] = &[
    &scheduler::SCHEDULE,
    &lambda::FUNCTION,
    &sqs::QUEUE,
    &dynamodb::TABLE,
    &s3::BUCKET,
    &sns::TOPIC,
    &sns::SUBSCRIPTION,
    &cloudwatch::ALARM,
    &cloudwatch::DASHBOARD,
    &budgets::BUDGET,
    &glue::DATABASE,
    &glue::TABLE,
    &iam::ROLE,
    &logs::LOG_GROUP,
    &lambda::EVENT_SOURCE_MAPPING,
    &lambda::EVENT_INVOKE_CONFIG,
    &lambda::PERMISSION,
    &sqs::QUEUE_POLICY,
    &sns::TOPIC_POLICY,
    &s3::BUCKET_POLICY,
    &kms::KEY,
    &kms::ALIAS,
];

/// The card of a type, by its CloudFormation name.
#[must_use]
pub fn find(name: &str) -> Option<&'static ResourceType> {
    ALL.iter().find(|card| card.name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn source() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
    }

    fn rust_files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries
            .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect()
    }

    #[test]
    fn the_name_of_a_type_stands_in_one_source_file_only() {
        let files = rust_files(&source());
        let texts: Vec<(&PathBuf, String)> =
            files.iter().map(|path| (path, fs::read_to_string(path).expect("a text"))).collect();
        for card in ALL {
            let quoted = format!("\"{}\"", card.name);
            let found: Vec<_> = texts.iter().filter(|(_, text)| text.contains(&quoted)).map(|(path, _)| path).collect();
            assert_eq!(found.len(), 1, "{} stands in {found:?}", card.name);
            assert_eq!(found[0].parent(), Some(source().join("resources").as_path()), "{}", card.name);
        }
    }

    #[test]
    fn the_template_has_exactly_the_types_that_have_a_card() {
        let template = include_str!("../../templates/template.yaml.j2");
        let types: BTreeSet<&str> = template.lines().filter_map(|line| line.strip_prefix("    Type: AWS::")).collect();
        let cards: BTreeSet<&str> = ALL.iter().filter_map(|card| card.name.strip_prefix("AWS::")).collect();
        assert_eq!(types, cards);
        assert_eq!(cards.len(), ALL.len(), "each type has one card");
    }

    #[test]
    fn every_card_is_complete() {
        for card in ALL {
            assert!(!card.noun.is_empty() && card.plural != card.noun, "{card:?}");
            assert!(!card.handler.is_empty(), "{card:?} needs no action of its handler");
            for grant in card.handler {
                assert!(grant.actions.is_sorted(), "{card:?}: {:?}", grant.actions);
            }
            for finding in card.accepted {
                let reason = finding.reason;
                assert!((60..=300).contains(&reason.len()) && !reason.contains("  "), "{}: {reason}", finding.check);
            }
        }
    }
}
