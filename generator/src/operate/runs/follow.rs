//! Follows a run in the account to its end.

use std::time::Duration;

use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::account::overview;
use super::overview::{RunOverview, RunState};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::dynamodb::run_rows::RunRowsClient;
use crate::deploy::interrupt::Interrupt;

/// When the function should have begun: a cold start takes a second or two, and a throttled one is tried again within a
/// minute.
const BEGIN: Duration = Duration::from_secs(60);

/// Receives the progress of a run.
pub trait RunWatch {
    /// The run stands so; nothing if its producer has not begun.
    fn at(&self, run: Option<&RunOverview>);

    /// Something to know while the run goes on.
    fn say(&self, text: &str);
}

/// How following a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum FollowEnd {
    /// The run is complete.
    Complete(Box<RunOverview>),
    /// It has not ended in the time that was given.
    TimedOut(Option<Box<RunOverview>>),
    /// The user stopped waiting.
    Stopped(Option<Box<RunOverview>>),
}

/// Polls a run until it is complete: every half second first, and every five seconds after a minute.
///
/// # Errors
/// A failed call.
pub async fn follow(
    table: &RunRowsClient,
    run: &RunId,
    patience: Duration,
    interrupt: &Interrupt,
    watch: &dyn RunWatch,
) -> Result<FollowEnd, CallError> {
    let start = Instant::now();
    let (mut late, mut interrupted) = (false, false);
    loop {
        let seen = table.find(run).await?.map(|stored| Box::new(overview(stored, Timestamp::now())));
        watch.at(seen.as_deref());
        match &seen {
            Some(run) if run.state == RunState::Complete => return Ok(FollowEnd::Complete(run.clone())),
            Some(run) if run.state == RunState::Interrupted && !interrupted => {
                interrupted = true;
                watch.say("the producer stopped before it had sent all chunks; Lambda starts it again within minutes");
            }
            None if start.elapsed() > BEGIN && !late => {
                late = true;
                watch.say(
                    "the producer has not begun for a minute: its log says why (`fanggen logs --function producer`)",
                );
            }
            _ => {}
        }
        if interrupt.raised() {
            return Ok(FollowEnd::Stopped(seen));
        }
        if start.elapsed() >= patience {
            return Ok(FollowEnd::TimedOut(seen));
        }
        let pause = match start.elapsed().as_secs() {
            0..10 => Duration::from_millis(500),
            10..60 => Duration::from_secs(1),
            _ => Duration::from_secs(5),
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = interrupt.wait() => {}
        }
    }
}
