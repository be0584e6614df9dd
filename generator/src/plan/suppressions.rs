//! Which of checkov's findings are accepted, on which resources, and why: the one place where such reasons stand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{LogicalId, Plan};
use crate::config::pipeline::Pipeline;

/// A finding that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The check, as checkov numbers it (<https://www.checkov.io/5.Policy%20Index/cloudformation.html>).
    pub check: &'static str,
    /// What the check wants.
    pub wants: &'static str,
    /// The type of the resources.
    pub kind: &'static str,
    /// When it is accepted.
    pub when: When,
    /// Why, as the template carries it: written for whoever reviews the stack.
    pub reason: &'static str,
}

/// When a finding is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// On every resource of the type.
    Always,
    /// Where `[data] kms` is not set.
    WithoutKey,
    /// Where nothing but a name of the file has the form of a secret.
    NameLikeASecret,
}

impl When {
    /// The condition, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WithoutKey => "without `[data] kms = true`",
            Self::NameLikeASecret => "where a name of the file has the form of a secret",
        }
    }
}

const FUNCTION: &str = "AWS::Lambda::Function";

/// All findings that are accepted.
pub const ACCEPTED: &[Accepted] = &[
    Accepted {
        check: "CKV_AWS_115",
        wants: "reserved concurrency for the function",
        kind: FUNCTION,
        when: When::Always,
        reason: "Reserved concurrency throttles consumers of SQS, whose messages then end as dead letters, and cannot be \
                 had in new accounts; MaximumConcurrency of the event source bounds the function instead",
    },
    Accepted {
        check: "CKV_AWS_116",
        wants: "a dead-letter queue of the function itself",
        kind: FUNCTION,
        when: When::Always,
        reason: "That one sees asynchronous invocations only: the producer has an on-failure destination, which keeps the \
                 cause as well, and the queue of each worker has a dead-letter queue",
    },
    Accepted {
        check: "CKV_AWS_117",
        wants: "the function inside a VPC",
        kind: FUNCTION,
        when: When::Always,
        reason: "Nothing in a VPC is used and nothing listens: the function calls public endpoints over TLS, each allowed \
                 by its role, and a VPC would add a way out to the internet to look after",
    },
    Accepted {
        check: "CKV_AWS_173",
        wants: "a customer key for environment variables",
        kind: FUNCTION,
        when: When::WithoutKey,
        reason: "Lambda encrypts the variables with its own key, and none is a secret: those are named by ARN and read at \
                 the start; [data] kms = true takes a customer key",
    },
    Accepted {
        check: "CKV_AWS_45",
        wants: "no secret in environment variables",
        kind: FUNCTION,
        when: When::NameLikeASecret,
        reason: "What is found is the name of a component or of a key attribute in the file, of 40 or more letters and \
                 digits; without these names nothing is found",
    },
    Accepted {
        check: "CKV_AWS_158",
        wants: "a customer key for the log group",
        kind: "AWS::Logs::LogGroup",
        when: When::WithoutKey,
        reason: "CloudWatch Logs encrypts every group with its own key; [data] kms = true takes a customer key",
    },
    Accepted {
        check: "CKV_AWS_27",
        wants: "a customer key for the queue",
        kind: "AWS::SQS::Queue",
        when: When::WithoutKey,
        reason: "The queue is encrypted with the key of SQS (SqsManagedSseEnabled); [data] kms = true takes a customer key",
    },
    Accepted {
        check: "CKV_AWS_119",
        wants: "a customer key for the table",
        kind: "AWS::DynamoDB::Table",
        when: When::WithoutKey,
        reason: "DynamoDB encrypts every table with its own key; [data] kms = true takes a customer key",
    },
    Accepted {
        check: "CKV_AWS_18",
        wants: "server access logs of the bucket",
        kind: "AWS::S3::Bucket",
        when: When::Always,
        reason: "Access logs need another bucket, which needs one in turn; CloudTrail data events, which an account \
                 configures once for all its buckets, record who read what",
    },
    Accepted {
        check: "CKV_AWS_26",
        wants: "a key for the topic",
        kind: "AWS::SNS::Topic",
        when: When::WithoutKey,
        reason: "SNS encrypts its disks, keeps no message once it is delivered, and its key alias/aws/sns would lock other \
                 services out; [data] kms = true takes a customer key",
    },
];

