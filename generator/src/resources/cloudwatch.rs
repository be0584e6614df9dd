//! Amazon CloudWatch: alarms and dashboards.

use super::card::{HandlerGrant, Lookup, NameLimit, ResourceType, Target};

/// An alarm on a metric.
pub static ALARM: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        255,
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    ),
    identity: &["AlarmName"],
    arns: &["arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"],
    handler: &[HandlerGrant::new(
        Target::Each(&ALARM),
        &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
    )],
    lookup: Some(Lookup::Alarm),
    ..ResourceType::new("AWS::CloudWatch::Alarm", "alarm", "alarms", "Alarm")
};

/// A dashboard. It has no region, so that its name is unique in the account.
pub static DASHBOARD: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        255,
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html",
    ),
    identity: &["DashboardName"],
    arns: &["arn:{partition}:cloudwatch::{account}:dashboard/{name}"],
    handler: &[HandlerGrant::new(
        Target::Each(&DASHBOARD),
        &["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
    )],
    lookup: Some(Lookup::Dashboard),
    ..ResourceType::new("AWS::CloudWatch::Dashboard", "dashboard", "dashboards", "Dashboard")
};
