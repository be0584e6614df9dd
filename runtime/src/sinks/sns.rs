//! Sink `sns`: one e-mail digest per run, with the records that match a condition.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::digest::{self, Digest, DigestHeader};
use super::selection::{self, RecordSelector};
use crate::component::services::{OutboundMessage, Publisher, Services};
use crate::component::state::{Counts, State};
use crate::component::{
    Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission, Sink, Store,
};
use crate::condition::Condition;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;
use crate::model::run::{Chunk, RunId};
use crate::model::values::{Arn, Email};

/// Publishes one digest per run, once all of its records are written, and none if no record matched. It lists up to 100 items
/// and counts the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SnsSettings {
    /// Which records the digest lists, such as `sentiment == "NEGATIVE" && score > 0.8`, `changed` for items whose label
    /// differs from their last one, or `shift` for items whose mean score has moved.
    pub when: Condition,
    /// The e-mail address that gets the digest, once its owner has confirmed the subscription. Others can subscribe to the
    /// topic themselves.
    #[serde(default, skip_serializing)]
    pub email: Option<Email>,
    /// The ARN of an existing topic. By default the pipeline creates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicArn>,
}

crate::checked_string!(
    /// The ARN of a standard topic in Amazon SNS.
    TopicArn,
    "the ARN of a standard topic such as `arn:aws:sns:us-east-1:123456789012:alerts`",
    "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
    |text| {
        let parts: Vec<&str> = text.split(':').collect();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        Arn::new(text).is_ok()
            && matches!(parts[..], [_, _, "sns", region, account, name] if !region.is_empty()
                && !account.is_empty()
                && (1..=256).contains(&name.len())
                && name.bytes().all(fits))
    }
);

impl Described for SnsSettings {
    const CARD: Card = Card {
        local_substitute: Some("jsonl"),
        ..Card::new(
            ComponentRole::Sink,
            "sns",
            "one e-mail digest per run, of records that changed, shifted or match a condition",
            "[sinks.news]\ntype = \"sns\"\nwhen = \"changed\"\nemail = \"press@example.com\"\n",
        )
    };
}

impl Component for SnsSettings {
    fn condition(&self) -> Option<&Condition> {
        Some(&self.when)
    }

    fn store(&self, name: &str) -> Option<Store> {
        let email = self.email.as_ref().map(ToString::to_string);
        self.topic.is_none().then(|| Store::Topic { name: name.into(), email })
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        let named = self.topic.as_ref().and_then(|topic| Arn::new(topic.as_str()).ok());
        let own = [
            RequiredPermission {
                actions: vec!["sns:Publish"],
                target: named.map_or(PermissionTarget::Store, PermissionTarget::Arn),
                reason: "the worker that completes a run publishes its digest",
            },
            RequiredPermission {
                actions: vec!["dynamodb:PutItem", "dynamodb:Query"],
                target: PermissionTarget::StateTable,
                reason: "the notes about each chunk are stored until the digest is sent",
            },
        ];
        own.into_iter().chain(selection::permission(Some(&self.when))).collect()
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        let email = self.email.as_ref().filter(|_| self.topic.is_some())?;
        let allowed = "no `email` with an existing `topic`: subscribe to the topic yourself";
        Some(("email", format!("`{email}`"), allowed.into()))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let selector = RecordSelector::open(Some(&self.when), &binding, services)?;
        let words = "a digest is composed of all chunks of a run, but there is no state table";
        let table = binding.state_table.as_deref().ok_or_else(|| Error::permanent(ErrorCode::StateMissing, words))?;
        let state = services.state(table)?;
        let topic = self.topic.as_ref().map(ToString::to_string).or(binding.store).unwrap_or(binding.name.clone());
        let outbox = services.topic_publisher(&topic)?;
        let header = DigestHeader {
            pipeline: binding.pipeline,
            environment: binding.environment,
            sink: binding.name,
            when: self.when.to_string(),
        };
        Ok(Instance::Sink(Box::new(SnsSink { outbox, selector, state, topic, header })))
    }
}

struct SnsSink {
    outbox: Arc<dyn Publisher>,
    selector: RecordSelector,
    state: Arc<dyn State>,
    topic: String,
    header: DigestHeader,
}

#[async_trait]
impl Sink for SnsSink {
    /// Stores the note about this chunk for the digest of the run.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let selection = self.selector.select(records).await?;
        if !selection.records.is_empty() {
            let digest = Digest::new(&selection.records);
            self.state.add_note(chunk, &self.header.sink, digest.note()?).await?;
        }
        self.selector.store(selection).await?;
        Ok(self.topic.clone())
    }

    async fn complete(&self, run: &RunId, counts: &Counts) -> Result<bool, Error> {
        let mut digest = Digest::default();
        self.state.for_each_note(run, &self.header.sink, &mut |note| digest.add(&note)).await?;
        if digest.matched == 0 {
            return Ok(false);
        }
        let (subject, body) = digest::write(&self.header, run, counts, &digest);
        let attributes = vec![("run", run.to_string()), ("matched", digest.matched.to_string())];
        let key = format!("{run}/{}", self.header.sink);
        self.outbox.publish(vec![OutboundMessage { key, subject: Some(subject), body, attributes }]).await?;
        Ok(true)
    }
}
