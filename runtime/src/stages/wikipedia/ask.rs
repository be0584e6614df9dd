//! Asks until there is an answer or a reason: round by round, in turn, with as much patience as the chunk has left.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use url::Url;

use super::answer::{Pages, Refusal};
use super::request::{self, Batch};
use crate::fetch::{FetchLimits, FetchResponse, Fetcher, RateLimiter};
use crate::model::error::Error;
use crate::model::retry::backoff;
use crate::model::values::HttpUrl;

/// Parts of an answer at most. A batch has 20 pages, and a server that lowers the limit sends them one by one.
const ROUNDS: usize = 30;

/// Tries of one request that fails by itself.
const TRIES: u32 = 3;

/// How often one request steps back because it was asked to.
const WAITS: u32 = 5;

/// All that asking takes; shared by the batches of a stage.
pub struct Asker {
    pub fetcher: Fetcher,
    pub limiter: RateLimiter,
    pub limits: FetchLimits,
    pub sentences: u64,
    pub endpoint: Option<HttpUrl>,
}

/// What stands in the way of an answer.
enum Obstacle {
    /// Nothing will change it.
    Lasting(Error),
    /// It may pass.
    Passing(Error),
    /// Upstream asks to come back later, and perhaps says when.
    Told(Error, Option<Duration>),
}

impl Asker {
    /// Asks for the pages of a batch, all parts of the answer.
    ///
    /// # Errors
    /// What kept the batch as a whole from being answered.
    pub async fn ask(&self, batch: &Batch, deadline: Instant) -> Result<Pages, Error> {
        let endpoint = request::endpoint(self.endpoint.as_ref(), &batch.language)?;
        let mut pages = Pages::default();
        let mut go_on = Map::new();
        for _ in 0..ROUNDS {
            let url = request::url(endpoint.clone(), &batch.titles, self.sentences, &go_on);
            // What an answer says about going on replaces what the one before said, as MediaWiki demands.
            match self.round(&url, &mut pages, deadline).await? {
                Some(next) => go_on = next,
                None => return Ok(pages),
            }
        }
        let words = format!("`{}` still went on after {ROUNDS} parts of its answer", host(&endpoint));
        Err(Error::permanent("answer_endless", words))
    }

    async fn round(
        &self,
        url: &Url,
        pages: &mut Pages,
        deadline: Instant,
    ) -> Result<Option<Map<String, Value>>, Error> {
        let (mut tries, mut waits) = (0, 0);
        loop {
            let turn = self.limiter.acquire(deadline).await.map_err(|wait| {
                let words = format!("no request to `{}` is due before the chunk's time is over", host(url));
                Error::transient("rate_limited", words).retry_after(Some(wait).filter(|wait| !wait.is_zero()))
            })?;
            let time = self.limits.time.min(deadline.saturating_duration_since(Instant::now()));
            let answer = self.fetcher.get(url.as_str(), FetchLimits { time, ..self.limits }).await;
            drop(turn);
            let left = deadline.saturating_duration_since(Instant::now());
            match judge(url, answer, pages) {
                Ok(go_on) => return Ok(go_on),
                Err(Obstacle::Lasting(error)) => return Err(error),
                Err(Obstacle::Passing(error)) => {
                    tries += 1;
                    let wait = backoff(tries);
                    if tries >= TRIES || wait >= left {
                        return Err(error);
                    }
                    sleep(wait).await;
                }
                Err(Obstacle::Told(error, asked)) => {
                    waits += 1;
                    let wait = asked.unwrap_or_default().max(backoff(waits));
                    // The others step back too: whoever goes on is asked for more patience the next time.
                    self.limiter.pause(wait);
                    if waits >= WAITS || wait >= left {
                        return Err(error.retry_after(asked));
                    }
                }
            }
        }
    }
}

/// Tells an answer from what only looks like one.
fn judge(
    url: &Url,
    answer: Result<FetchResponse, Error>,
    pages: &mut Pages,
) -> Result<Option<Map<String, Value>>, Obstacle> {
    let host = host(url);
    let answer =
        answer.map_err(|error| if error.transient { Obstacle::Passing(error) } else { Obstacle::Lasting(error) })?;
    let status = answer.status;
    let limited = |why: &str| {
        let words = format!("`{host}` asks for patience ({why})");
        Obstacle::Told(Error::transient("rate_limited", words), answer.retry_after)
    };
    let unavailable =
        |why: &str| Obstacle::Passing(Error::transient("wikipedia_unavailable", format!("`{host}` failed: {why}")));
    let refused =
        |why: &str| Obstacle::Lasting(Error::permanent("wikipedia_refused", format!("`{host}` refused: {why}")));
    match status {
        200 => {}
        429 => return Err(limited("status 429")),
        503 if answer.retry_after.is_some() => return Err(limited("status 503")),
        408 | 425 | 500..=599 => return Err(unavailable(&format!("status {status}"))),
        403 => {
            return Err(refused("status 403; Wikimedia wants to know whom to write to: set the pipeline's `contact`"));
        }
        _ => return Err(refused(&format!("status {status}"))),
    }
    pages.take(&answer.body).map_err(|refusal| match refusal {
        Refusal::Unreadable(why) => {
            let words = format!("the answer of `{host}` cannot be read: {why}");
            Obstacle::Passing(Error::transient("answer_unreadable", words))
        }
        Refusal::Api { code, info } => match code.as_str() {
            "maxlag" | "ratelimited" => limited(&format!("{code}: {info}")),
            "readonly" => unavailable(&format!("{code}: {info}")),
            _ if code.starts_with("internal_api_error") => unavailable(&format!("{code}: {info}")),
            _ => refused(&format!("{code}: {info}")),
        },
    })
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}
