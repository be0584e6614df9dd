//! Signs webhook requests by the Standard Webhooks specification, with a secret from AWS Secrets Manager.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::component::cached_secret::{CachedSecret, text_or_member};
use crate::component::services::Secret;
use crate::model::error::{Error, ErrorCode};

/// The prefix of a base64 secret
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
const BASE64_PREFIX: &str = "whsec_";

/// Signs with the key in a secret.
pub(super) struct Signer(CachedSecret<Vec<u8>>);

impl Signer {
    /// A signer with this secret, which is read on first use.
    pub(super) fn new(secret: Arc<dyn Secret>) -> Self {
        Self(CachedSecret::new(secret, key))
    }

    /// The signature of a request with this id and Unix time.
    ///
    /// # Errors
    /// The error of reading the secret; `secret_unusable`, which never quotes its value.
    pub(super) async fn sign(&self, id: &str, now: i64, body: &[u8]) -> Result<String, Error> {
        let key = self.0.get().await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| unusable("cannot be used as a key"))?;
        mac.update(format!("{id}.{now}.").as_bytes());
        mac.update(body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The key in a secret: a text, `whsec_` and base64, or JSON with one of these as `secret`.
fn key(text: &str) -> Result<Vec<u8>, Error> {
    // Other JSON belongs to something else; its text must not become a key.
    let text = text_or_member(text, "secret").ok_or_else(|| unusable("is JSON without a text `secret`"))?;
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