/// A finding that is accepted on one resource, in checkov's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The check.
    pub id: &'static str,
    /// The reason.
    pub comment: &'static str,
}

/// What is accepted on the resources of a plan, by their names within the template.
pub fn of(plan: &Plan, pipeline: &Pipeline) -> BTreeMap<LogicalId, Vec<Suppression>> {
    let names: BTreeSet<&str> = (pipeline.components().map(|component| component.name.as_str()))
        .chain(plan.tables.iter().flat_map(|table| [Some(table.partition.as_str()), table.sort.as_deref()]).flatten())
        .collect();
    let by_names: BTreeSet<&LogicalId> = (plan.functions.iter())
        .filter(|function| {
            let values = || function.variables.iter().filter_map(|variable| variable.value.literal());
            values().any(like_a_secret) && !values().any(|value| like_a_secret(&without(value, &names)))
        })
        .map(|function| &function.id)
        .collect();
    let mut all: BTreeMap<LogicalId, Vec<Suppression>> = BTreeMap::new();
    for resource in plan.resources() {
        for accepted in ACCEPTED.iter().filter(|accepted| accepted.kind == resource.kind) {
            let applies = match accepted.when {
                When::Always => true,
                When::WithoutKey => plan.key.is_none(),
                When::NameLikeASecret => by_names.contains(resource.id),
            };
            if applies {
                let suppression = Suppression { id: accepted.check, comment: accepted.reason };
                all.entry(resource.id.clone()).or_default().push(suppression);
            }
        }
    }
    all
}

/// A value without the names that are known to be none of a secret; the longest goes first, since it may hold others.
fn without(value: &str, names: &BTreeSet<&str>) -> String {
    let mut long: Vec<&str> = names.iter().copied().filter(|name| name.len() >= SECRET).collect();
    long.sort_by_key(|name| std::cmp::Reverse(name.len()));
    long.into_iter().fold(value.to_owned(), |value, name| value.replace(name, ""))
}

/// Characters of a secret access key of AWS.
const SECRET: usize = 40;

/// Whether checkov takes a text for a secret access key: 40 of its characters and none before or after, or at least 40
/// that follow a `:` or `=`.
fn like_a_secret(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/+=".contains(c);
    let mut start = 0;
    for part in text.split(|c: char| !fits(c)) {
        let told = || text[..start].trim_end_matches(['"', '\'']).trim_end().ends_with([':', '=']);
        if part.len() == SECRET || part.len() > SECRET && told() {
            return true;
        }
        // What parts them may take more than a byte.
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
        assert!(like_a_secret(&forty) && like_a_secret(&format!("ü {forty}\"")));
        assert!(!like_a_secret(&"a".repeat(39)) && !like_a_secret(&"a".repeat(41)));
        assert!(like_a_secret(&format!("{{\"key\":\"{forty}a\"}}")));
        assert!(!like_a_secret(&format!("{{\"key\":\"ü{forty}a\"}}")));
    }

    #[test]
    fn a_secret_beside_a_name_is_still_found() {
        let (name, secret) = ("n".repeat(40), "s".repeat(40));
        let names = BTreeSet::from([name.as_str()]);
        assert!(!like_a_secret(&without(&format!("\"{name}\""), &names)));
        assert!(like_a_secret(&without(&format!("\"{name}\",\"{secret}\""), &names)));
    }

    #[test]
    fn every_reason_is_on_one_line_of_a_template_and_says_enough() {
        for accepted in ACCEPTED {
            let reason = accepted.reason;
            assert!((60..=300).contains(&reason.len()) && !reason.contains("  "), "{}: {reason}", accepted.check);
        }
    }
}
