//! Signs webhook requests by the Standard Webhooks specification, with a secret from AWS Secrets Manager.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::component::services::Secret;
use crate::model::error::{Error, ErrorCode};

/// How long a secret is cached, so that a rotated one comes into use.
const CACHE_TIME: Duration = Duration::from_secs(15 * 60);

/// The prefix of a base64 secret
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
const BASE64_PREFIX: &str = "whsec_";

/// A secret and its cached key.
pub(super) struct Signer {
    secret: Arc<dyn Secret>,
    cache_time: Duration,
    cached: Mutex<Option<(Instant, Vec<u8>)>>,
}

impl Signer {
    /// A signer with this secret, which is read on first use.
    pub(super) fn new(secret: Arc<dyn Secret>) -> Self {
        Self { secret, cache_time: CACHE_TIME, cached: Mutex::default() }
    }

    /// The signature of a request with this id and Unix time.
    ///
    /// # Errors
    /// The error of reading the secret; `secret_unusable`, which never quotes its value.
    pub(super) async fn sign(&self, id: &str, now: i64, body: &[u8]) -> Result<String, Error> {
        let mut cached = self.cached.lock().await;
        let key = match cached.take() {
            Some((at, key)) if at.elapsed() < self.cache_time => &cached.insert((at, key)).1,
            _ => {
                let key = key(&self.secret.read().await?)?;
                &cached.insert((Instant::now(), key)).1
            }
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| unusable("cannot be used as a key"))?;
        mac.update(format!("{id}.{now}.").as_bytes());
        mac.update(body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// A JSON secret in Secrets Manager.
#[derive(Deserialize)]
struct JsonSecret {
    secret: String,
}

/// The key in a secret: a text, `whsec_` and base64, or JSON with one of these as `secret`.
fn key(text: &str) -> Result<Vec<u8>, Error> {
    let json = serde_json::from_str::<JsonSecret>(text).ok().map(|json| json.secret);
    let text = match &json {
        Some(secret) => secret.trim(),
        // Other JSON belongs to something else; its text must not become a key.
        None if text.trim_start().starts_with('{') => return Err(unusable("is JSON without a text `secret`")),
        None => text.trim(),
    };
    let key = match text.strip_prefix(BASE64_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| unusable("is not valid base64 after `whsec_`"))?,
        None => text.as_bytes().to_vec(),
    };
    if key.is_empty() { Err(unusable("is empty")) } else { Ok(key) }
}

fn unusable(why: &str) -> Error {
    Error::permanent(ErrorCode::SecretUnusable, format!("the webhook's secret {why}: store another value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A secret that is rotated at every read.
    #[derive(Default)]
    struct Rotated(AtomicUsize);

    #[async_trait]
    impl Secret for Rotated {
        async fn read(&self) -> Result<String, Error> {
            Ok(format!("secret {}", self.0.fetch_add(1, Ordering::Relaxed)))
        }
    }

    struct Fixed(&'static str);

    #[async_trait]
    impl Secret for Fixed {
        async fn read(&self) -> Result<String, Error> {
            Ok(self.0.into())
        }
    }

    #[tokio::test]
    async fn the_signature_matches_the_example_of_the_specification() {
        // <https://docs.svix.com/receiving/verifying-payloads/how-manual>, where the specification comes from.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = Signer::new(Arc::new(Fixed(secret)))
            .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
            .await;
        assert_eq!(signed.expect("signed"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn a_secret_is_cached_and_read_again_after_a_while() {
        let secret = Arc::new(Rotated::default());
        let mut signer = Signer::new(secret.clone());
        let first = signer.sign("id", 1, b"").await.expect("signed");
        assert_eq!(signer.sign("id", 1, b"").await.expect("signed"), first);
        assert_eq!(secret.0.load(Ordering::Relaxed), 1);
        signer.cache_time = Duration::ZERO;
        assert_ne!(signer.sign("id", 1, b"").await.expect("signed"), first);
        assert_eq!(secret.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_secret_is_a_text_or_base64_or_json_with_either() {
        for text in ["key", " key\n", r#"{"secret":"key"}"#, "whsec_a2V5", r#"{"other":1,"secret":"whsec_a2V5"}"#] {
            assert_eq!(key(text).expect("a key"), b"key", "{text}");
        }
        for (text, why) in [
            ("", "is empty"),
            ("whsec_", "is empty"),
            ("whsec_s3cret!", "is not valid base64 after `whsec_`"),
            (r#"{"password":"s3cret"}"#, "is JSON without a text `secret`"),
            (r#"{"secret":5}"#, "is JSON without a text `secret`"),
        ] {
            let message = key(text).expect_err(text).message;
            assert_eq!(message, format!("the webhook's secret {why}: store another value"));
        }
    }
}
