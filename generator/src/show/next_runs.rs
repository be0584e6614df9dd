//! When the schedule of an environment fires next, in its own time zone.

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::config::schedule::{ScheduleExpression, firings, parse};
use crate::plan::SchedulePlan;

/// How many firings are shown.
const SHOWN: usize = 5;

/// The next firings of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextRuns {
    /// Whether the schedule fires at all.
    pub enabled: bool,
    /// The period of a rate, which counts from the time the schedule is enabled: `15 minutes`.
    pub every: Option<String>,
    /// The next times of a `cron` or `at` expression, with their offsets from UTC.
    pub times: Vec<String>,
    #[serde(skip)]
    shown: Vec<String>,
}

impl NextRuns {
    /// The firings after `now`.
    #[must_use]
    pub fn of(schedule: &SchedulePlan, now: Timestamp) -> Self {
        let enabled = schedule.state == "ENABLED";
        let none = Self { enabled, every: None, times: Vec::new(), shown: Vec::new() };
        let Some((expression, zone)) = parse(&schedule.expression).ok().zip(firings::zone(&schedule.timezone)) else {
            return none;
        };
        if let ScheduleExpression::Rate { value, unit } = &expression {
            return Self { every: Some(unit.counted(*value)), ..none };
        }
        let next = firings::next(&expression, &zone, now, if enabled { SHOWN } else { 0 });
        let format = |format: &str| next.iter().map(|time: &Zoned| time.strftime(format).to_string()).collect();
        Self { times: format("%Y-%m-%dT%H:%M:%S%:z"), shown: format("%a %Y-%m-%d %H:%M %:z"), ..none }
    }

    /// In words, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match &self.every {
            _ if !self.enabled => vec!["never, because `schedule.enabled` is false".to_owned()],
            Some(every) => vec![format!("every {every} after it is enabled")],
            None if self.shown.is_empty() => vec!["never".to_owned()],
            None => self.shown.clone(),
        }
    }
}
