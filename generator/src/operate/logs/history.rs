//! The past events of several log groups, merged by time: one page per group is in memory.

use std::collections::VecDeque;

use futures_util::future::try_join_all;

use super::line::LogLine;
use super::selection::LineSelection;
use super::{FunctionEvent, FunctionLog};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::logs::events::{EventQuery, LogEvent, LogEventsClient};

/// The most events of one page (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
const PAGE: usize = 10_000;

/// Events before this time cannot be read the newest first: the same page.
const NEWEST_SINCE: &str = "2024-01-01T00:00:00Z";

/// Reads past events, the oldest first.
pub struct History<'a> {
    client: &'a LogEventsClient,
    logs: &'a [FunctionLog],
    query: EventQuery,
    cursors: Vec<GroupCursor>,
}

/// How far a group is read.
#[derive(Debug, Default)]
struct GroupCursor {
    page: VecDeque<LogEvent>,
    token: Option<String>,
    /// Whether the last page was read.
    ended: bool,
    missing: bool,
}

impl<'a> History<'a> {
    /// Begins, without a call.
    #[must_use]
    pub fn new(client: &'a LogEventsClient, logs: &'a [FunctionLog], query: EventQuery) -> Self {
        Self { client, logs, query, cursors: logs.iter().map(|_| GroupCursor::default()).collect() }
    }

    /// The next event; none at the end. Groups whose page is used up are read at once.
    ///
    /// # Errors
    /// A failed call.
    pub async fn next(&mut self) -> Result<Option<FunctionEvent>, CallError> {
        let (client, query) = (self.client, &self.query);
        let empty = self.cursors.iter_mut().zip(self.logs);
        let empty = empty.filter(|(cursor, _)| cursor.page.is_empty() && !cursor.ended);
        try_join_all(empty.map(|(cursor, log)| cursor.fill(client, query, &log.group))).await?;
        let times = self.cursors.iter().enumerate().filter_map(|(log, cursor)| Some((cursor.page.front()?.time, log)));
        let Some((_, log)) = times.min() else { return Ok(None) };
        Ok(self.cursors[log].page.pop_front().map(|event| FunctionEvent { log, event }))
    }

    /// The groups that do not exist, as far as they were read.
    #[must_use]
    pub fn missing(&self) -> Vec<&'a FunctionLog> {
        self.logs.iter().zip(&self.cursors).filter(|(_, cursor)| cursor.missing).map(|(log, _)| log).collect()
    }
}

impl GroupCursor {
    /// Reads pages until one has an event.
    async fn fill(&mut self, client: &LogEventsClient, query: &EventQuery, group: &str) -> Result<(), CallError> {
        while self.page.is_empty() && !self.ended {
            match client.page(group, query, self.token.take()).await {
                Ok((events, token)) => {
                    self.page = events.into();
                    self.ended = token.is_none();
                    self.token = token;
                }
                Err(error) if error.is_absent() => (self.ended, self.missing) = (true, true),
                Err(error) => return Err(error.on(group)),
            }
        }
        Ok(())
    }
}

/// The newest events that fit, the oldest of them first, and the groups that do not exist: one call per group, unless a
/// page is short.
///
/// # Errors
/// A failed call.
pub async fn newest<'a>(
    client: &LogEventsClient,
    logs: &'a [FunctionLog],
    query: &EventQuery,
    selection: &LineSelection,
    count: usize,
) -> Result<(Vec<FunctionEvent>, Vec<&'a FunctionLog>), CallError> {
    let since = query.since.max(NEWEST_SINCE.parse().ok());
    let query = EventQuery { since, newest: i32::try_from(count.clamp(1, PAGE)).ok(), ..query.clone() };
    let groups = logs.iter().map(|log| newest_of(client, &log.group, &query, selection, count));
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for (number, (found, log)) in try_join_all(groups).await?.into_iter().zip(logs).enumerate() {
        match found {
            Some(events) => all.extend(events.into_iter().rev().map(|event| FunctionEvent { log: number, event })),
            None => missing.push(log),
        }
    }
    // Stable: events of one moment stay in the order of their group.
    all.sort_by_key(|event| event.event.time);
    all.drain(..all.len().saturating_sub(count));
    Ok((all, missing))
}

/// The newest events of a group, the newest first; none if it does not exist.
async fn newest_of(
    client: &LogEventsClient,
    group: &str,
    query: &EventQuery,
    selection: &LineSelection,
    count: usize,
) -> Result<Option<Vec<LogEvent>>, CallError> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let (events, next) = match client.page(group, query, token).await {
            Ok(page) => page,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.on(group)),
        };
        found.extend(events.into_iter().filter(|event| selection.fits(&LogLine::parse(&event.message))));
        token = next;
        if found.len() >= count || token.is_none() {
            found.truncate(count);
            return Ok(Some(found));
        }
    }
}
