//! The metrics of a pipeline: their names and units, which the functions log and alarms and dashboards read.

/// The CloudWatch namespace.
pub const NAMESPACE: &str = "fanggen";

/// The only dimensions: CloudWatch bills each combination of name and dimensions as one metric
/// (<https://aws.amazon.com/cloudwatch/pricing/>), so an item is never one.
pub const DIMENSIONS: [&str; 2] = ["pipeline", "environment"];

/// Items sent by a producer.
pub const ITEMS: &str = "Items";
/// Records written without a failure.
pub const RECORDS: &str = "Records";
/// Records written with a failure.
pub const FAILED: &str = "Failed";
/// Findings taken from the cache instead of being paid for again.
pub const REUSED: &str = "Reused";
/// Throttled responses.
pub const THROTTLED: &str = "Throttled";
/// Units that Comprehend bills: those of [`COMPREHEND_UNIT`].
pub const COMPREHEND_UNITS: &str = "ComprehendUnits";
/// Of each complete run, the share of its records that failed, rounded up. The number of its values is that of complete
/// runs.
pub const FAILED_PERCENT: &str = "FailedPercent";
/// From the scheduled time of a run until one of its chunks was written.
pub const AGE: &str = "Age";

/// The name of such a unit on the cards of components.
pub const COMPREHEND_UNIT: &str = "comprehend_unit";

/// All metrics and their units.
pub const METRICS: [(&str, &str); 8] = [
    (ITEMS, "Count"),
    (RECORDS, "Count"),
    (FAILED, "Count"),
    (REUSED, "Count"),
    (THROTTLED, "Count"),
    (COMPREHEND_UNITS, "Count"),
    (FAILED_PERCENT, "Percent"),
    (AGE, "Seconds"),
];

/// The share of failed records in percent, rounded up: 0 only if none failed.
#[must_use]
pub const fn failed_percent(records: u64, failed: u64) -> u64 {
    match records + failed {
        0 => 0,
        all => (100 * failed).div_ceil(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_failures_is_rounded_up() {
        let shares = [(0, 0, 0), (5, 0, 0), (4, 1, 20), (999, 1, 1), (0, 3, 100), (2, 1, 34)];
        for (records, failed, percent) in shares {
            assert_eq!(failed_percent(records, failed), percent, "{failed} of {}", records + failed);
        }
    }
}
