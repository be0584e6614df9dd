//! Requests batches of pages, with continuation, retries and rate limiting, until the chunk's deadline.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use url::Url;

use super::request::{self, TitleBatch};
use super::response::{ResponseError, WikipediaPages};
use crate::fetch::{FetchLimits, FetchResponse, Fetcher, RateLimiter};
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::backoff;
use crate::model::values::HttpUrl;

/// Maximum number of parts per batch: it has 20 pages, and a server with lower limits sends them one by one.
const MAX_PARTS: usize = 30;

/// Attempts for a request that fails.
const MAX_ATTEMPTS: u32 = 3;

/// Attempts for a request that is throttled.
const MAX_THROTTLED: u32 = 5;

/// A client of the MediaWiki API, shared by the batches of a stage.
pub struct WikipediaClient {
    pub fetcher: Fetcher,
    pub limiter: RateLimiter,
    pub limits: FetchLimits,
    pub sentences: u64,
    pub endpoint: Option<HttpUrl>,
}

/// Why a request has no result.
enum RequestFailure {
    /// A retry would fail too.
    Permanent(Error),
    /// A retry may succeed.
    Transient(Error),
    /// The server throttled the request, with its `Retry-After` if it sent one.
    Throttled(Error, Option<Duration>),
}

impl WikipediaClient {
    /// Requests the pages of a batch, in as many parts as the server sends.
    ///
    /// # Errors
    /// The error of the batch as a whole.
    pub async fn fetch(&self, batch: &TitleBatch, deadline: Instant) -> Result<WikipediaPages, Error> {
        let endpoint = request::endpoint(self.endpoint.as_ref(), &batch.language)?;
        let mut pages = WikipediaPages::default();
        let mut continuation = Map::new();
        for _ in 0..MAX_PARTS {
            let url = request::url(endpoint.clone(), &batch.titles, self.sentences, &continuation);
            // MediaWiki demands that each continuation replaces the one before.
            match self.fetch_part(&url, &mut pages, deadline).await? {
                Some(next) => continuation = next,
                None => return Ok(pages),
            }
        }
        let message = format!("`{}` did not finish its response within {MAX_PARTS} parts", host(&endpoint));
        Err(Error::permanent(ErrorCode::AnswerEndless, message))
    }

    async fn fetch_part(
        &self,
        url: &Url,
        pages: &mut WikipediaPages,
        deadline: Instant,
    ) -> Result<Option<Map<String, Value>>, Error> {
        let (mut attempts, mut throttled) = (0, 0);
        loop {
            let permit = self.limiter.acquire(deadline).await.map_err(|wait| {
                let message = format!("the rate limit leaves no time in this chunk to request `{}`", host(url));
                Error::transient(ErrorCode::RateLimited, message).retry_after(Some(wait).filter(|wait| !wait.is_zero()))
            })?;
            let time = self.limits.time.min(deadline.saturating_duration_since(Instant::now()));
            let response = self.fetcher.get(url.as_str(), FetchLimits { time, ..self.limits }).await;
            drop(permit);
            let left = deadline.saturating_duration_since(Instant::now());
            match parse(url, response, pages) {
                Ok(continuation) => return Ok(continuation),
                Err(RequestFailure::Permanent(error)) => return Err(error),
                Err(RequestFailure::Transient(error)) => {
                    attempts += 1;
                    let wait = backoff(attempts);
                    if attempts >= MAX_ATTEMPTS || wait >= left {
                        return Err(error);
                    }
                    sleep(wait).await;
                }
                Err(RequestFailure::Throttled(error, retry_after)) => {
                    throttled += 1;
                    let wait = retry_after.unwrap_or_default().max(backoff(throttled));
                    // Pause all requests: going on would only prolong the throttling.
                    self.limiter.pause(wait);
                    if throttled >= MAX_THROTTLED || wait >= left {
                        return Err(error.retry_after(retry_after));
                    }
                }
            }
        }
    }
}

/// Adds a response to the pages, unless it is an error.
fn parse(
    url: &Url,
    response: Result<FetchResponse, Error>,
    pages: &mut WikipediaPages,
) -> Result<Option<Map<String, Value>>, RequestFailure> {
    let host = host(url);
    let response = response.map_err(|error| {
        if error.transient { RequestFailure::Transient(error) } else { RequestFailure::Permanent(error) }
    })?;
    let status = response.status;
    let throttled = |why: &str| {
        let message = format!("`{host}` throttled the request ({why})");
        RequestFailure::Throttled(Error::transient(ErrorCode::RateLimited, message), response.retry_after)
    };
    let unavailable = |why: &str| {
        RequestFailure::Transient(Error::transient(
            ErrorCode::WikipediaUnavailable,
            format!("`{host}` is having problems ({why})"),
        ))
    };
    let refused = |why: &str| {
        RequestFailure::Permanent(Error::permanent(
            ErrorCode::WikipediaRefused,
            format!("`{host}` refused the request ({why})"),
        ))
    };
    match status {
        200 => {}
        429 => return Err(throttled("HTTP 429")),
        503 if response.retry_after.is_some() => return Err(throttled("HTTP 503")),
        408 | 425 | 500..=599 => return Err(unavailable(&format!("HTTP {status}"))),
        403 => {
            return Err(refused("HTTP 403; Wikimedia requires a contact: set the pipeline's `contact`"));
        }
        _ => return Err(refused(&format!("HTTP {status}"))),
    }
    pages.take(&response.body).map_err(|error| match error {
        ResponseError::Unreadable(why) => {
            let message = format!("cannot parse the response of `{host}`: {why}");
            RequestFailure::Transient(Error::transient(ErrorCode::AnswerUnreadable, message))
        }
        ResponseError::Api { code, info } => match code.as_str() {
            "maxlag" | "ratelimited" => throttled(&format!("{code}: {info}")),
            "readonly" => unavailable(&format!("{code}: {info}")),
            _ if code.starts_with("internal_api_error") => unavailable(&format!("{code}: {info}")),
            _ => refused(&format!("{code}: {info}")),
        },
    })
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}
