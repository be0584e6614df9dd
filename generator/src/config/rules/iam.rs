//! The permissions of `[[iam.scopes]]`: what IAM would reject only during deployment.

use fanggen_runtime::model::tree::{Entry, Tree, Value, quoted_list};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::Pipeline;
use crate::config::sections::IamScope;
use crate::config::suggestion::did_you_mean;
use crate::config::values::Action;

/// The condition operators, without prefix and suffix
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];
/// What may stand before an operator.
const PREFIXES: [&str; 2] = ["ForAllValues:", "ForAnyValue:"];
/// What may stand after one, but for `Null`.
const SUFFIX: &str = "IfExists";

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let Some(Value::List(written)) = super::entry(tree, &["iam", "scopes"]).map(|entry| &entry.tree.value) else {
        return;
    };
    for (scope, tree) in pipeline.iam.scopes.iter().zip(written.iter()) {
        let lists = [("actions", scope.actions.is_empty()), ("resources", scope.resources.is_empty())];
        for (key, _) in lists.into_iter().filter(|(_, empty)| *empty) {
            let span = super::entry(tree, &[key]).map_or(&tree.span, |entry| &entry.tree.span);
            let title = format!("a permission without {key} permits nothing, and IAM rejects it");
            mistakes
                .push(Mistake::new(MistakeCode::EmptyScope, span, title, format!("no {key}")).allowed("at least one"));
        }
        everything(scope, tree, mistakes);
        let conditions = super::entry(tree, &["conditions"]).and_then(|entry| entry.tree.as_table());
        for (operator, entry) in conditions.into_iter().flatten() {
            if !known(operator) {
                mistakes.push(
                    Mistake::new(MistakeCode::ConditionOperator, &entry.key, format!("IAM has no condition operator `{operator}`"), "unknown operator")
                        .allowed("an operator such as `StringEquals`, `ArnLike`, `Bool` or `NumericLessThan`, optionally followed by `IfExists` or preceded by `ForAllValues:` or `ForAnyValue:`")
                        .help(meant(operator)),
                );
            }
            for (key, entry) in entry.tree.as_table().into_iter().flatten() {
                condition_key(key, entry, mistakes);
            }
        }
    }
}

/// Some actions have no resource-level permissions, and which do changes over time: only the author can know.
fn everything(scope: &IamScope, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let Some(Value::List(written)) = super::entry(tree, &["resources"]).map(|entry| &entry.tree.value) else { return };
    if let Some(star) = written.iter().find(|tree| tree.as_str() == Some("*")) {
        let actions: Vec<&str> = scope.actions.iter().map(Action::as_str).collect();
        let title = format!(
            "`{}` may use these actions on every resource in the account: {}",
            scope.function,
            quoted_list(&actions)
        );
        mistakes.push(
            Mistake::new(MistakeCode::WildcardResource, &star.span, title, "every resource")
                .allowed("`*` only for actions without resource-level permissions, such as `cloudwatch:PutMetricData`")
                .help("name the ARNs, unless these actions have no resource-level permissions".to_owned()),
        );
    }
}

fn condition_key(key: &str, entry: &Entry, mistakes: &mut Vec<Mistake>) {
    // Every key has the service's prefix; what is after a `/` is the name of a tag, and a tag may be called anything.
    let fits = key.split_once(':').is_some_and(|(service, rest)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !service.is_empty() && service.chars().all(plain) && !rest.is_empty() && !rest.chars().any(char::is_control)
    });
    let written = match &entry.tree.value {
        Value::List(list) => list.iter().collect(),
        _ => vec![&entry.tree],
    };
    // IAM: tab, line ends, and printable characters up to `\u{ff}`.
    let holds =
        |tree: &&Tree| tree.as_str().is_none_or(|text| text.chars().all(|c| matches!(c, ' '..='~' | '\u{a1}'..='ÿ')));
    if written.is_empty() || !written.iter().all(holds) {
        mistakes.push(
            Mistake::new(
                MistakeCode::ConditionValue,
                &entry.tree.span,
                format!("IAM does not allow this value of `{key}`"),
                "invalid value",
            )
            .allowed("one or more strings on one line each, with characters up to `ÿ`"),
        );
    }
    if !fits {
        mistakes.push(
            Mistake::new(
                MistakeCode::ConditionKey,
                &entry.key,
                format!("`{key}` is not a key of an IAM condition"),
                "no service prefix",
            )
            .allowed("a key with its service prefix, such as `aws:RequestedRegion` or `s3:prefix`"),
        );
    }
}

fn known(operator: &str) -> bool {
    let bare = PREFIXES.iter().find_map(|prefix| operator.strip_prefix(prefix)).unwrap_or(operator);
    OPERATORS.contains(&bare)
        || bare.strip_suffix(SUFFIX).is_some_and(|bare| bare != "Null" && OPERATORS.contains(&bare))
}

fn meant(operator: &str) -> Option<String> {
    if operator.ends_with("NullIfExists") {
        return Some("`Null` already tests whether the key exists: remove `IfExists`".into());
    }
    let suffixed = OPERATORS.iter().filter(|bare| **bare != "Null").map(|bare| format!("{bare}{SUFFIX}"));
    let bare: Vec<String> = OPERATORS.iter().map(|bare| (*bare).to_owned()).chain(suffixed).collect();
    let prefixed = PREFIXES.iter().flat_map(|prefix| bare.iter().map(move |bare| format!("{prefix}{bare}")));
    let lower = operator.to_lowercase();
    let all: Vec<String> = bare.iter().cloned().chain(prefixed).collect();
    let same = all.iter().find(|known| known.to_lowercase() == lower);
    same.map(|known| format!("did you mean `{known}`?")).or_else(|| did_you_mean(operator, &all))
}
