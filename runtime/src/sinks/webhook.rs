//! Sink `webhook`: posts the records of a chunk to a URL, signed, or as a message to Slack.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::message_body;
use super::selection::{self, RecordSelector};
use super::signature::Signer;
use super::slack_message::{self, MessageHeader};
use crate::component::services::Services;
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission,
    Sink,
};
use crate::condition::Condition;
use crate::fetch::webhook::{Webhook, WebhookUrl};
use crate::fetch::{Fetcher, refused_host, user_agent};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;
use crate::model::run::Chunk;
use crate::model::values::{Arn, HostPort, HttpUrl, SecretArn};

/// Maximum size of a request body: what common receivers accept by default.
const MAX_BYTES: usize = 200 * 1024;

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WebhookBody {
    /// The records themselves.
    Records,
    /// A message for people, in Slack's format.
    Slack,
}

impl WebhookBody {
    fn records() -> Self {
        Self::Records
    }
}

/// Posts records to a URL as `{"run", "chunk", "records"}`, signed as in the Standard Webhooks specification, or as a message
/// to Slack. The signing key, and the URL if it is secret, are read from AWS Secrets Manager, and never appear in a file or an
/// environment variable. Requests are delivered at least once: the same records always have the same
/// `webhook-id`, so that the receiver can drop duplicates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The URL that records are posted to. A webhook has either this or `url_secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpUrl>,
    /// The ARN of the secret in AWS Secrets Manager that holds the URL, as plain text or as `url` in JSON: for Slack, and for
    /// any other receiver that accepts posts from whoever knows its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret: Option<SecretArn>,
    /// What is posted: `records` is JSON with whole records; `slack` is a message with the first 20 records of each chunk, for
    /// Slack's incoming webhooks and receivers that accept the same.
    #[serde(default = "WebhookBody::records")]
    pub body: WebhookBody,
    /// The ARN of the secret in AWS Secrets Manager that holds the signing key: plain text, `whsec_` followed by base64, or JSON
    /// with one of these as `secret`. Without it, requests are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretArn>,
    /// Which records are posted, such as `sentiment == "NEGATIVE" && score > 0.8`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Private or local addresses that may be posted to, as `IP:PORT`; none by default. With one, `fanggen run --live` posts
    /// records; without, it writes them to files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
}

impl Described for WebhookSettings {
    const CARD: Card = Card {
        posts: true,
        local_substitute: Some("jsonl"),
        alternatives: &[&["url"], &["url_secret"]],
        one_of: &["url", "url_secret"],
        ..Card::new(
            ComponentRole::Sink,
            "webhook",
            "records posted to a URL, optionally signed with a secret, or a message to Slack",
            "[sinks.alert]\ntype = \"webhook\"\nurl = \"https://example.com/hook\"\n\
             secret = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf\"\n",
        )
    };
}

impl Component for WebhookSettings {
    fn condition(&self) -> Option<&Condition> {
        self.when.as_ref()
    }

