//! Sends batches to Comprehend, concurrently within the rate limit and before the chunk's deadline.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::batch::{AnalysisRequest, RequestBatch, batches};
use crate::component::analysis::{AnalysisOutput, TextAnalyzer};
use crate::component::meter::Meter;
use crate::fetch::RateLimiter;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::backoff;

/// Maximum number of cached replies: those of a few chunks of short texts. Beyond that they are requested and paid again.
const MAX_CACHED: usize = 4_096;

/// The result of one request.
pub type AnalysisResult = Result<AnalysisOutput, Error>;

/// Sends batches, and caches replies that are needed again.
pub struct BatchSender {
    analyst: Arc<dyn TextAnalyzer>,
    meter: Arc<Meter>,
    limiter: RateLimiter,
    /// Number of consecutive throttled calls.
    throttled: AtomicU32,
    /// Replies about texts whose other requests failed, so that they are not paid twice.
    cache: Mutex<HashMap<[u8; 32], AnalysisOutput>>,
}

impl BatchSender {
    /// A sender for this analyst and rate limit.
    pub fn new(analyst: Arc<dyn TextAnalyzer>, meter: Arc<Meter>, limiter: RateLimiter) -> Self {
        Self { analyst, meter, limiter, throttled: AtomicU32::new(0), cache: Mutex::default() }
    }

    /// Sends all requests, and returns the results in their order.
    pub async fn send(&self, requests: &[AnalysisRequest<'_>], deadline: Instant) -> Vec<AnalysisResult> {
        let mut results = self.take_cached(requests);
        let calls = batches(requests, |index| results[index].is_some());
        let replies = join_all(calls.iter().map(|batch| self.call(batch, requests, deadline))).await;
        for (batch, replies) in calls.iter().zip(replies) {
            for (index, result) in batch.indexes.iter().zip(replies) {
                if result.is_ok() {
                    self.meter.add_comprehend_units(requests[*index].units());
                }
                results[*index] = Some(result);
            }
        }
        results.into_iter().map(|result| result.unwrap_or_else(|| Err(missing()))).collect()
    }

    /// Caches the replies about a text that has to be analysed again.
    pub fn cache<'a>(&self, replies: impl IntoIterator<Item = (AnalysisRequest<'a>, AnalysisOutput)>) {
        let mut cache = self.lock_cache();
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.extend(replies.into_iter().map(|(request, reply)| (request.hash(), reply)));
    }

    fn take_cached(&self, requests: &[AnalysisRequest<'_>]) -> Vec<Option<AnalysisResult>> {
        let mut cache = self.lock_cache();
        requests.iter().map(|one| if cache.is_empty() { None } else { cache.remove(&one.hash()).map(Ok) }).collect()
    }

    fn lock_cache(&self) -> MutexGuard<'_, HashMap<[u8; 32], AnalysisOutput>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of each request of a batch.
    async fn call(
        &self,
        batch: &RequestBatch,
        requests: &[AnalysisRequest<'_>],
        deadline: Instant,
    ) -> Vec<AnalysisResult> {
        match self.call_once(batch, requests, deadline).await {
            Ok(results) => results,
            Err(error) if error.code == ErrorCode::TextRefused && batch.indexes.len() > 1 => {
                // Comprehend refused one of the texts without saying which: send each alone, so that the others do not fail.
                let single = batch.indexes.iter().map(|index| RequestBatch { indexes: vec![*index], ..batch.clone() });
                let calls = single.map(|batch| async move { self.call_once(&batch, requests, deadline).await });
                let one = |results: Result<Vec<AnalysisResult>, Error>| {
                    results.and_then(|mut one| one.pop().unwrap_or(Err(missing())))
                };
                join_all(calls).await.into_iter().map(one).collect()
            }
            Err(error) => batch.indexes.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// One call, within the rate limit.
    async fn call_once(
        &self,
        batch: &RequestBatch,
        requests: &[AnalysisRequest<'_>],
        deadline: Instant,
    ) -> Result<Vec<AnalysisResult>, Error> {
        let permit = self.limiter.acquire(deadline).await.map_err(|wait| {
            let message = "the rate limit leaves no time in this chunk to call Comprehend";
            Error::transient(ErrorCode::RateLimited, message).retry_after(Some(wait).filter(|wait| !wait.is_zero()))
        })?;
        // Copied only now, so that waiting calls take no memory.
        let texts: Vec<String> = batch.indexes.iter().map(|index| requests[*index].piece.text.to_owned()).collect();
        let replies = timeout_at(deadline, self.analyst.analyze(batch.question, batch.language, &texts)).await;
        drop(permit);
        let replies = replies.unwrap_or_else(|_| {
            let message = "Comprehend did not respond before the chunk's deadline";
            Err(Error::transient(ErrorCode::TimedOut, message))
        });
        match replies {
            Ok(replies) if replies.len() == texts.len() => {
                self.throttled.store(0, Ordering::Relaxed);
                Ok(replies)
            }
            Ok(_) => Err(missing()),
            Err(error) => {
                if error.code == ErrorCode::Throttled {
                    let throttled = self.throttled.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    let retry_after = error.retry_after_s.map(Duration::from_secs).unwrap_or_default();
                    // Pause all calls: going on would only prolong the throttling.
                    self.limiter.pause(retry_after.max(backoff(throttled)));
                }
                Err(error)
            }
        }
    }
}

fn missing() -> Error {
    Error::transient(ErrorCode::AnswerUnreadable, "the response of Comprehend contains no result for this text")
}
