//! Fetches pages with retries, and turns every status that is not a success into an error.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use super::{FetchLimits, FetchResponse, Fetcher, RateLimiter, guard};
use crate::component::services::Network;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::backoff;
use crate::model::values::HostPort;

/// Attempts for one request.
const MAX_ATTEMPTS: u32 = 3;

/// The longest `Retry-After` that is honoured: any host may send one, and the rest of the chunk waits with it.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(900);

/// Fetches pages of arbitrary hosts for one component.
pub struct RetryingFetcher {
    fetcher: Fetcher,
    limiter: RateLimiter,
    limits: FetchLimits,
}

impl RetryingFetcher {
    /// A fetcher for so many concurrent requests, each within these limits; `contact` is the operator's, and `network` answers in
    /// place of the network.
    ///
    /// # Errors
    /// `settings_unreadable` if one of the addresses in `allow` is invalid.
    pub fn new(
        contact: Option<&str>,
        allow: &[HostPort],
        concurrency: u64,
        limits: FetchLimits,
        network: Option<Arc<dyn Network>>,
    ) -> Result<Self, Error> {
        let fetcher = Fetcher::new(&super::user_agent(contact), allow)?.on(network);
        Ok(Self { fetcher, limiter: RateLimiter::with_concurrency(concurrency), limits })
    }

    /// Gets a page before the deadline.
    ///
    /// # Errors
    /// Those of [`Fetcher::get`]. `page_missing` and `access_refused` are permanent. `rate_limited` and `unavailable` are
    /// transient, and carry the wait that the server asked for, up to 15 minutes.
    pub async fn get(&self, url: &str, deadline: Instant) -> Result<FetchResponse, Error> {
        let too_late = |_| {
            let host = Url::parse(url).map(|url| guard::origin(&url)).unwrap_or_default();
            Error::transient(ErrorCode::TimedOut, format!("no time was left in this chunk to request `{host}`"))
        };
        let mut permit = self.limiter.acquire(deadline).await.map_err(too_late)?;
        let mut attempts = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let limits = FetchLimits { time: self.limits.time.min(left), ..self.limits };
            let error = match self.fetcher.get(url, limits).await.and_then(check_status) {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            attempts += 1;
            let wait = error.retry_after_s.map(Duration::from_secs).unwrap_or_default().max(backoff(attempts));
            let left = deadline.saturating_duration_since(Instant::now());
            if !error.transient || attempts >= MAX_ATTEMPTS || wait >= left {
                return Err(error);
            }
            // Other requests may go ahead while this one waits.
            drop(permit);
            sleep(wait).await;
            let Ok(next) = self.limiter.acquire(deadline).await else { return Err(error) };
            permit = next;
        }
    }
}

/// The response, unless its status is an error.
fn check_status(response: FetchResponse) -> Result<FetchResponse, Error> {
    let status = response.status;
    let host = Url::parse(&response.url).map(|url| guard::origin(&url)).unwrap_or_default();
    Err(match status {
        200..=299 => return Ok(response),
        // The whole address, which is what has to be corrected; a redirect may have led to another one.
        404 => Error::permanent(ErrorCode::PageMissing, format!("404 Not Found: check the URL {}", response.url)),
        410 => Error::permanent(ErrorCode::PageMissing, format!("410 Gone: check the URL {}", response.url)),
        429 => Error::transient(ErrorCode::RateLimited, format!("`{host}` throttled the request (HTTP 429)")),
        503 if response.retry_after.is_some() => {
            Error::transient(ErrorCode::RateLimited, format!("`{host}` throttled the request (HTTP 503)"))
        }
        408 | 425 | 500..=599 => {
            Error::transient(ErrorCode::Unavailable, format!("`{host}` is having problems (HTTP {status})"))
        }
        _ => Error::permanent(
            ErrorCode::AccessRefused,
            format!("`{host}` refused the request (HTTP {status}): it may not serve this page to programs"),
        ),
    }
    .retry_after(response.retry_after.filter(|_| matches!(status, 429 | 503)).map(|wait| wait.min(MAX_RETRY_AFTER))))
}
