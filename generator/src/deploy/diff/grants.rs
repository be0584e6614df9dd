//! Takes the statements of IAM policies apart: one action on one resource, for whom and when.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a policy says about one action on one resource. The order and the names of statements mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Whether it allows, or denies.
    pub allows: bool,
    /// The principal, in a policy of a resource.
    pub who: Option<String>,
    /// The action.
    pub action: String,
    /// The resource; empty in a trust policy.
    pub resource: String,
    /// The condition: operators, keys and values.
    pub condition: Option<String>,
}

impl Grant {
    /// Whether it includes another grant.
    pub fn covers(&self, other: &Self) -> bool {
        let when = self.condition.is_none() || self.condition == other.condition;
        let action = matches(&self.action.to_lowercase(), &other.action.to_lowercase());
        self.allows == other.allows
            && self.who == other.who
            && when
            && action
            && matches(&self.resource, &other.resource)
    }

    /// Whether it is for any resource, any principal, or all actions of a service.
    pub fn is_wide(&self) -> bool {
        let actions = self.action == "*" || self.action.ends_with(":*");
        self.allows && (self.resource == "*" || self.who.as_deref() == Some("*") || actions)
    }
}

/// Marks `NotAction` and the like, which no pattern is compared with.
const EXCEPT: &str = "everything but ";

/// Whether a pattern with `*` and `?` matches everything that another one matches.
fn matches(pattern: &str, text: &str) -> bool {
    if pattern == text {
        return true;
    }
    if pattern.starts_with(EXCEPT) || text.starts_with(EXCEPT) {
        return false;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some('?') if text[t] != '*' => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((from, at)) => {
                    (p, t) = (from + 1, at + 1);
                    star = Some((from, at + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// All grants of a policy document, each with the place of its statement.
pub fn grants(document: Option<&Value>) -> Vec<(Grant, usize)> {
    let mut all = Vec::new();
    let statements = match document.and_then(|document| document.get("Statement")) {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for (place, statement) in statements.into_iter().enumerate() {
        let either = |name: &str| match (statement.get(name), statement.get(format!("Not{name}"))) {
            (Some(these), _) => texts(these),
            (None, Some(these)) => vec![format!("{EXCEPT}{}", texts(these).join(", "))],
            (None, None) => Vec::new(),
        };
        let or_one = |list: Vec<String>| if list.is_empty() { vec![String::new()] } else { list };
        let who = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (Some(these), _) => principals(these).into_iter().map(Some).collect(),
            (None, Some(these)) => vec![Some(format!("{EXCEPT}{}", principals(these).join(", ")))],
            (None, None) => vec![None],
        };
        let condition = statement.get("Condition").and_then(condition);
        for who in &who {
            for action in either("Action") {
                for resource in or_one(either("Resource")) {
                    let allows = statement.get("Effect").and_then(Value::as_str) != Some("Deny");
                    let condition = condition.clone();
                    let grant = Grant { allows, who: who.clone(), action: action.clone(), resource, condition };
                    all.push((grant, place));
                }
            }
        }
    }
    all
}

/// One text or several, with references to other resources written out.
pub fn texts(value: &Value) -> Vec<String> {
    let reference = |value: &Value| {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        let (key, inner) = map.iter().next()?;
        match key.as_str() {
            "Fn::Sub" => inner.as_str().map(str::to_owned),
            "Ref" => inner.as_str().map(|id| format!("${{{id}}}")),
            "Fn::GetAtt" => Some(format!("${{{}}}", texts(inner).join("."))),
            _ => None,
        }
    };
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        other => vec![reference(other).unwrap_or_else(|| other.to_string())],
    }
}

fn principals(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) if !map.keys().any(|key| key == "Ref" || key.starts_with("Fn::")) => {
            map.values().flat_map(texts).collect()
        }
        other => texts(other),
    }
}

/// A condition in one form, whatever the order of its parts.
fn condition(value: &Value) -> Option<String> {
    let operators: BTreeMap<&String, &Value> = value.as_object()?.iter().collect();
    let mut parts = Vec::new();
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else {
            parts.push(format!("{operator} {keys}"));
            continue;
        };
        let keys: BTreeMap<&String, &Value> = keys.iter().collect();
        for (key, values) in keys {
            let values: BTreeSet<String> = texts(values).into_iter().collect();
            parts.push(format!("{operator} {key} {}", values.into_iter().collect::<Vec<_>>().join(" or ")));
        }
    }
    (!parts.is_empty()).then(|| parts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_covers_what_is_within_it() {
        for (pattern, text, covers) in [
            ("*", "arn:aws:s3:::a/*", true),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::a/b/*", true),
            ("arn:aws:s3:::a/b/*", "arn:aws:s3:::a/*", false),
            ("a?c", "abc", true),
            ("a?c", "a*c", false),
            ("a*c*", "abcbc", true),
            ("everything but s3:*", "everything but s3:Get", false),
        ] {
            assert_eq!(matches(pattern, text), covers, "{pattern} and {text}");
        }
    }

    #[test]
    fn order_and_names_of_statements_mean_nothing() {
        let one = json!({ "Statement": [
            { "Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["x", { "Fn::Sub": "y" }],
              "Condition": { "B": { "k": ["2", "1"] }, "A": { "k": "1" } } },
            { "Effect": "Deny", "Principal": { "Service": ["a", "b"] }, "NotAction": "s3:*", "Resource": "*" },
        ] });
        let other = json!({ "Statement": [
            { "Effect": "Deny", "Principal": { "Service": ["b", "a"] }, "NotAction": ["s3:*"], "Resource": "*" },
            { "Effect": "Allow", "Action": "s3:PutObject", "Resource": ["y", "x"],
              "Condition": { "A": { "k": ["1"] }, "B": { "k": ["1", "2"] } } },
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["y", "x"],
              "Condition": { "A": { "k": ["1"] }, "B": { "k": ["1", "2"] } } },
        ] });
        let set =
            |value: &Value| -> BTreeSet<Grant> { grants(Some(value)).into_iter().map(|(grant, ..)| grant).collect() };
        assert_eq!(set(&one), set(&other));
        assert_eq!(set(&one).len(), 6);
        assert_eq!(set(&one).last().and_then(|grant| grant.condition.as_deref()), Some("A k 1 and B k 1 or 2"));
    }
}
