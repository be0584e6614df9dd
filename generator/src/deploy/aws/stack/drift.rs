//! Drift: whether what the stack made is what it was.

use aws_sdk_cloudformation::types;

use super::{DETECT_DRIFT, DRIFT_STATUS, DRIFTS, Stack};
use crate::deploy::aws::call::CallError;

/// How a resource differs from its template.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Drift {
    /// The resource, by its name within the template.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// CloudFormation's own word: `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, `UNKNOWN`.
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

impl Stack {
    /// Starts to compare its resources with what is really there.
    ///
    /// # Errors
    /// A failed call.
    pub async fn detect_drift(&self) -> Result<String, CallError> {
        let call = self.client.detect_stack_drift().stack_name(&self.name);
        let answer = call.send().await.map_err(|error| CallError::of(DETECT_DRIFT, error))?;
        Ok(answer.stack_drift_detection_id.unwrap_or_default())
    }

    /// Whether the comparison is done: its status, and the reason of a failure.
    ///
    /// # Errors
    /// A failed call.
    pub async fn drift_detection(&self, id: &str) -> Result<(String, Option<String>), CallError> {
        let call = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        let answer = call.send().await.map_err(|error| CallError::of(DRIFT_STATUS, error))?;
        let status = answer.detection_status.map_or_else(String::new, |status| status.as_str().to_owned());
        Ok((status, answer.detection_status_reason))
    }

    /// The resources that were compared.
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
