//! What IAM would refuse of the permissions that a file asks for, and of the policy that bounds its roles.

use fanggen_runtime::tree::listed;

use super::Problem;
use crate::config::mistake::did_you_mean;
use crate::config::sections::{Scope, Values};

/// What compares in a condition
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
const OPERATORS: [&str; 27] = [
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

/// What is wrong with a scope at this path.
pub fn refused(scope: &Scope, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, empty) in [("actions", scope.actions.is_empty()), ("resources", scope.resources.is_empty())] {
        if empty {
            problems.push(Problem {
                code: "E051",
                path: format!("{path}.{key}"),
                title: format!("a permission without {key} is none"),
                found: "an empty list".into(),
                allowed: format!("one or more {key}"),
                help: None,
            });
        }
    }
    for (operator, keys) in &scope.conditions {
        if !is_operator(operator) {
            problems.push(Problem {
                code: "E052",
                path: format!("{path}.conditions.{operator}"),
                title: format!("IAM has no condition operator `{operator}`"),
                found: "no operator".into(),
                allowed: listed(&OPERATORS),
                help: did_you_mean(operator, &OPERATORS),
            });
        }
        for (key, values) in keys {
            let values = match values {
                Values::One(value) => std::slice::from_ref(value),
                Values::Many(values) => values,
            };
            let named = key.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
            if !named || values.is_empty() || !values.iter().chain([key]).all(|text| latin(text)) {
                problems.push(Problem {
                    code: "E053",
                    path: format!("{path}.conditions.{operator}"),
                    title: format!("IAM refuses the condition on `{key}`"),
                    found: if named { "values that no policy can hold" } else { "a key without a service" }.into(),
                    allowed:
                        "a key such as `aws:RequestedRegion`, and one or more texts on one line, of characters up \
                              to `ÿ`"
                            .into(),
                    help: None,
                });
            }
        }
    }
    problems
}

/// What is wrong with the policy that is to bound the roles.
pub fn boundary(arn: &str) -> Option<Problem> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, region) = (parts.next(), parts.next());
    let name = parts.nth(1).and_then(|rest| rest.strip_prefix("policy/")).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&byte);
    if service == Some("iam") && region == Some("") && !name.is_empty() && name.bytes().all(fits) {
        return None;
    }
    Some(Problem {
        code: "E054",
        path: "iam.permissions_boundary".into(),
        title: "only an IAM policy can bound a role".into(),
        found: format!("`{arn}`"),
        allowed: "the ARN of a policy, such as `arn:aws:iam::123456789012:policy/team`".into(),
        help: None,
    })
}

fn is_operator(operator: &str) -> bool {
    let one = operator.strip_prefix("ForAllValues:").or_else(|| operator.strip_prefix("ForAnyValue:"));
    let one = one.unwrap_or(operator);
    let plain = one.strip_suffix("IfExists").filter(|plain| *plain != "Null").unwrap_or(one);
    OPERATORS.contains(&plain)
}

/// What a policy document may hold (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>).
fn latin(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() && u32::from(c) <= 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_those_of_iam() {
        for good in ["StringEquals", "ForAnyValue:StringLike", "NumericLessThanIfExists", "Null"] {
            assert!(is_operator(good), "{good}");
        }
        for bad in ["", "stringEquals", "NullIfExists", "ForAnyValue:", "IfExists", "StringEquals "] {
            assert!(!is_operator(bad), "{bad}");
        }
    }

    #[test]
    fn a_boundary_is_a_policy() {
        assert_eq!(boundary("arn:aws:iam::123456789012:policy/team"), None);
        for bad in ["arn:aws:iam::123456789012:role/team", "arn:aws:iam::123456789012:policy/", "arn:aws:s3:::policy/x"]
        {
            assert_eq!(boundary(bad).map(|problem| problem.code), Some("E054"), "{bad}");
        }
    }
}
