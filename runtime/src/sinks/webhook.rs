//! Sink `webhook`: the records of a chunk, posted to an address and signed.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body;
use super::sign::Signer;
use super::watch::{self, Watch};
use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Sink, Unit};
use crate::condition::Condition;
use crate::fetch::{FetchLimits, FetchResponse, Fetcher, user_agent};
use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::run::Chunk;
use crate::model::values::{Arn, HostPort, HttpUrl};

/// Bytes of a post, at most: what common receivers take without being told.
const MOST_BYTES: usize = 200 * 1024;

/// What one post may cost; of what is answered only the status matters.
const LIMITS: FetchLimits = FetchLimits { bytes: 64 * 1024, time: Duration::from_secs(10), redirects: 0 };

/// Posts records to somebody who listens, as `{"run", "chunk", "records"}`, signed as the Standard Webhooks
/// specification says. What signs them is read from AWS Secrets Manager (a text, `whsec_` and base64, or JSON with one of
/// these as `secret`), and never stands in a file or a variable. Posts come at least once: the same records have the same
/// `webhook-id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where records are posted to.
    pub url: HttpUrl,
    /// The secret in AWS Secrets Manager with which posts are signed, by its ARN; unsigned without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretArn>,
    /// Which records are posted, such as `sentiment == "NEGATIVE" && score > 0.8`; all of them unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Addresses on this machine or its network that may be reached all the same, for tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
}

crate::checked_text!(
    /// The ARN of a secret in AWS Secrets Manager.
    SecretArn,
    "the ARN of a secret such as `arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf`",
    "^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$",
    |text| {
        let name = text.split_once(":secret:").map_or("", |(_, name)| name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        let parts: Vec<&str> = text.split(':').collect();
        // Region and account are said, and `*` is not: the role may read this one secret.
        Arn::new(text).is_ok()
            && parts.get(2..5).is_some_and(|parts| parts[0] == "secretsmanager" && !parts[1].is_empty() && !parts[2].is_empty())
            && name.bytes().all(fits)
            // IAM compares the whole ARN, which ends in six characters of Secrets Manager's own.
            && name.rsplit_once('-').is_some_and(|(start, end)| {
                !start.is_empty() && end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
    }
);

impl Component for Webhook {
    const CARD: Card = Card {
        stand_in: Some("jsonl"),
        ..Card::new(
            Role::Sink,
            "webhook",
            "records posted to an address, signed with a secret",
            "[sinks.alert]\ntype = \"webhook\"\nurl = \"https://example.com/hook\"\n\
             secret = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf\"\n",
        )
    };

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        let secret = self.secret.as_ref().and_then(|secret| Arn::new(secret.as_str()).ok());
        let read = |secret| Permission {
            actions: vec!["secretsmanager:GetSecretValue"],
            on: Scope::Named(secret),
            why: "the worker signs what it posts",
        };
        secret.map(read).into_iter().chain(watch::permission(self.when.as_ref())).collect()
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit {
            name: "secret_read",
            per_record: 0.0,
            why: "one read a start of the function, and every 15 minutes",
        }]
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let watch = Watch::open(self.when.as_ref(), &binding, doors)?;
        let secret = self.secret.as_ref().map(|secret| doors.secret(secret.as_str())).transpose()?;
        Ok(Opened::Sink(Box::new(Posts {
            url: self.url.clone(),
            fetcher: Fetcher::new(&user_agent(binding.contact.as_deref()), &self.allow)?,
            signer: secret.map(Signer::new),
            watch,
        })))
    }
}

struct Posts {
    url: HttpUrl,
    fetcher: Fetcher,
    signer: Option<Signer>,
    watch: Watch,
}

#[async_trait]
impl Sink for Posts {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let picked = self.watch.pick(records).await?;
        let bodies = bodies(chunk, picked.records.iter().map(|(record, _)| *record))?;
        // One after the other: whoever listens is not run over.
        for (place, body) in bodies.into_iter().enumerate() {
            let part = if place == 0 { String::new() } else { format!("-{}", place + 1) };
            self.post(format!("{}-{}{part}", chunk.run, chunk.id), body).await?;
        }
        self.watch.remember(picked).await?;
        Ok(self.url.to_string())
    }
}

impl Posts {
    async fn post(&self, id: String, body: Vec<u8>) -> Result<(), Error> {
        let now = Timestamp::now().as_second();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(signer) = &self.signer {
            headers.push(("webhook-signature", signer.sign(&id, now, &body).await?));
        }
        headers.push(("webhook-id", id));
        headers.push(("webhook-timestamp", now.to_string()));
        settled(&self.fetcher.post(self.url.as_str(), &headers, body, LIMITS).await?)
    }
}

/// What an answer means for the post.
fn settled(answer: &FetchResponse) -> Result<(), Error> {
    let host = url::Url::parse(&answer.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let status = answer.status;
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => {
            let words = format!("`{host}` did not take a post: status {status}");
            Err(Error::transient("post_refused", words).retry_after(answer.retry_after))
        }
        _ => {
            let words = format!("`{host}` refused a post: status {status}; look at `url` and `secret`");
            Err(Error::permanent("post_refused", words))
        }
    }
}

/// The records in as few bodies as their size admits, each in the frame of its chunk.
fn bodies<'a>(chunk: &Chunk, records: impl Iterator<Item = &'a Record>) -> Result<Vec<Vec<u8>>, Error> {
    // Run and chunk are digits and letters of ours, which JSON takes as they are.
    let frame = format!(r#"{{"run":"{}","chunk":"{}","records":["#, chunk.run, chunk.id);
    let room = MOST_BYTES - frame.len() - "]}".len();
    let mut bodies: Vec<String> = Vec::new();
    for record in records {
        let (text, _) = body::within(record, room)?;
        match bodies.last_mut() {
            Some(body) if body.len() + ",".len() + text.len() + "]}".len() <= MOST_BYTES => {
                body.push(',');
                body.push_str(&text);
            }
            _ => bodies.push(format!("{frame}{text}")),
        }
    }
    Ok(bodies.into_iter().map(|body| (body + "]}").into_bytes()).collect())
}
