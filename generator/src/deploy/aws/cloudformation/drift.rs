//! Drift detection: whether resources differ from the deployed template.

use aws_sdk_cloudformation::types;

use super::stack::{DETECT_DRIFT, DRIFT_STATUS, DRIFTS, StackClient};
use crate::deploy::aws::call_error::CallError;

/// The drift of a resource.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Drift {
    /// The logical id of the resource.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The drift status: `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, `UNKNOWN`.
    pub status: String,
    /// The properties that differ: path, expected, found.
    pub differences: Vec<(String, String, String)>,
}

fn one_drift(drift: types::StackResourceDrift) -> Drift {
    let differences = drift.property_differences.unwrap_or_default().into_iter().map(|difference| {
        let text = |value: Option<String>| value.unwrap_or_default();
        (text(difference.property_path), text(difference.expected_value), text(difference.actual_value))
    });
    Drift {
        resource: drift.logical_resource_id.unwrap_or_default(),
        kind: drift.resource_type.unwrap_or_default(),
        status: drift.stack_resource_drift_status.map_or_else(String::new, |status| status.as_str().to_owned()),
        differences: differences.collect(),
    }
}

impl StackClient {
    /// Starts a drift detection, and gives its id.
    ///
    /// # Errors
    /// A failed call.
    pub async fn detect_drift(&self) -> Result<String, CallError> {
        let call = self.client.detect_stack_drift().stack_name(&self.name);
        let answer = call.send().await.map_err(|error| CallError::of(DETECT_DRIFT, error))?;
        Ok(answer.stack_drift_detection_id.unwrap_or_default())
    }

    /// The status of a drift detection, and the reason of a failure.
    ///
    /// # Errors
    /// A failed call.
    pub async fn drift_detection(&self, id: &str) -> Result<(String, Option<String>), CallError> {
        let call = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        let answer = call.send().await.map_err(|error| CallError::of(DRIFT_STATUS, error))?;
        let status = answer.detection_status.map_or_else(String::new, |status| status.as_str().to_owned());
        Ok((status, answer.detection_status_reason))
    }

    /// The drift of each resource that was compared.
    ///
    /// # Errors
    /// A failed call.
    pub async fn drifts(&self) -> Result<Vec<Drift>, CallError> {
        let mut drifts = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = self.client.describe_stack_resource_drifts().stack_name(&self.name).set_next_token(next);
            let answer = call.send().await.map_err(|error| CallError::of(DRIFTS, error))?;
            drifts.extend(answer.stack_resource_drifts.unwrap_or_default().into_iter().map(one_drift));
            next = answer.next_token;
            if next.is_none() {
                return Ok(drifts);
            }
        }
    }
}
