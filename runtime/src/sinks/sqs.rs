//! Sink `sqs`: one message per record, in a queue for other consumers.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::message_body;
use super::selection::{self, RecordSelector};
use crate::component::services::{OutboundMessage, Publisher, Services};
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission,
    Sink, Store,
};
use crate::condition::Condition;
use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::run::{Chunk, MAX_BATCH_BYTES};
use crate::model::values::Arn;

/// Maximum size of a record in a message: that of a call, minus room for the attributes.
const MAX_BYTES: usize = MAX_BATCH_BYTES - 16 * 1024;

/// Sends each record as a JSON message, with `run`, `source` and `key` as attributes. Messages are delivered at least
/// once: a record always has the same key, `RUN/SOURCE/ITEM` (and `/ENTRY` for entries), so that consumers can drop
/// duplicates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SqsSettings {
    /// The ARN of an existing queue. By default the pipeline creates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueArn>,
    /// Which records are sent, such as `sentiment == "NEGATIVE" && score > 0.8`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

crate::checked_string!(
    /// The ARN of a standard queue in Amazon SQS. In a FIFO queue records would wait for each other.
    QueueArn,
    "the ARN of a standard queue such as `arn:aws:sqs:us-east-1:123456789012:records`",
    "^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}$",
    |text| {
        let parts: Vec<&str> = text.split(':').collect();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        Arn::new(text).is_ok()
            && matches!(parts[..], [_, _, "sqs", region, account, name] if !region.is_empty()
                && !account.is_empty()
                && (1..=80).contains(&name.len())
                && name.bytes().all(fits))
    }
);

impl QueueArn {
    /// The URL of the queue (<https://docs.aws.amazon.com/general/latest/gr/sqs-service.html>).
    fn url(&self) -> String {
        let mut parts = self.as_str().split(':').skip(1);
        let [partition, _, region, account, name] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let domain = match partition {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        format!("https://sqs.{region}.{domain}/{account}/{name}")
    }
}

impl Described for SqsSettings {
    const CARD: Card = Card {
        local_substitute: Some("jsonl"),
        ..Card::new(
            ComponentRole::Sink,
            "sqs",
            "one message per record, in a queue for other consumers",
            "[sinks.events]\ntype = \"sqs\"\nwhen = 'sentiment == \"NEGATIVE\" && score > 0.8'\n",
        )
    };
}

impl Component for SqsSettings {
    fn condition(&self) -> Option<&Condition> {
        self.when.as_ref()
    }

    fn store(&self, name: &str) -> Option<Store> {
        self.queue.is_none().then(|| Store::Queue { name: name.into() })
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        let named = self.queue.as_ref().and_then(|queue| Arn::new(queue.as_str()).ok());
        let send = RequiredPermission {
            actions: vec!["sqs:SendMessage"],
            target: named.map_or(PermissionTarget::Store, PermissionTarget::Arn),
            reason: "the worker sends the records of a chunk, 10 per call",
        };
        [send].into_iter().chain(selection::permission(self.when.as_ref())).collect()
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit {
            name: "sqs_request",
            per_record: 0.1,
            reason: "10 messages per call, assuming calls of up to 64 KB",
        }]
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let selector = RecordSelector::open(self.when.as_ref(), &binding, services)?;
        let queue = self.queue.as_ref().map(QueueArn::url).or(binding.store).unwrap_or(binding.name);
        Ok(Instance::Sink(Box::new(SqsSink { outbox: services.queue_publisher(&queue)?, selector, queue })))
    }
}

struct SqsSink {
    outbox: Arc<dyn Publisher>,
    selector: RecordSelector,
    queue: String,
}

#[async_trait]
impl Sink for SqsSink {
    async fn write(&self, _: &Chunk, records: &[Record]) -> Result<String, Error> {
        let selection = self.selector.select(records).await?;
        let posts = selection.records.iter().map(|(record, _)| post(record)).collect::<Result<Vec<_>, _>>()?;
        if !posts.is_empty() {
            self.outbox.publish(posts).await?;
        }
        self.selector.store(selection).await?;
        Ok(self.queue.clone())
    }
}

fn post(record: &Record) -> Result<OutboundMessage, Error> {
    let (body, shortened) = message_body::limited(record, MAX_BYTES)?;
    let mut attributes = vec![("run", record.run.clone()), ("source", record.source.clone())];
    attributes.extend(record.entry.as_ref().map(|entry| ("entry", entry.clone())));
    if shortened {
        attributes.push(("shortened", "true".into()));
    }
    let mut key = format!("{}/{}/{}", record.run, record.source, record.item.key);
    if let Some(entry) = &record.entry {
        key.push('/');
        key.push_str(entry);
    }
    Ok(OutboundMessage { key, subject: None, body, attributes })
}
