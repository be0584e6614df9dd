//! Sink `sns`: one digest a run for people, of what they asked to be told.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::digest::{self, Heading, Told};
use super::watch::{self, Watch};
use crate::component::services::{Doors, Outbox, Post};
use crate::component::state::{Counts, State};
use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Sink, Store};
use crate::condition::Condition;
use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::run::{Chunk, RunId};
use crate::model::values::{Arn, Email};

/// One message a run, once all of the run is written, and none where nothing met the condition. It lists up to 100 items
/// and counts the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sns {
    /// What is told, such as `sentiment == "NEGATIVE" && score > 0.8`, or `changed` for another label than last time.
    pub when: Condition,
    /// Who gets it by e-mail, once they confirmed it; more subscribe to the topic as they like.
    #[serde(default, skip_serializing)]
    pub email: Option<Email>,
    /// A topic that exists already, by its ARN; the pipeline makes one of its own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicArn>,
}

crate::checked_text!(
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

impl Component for Sns {
    const CARD: Card = Card {
        stand_in: Some("jsonl"),
        ..Card::new(
            Role::Sink,
            "sns",
            "one digest a run by e-mail, of what changed or meets a condition",
            "[sinks.news]\ntype = \"sns\"\nwhen = \"changed\"\nemail = \"press@example.com\"\n",
        )
    };

    fn store(&self, name: &str) -> Option<Store> {
        let email = self.email.as_ref().map(ToString::to_string);
        self.topic.is_none().then(|| Store::Topic { name: name.into(), email })
    }

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        let named = self.topic.as_ref().and_then(|topic| Arn::new(topic.as_str()).ok());
        let own = [
            Permission {
                actions: vec!["sns:Publish"],
                on: named.map_or(Scope::Store, Scope::Named),
                why: "the worker that completes a run publishes its digest",
            },
            Permission {
                actions: vec!["dynamodb:PutItem", "dynamodb:Query"],
                on: Scope::State,
                why: "what each chunk has to say waits there for the digest of its run",
            },
        ];
        own.into_iter().chain(watch::permission(Some(&self.when))).collect()
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        let email = self.email.as_ref().filter(|_| self.topic.is_some())?;
        let allowed = "no `email` beside a `topic` that exists already: subscribe there";
        Some(("email", format!("`{email}`"), allowed.into()))
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let watch = Watch::open(Some(&self.when), &binding, doors)?;
        let words = "a digest is put together from all chunks of a run, and nothing is remembered here";
        let table = binding.state.as_deref().ok_or_else(|| Error::permanent("state_missing", words))?;
        let state = doors.state(table)?;
        let topic = self.topic.as_ref().map(ToString::to_string).or(binding.on).unwrap_or(binding.name.clone());
        let outbox = doors.topic(&topic)?;
        let heading = Heading {
            pipeline: binding.pipeline,
            environment: binding.environment,
            sink: binding.name,
            when: self.when.to_string(),
        };
        Ok(Opened::Sink(Box::new(Digests { outbox, watch, state, topic, heading })))
    }
}

struct Digests {
    outbox: Arc<dyn Outbox>,
    watch: Watch,
    state: Arc<dyn State>,
    topic: String,
    heading: Heading,
}

#[async_trait]
impl Sink for Digests {
    /// Writes down what the digest of the run will say of this chunk.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let picked = self.watch.pick(records).await?;
        if !picked.records.is_empty() {
            let told = Told::of(&picked.records);
            self.state.jot(chunk, &self.heading.sink, told.note()?).await?;
        }
        self.watch.remember(picked).await?;
        Ok(self.topic.clone())
    }

    async fn complete(&self, run: &RunId, counts: Counts) -> Result<bool, Error> {
        let mut told = Told::default();
        self.state.jotted(run, &self.heading.sink, &mut |note| told.add(&note)).await?;
        if told.matched == 0 {
            return Ok(false);
        }
        let (subject, body) = digest::write(&self.heading, run, counts, &told);
        let attributes = vec![("run", run.to_string()), ("matched", told.matched.to_string())];
        let key = format!("{run}/{}", self.heading.sink);
        self.outbox.post(vec![Post { key, subject: Some(subject), body, attributes }]).await?;
        Ok(true)
    }
}
