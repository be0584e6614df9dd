//! Values of a template: a literal, a `Sub` with a declared greatest length, or a reference to another resource.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::resources::ArnScope;

/// Where the number of the account goes; 12 digits in the end.
pub const ACCOUNT: &str = "${AWS::AccountId}";
/// Where the partition goes: `aws`, `aws-cn`, `aws-us-gov`.
pub const PARTITION: &str = "${AWS::Partition}";
/// Where the region goes.
pub const REGION: &str = "${AWS::Region}";
/// Where the domain of the partition goes: `amazonaws.com`, `amazonaws.com.cn`.
pub const SUFFIX: &str = "${AWS::URLSuffix}";

/// Where resources of the stack live, as its template says it.
pub const IN_TEMPLATE: ArnScope<'static> = ArnScope { partition: PARTITION, region: REGION, account: ACCOUNT };

/// Pseudo parameters and how long they can become.
const PSEUDO_PARAMETERS: [(&str, usize); 4] = [(ACCOUNT, 12), (PARTITION, 10), (REGION, 14), (SUFFIX, 16)];

/// The URL of a queue, at its longest: `https://sqs.<region>.amazonaws.com.cn/<account>/<80 characters>`. The ARN of a
/// topic is shorter: what stands before the name of its sink fits into the name of a role, too.
const LONGEST_REFERENCE: usize = 141;

/// The name of a resource within the template: letters and digits only, so that it can stand anywhere.
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

    /// The place in a text where what `Ref` gives of it goes.
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
    /// With places for account, partition and region.
    Sub(String),
    /// What `Ref` gives.
    Ref(LogicalId),
    /// What `GetAtt` gives for `Arn`.
    Arn(LogicalId),
}

impl TemplateValue {
    /// A physical name or ARN: a `Sub` where it has a place in it, else a literal.
    #[must_use]
    pub fn physical(text: impl Into<String>) -> Self {
        let text = text.into();
        if PSEUDO_PARAMETERS.iter().any(|(place, _)| text.contains(place)) {
            Self::Sub(text)
        } else {
            Self::Literal(text)
        }
    }

    /// What a function is told of where something is: a reference where that is all of it, else a physical name. No name
    /// of AWS's has such a place in it, so that a user's word is never taken for one.
    #[must_use]
    pub fn from_binding(text: &str) -> Self {
        match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Self::Ref(LogicalId(id.to_owned())),
            _ => Self::physical(text),
        }
    }

    /// Bytes of the value at its longest.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Sub(text) => PSEUDO_PARAMETERS.iter().fold(text.len(), |length, (place, longest)| {
                length - text.matches(place).count() * place.len() + text.matches(place).count() * longest
            }),
            Self::Ref(_) | Self::Arn(_) => LONGEST_REFERENCE,
        }
    }

    /// The text, where it is taken as it is.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Sub(_) | Self::Ref(_) | Self::Arn(_) => None,
        }
    }

    /// The text with its places written out as such, for people.
    #[must_use]
    pub fn plain(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Sub(text) => text,
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
        }
    }
}

fn single_entry<S: Serializer>(serializer: S, name: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_counts_at_its_longest() {
        assert_eq!(TemplateValue::physical("fang-dev").longest(), 8);
        assert_eq!(TemplateValue::physical(format!("a-{ACCOUNT}-{REGION}")).longest(), 2 + 12 + 1 + 14);
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
