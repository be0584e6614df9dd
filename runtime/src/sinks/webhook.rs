//! Sink `webhook`: posts the records of a chunk to a URL, signed.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::message_body;
use super::selection::{self, RecordSelector};
use super::signature::Signer;
use crate::component::services::Services;
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission,
    Sink,
};
use crate::condition::Condition;
use crate::fetch::{FetchLimits, FetchResponse, Fetcher, refused_host, user_agent};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;
use crate::model::run::Chunk;
use crate::model::values::{Arn, HostPort, HttpUrl};

/// Maximum size of a request body: what common receivers accept by default.
const MAX_BYTES: usize = 200 * 1024;

/// The limits of a request; only the status of the response matters.
const LIMITS: FetchLimits = FetchLimits { bytes: 64 * 1024, time: Duration::from_secs(10), redirects: 0 };

/// Posts records to a URL as `{"run", "chunk", "records"}`, signed as in the Standard Webhooks specification. The
/// secret is read from AWS Secrets Manager (plain text, `whsec_` followed by base64, or JSON with one of these as
/// `secret`), and is never in a file or an environment variable. Requests are delivered at least once: the same records
/// always have the same `webhook-id`, so that the receiver can drop duplicates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The URL that records are posted to.
    pub url: HttpUrl,
    /// The ARN of the secret in AWS Secrets Manager that signs the requests. By default they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretArn>,
    /// Which records are posted, such as `sentiment == "NEGATIVE" && score > 0.8`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Private or local addresses to which requests are allowed nevertheless, as `HOST:PORT`. With one, `fanggen run --live` posts
    /// records; without, it writes them to files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
}

crate::checked_string!(
    /// The ARN of a secret in AWS Secrets Manager.
    SecretArn,
    "the ARN of a secret such as `arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf`",
    "^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$",
    |text| {
        let name = text.split_once(":secret:").map_or("", |(_, name)| name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        let parts: Vec<&str> = text.split(':').collect();
        // Region and account are required, and `*` is refused: the role may read only this secret.
        Arn::new(text).is_ok()
            && parts.get(2..5).is_some_and(|parts| parts[0] == "secretsmanager" && !parts[1].is_empty() && !parts[2].is_empty())
            && name.bytes().all(fits)
            // IAM compares the whole ARN, which ends in six characters that Secrets Manager adds.
            && name.rsplit_once('-').is_some_and(|(start, end)| {
                !start.is_empty() && end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
    }
);

impl Described for WebhookSettings {
    const CARD: Card = Card {
        posts: true,
        local_substitute: Some("jsonl"),
        ..Card::new(
            ComponentRole::Sink,
            "webhook",
            "records posted to a URL, signed with a secret",
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
        let secret = self.secret.as_ref().and_then(|secret| Arn::new(secret.as_str()).ok());
        let read = |secret| RequiredPermission {
            actions: vec!["secretsmanager:GetSecretValue"],
            target: PermissionTarget::Arn(secret),
            reason: "the worker signs its requests",
        };
        secret.map(read).into_iter().chain(selection::permission(self.when.as_ref())).collect()
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit {
            name: "secret_read",
            per_record: 0.0,
            reason: "one read per start of the function, and every 15 minutes",
        }]
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        let kind = refused_host(self.url.as_str(), &self.allow)?;
        let allowed = "a URL on the public internet, or one whose address and port are in `allow`";
        Some(("url", format!("{kind}, to which nothing is posted"), allowed.to_owned()))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let selector = RecordSelector::open(self.when.as_ref(), &binding, services)?;
        let secret = self.secret.as_ref().map(|secret| services.secret(secret.as_str())).transpose()?;
        Ok(Instance::Sink(Box::new(Webhook {
            url: self.url.clone(),
            fetcher: Fetcher::new(&user_agent(binding.contact.as_deref()), &self.allow)?.on(services.network()),
            signer: secret.map(Signer::new),
            selector,
        })))
    }
}

struct Webhook {
    url: HttpUrl,
    fetcher: Fetcher,
    signer: Option<Signer>,
    selector: RecordSelector,
}

#[async_trait]
impl Sink for Webhook {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let selection = self.selector.select(records).await?;
        let bodies = bodies(chunk, selection.records.iter().map(|(record, _)| *record))?;
        // One after the other, to spare the receiver.
        for (place, body) in bodies.into_iter().enumerate() {
            let part = if place == 0 { String::new() } else { format!("-{}", place + 1) };
            self.post(format!("{}-{}{part}", chunk.run, chunk.id), body).await?;
        }
        self.selector.store(selection).await?;
        Ok(self.url.to_string())
    }
}

impl Webhook {
    async fn post(&self, id: String, body: Vec<u8>) -> Result<(), Error> {
        let now = Timestamp::now().as_second();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(signer) = &self.signer {
            headers.push(("webhook-signature", signer.sign(&id, now, &body).await?));
        }
        headers.push(("webhook-id", id));
        headers.push(("webhook-timestamp", now.to_string()));
        check_status(&self.fetcher.post(self.url.as_str(), &headers, body, LIMITS).await?)
    }
}

/// Checks the status of the response.
fn check_status(response: &FetchResponse) -> Result<(), Error> {
    let host =
        url::Url::parse(&response.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let status = response.status;
    match status {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => {
            let words = format!("`{host}` did not accept the request (HTTP {status})");
            Err(Error::transient(ErrorCode::PostRefused, words).retry_after(response.retry_after))
        }
        _ => {
            let words = format!("`{host}` refused the request (HTTP {status}): check `url` and `secret`");
            Err(Error::permanent(ErrorCode::PostRefused, words))
        }
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
