//! Sink `sqs`: a message a record, into a queue to which others listen.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::body;
use super::watch::{self, Watch};
use crate::component::services::{Doors, Outbox, Post};
use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Sink, Store, Unit};
use crate::condition::Condition;
use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::run::{Chunk, SEND_BYTES};
use crate::model::values::Arn;

/// Bytes of a record in a message, at most: what a call admits, less the attributes.
const MOST_BYTES: usize = SEND_BYTES - 16 * 1024;

/// Records as JSON, one a message, with run, source and key as attributes. Messages come at least once: the same record
/// has the same key, `RUN/SOURCE/ITEM` (and `/ENTRY` where an item has several), however often it comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sqs {
    /// A queue that exists already, by its ARN; the pipeline makes one of its own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueArn>,
    /// Which records are sent, such as `sentiment == "NEGATIVE" && score > 0.8`; all of them unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

crate::checked_text!(
    /// The ARN of a standard queue in Amazon SQS. In a FIFO queue, records would wait for each other.
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
    /// The queue's address (<https://docs.aws.amazon.com/general/latest/gr/sqs-service.html>).
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

impl Component for Sqs {
    const CARD: Card = Card {
        stand_in: Some("jsonl"),
        ..Card::new(
            Role::Sink,
            "sqs",
            "a message a record in a queue to which others listen",
            "[sinks.events]\ntype = \"sqs\"\nwhen = 'sentiment == \"NEGATIVE\" && score > 0.8'\n",
        )
    };

    fn store(&self, name: &str) -> Option<Store> {
        self.queue.is_none().then(|| Store::Queue { name: name.into() })
    }

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        let named = self.queue.as_ref().and_then(|queue| Arn::new(queue.as_str()).ok());
        let send = Permission {
            actions: vec!["sqs:SendMessage"],
            on: named.map_or(Scope::Store, Scope::Named),
            why: "the worker sends the records of a chunk, 10 a call",
        };
        [send].into_iter().chain(watch::permission(self.when.as_ref())).collect()
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit {
            name: "sqs_request",
            per_record: 0.1,
            why: "10 messages a call, each call taken to be up to 64 KB",
        }]
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let watch = Watch::open(self.when.as_ref(), &binding, doors)?;
        let queue = self.queue.as_ref().map(QueueArn::url).or(binding.on).unwrap_or(binding.name);
        Ok(Opened::Sink(Box::new(Messages { outbox: doors.outbox(&queue)?, watch, queue })))
    }
}

struct Messages {
    outbox: Arc<dyn Outbox>,
    watch: Watch,
    queue: String,
}

#[async_trait]
impl Sink for Messages {
    async fn write(&self, _: &Chunk, records: &[Record]) -> Result<String, Error> {
        let picked = self.watch.pick(records).await?;
        let posts = picked.records.iter().map(|(record, _)| post(record)).collect::<Result<Vec<_>, _>>()?;
        if !posts.is_empty() {
            self.outbox.post(posts).await?;
        }
        self.watch.remember(picked).await?;
        Ok(self.queue.clone())
    }
}

fn post(record: &Record) -> Result<Post, Error> {
    let (body, short) = body::within(record, MOST_BYTES)?;
    let mut attributes = vec![("run", record.run.clone()), ("source", record.source.clone())];
    attributes.extend(record.entry.as_ref().map(|entry| ("entry", entry.clone())));
    if short {
        attributes.push(("shortened", "true".into()));
    }
    let mut key = format!("{}/{}/{}", record.run, record.source, record.item.key);
    if let Some(entry) = &record.entry {
        key.push('/');
        key.push_str(entry);
    }
    Ok(Post { key, subject: None, body, attributes })
}
