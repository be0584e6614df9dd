//! The events of a log group, read page by page in either direction of time.

use aws_sdk_cloudwatchlogs::Client;
use jiff::Timestamp;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

calls! {
    "logs":
    [operate_only] FILTER = "FilterLogEvents" on Target::Each(&resources::logs::LOG_GROUP),
}

/// One event of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Its id, which is unique within the group.
    pub id: String,
    /// When it happened, by the clock of the function.
    pub time: Timestamp,
    /// The line, without the line end.
    pub message: String,
}

/// Which events of a group are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Not after this time.
    pub until: Option<Timestamp>,
    /// A filter pattern, which CloudWatch Logs evaluates.
    pub pattern: Option<String>,
    /// The newest first, and at most so many in a page; otherwise the oldest first.
    pub newest: Option<i32>,
}

/// The client. One call reads one group: CloudWatch Logs reads several only for queries that are billed by the gigabyte
/// (StartQuery) or by the minute (StartLiveTail).
#[derive(Clone, Debug)]
pub struct LogEventsClient(Client);

impl LogEventsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_cloudwatchlogs, account))
    }

    /// One page of up to 1 MB, which may be empty, and the token of the next one, if there may be one
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
    ///
    /// # Errors
    /// A failed call; a group that does not exist is absent.
    pub async fn page(
        &self,
        group: &str,
        query: &EventQuery,
        token: Option<String>,
    ) -> Result<(Vec<LogEvent>, Option<String>), CallError> {
        let mut call = self.0.filter_log_events().log_group_name(group).set_next_token(token);
        call = call.set_filter_pattern(query.pattern.clone());
        call = call.set_start_time(query.since.map(Timestamp::as_millisecond));
        call = call.set_end_time(query.until.map(Timestamp::as_millisecond));
        if let Some(limit) = query.newest {
            call = call.start_from_head(false).limit(limit);
        }
        let answer = call.send().await.map_err(|error| CallError::of(FILTER, error))?;
        let event = |event: aws_sdk_cloudwatchlogs::types::FilteredLogEvent| {
            let message = event.message.unwrap_or_default();
            let time = Timestamp::from_millisecond(event.timestamp.unwrap_or_default()).unwrap_or_default();
            // Amazon gives every event an id; stand-ins may not.
            let own = || format!("{}/{time}/{message}", event.log_stream_name.unwrap_or_default());
            LogEvent { id: event.event_id.unwrap_or_else(own), time, message: message.trim_end().to_owned() }
        };
        Ok((answer.events.unwrap_or_default().into_iter().map(event).collect(), answer.next_token))
    }
}
