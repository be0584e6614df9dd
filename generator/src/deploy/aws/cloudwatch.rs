//! CloudWatch: the states of alarms, and whether alarms and dashboards exist.

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use serde::Serialize;

use super::account::Account;
use super::api_call::{ApiCall, calls};
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// Alarms of one DescribeAlarms
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>).
const BATCH: usize = 100;

const ALARM: Target = Target::Each(&resources::cloudwatch::ALARM);
const DASHBOARD: Target = Target::Each(&resources::cloudwatch::DASHBOARD);

calls! { "cloudwatch":
    [plan] DESCRIBE = "DescribeAlarms" on ALARM,
    GET_DASHBOARD = "GetDashboard" on DASHBOARD,
}

/// An alarm as CloudWatch describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmDescription {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What happened and what to type first, if it is in alarm.
    pub description: String,
}

impl AlarmDescription {
    /// Whether all is well.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.state == "OK"
    }

    /// Whether it is in alarm.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.state == "ALARM"
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct CloudWatchClient(Client);

impl CloudWatchClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_cloudwatch, account))
    }

    /// Describes the alarms of these names that exist, in the order of their names.
    ///
    /// # Errors
    /// A failed call.
    pub async fn alarms(&self, names: &[String]) -> Result<Vec<AlarmDescription>, CallError> {
        let mut all = Vec::new();
        for batch in names.chunks(BATCH) {
            let call = self.0.describe_alarms().set_alarm_names(Some(batch.to_vec())).max_records(100);
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| CallError::of(DESCRIBE, error))?;
                all.extend(page.metric_alarms().iter().map(|alarm| AlarmDescription {
                    name: alarm.alarm_name().unwrap_or_default().to_owned(),
                    state: alarm.state_value().map(|state| state.as_str().to_owned()).unwrap_or_default(),
                    since: alarm.state_updated_timestamp().and_then(|at| Timestamp::from_second(at.secs()).ok()),
                    description: alarm.alarm_description().unwrap_or_default().to_owned(),
                }));
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Whether the alarm exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn has_alarm(&self, name: &str) -> Result<bool, CallError> {
        self.alarms(&[name.to_owned()]).await.map(|found| !found.is_empty())
    }

    /// Whether the dashboard exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn has_dashboard(&self, name: &str) -> Result<bool, CallError> {
        let answer = self.0.get_dashboard().dashboard_name(name).send().await;
        CallError::exists(answer.map_err(|error| CallError::of(GET_DASHBOARD, error)))
    }
}
