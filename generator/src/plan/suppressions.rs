//! Which resources of a plan carry which accepted findings; the findings and their reasons are on the cards.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{LogicalId, Plan};
use crate::config::pipeline::Pipeline;
use crate::resources::AcceptedWhen;

/// An accepted finding on one resource, in checkov's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The check.
    pub id: &'static str,
    /// The reason.
    pub comment: &'static str,
}

/// The accepted findings on the resources of a plan, by logical id.
pub fn of(plan: &Plan, pipeline: &Pipeline) -> BTreeMap<LogicalId, Vec<Suppression>> {
    let names: BTreeSet<&str> = (pipeline.components().map(|component| component.name.as_str()))
        .chain(plan.tables.iter().flat_map(|table| [Some(table.partition.as_str()), table.sort.as_deref()]).flatten())
        .collect();
    let by_names: BTreeSet<&LogicalId> = (plan.functions.iter())
        .filter(|function| {
            let values = || function.variables.iter().filter_map(|variable| variable.value.literal());
            values().any(looks_like_secret) && !values().any(|value| looks_like_secret(&without(value, &names)))
        })
        .map(|function| &function.id)
        .collect();
    let mut all: BTreeMap<LogicalId, Vec<Suppression>> = BTreeMap::new();
    for resource in plan.resources() {
        for finding in resource.card.accepted {
            let applies = match finding.when {
                AcceptedWhen::Always => true,
                AcceptedWhen::WithoutKey => plan.key.is_none(),
                AcceptedWhen::NameLikeSecret => by_names.contains(resource.id),
            };
            if applies {
                let suppression = Suppression { id: finding.check, comment: finding.reason };
                all.entry(resource.id.clone()).or_default().push(suppression);
            }
        }
    }
    all
}

/// A value without names of the file. The longest is removed first, since it may contain others.
fn without(value: &str, names: &BTreeSet<&str>) -> String {
    let mut long: Vec<&str> = names.iter().copied().filter(|name| name.len() >= SECRET).collect();
    long.sort_by_key(|name| std::cmp::Reverse(name.len()));
    long.into_iter().fold(value.to_owned(), |value, name| value.replace(name, ""))
}

/// The length of an AWS secret access key.
const SECRET: usize = 40;

/// Whether checkov takes a text for a secret access key: exactly 40 of its characters in a row, or at least 40 after a `:`
/// or `=`.
fn looks_like_secret(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/+=".contains(c);
    let mut start = 0;
    for part in text.split(|c: char| !fits(c)) {
        let assigned = || text[..start].trim_end_matches(['"', '\'']).trim_end().ends_with([':', '=']);
        if part.len() == SECRET || part.len() > SECRET && assigned() {
            return true;
        }
        // A separator may take more than one byte.
        start += part.len() + text[start + part.len()..].chars().next().map_or(0, char::len_utf8);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_like_a_secret_where_checkov_says_so() {
        let forty = "a".repeat(40);
        assert!(looks_like_secret(&forty) && looks_like_secret(&format!("ü {forty}\"")));
        assert!(!looks_like_secret(&"a".repeat(39)) && !looks_like_secret(&"a".repeat(41)));
        assert!(looks_like_secret(&format!("{{\"key\":\"{forty}a\"}}")));
        assert!(!looks_like_secret(&format!("{{\"key\":\"ü{forty}a\"}}")));
    }

    #[test]
    fn a_secret_beside_a_name_is_still_found() {
        let (name, secret) = ("n".repeat(40), "s".repeat(40));
        let names = BTreeSet::from([name.as_str()]);
        assert!(!looks_like_secret(&without(&format!("\"{name}\""), &names)));
        assert!(looks_like_secret(&without(&format!("\"{name}\",\"{secret}\""), &names)));
    }
}
