//! A rate limiter: a rate with a burst, a limit on concurrent requests, and a pause when the server asks for one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::component::RateLimit;

/// The longest interval between two requests: a rate of zero is a mistake, not a reason to wait forever.
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

/// Limits the requests of one component. Each holds a permit until its response has arrived.
pub struct RateLimiter {
    concurrency: Semaphore,
    schedule: Mutex<RequestSchedule>,
}

/// The generic cell rate algorithm: one theoretical arrival time instead of a bucket that has to be refilled.
struct RequestSchedule {
    interval: Duration,
    burst: u32,
    next: Option<Instant>,
    paused_until: Option<Instant>,
}

impl RequestSchedule {
    /// When a request that arrives at `now` may start. It takes the slot unless that is after `deadline`.
    fn reserve(&mut self, now: Instant, deadline: Instant) -> Result<Instant, Instant> {
        let next = self.next.map_or(now, |next| next.max(now));
        let ahead = self.interval * self.burst.saturating_sub(1);
        let start = next.checked_sub(ahead).map_or(now, |early| early.max(now));
        let start = self.paused_until.map_or(start, |pause| pause.max(start));
        if start > deadline {
            return Err(start);
        }
        self.next = Some(next + self.interval);
        Ok(start)
    }
}

impl RateLimiter {
    /// A limiter with this pace, which lets `burst` requests through at full speed.
    #[must_use]
    pub fn with_pace(pace: RateLimit, burst: u32) -> Self {
        let interval =
            Duration::try_from_secs_f64(pace.calls_per_second.recip()).unwrap_or(MAX_INTERVAL).min(MAX_INTERVAL);
        Self::new(pace.max_concurrent, interval, burst)
    }

    /// A limiter without a rate, for concurrent requests only.
    #[must_use]
    pub fn with_concurrency(concurrency: u64) -> Self {
        Self::new(concurrency, Duration::ZERO, 1)
    }

    fn new(concurrency: u64, interval: Duration, burst: u32) -> Self {
        let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let schedule = RequestSchedule { interval, burst, next: None, paused_until: None };
        Self { concurrency: Semaphore::new(concurrency), schedule: Mutex::new(schedule) }
    }

    /// Waits until a request may start. Hold the permit until its response has arrived.
    ///
    /// # Errors
    /// How long the wait would be if it would end after `deadline`; in that case it does not wait at all.
    pub async fn acquire(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        // The semaphore is never closed, so a permit always comes.
        let permit =
            tokio::time::timeout_at(deadline, self.concurrency.acquire()).await.map_err(|_| Duration::ZERO)?.ok();
        let now = Instant::now();
        let mut start = self.schedule().reserve(now, deadline).map_err(|start| start - now)?;
        loop {
            sleep_until(start).await;
            // Another request may have been throttled in the meantime.
            match self.schedule().paused_until {
                Some(pause) if pause > deadline => return Err(pause.saturating_duration_since(Instant::now())),
                Some(pause) if pause > start => start = pause,
                _ => return Ok(permit),
            }
        }
    }

    /// Lets no request start for this long.
    pub fn pause(&self, wait: Duration) {
        let now = Instant::now();
        let until = now.checked_add(wait).unwrap_or(now + MAX_INTERVAL);
        let mut schedule = self.schedule();
        schedule.paused_until = schedule.paused_until.max(Some(until));
    }

    fn schedule(&self) -> std::sync::MutexGuard<'_, RequestSchedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_starts_at_once_and_the_rest_at_the_rate() {
        let now = Instant::now();
        let far = now + MAX_INTERVAL;
        let mut schedule =
            RequestSchedule { interval: Duration::from_secs(2), burst: 3, next: None, paused_until: None };
        let waits: Vec<_> = (0..5).map(|_| (schedule.reserve(now, far).expect("a slot") - now).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 2, 4]);
        let later = now + Duration::from_secs(100);
        assert_eq!(schedule.reserve(later, far), Ok(later), "the burst is available again");
        schedule.paused_until = Some(later + Duration::from_secs(9));
        assert_eq!(schedule.reserve(later, later), Err(later + Duration::from_secs(9)));
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_a_slot_after_its_deadline() {
        let limiter = RateLimiter::with_pace(RateLimit { calls_per_second: 0.0, max_concurrent: 0 }, 1);
        let soon = Instant::now() + Duration::from_millis(20);
        drop(limiter.acquire(soon).await.expect("the burst"));
        assert!(limiter.acquire(soon).await.expect_err("an hour away") > Duration::from_secs(3_000));
        let limiter = RateLimiter::with_concurrency(1);
        let held = limiter.acquire(soon).await.expect("a permit");
        assert_eq!(limiter.acquire(soon).await.map(|_| ()), Err(Duration::ZERO));
        drop(held);
        limiter.pause(Duration::from_secs(60));
        assert!(limiter.acquire(Instant::now() + Duration::from_millis(20)).await.is_err());
    }
}
