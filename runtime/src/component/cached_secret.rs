//! A secret that is read at first use, parsed, and read again after a while, so that a rotated one comes into use.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::component::services::Secret;
use crate::model::error::Error;

/// How long a secret is cached.
const CACHE_TIME: Duration = Duration::from_secs(15 * 60);

/// A secret with its cached value.
pub struct CachedSecret<T> {
    secret: Arc<dyn Secret>,
    parse: fn(&str) -> Result<T, Error>,
    cache_time: Duration,
    cached: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> CachedSecret<T> {
    /// A secret whose text means what `parse` makes of it. It is read on first use.
    pub fn new(secret: Arc<dyn Secret>, parse: fn(&str) -> Result<T, Error>) -> Self {
        Self { secret, parse, cache_time: CACHE_TIME, cached: Mutex::default() }
    }

    /// Its value, which is at most a quarter of an hour old.
    ///
    /// # Errors
    /// The error of reading or of parsing it.
    pub async fn get(&self) -> Result<T, Error> {
        let mut cached = self.cached.lock().await;
        if let Some((_, value)) = cached.as_ref().filter(|(at, _)| at.elapsed() < self.cache_time) {
            return Ok(value.clone());
        }
        let value = (self.parse)(&self.secret.read().await?)?;
        *cached = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

/// The text of a secret: the whole of it, or one member of the JSON object that it is. `None` for other JSON, which belongs to
/// something else.
#[must_use]
pub fn text_or_member<'a>(secret: &'a str, member: &str) -> Option<Cow<'a, str>> {
    let text = secret.trim();
    if !text.starts_with('{') {
        return Some(Cow::Borrowed(text));
    }
    let object: Value = serde_json::from_str(text).ok()?;
    Some(Cow::Owned(object.get(member)?.as_str()?.trim().to_owned()))
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

    #[tokio::test]
    async fn a_secret_is_cached_and_read_again_after_a_while() {
        let secret = Arc::new(Rotated::default());
        let mut cached = CachedSecret::new(secret.clone(), |text| Ok(text.to_owned()));
        for _ in 0..2 {
            assert_eq!(cached.get().await.expect("read"), "secret 0");
        }
        assert_eq!(secret.0.load(Ordering::Relaxed), 1);
        cached.cache_time = Duration::ZERO;
        assert_eq!(cached.get().await.expect("read"), "secret 1");
    }

    #[test]
    fn a_secret_is_a_text_or_a_member_of_json() {
        for text in ["key", " key\n", r#"{"secret":"key"}"#, r#" {"other":1,"secret":" key"}"#] {
            assert_eq!(text_or_member(text, "secret").as_deref(), Some("key"), "{text}");
        }
        for text in [r#"{"password":"s3cret"}"#, r#"{"secret":5}"#, "{"] {
            assert_eq!(text_or_member(text, "secret"), None, "{text}");
        }
    }
}
