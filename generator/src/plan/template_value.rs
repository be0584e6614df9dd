//! Values of a template: a literal, a `Sub` with a declared greatest length, or a reference to another resource.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::resources::ArnScope;

/// Stands for the account id, 12 digits.
pub const ACCOUNT: &str = "${AWS::AccountId}";
/// Stands for the partition: `aws`, `aws-cn`, `aws-us-gov`.
pub const PARTITION: &str = "${AWS::Partition}";
/// Stands for the region.
pub const REGION: &str = "${AWS::Region}";
/// Stands for the domain of the partition: `amazonaws.com`, `amazonaws.com.cn`.
pub const SUFFIX: &str = "${AWS::URLSuffix}";

/// Where resources of the stack live, as its template says it.
pub const IN_TEMPLATE: ArnScope<'static> = ArnScope { partition: PARTITION, region: REGION, account: ACCOUNT };

/// The pseudo parameters, each with its greatest length.
const PSEUDO_PARAMETERS: [(&str, usize); 4] = [(ACCOUNT, 12), (PARTITION, 10), (REGION, 14), (SUFFIX, 16)];

/// The greatest length of what a reference gives, a queue's URL:
/// `https://sqs.<region>.amazonaws.com.cn/<account>/<80 characters>`. A topic's ARN is shorter, since the name of its role
/// limits its own.
const LONGEST_REFERENCE: usize = 141;

/// The logical id of a resource: letters and digits only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct LogicalId(String);

impl LogicalId {
    /// `worker-sentiment` and `Queue` become `WorkerSentimentQueue`; anything but letters and digits is left out.
    #[must_use]
    pub fn of(name: &str, kind: &str) -> Self {
        let mut id = String::new();
        for part in name.split(|c: char| !c.is_ascii_alphanumeric()) {
            let mut rest = part.chars();
            id.extend(rest.next().map(|first| first.to_ascii_uppercase()));
            id.push_str(rest.as_str());
        }
        Self(id + kind)
    }

    /// The id of what belongs to this one.
    #[must_use]
    pub fn with(&self, kind: &str) -> Self {
        Self(format!("{}{kind}", self.0))
    }

    /// The placeholder in a `Sub` for what `Ref` gives.
    #[must_use]
    pub fn sub_placeholder(&self) -> String {
        format!("${{{}}}", self.0)
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateValue {
    /// As it is.
    Literal(String),
    /// With placeholders for account, partition, region or resources.
    Sub(String),
    /// What `Ref` gives.
    Ref(LogicalId),
    /// What `GetAtt` gives for `Arn`.
    Arn(LogicalId),
    /// A `Sub` with texts of its own by name, in which `${..}` is literal.
    SubWith(String, BTreeMap<&'static str, String>),
}

impl TemplateValue {
    /// A physical name or ARN: a `Sub` if it has a pseudo parameter in it, else a literal.
    #[must_use]
    pub fn physical(text: impl Into<String>) -> Self {
        let text = text.into();
        if PSEUDO_PARAMETERS.iter().any(|(place, _)| text.contains(place)) {
            Self::Sub(text)
        } else {
            Self::Literal(text)
        }
    }

    /// What a function's setting says of a resource: a reference if that is all of the text, else a physical name. AWS allows
    /// no name with `${..}` in it, so a name from the file is never taken for a reference.
    #[must_use]
    pub fn from_binding(text: &str) -> Self {
        match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Self::Ref(LogicalId(id.to_owned())),
            _ => Self::physical(text),
        }
    }

    /// The greatest length of the value, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Sub(text) => PSEUDO_PARAMETERS.iter().fold(text.len(), |length, (place, longest)| {
                length - text.matches(place).count() * place.len() + text.matches(place).count() * longest
            }),
            Self::Ref(_) | Self::Arn(_) => LONGEST_REFERENCE,
            Self::SubWith(text, named) => {
                text.len() + LONGEST_REFERENCE + named.values().map(String::len).sum::<usize>()
            }
        }
    }

    /// The greatest possible length as a JSON string, quotes included, in bytes.
    #[must_use]
    pub fn longest_json(&self) -> usize {
        match self {
            Self::Literal(text) | Self::Sub(text) => self.longest() + json_length(text) - text.len(),
            Self::Ref(_) | Self::Arn(_) => self.longest() + 2,
            Self::SubWith(text, named) => {
                json_length(text) + LONGEST_REFERENCE + named.values().map(|text| json_length(text)).sum::<usize>()
            }
        }
    }

    /// The text, if it is a literal.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Sub(_) | Self::Ref(_) | Self::Arn(_) | Self::SubWith(..) => None,
        }
    }

    /// All literal texts in it.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let named = match self {
            Self::SubWith(_, named) => Some(named),
            _ => None,
        };
        self.literal().into_iter().chain(named.into_iter().flat_map(BTreeMap::values).map(String::as_str))
    }

    /// The text with its placeholders, for people.
    #[must_use]
    pub fn plain(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Sub(text) | Self::SubWith(text, _) => text,
            Self::Ref(id) | Self::Arn(id) => id.as_str(),
        }
    }
}

impl Serialize for TemplateValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(text) => serializer.serialize_str(text),
            Self::Sub(text) => single_entry(serializer, "Fn::Sub", text),
            Self::Ref(id) => single_entry(serializer, "Ref", id),
            Self::Arn(id) => single_entry(serializer, "Fn::GetAtt", &[id.as_str(), "Arn"]),
            Self::SubWith(text, named) => single_entry(serializer, "Fn::Sub", &(text, named)),
        }
    }
}

fn single_entry<S: Serializer>(serializer: S, name: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

/// The length of a text as a JSON string, quotes included.
#[must_use]
pub fn json_length(text: &str) -> usize {
    serde_json::to_string(text).map_or(text.len() + 2, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_counts_at_its_longest() {
        assert_eq!(TemplateValue::physical("fang-dev").longest(), 8);
        assert_eq!(TemplateValue::physical(format!("a-{ACCOUNT}-{REGION}")).longest(), 2 + 12 + 1 + 14);
        // As JSON, with quotes and escapes, and the greatest length of each placeholder.
        assert_eq!(TemplateValue::physical("{\"a\":1}").longest_json(), 2 + 7 + 2);
        assert_eq!(TemplateValue::physical(format!("\"{ACCOUNT}")).longest_json(), 2 + 2 + 12);
        // What only looks like a place is a literal, which CloudFormation leaves alone.
        assert_eq!(TemplateValue::physical("${Anything}"), TemplateValue::Literal("${Anything}".into()));
    }

    #[test]
    fn a_function_is_told_of_a_queue_by_reference_and_of_a_table_by_name() {
        let queue = LogicalId::of("alert", "Queue");
        assert_eq!(TemplateValue::from_binding(&queue.sub_placeholder()), TemplateValue::Ref(queue));
        assert_eq!(TemplateValue::from_binding("AlertQueue"), TemplateValue::Literal("AlertQueue".into()));
        assert_eq!(TemplateValue::from_binding(ACCOUNT), TemplateValue::Sub(ACCOUNT.into()));
    }

    #[test]
    fn a_logical_id_can_stand_anywhere() {
        assert_eq!(LogicalId::of("worker-sentiment", "Queue").as_str(), "WorkerSentimentQueue");
        assert_eq!(LogicalId::of("a: {{ b }}\n", "").as_str(), "AB");
    }
}
