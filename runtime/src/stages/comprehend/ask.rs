//! Asks: all calls at once as far as the pace admits it, each in turn, and none beyond the chunk's time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::batch::{Asked, Batch, batches};
use crate::component::analysis::{Analyst, Reply, TEXT_REFUSED, THROTTLED};
use crate::component::meter::Meter;
use crate::fetch::RateLimiter;
use crate::model::error::Error;
use crate::model::retry::backoff;

/// Answers that are kept at most: those about some chunks of short texts. Beyond that they are paid for again.
const KEPT: usize = 4_096;

/// What came of a question about a piece.
pub type Answered = Result<Reply, Error>;

/// All that asking takes.
pub struct Asker {
    analyst: Arc<dyn Analyst>,
    meter: Arc<Meter>,
    limiter: RateLimiter,
    /// Calls in a row that were asked for patience.
    throttles: AtomicU32,
    /// Answers about texts of which another question is still open: they are not paid for twice.
    kept: Mutex<HashMap<[u8; 32], Reply>>,
}

impl Asker {
    /// Asks this analyst, through this limiter.
    pub fn new(analyst: Arc<dyn Analyst>, meter: Arc<Meter>, limiter: RateLimiter) -> Self {
        Self { analyst, meter, limiter, throttles: AtomicU32::new(0), kept: Mutex::default() }
    }

    /// Asks all of these, and gives the answers in their order.
    pub async fn ask(&self, asked: &[Asked<'_>], deadline: Instant) -> Vec<Answered> {
        let mut answers = self.recall(asked);
        let calls = batches(asked, |place| answers[place].is_some());
        let told = join_all(calls.iter().map(|batch| self.call(batch, asked, deadline))).await;
        for (batch, told) in calls.iter().zip(told) {
            for (place, answer) in batch.places.iter().zip(told) {
                if answer.is_ok() {
                    self.meter.comprehend_units(asked[*place].units());
                }
                answers[*place] = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(missing()))).collect()
    }

    /// Keeps answers about a text that has to be asked about once more.
    pub fn keep<'a>(&self, answers: impl IntoIterator<Item = (Asked<'a>, Reply)>) {
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.extend(answers.into_iter().map(|(asked, reply)| (asked.hash(), reply)));
    }

    fn recall(&self, asked: &[Asked<'_>]) -> Vec<Option<Answered>> {
        let mut kept = self.kept();
        asked.iter().map(|one| if kept.is_empty() { None } else { kept.remove(&one.hash()).map(Ok) }).collect()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Reply>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer or a reason for each text of a batch.
    async fn call(&self, batch: &Batch, asked: &[Asked<'_>], deadline: Instant) -> Vec<Answered> {
        match self.turn(batch, asked, deadline).await {
            Ok(answers) => answers,
            Err(error) if error.code == TEXT_REFUSED && batch.places.len() > 1 => {
                // One of the texts is refused, and nobody says which: the others are not to fail with it.
                let alone = batch.places.iter().map(|place| Batch { places: vec![*place], ..batch.clone() });
                let told = alone.map(|batch| async move { self.turn(&batch, asked, deadline).await });
                let one =
                    |told: Result<Vec<Answered>, Error>| told.and_then(|mut one| one.pop().unwrap_or(Err(missing())));
                join_all(told).await.into_iter().map(one).collect()
            }
            Err(error) => batch.places.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// One call, in its turn.
    async fn turn(&self, batch: &Batch, asked: &[Asked<'_>], deadline: Instant) -> Result<Vec<Answered>, Error> {
        let turn = self.limiter.acquire(deadline).await.map_err(|wait| {
            let words = "no call to Comprehend is due before the chunk's time is over";
            Error::transient("rate_limited", words).retry_after(Some(wait).filter(|wait| !wait.is_zero()))
        })?;
        // Copied in the turn, and not before: what waits takes no memory.
        let texts: Vec<String> = batch.places.iter().map(|place| asked[*place].piece.text.to_owned()).collect();
        let told = timeout_at(deadline, self.analyst.ask(batch.question, batch.language, &texts)).await;
        drop(turn);
        let told = told.unwrap_or_else(|_| {
            let words = "Comprehend did not answer before the chunk's time was over";
            Err(Error::transient("timed_out", words))
        });
        match told {
            Ok(answers) if answers.len() == texts.len() => {
                self.throttles.store(0, Ordering::Relaxed);
                Ok(answers)
            }
            Ok(_) => Err(missing()),
            Err(error) => {
                if error.code == THROTTLED {
                    let tries = self.throttles.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    let asked = error.retry_after_s.map(Duration::from_secs).unwrap_or_default();
                    // The others step back too: whoever goes on is asked for more patience the next time.
                    self.limiter.pause(asked.max(backoff(tries)));
                }
                Err(error)
            }
        }
    }
}

fn missing() -> Error {
    Error::transient("answer_unreadable", "Comprehend's answer has nothing about this text")
}
