//! Signs posts as the Standard Webhooks specification says, with a secret that is kept elsewhere.

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
use crate::model::error::Error;

/// After how long a secret is read anew, so that a rotated one comes into use.
const FRESH: Duration = Duration::from_secs(15 * 60);

/// The start of a secret that is written in base64
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
const BASE64: &str = "whsec_";

/// A secret, and the key that was last read from it.
pub(super) struct Signer {
    secret: Arc<dyn Secret>,
    fresh: Duration,
    read: Mutex<Option<(Instant, Vec<u8>)>>,
}

impl Signer {
    /// Signs with this secret, which is not read before it is needed.
    pub(super) fn new(secret: Arc<dyn Secret>) -> Self {
        Self { secret, fresh: FRESH, read: Mutex::default() }
    }

    /// The signature of a post with this id at this second since 1970.
    ///
    /// # Errors
    /// What kept the secret from being read; `secret_unusable`, which says nothing of what is in it.
    pub(super) async fn sign(&self, id: &str, now: i64, body: &[u8]) -> Result<String, Error> {
        let mut read = self.read.lock().await;
        let key = match read.take() {
            Some((at, key)) if at.elapsed() < self.fresh => &read.insert((at, key)).1,
            _ => {
                let key = key(&self.secret.read().await?)?;
                &read.insert((Instant::now(), key)).1
            }
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| unusable("cannot be a key"))?;
        mac.update(format!("{id}.{now}.").as_bytes());
        mac.update(body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// What Secrets Manager keeps where a secret has a name of its own.
#[derive(Deserialize)]
struct Named {
    secret: String,
}

/// The key that is written in a secret: a text, base64 behind `whsec_`, or JSON with one of these as `secret`.
fn key(text: &str) -> Result<Vec<u8>, Error> {
    let named = serde_json::from_str::<Named>(text).ok().map(|named| named.secret);
    let text = match &named {
        Some(secret) => secret.trim(),
        // Other JSON is a secret of something else, and not a key by its own letters.
        None if text.trim_start().starts_with('{') => return Err(unusable("is JSON without a text called `secret`")),
        None => text.trim(),
    };
    let key = match text.strip_prefix(BASE64) {
        Some(packed) => STANDARD.decode(packed).map_err(|_| unusable("is not base64 behind `whsec_`"))?,
        None => text.as_bytes().to_vec(),
    };
    if key.is_empty() { Err(unusable("is empty")) } else { Ok(key) }
}

fn unusable(why: &str) -> Error {
    Error::permanent("secret_unusable", format!("the secret that signs posts {why}: put another value into it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A secret that is rotated with every read.
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
    async fn the_signature_is_that_of_the_specifications_own_example() {
        // <https://docs.svix.com/receiving/verifying-payloads/how-manual>, where the specification comes from.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = Signer::new(Arc::new(Fixed(secret)))
            .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
            .await;
        assert_eq!(signed.expect("signed"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn a_secret_is_read_once_and_anew_when_it_may_have_been_rotated() {
        let secret = Arc::new(Rotated::default());
        let mut signer = Signer::new(secret.clone());
        let first = signer.sign("id", 1, b"").await.expect("signed");
        assert_eq!(signer.sign("id", 1, b"").await.expect("signed"), first);
        assert_eq!(secret.0.load(Ordering::Relaxed), 1);
        signer.fresh = Duration::ZERO;
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
            ("whsec_s3cret!", "is not base64 behind `whsec_`"),
            (r#"{"password":"s3cret"}"#, "is JSON without a text called `secret`"),
            (r#"{"secret":5}"#, "is JSON without a text called `secret`"),
        ] {
            let said = key(text).expect_err(text).message;
            assert_eq!(said, format!("the secret that signs posts {why}: put another value into it"));
        }
    }
}
