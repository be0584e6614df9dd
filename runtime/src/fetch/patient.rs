//! Fetches with patience: what may pass is tried again, and a status that is no answer is an error that says so.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use super::{Answer, Fetcher, Gate, Limits, guard};
use crate::model::error::Error;
use crate::model::retry::backoff;
use crate::model::values::HostPort;

/// Tries of one request that fails by itself.
const TRIES: u32 = 3;

/// The longest wait that a host may ask for: it is anybody's, and others wait in the same chunk.
const LONGEST: Duration = Duration::from_secs(900);

/// A component's way to pages of anybody.
pub struct Patient {
    fetcher: Fetcher,
    gate: Gate,
    limits: Limits,
}

impl Patient {
    /// Fetches so many pages at once, each within these limits, in the name of whoever operates the pipeline.
    ///
    /// # Errors
    /// `settings_unreadable` where an address that is allowed is none.
    pub fn new(contact: Option<&str>, allow: &[HostPort], at_once: u64, limits: Limits) -> Result<Self, Error> {
        Ok(Self { fetcher: Fetcher::new(&super::agent(contact), allow)?, gate: Gate::unpaced(at_once), limits })
    }

    /// Gets a page, until the deadline.
    ///
    /// # Errors
    /// Those of [`Fetcher::get`]. `page_missing` and `access_refused` are permanent; `rate_limited` and `unavailable` are
    /// transient, with the wait that was asked for, a quarter of an hour at most.
    pub async fn get(&self, url: &str, deadline: Instant) -> Result<Answer, Error> {
        let late = |_| {
            let host = Url::parse(url).map(|url| guard::origin(&url)).unwrap_or_default();
            Error::transient("timed_out", format!("there was no turn for `{host}` before the chunk's time was over"))
        };
        let mut turn = self.gate.pass(deadline).await.map_err(late)?;
        let mut tries = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let limits = Limits { time: self.limits.time.min(left), ..self.limits };
            let error = match self.fetcher.get(url, limits).await.and_then(judged) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            let wait = error.retry_after_s.map(Duration::from_secs).unwrap_or_default().max(backoff(tries));
            let left = deadline.saturating_duration_since(Instant::now());
            if !error.transient || tries >= TRIES || wait >= left {
                return Err(error);
            }
            // Others go on while this one waits.
            drop(turn);
            sleep(wait).await;
            let Ok(next) = self.gate.pass(deadline).await else { return Err(error) };
            turn = next;
        }
    }
}

/// Tells an answer from what only looks like one.
fn judged(answer: Answer) -> Result<Answer, Error> {
    let status = answer.status;
    let host = Url::parse(&answer.url).map(|url| guard::origin(&url)).unwrap_or_default();
    let said = format!("`{host}` answers with status {status}");
    Err(match status {
        200..=299 => return Ok(answer),
        404 | 410 => Error::permanent("page_missing", format!("{said}: there is nothing at this address; mend it")),
        429 => Error::transient("rate_limited", format!("{said}: it asks for patience")),
        503 if answer.retry_after.is_some() => {
            Error::transient("rate_limited", format!("{said}: it asks for patience"))
        }
        408 | 425 | 500..=599 => Error::transient("unavailable", said),
        _ => Error::permanent("access_refused", format!("{said}: it does not give this page to programs")),
    }
    .retry_after(answer.retry_after.filter(|_| matches!(status, 429 | 503)).map(|wait| wait.min(LONGEST))))
}