    fn sends_live(&self) -> bool {
        !self.allow.is_empty()
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        let read = |secret: &Option<SecretArn>, reason| {
            let arn = secret.as_ref().and_then(|secret| Arn::new(secret.as_str()).ok())?;
            Some(RequiredPermission {
                actions: vec!["secretsmanager:GetSecretValue"],
                target: PermissionTarget::Arn(arn),
                reason,
            })
        };
        let url = read(&self.url_secret, "the worker reads the URL that it posts to");
        let key = read(&self.secret, "the worker signs its requests");
        url.into_iter().chain(key).chain(selection::permission(self.when.as_ref())).collect()
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit {
            name: "secret_read",
            per_record: 0.0,
            reason: "one read of each secret when the function starts, then one every 15 minutes",
        }]
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        let url = match (&self.url, &self.url_secret) {
            (Some(url), None) => url,
            (None, Some(_)) => return None,
            (None, None) => return Some(("type", "neither `url` nor `url_secret`".to_owned(), ONE_URL.to_owned())),
            (Some(_), Some(_)) => return Some(("url_secret", "set as well as `url`".to_owned(), ONE_URL.to_owned())),
        };
        let kind = refused_host(url.as_str(), &self.allow)?;
        let allowed = "a URL on the public internet, or one whose address and port are in `allow`";
        Some(("url", format!("{kind}, to which nothing is posted"), allowed.to_owned()))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let selector = RecordSelector::open(self.when.as_ref(), &binding, services)?;
        let secret = self.secret.as_ref().map(|secret| services.secret(secret.as_str())).transpose()?;
        let url = match (&self.url, &self.url_secret) {
            (Some(url), _) => WebhookUrl::Plain(url.clone()),
            (None, Some(arn)) => WebhookUrl::in_secret(arn, services)?,
            (None, None) => return Err(Error::permanent(ErrorCode::SettingsUnreadable, format!("allowed: {ONE_URL}"))),
        };
        let fetcher = Fetcher::new(&user_agent(binding.contact.as_deref()), &self.allow)?.on(services.network());
        Ok(Instance::Sink(Box::new(WebhookSink {
            webhook: Webhook::new(url, fetcher),
            signer: secret.map(Signer::new),
            selector,
            body: self.body,
            header: MessageHeader {
                pipeline: binding.pipeline,
                environment: binding.environment,
                sink: binding.name,
                when: self.when.as_ref().map(ToString::to_string),
            },
        })))
    }
}

/// What the settings of the URL must be.
const ONE_URL: &str = "exactly one of `url` and `url_secret`";

struct WebhookSink {
    webhook: Webhook,
    signer: Option<Signer>,
    selector: RecordSelector,
    body: WebhookBody,
    header: MessageHeader,
}

#[async_trait]
impl Sink for WebhookSink {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let selection = self.selector.select(records).await?;
        let bodies = match self.body {
            WebhookBody::Records => bodies(chunk, selection.records.iter().map(|(record, _)| record.as_ref()))?,
            WebhookBody::Slack if selection.records.is_empty() => Vec::new(),
            WebhookBody::Slack => vec![slack_message::body(&self.header, chunk, &selection.records)],
        };
        // One after the other, to spare the receiver.
        for (place, body) in bodies.into_iter().enumerate() {
            let part = if place == 0 { String::new() } else { format!("-{}", place + 1) };
            self.post(format!("{}-{}{part}", chunk.run, chunk.id), body).await?;
        }
        self.selector.store(selection).await?;
        Ok(self.webhook.url().to_string())
    }
}

impl WebhookSink {
    async fn post(&self, id: String, body: Vec<u8>) -> Result<(), Error> {
        let now = Timestamp::now().as_second();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(signer) = &self.signer {
            headers.push(("webhook-signature", signer.sign(&id, now, &body).await?));
        }
        headers.push(("webhook-id", id));
        headers.push(("webhook-timestamp", now.to_string()));
        self.webhook.post(&headers, body).await
    }
}

/// Packs the records into as few request bodies as possible.
fn bodies<'a>(chunk: &Chunk, records: impl Iterator<Item = &'a Record>) -> Result<Vec<Vec<u8>>, Error> {
    // Run and chunk ids consist of letters and digits, so they need no escaping.
    let frame = format!(r#"{{"run":"{}","chunk":"{}","records":["#, chunk.run, chunk.id);
    let room = MAX_BYTES - frame.len() - "]}".len();
    let mut bodies: Vec<String> = Vec::new();
    for record in records {
        let (text, _) = message_body::limited(record, room)?;
        match bodies.last_mut() {
            Some(body) if body.len() + ",".len() + text.len() + "]}".len() <= MAX_BYTES => {
                body.push(',');
                body.push_str(&text);
            }
            _ => bodies.push(format!("{frame}{text}")),
        }
    }
    Ok(bodies.into_iter().map(|body| (body + "]}").into_bytes()).collect())
}
