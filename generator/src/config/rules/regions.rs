//! Existing resources named by ARN: a function only reaches those in its own region and partition.

use fanggen_runtime::component::{PermissionTarget, Store};
use fanggen_runtime::model::tree::{Span, Tree, Value, quoted_list};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{ComponentConfig, Pipeline};

/// Beginnings of the regions that are not of the partition `aws`, with their partitions
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
];

/// Partitions with the ARNs and endpoints of which fanggen works.
const SUPPORTED: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// The partition of a region.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// The region of the pipeline: its partition, and the services that the components call.
fn check_region(pipeline: &Pipeline, span: Option<&Span>, mistakes: &mut Vec<Mistake>) {
    let here = pipeline.aws.region.as_str();
    let partition = partition_of(here);
    if let Some(span) = span.filter(|_| !SUPPORTED.contains(&partition)) {
        mistakes.push(
            Mistake::new(
                MistakeCode::UnsupportedPartition,
                span,
                format!("fanggen does not support the AWS partition `{partition}`"),
                format!("`{here}` is in `{partition}`"),
            )
            .allowed("a region of the partitions `aws`, `aws-cn` or `aws-us-gov`"),
        );
        return;
    }
    for component in pipeline.components() {
        let Some(service) = component.kind.card.regional.filter(|service| !service.regions.contains(&here)) else {
            continue;
        };
        mistakes.push(
            Mistake::new(
                MistakeCode::ServiceNotInRegion,
                &component.span,
                format!("{} is not available in `{here}`", service.name),
                format!("{} `{}` calls it", component.kind.card.role.as_str(), component.name),
            )
            .allowed(format!("the regions {}", quoted_list(service.regions)))
            .help(format!("set `aws.region`, or use another type; as of {}, see {}", service.as_of, service.docs_url)),
        );
    }
}

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let here = pipeline.aws.region.as_str();
    // A mistake in `[aws]` leaves its defaults, and nothing is to be compared with those.
    let stated = super::entry(tree, &["aws", "region"]).map(|entry| &entry.tree.value);
    if stated.is_some_and(|stated| !matches!(stated, Value::String(text) if text == here)) {
        return;
    }
    check_region(pipeline, super::entry(tree, &["aws", "region"]).map(|entry| &entry.tree.span), mistakes);
    for component in pipeline.components() {
        for arn in foreign(component) {
            let (key, span) = written(component, &arn);
            let whose = format!("`{}` of {} `{}`", key, component.kind.card.role.as_str(), component.name);
            place(&whose, key, &arn, here, span, mistakes);
        }
    }
    let slack = super::entry(tree, &["alarms", "slack_url_secret"]);
    if let (Some(arn), Some(entry)) = (&pipeline.alarms.slack_url_secret, slack) {
        let key = "alarms.slack_url_secret";
        place(&format!("`{key}`"), key, arn.as_str(), here, &entry.tree.span, mistakes);
    }
    if let (Some(arn), Some(entry)) =
        (&pipeline.iam.permissions_boundary, super::entry(tree, &["iam", "permissions_boundary"]))
    {
        partition("the permissions boundary", arn.as_str(), here, &entry.tree.span, mistakes);
    }
    let scopes = super::entry(tree, &["iam", "scopes"]).map(|entry| &entry.tree.value);
    // What is no ARN was said already, and left no scope to look at.
    for (scope, tree) in pipeline.iam.scopes.iter().zip(scopes.into_iter().flat_map(list)) {
        let written = super::entry(tree, &["resources"]).into_iter().flat_map(|entry| list(&entry.tree.value));
        for (arn, tree) in scope.resources.iter().zip(written).filter(|(arn, _)| arn.as_str() != "*") {
            partition("a resource in `iam.scopes`", arn.as_str(), here, &tree.span, mistakes);
        }
    }
}

fn list(value: &Value) -> &[Tree] {
    if let Value::List(list) = value { list } else { &[] }
}

/// The ARNs of what a component uses and the pipeline does not make. A bare name is one of the pipeline's own region.
fn foreign(component: &ComponentConfig) -> Vec<String> {
    let mut arns: Vec<String> = Vec::new();
    if let Some(Store::Existing(table)) = component.settings.store(&component.name) {
        arns.extend(Some(table).filter(|table| table.starts_with("arn:")));
    }
    let permissions = component.settings.permissions(&component.name);
    arns.extend(permissions.into_iter().filter_map(|permission| match permission.target {
        PermissionTarget::Arn(arn) => Some(arn.to_string()),
        _ => None,
    }));
    arns
}

/// The key under which a component has an ARN, and where that stands.
fn written<'a>(component: &'a ComponentConfig, arn: &str) -> (&'a str, &'a Span) {
    let mut entries = component.tree.as_table().into_iter().flatten();
    let found = entries.find(|(_, entry)| entry.tree.as_str() == Some(arn));
    found.map_or(("type", &component.span), |(key, entry)| (key.as_str(), &entry.tree.span))
}

/// A resource that functions use must be in their region and partition.
fn place(whose: &str, key: &str, arn: &str, here: &str, span: &Span, mistakes: &mut Vec<Mistake>) {
    let there = arn.split(':').nth(3).unwrap_or_default();
    if there.is_empty() || there == here {
        return partition(whose, arn, here, span, mistakes);
    }
    let title = format!("{whose} is in a different region from the pipeline");
    mistakes.push(
        Mistake::new(MistakeCode::OtherRegion, span, title, format!("in `{there}`, but the pipeline is in `{here}`"))
            .allowed("a resource in the region of the pipeline: functions only reach their own region")
            .help(format!("set `aws.region`, or `{key}` for each environment")),
    );
}

fn partition(whose: &str, arn: &str, region: &str, span: &Span, mistakes: &mut Vec<Mistake>) {
    let here = partition_of(region);
    let there = arn.split(':').nth(1).unwrap_or_default();
    if here != there {
        mistakes.push(
            Mistake::new(
                MistakeCode::OtherPartition,
                span,
                format!("{whose} is in another AWS partition than the pipeline"),
                format!("in `{there}`, but `{region}` is in `{here}`"),
            )
            .allowed("an ARN in the partition of the pipeline: partitions are isolated from each other")
            .help(format!("write `arn:{here}:..`, or set `aws.region`")),
        );
    }
}
