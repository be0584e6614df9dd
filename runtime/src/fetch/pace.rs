//! A gate that lets requests through no faster than a rate, after a burst, and none while upstream asked for silence.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::component::Pace;

/// The longest time between two requests: a rate of nothing is a mistake, and not a reason to wait for ever.
const SLOWEST: Duration = Duration::from_secs(3_600);

/// Requests of one component pass here, each with a permit that it keeps until it was answered.
pub struct Gate {
    at_once: Semaphore,
    slots: Mutex<Slots>,
}

/// A turnstile by its theoretical arrival time: one number instead of a bucket that somebody would have to refill.
struct Slots {
    interval: Duration,
    burst: u32,
    next: Option<Instant>,
    silence: Option<Instant>,
}

impl Slots {
    /// When the request that comes now may start; the slot is taken where that is not after `deadline`.
    fn take(&mut self, now: Instant, deadline: Instant) -> Result<Instant, Instant> {
        let next = self.next.map_or(now, |next| next.max(now));
        let ahead = self.interval * self.burst.saturating_sub(1);
        let start = next.checked_sub(ahead).map_or(now, |early| early.max(now));
        let start = self.silence.map_or(start, |silence| silence.max(start));
        if start > deadline {
            return Err(start);
        }
        self.next = Some(next + self.interval);
        Ok(start)
    }
}

impl Gate {
    /// A gate for this pace, which admits `burst` requests at full speed.
    #[must_use]
    pub fn paced(pace: Pace, burst: u32) -> Self {
        let interval = Duration::try_from_secs_f64(pace.per_second.recip()).unwrap_or(SLOWEST).min(SLOWEST);
        Self::new(pace.at_once, interval, burst)
    }

    /// A gate that limits only how many requests are under way at once.
    #[must_use]
    pub fn unpaced(at_once: u64) -> Self {
        Self::new(at_once, Duration::ZERO, 1)
    }

    fn new(at_once: u64, interval: Duration, burst: u32) -> Self {
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let slots = Slots { interval, burst, next: None, silence: None };
        Self { at_once: Semaphore::new(at_once), slots: Mutex::new(slots) }
    }

    /// Waits for a turn. The permit is to be held until the answer came.
    ///
    /// # Errors
    /// How much longer than until `deadline` it would have to wait, counted from now; it does not begin to.
    pub async fn pass(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        // The gate is never closed, so that a permit always comes.
        let permit = tokio::time::timeout_at(deadline, self.at_once.acquire()).await.map_err(|_| Duration::ZERO)?.ok();
        let now = Instant::now();
        let mut start = self.slots().take(now, deadline).map_err(|start| start - now)?;
        loop {
            sleep_until(start).await;
            // Somebody may have been asked for silence meanwhile.
            match self.slots().silence {
                Some(silence) if silence > deadline => return Err(silence.saturating_duration_since(Instant::now())),
                Some(silence) if silence > start => start = silence,
                _ => return Ok(permit),
            }
        }
    }

    /// Upstream asked for silence: no request passes before it is over.
    pub fn hush(&self, wait: Duration) {
        let now = Instant::now();
        let until = now.checked_add(wait).unwrap_or(now + SLOWEST);
        let mut slots = self.slots();
        slots.silence = slots.silence.max(Some(until));
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let now = Instant::now();
        let far = now + SLOWEST;
        let mut slots = Slots { interval: Duration::from_secs(2), burst: 3, next: None, silence: None };
        let waits: Vec<_> = (0..5).map(|_| (slots.take(now, far).expect("a slot") - now).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 2, 4]);
        let later = now + Duration::from_secs(100);
        assert_eq!(slots.take(later, far), Ok(later), "the burst is earned again");
        slots.silence = Some(later + Duration::from_secs(9));
        assert_eq!(slots.take(later, later), Err(later + Duration::from_secs(9)));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_that_comes_too_late() {
        let gate = Gate::paced(Pace { per_second: 0.0, at_once: 0 }, 1);
        let soon = Instant::now() + Duration::from_millis(20);
        drop(gate.pass(soon).await.expect("the burst"));
        assert!(gate.pass(soon).await.expect_err("an hour away") > Duration::from_secs(3_000));
        let gate = Gate::unpaced(1);
        let held = gate.pass(soon).await.expect("a turn");
        assert_eq!(gate.pass(soon).await.map(|_| ()), Err(Duration::ZERO));
        drop(held);
        gate.hush(Duration::from_secs(60));
        assert!(gate.pass(Instant::now() + Duration::from_millis(20)).await.is_err());
    }
}
