//! Stage `filter`: keeps only the records that match a condition.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage};
use crate::condition::{Condition, HISTORY_NAMES};
use crate::model::error::Error;
use crate::model::record::Record;

/// Keeps the records that match a condition, and drops the others, which are counted. Records that failed before always reach
/// the sinks, so that no failure is lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FilterSettings {
    /// The condition, such as `sentiment == "NEGATIVE" && score > 0.8`.
    pub when: Condition,
}

impl Described for FilterSettings {
    const CARD: Card = Card::new(
        ComponentRole::Stage,
        "filter",
        "keeps the records that match a condition, and drops and counts the others",
        "[[stages]]\nname = \"bad\"\ntype = \"filter\"\nwhen = 'sentiment == \"NEGATIVE\" && score > 0.8'\n",
    );
}

impl Component for FilterSettings {
    fn condition(&self) -> Option<&Condition> {
        Some(&self.when)
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        self.when.needs_history().then(|| {
            let allowed =
                format!("a condition without {HISTORY_NAMES}: only the `when` of a sink can compare with earlier runs");
            ("when", format!("`{}`", self.when), allowed)
        })
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        Ok(Instance::Stage(Box::new(Filter { name: binding.name, when: self.when.clone() })))
    }
}

struct Filter {
    name: String,
    when: Condition,
}

#[async_trait]
impl Stage for Filter {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        records.retain(|record| self.when.matches(record, None));
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::{Finding, Item, Label};

    fn record(key: &str, label: Label, score: f64) -> Record {
        let finding = Finding { label: Some(label), score: Some(score), ..Finding::default() };
        // The language was found after the sentiment: it says nothing about that.
        let language = Finding { engine: "whatlang".into(), ..Finding::default() };
        Record { findings: vec![finding, language], ..Record::new("r", "s", Item::named(key)) }
    }

    #[tokio::test]
    async fn matching_records_are_kept_in_order() {
        let when = Condition::parse("sentiment == \"NEGATIVE\" && score > 0.8").expect("a condition");
        let records = vec![
            record("bad", Label::Negative, -0.9),
            record("so so", Label::Negative, -0.5),
            record("good", Label::Positive, 0.9),
            Record::new("r", "s", Item::named("unjudged")),
            record("worse", Label::Negative, -0.95),
        ];
        let kept = Filter { name: "bad".into(), when }.apply(records, Instant::now()).await;
        let keys: Vec<_> = kept.iter().map(|record| record.item.key.as_str()).collect();
        assert_eq!(keys, ["bad", "worse"]);
    }
}
