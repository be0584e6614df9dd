//! Follows log groups: each group is read again from a while before its newest event, and what was seen is left out.
//!
//! Events arrive late and out of order, so the time of the newest one is no mark to continue from; and no clock but that of
//! the events themselves is relied on.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::{FunctionEvent, FunctionLog};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::logs::events::{EventQuery, LogEvent, LogEventsClient};

/// Time between two polls. CloudWatch Logs allows 25 calls per second in an account and region; a poll makes one per group
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>).
pub const POLL: Duration = Duration::from_secs(2);
/// How far before a group's newest event a poll begins.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);
/// The same for every fifteenth poll, which finds what arrived even later.
const LONG_OVERLAP: SignedDuration = SignedDuration::from_mins(10);
const LONG_EVERY: u64 = 15;
/// The least number of ids at which old ones are forgotten.
const FULL: usize = 10_000;

/// What was seen of several log groups.
pub struct LogTail<'a> {
    client: &'a LogEventsClient,
    logs: &'a [FunctionLog],
    query: EventQuery,
    seen: Vec<SeenEvents>,
    polls: u64,
}

/// The events of one group that a poll may find again.
#[derive(Debug, Default)]
struct SeenEvents {
    newest: Option<Timestamp>,
    ids: BTreeSet<(Timestamp, String)>,
    /// With so many ids, those that are no longer needed are forgotten.
    full: usize,
}

impl<'a> LogTail<'a> {
    /// Follows these logs, from the query's start.
    #[must_use]
    pub fn new(client: &'a LogEventsClient, logs: &'a [FunctionLog], query: EventQuery) -> Self {
        Self { client, logs, query, seen: logs.iter().map(|_| SeenEvents::default()).collect(), polls: 0 }
    }

    /// Nothing before this time is wanted.
    pub const fn start_at(&mut self, since: Timestamp) {
        self.query.since = Some(since);
    }

    /// Notes an event, and returns whether it is new.
    pub fn note(&mut self, event: &FunctionEvent) -> bool {
        self.seen[event.log].note(&event.event)
    }

    /// The events that are new since the last poll, in the order of time. Groups that do not exist have none.
    ///
    /// # Errors
    /// A failed call: nothing is noted, so that the next poll finds everything.
    pub async fn poll(&mut self) -> Result<Vec<FunctionEvent>, CallError> {
        self.polls += 1;
        let overlap = if self.polls.is_multiple_of(LONG_EVERY) { LONG_OVERLAP } else { OVERLAP };
        let groups = self.logs.iter().zip(&self.seen).map(|(log, seen)| {
            let query = EventQuery { since: seen.start(overlap).max(self.query.since), ..self.query.clone() };
            read(self.client, &log.group, query)
        });
        let mut new = Vec::new();
        for (log, events) in try_join_all(groups).await?.into_iter().enumerate() {
            let events = events.into_iter().map(|event| FunctionEvent { log, event });
            new.extend(events.filter(|event| self.seen[log].note(&event.event)));
            self.seen[log].forget();
        }
        new.sort_by_key(|event| event.event.time);
        Ok(new)
    }
}

impl SeenEvents {
    fn note(&mut self, event: &LogEvent) -> bool {
        // A long history passes here, too.
        if self.ids.len() >= self.full {
            self.forget();
            self.full = FULL.max(2 * self.ids.len());
        }
        self.newest = self.newest.max(Some(event.time));
        self.ids.insert((event.time, event.id.clone()))
    }

    fn start(&self, overlap: SignedDuration) -> Option<Timestamp> {
        self.newest.and_then(|newest| newest.checked_sub(overlap).ok())
    }

    /// Forgets what no poll can find again.
    fn forget(&mut self) {
        if let Some(start) = self.start(LONG_OVERLAP) {
            self.ids = self.ids.split_off(&(start, String::new()));
        }
    }
}

async fn read(client: &LogEventsClient, group: &str, query: EventQuery) -> Result<Vec<LogEvent>, CallError> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let (events, next) = match client.page(group, &query, token).await {
            Ok(page) => page,
            Err(error) if error.is_absent() => return Ok(all),
            Err(error) => return Err(error.on(group)),
        };
        all.extend(events);
        token = next;
        if token.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_poll_may_find_again_is_remembered_and_no_more() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        let event = |second: i64, id: &str| LogEvent { id: id.to_owned(), time: at(second), message: String::new() };
        let mut seen = SeenEvents::default();
        assert!(seen.start(OVERLAP).is_none());
        for second in 0..2_000 {
            assert!(seen.note(&event(second, "a")) && seen.note(&event(second, "b")));
            assert!(!seen.note(&event(second, "a")));
        }
        for second in 0..200_000 {
            seen.note(&event(second / 100, &second.to_string()));
            assert!(seen.ids.len() < 150_000, "{}", seen.ids.len());
        }
        let mut seen = SeenEvents::default();
        for second in 0..2_000 {
            seen.note(&event(second, "a"));
            seen.note(&event(second, "b"));
        }
        // A late one is new, and moves nothing.
        assert!(seen.note(&event(1_900, "late")) && !seen.note(&event(1_900, "late")));
        assert_eq!(seen.start(OVERLAP), Some(at(1_939)));
        seen.forget();
        assert_eq!(seen.ids.len(), 2 * 601 + 1);
        assert!(!seen.note(&event(1_399, "a")), "the very first of the window");
    }
}
