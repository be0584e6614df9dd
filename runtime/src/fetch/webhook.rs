//! Posts to a webhook, whose URL is in the settings or in a secret.

use std::fmt;
use std::time::Duration;

use super::{FetchLimits, FetchResponse, Fetcher};
use crate::component::cached_secret::{CachedSecret, text_or_member};
use crate::component::services::Services;
use crate::model::error::{Error, ErrorCode};
use crate::model::values::{HttpUrl, SecretArn};

/// The limits of a request; only the status of the response matters, and why it was refused.
const LIMITS: FetchLimits = FetchLimits { bytes: 64 * 1024, time: Duration::from_secs(10), redirects: 0 };

/// Maximum length of a receiver's word for a refusal.
const MAX_REASON_BYTES: usize = 60;

/// The URL of a webhook.
pub enum WebhookUrl {
    /// One that everybody may read.
    Plain(HttpUrl),
    /// One that is itself a secret, which is read at the first post.
    Secret {
        /// The ARN of the secret.
        arn: SecretArn,
        /// The URL in it.
        url: CachedSecret<HttpUrl>,
    },
}

impl WebhookUrl {
    /// The URL in this secret.
    ///
    /// # Errors
    /// There is no secret store here.
    pub fn in_secret(arn: &SecretArn, services: &dyn Services) -> Result<Self, Error> {
        let url = CachedSecret::new(services.secret(arn.as_str())?, secret_url);
        Ok(Self::Secret { arn: arn.clone(), url })
    }
}

/// The URL, unless it is a secret: then the ARN.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(url) => f.write_str(url.as_str()),
            Self::Secret { arn, .. } => f.write_str(arn.as_str()),
        }
    }
}

/// The URL in a secret: a text, or JSON with one as `url`. The error does not quote it.
fn secret_url(text: &str) -> Result<HttpUrl, Error> {
    text_or_member(text, "url").and_then(|text| HttpUrl::new(text).ok()).ok_or_else(|| {
        let message = "the secret with the webhook's URL has no HTTP or HTTPS URL, as its text or as `url` in JSON: store another \
                       value";
        Error::permanent(ErrorCode::SecretUnusable, message)
    })
}

/// Posts to one webhook.
pub struct Webhook {
    url: WebhookUrl,
    fetcher: Fetcher,
}

impl Webhook {
    /// A webhook at this URL. The fetcher guards which addresses it may have.
    #[must_use]
    pub fn new(url: WebhookUrl, fetcher: Fetcher) -> Self {
        Self { url, fetcher }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &WebhookUrl {
        &self.url
    }

    /// Posts a body.
    ///
    /// # Errors
    /// The error of reading the secret, `secret_unusable`, those of [`Fetcher::post`], or `post_refused`.
    pub async fn post(&self, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<(), Error> {
        let url = match &self.url {
            WebhookUrl::Plain(url) => url.clone(),
            WebhookUrl::Secret { url, .. } => url.get().await?,
        };
        self.check_status(&self.fetcher.post(url.as_str(), headers, body, LIMITS).await?)
    }

    fn check_status(&self, response: &FetchResponse) -> Result<(), Error> {
        let host = url::Url::parse(&response.url).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let status = response.status;
        let why = reason(&response.body).map(|reason| format!(", {reason}")).unwrap_or_default();
        match status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => {
                let words = format!("`{host}` did not accept the request (HTTP {status}{why})");
                Err(Error::transient(ErrorCode::PostRefused, words).retry_after(response.retry_after))
            }
            _ => {
                let check = match &self.url {
                    WebhookUrl::Plain(_) => "`url` and `secret`".to_owned(),
                    WebhookUrl::Secret { arn, .. } => format!("the URL in the secret `{arn}`"),
                };
                let words = format!("`{host}` refused the request (HTTP {status}{why}): check {check}");
                Err(Error::permanent(ErrorCode::PostRefused, words))
            }
        }
    }
}

/// Why a receiver refused, if it says so in one word as Slack does: `no_service`, `channel_is_archived`
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>). Nothing else of a response
/// gets into an error.
fn reason(body: &[u8]) -> Option<&str> {
    let is_word = |text: &&str| {
        text.len() <= MAX_REASON_BYTES
            && text.contains('_')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    std::str::from_utf8(body).ok().map(str::trim).filter(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_a_secret_is_a_text_or_json_and_never_quoted() {
        for text in ["https://a.example/x\n", r#"{"url":"https://a.example/x"}"#] {
            assert_eq!(secret_url(text).expect("a URL").as_str(), "https://a.example/x", "{text}");
        }
        for text in
            ["", "s3cret", "ftp://s3cret.example", "https://me:s3cret@a.example", r#"{"link":"https://s3cret"}"#]
        {
            let error = secret_url(text).expect_err(text);
            assert_eq!(error.code, ErrorCode::SecretUnusable);
            assert!(!error.message.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_reason_is_one_word_of_the_receiver() {
        assert_eq!(reason(b"no_service\n"), Some("no_service"));
        let long = [b'_'; 61];
        for body in [&b""[..], b"no", b"<html>", b"no service", b"No_Service", &long, b"\xff_"] {
            assert_eq!(reason(body), None);
        }
    }
}
