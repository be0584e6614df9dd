//! The regions in which a stack can have a budget of AWS Budgets.

use super::partition_of;

/// The regions whose CloudFormation knows `AWS::Budgets::Budget`, by the schemas of October 2026
/// (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html>). The costs of all other
/// regions are counted as well: AWS Budgets itself has no region.
pub const BUDGET_REGIONS: [&str; 15] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Why a stack in this region can have no budget in US dollars, if it cannot.
#[must_use]
pub fn budget_refused(region: &str) -> Option<String> {
    match partition_of(region) {
        "aws" if BUDGET_REGIONS.contains(&region) => None,
        "aws" => Some(format!("CloudFormation cannot create budgets in `{region}`")),
        "aws-cn" => Some("AWS bills in yuan in China, and the budget is in US dollars".to_owned()),
        partition => Some(format!("AWS Budgets is not in the partition `{partition}`")),
    }
}
