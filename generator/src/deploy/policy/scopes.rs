//! The ARNs of an environment's resources, and the conditions under which something is allowed on them.

use std::collections::BTreeMap;

use super::types::When;
use super::{Condition, Environment, Scope};
use crate::deploy::aws::allow::On;
use crate::deploy::generated::Resource;

/// The role that the schedule takes; all others are taken by functions.
const SCHEDULE_ROLE: &str = "ScheduleRole";

const FUNCTION: &str = "AWS::Lambda::Function";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const INVOKE: &str = "AWS::Lambda::EventInvokeConfig";

/// An environment, by which `On` becomes ARNs.
pub struct Place<'a> {
    environment: &'a Environment<'a>,
    /// The start of an ARN in this account and region, after the service's name.
    regional: String,
    partition: &'a str,
}

impl<'a> Place<'a> {
    pub fn of(environment: &'a Environment<'a>) -> Self {
        let regional = format!("{}:{}", environment.manifest.region, environment.caller.account);
        Self { environment, regional, partition: environment.caller.partition() }
    }

    /// The resources that are meant, each under its condition.
    pub fn scopes(&self, on: On, when: When) -> Vec<Scope> {
        if when == When::Unbounded && self.environment.boundary.is_some() {
            return Vec::new();
        }
        let scope = |reason: Option<&'static str>| {
            move |(id, resource): (&str, String)| Scope { resource, condition: self.condition(when, id), reason }
        };
        let artifacts = format!("arn:{}:s3:::{}", self.partition, self.environment.artifacts);
        let one = |resource: String, reason| vec![scope(reason)(("", resource))];
        match on {
            On::Each(kind) => self.each(kind).map(scope(None)).collect(),
            On::Objects => {
                self.each("AWS::S3::Bucket").map(|(id, arn)| (id, format!("{arn}/*"))).map(scope(None)).collect()
            }
            On::Files => {
                let source = |id: &str| self.environment.manifest.resources[id].path.starts_with("sources.");
                let own = self.each("AWS::S3::Bucket").filter(|(id, _)| source(id));
                own.map(|(id, arn)| (id, format!("{arn}/*"))).map(scope(None)).collect()
            }
            On::Catalogued => {
                let all = self.each("AWS::Glue::Database").filter(|(_, arn)| arn.contains(":database/"));
                let inside = all.flat_map(|(id, arn)| {
                    ["table", "userDefinedFunction"]
                        .map(|kind| (id, format!("{}/*", arn.replace(":database/", &format!(":{kind}/")))))
                });
                inside.map(scope(None)).collect()
            }
            On::Mappings => one(self.arn("lambda", "event-source-mapping:*"), Some("MappingsHaveIdsThatLambdaMakes")),
            On::Keys => {
                let there = self.environment.manifest.resources.values().any(|one| one.kind == "AWS::KMS::Key");
                let mut all = one(self.arn("kms", "key/*"), Some("KeysHaveIdsThatKmsMakes"));
                all.retain(|_| there);
                for scope in all.iter_mut().filter(|_| when == When::Always) {
                    scope.condition = self.marked();
                }
                all
            }
            // After the name comes an id, which is another for each life of the stack.
            On::Stack => one(self.arn("cloudformation", &format!("stack/{}/*", self.environment.manifest.stack)), None),
            On::Artifacts => one(artifacts, None),
            On::ArtifactObjects => one(format!("{artifacts}/*"), None),
            On::Everything(reason) => one("*".to_owned(), Some(reason)),
        }
    }

    fn condition(&self, when: When, id: &str) -> Condition {
        let is = |operator, key, values| BTreeMap::from([(operator, BTreeMap::from([(key, values)]))]);
        match (when, self.environment.boundary) {
            (When::Always | When::Unbounded, _) | (When::Bounded, None) => Condition::new(),
            (When::Bounded, Some(boundary)) => is("StringEquals", "iam:PermissionsBoundary", vec![boundary.to_owned()]),
            (When::Passed, _) => {
                let service = if id == SCHEDULE_ROLE { "scheduler" } else { "lambda" };
                is("StringEquals", "iam:PassedToService", vec![format!("{service}.amazonaws.com")])
            }
            (When::ByStack, _) => {
                is("ForAnyValue:StringEquals", "aws:CalledVia", vec!["cloudformation.amazonaws.com".to_owned()])
            }
            (When::ByStores, _) => {
                let (region, suffix) = (&self.environment.manifest.region, suffix(self.partition));
                let via = |service| format!("{service}.{region}.{suffix}");
                is("StringEquals", "kms:ViaService", vec![via("dynamodb"), via("s3")])
            }
            (When::OfFunction, _) => {
                is("ArnEquals", "lambda:FunctionArn", self.each(MAPPING).map(|(_, arn)| arn).collect())
            }
        }
    }

    /// That something carries the marks of the environment.
    fn marked(&self) -> Condition {
        let manifest = self.environment.manifest;
        let marks = BTreeMap::from([
            ("aws:ResourceTag/fanggen:environment", vec![manifest.environment.clone()]),
            ("aws:ResourceTag/fanggen:pipeline", vec![manifest.pipeline.clone()]),
        ]);
        BTreeMap::from([("StringEquals", marks)])
    }

    /// The ARNs of all resources of a type, with their names in the template.
    fn each(&self, kind: &'static str) -> impl Iterator<Item = (&str, String)> {
        let resources = self.environment.manifest.resources.iter();
        let wanted = resources.filter(move |(_, resource)| resource.kind == kind);
        wanted.flat_map(move |(id, resource)| {
            let arns = self.name(resource).map(|name| self.arns(kind, &name)).unwrap_or_default();
            arns.into_iter().map(move |arn| (id.as_str(), arn))
        })
    }

    /// The physical name of a resource; that of its function for what is part of one.
    fn name(&self, resource: &Resource) -> Option<String> {
        let Environment { manifest, caller, .. } = self.environment;
        if ![MAPPING, INVOKE].contains(&resource.kind.as_str()) {
            return manifest.physical(resource, caller);
        }
        let mut others = manifest.resources.values();
        let function = others.find(|other| other.kind == FUNCTION && other.path == resource.path)?;
        manifest.physical(function, caller)
    }

    fn arns(&self, kind: &str, name: &str) -> Vec<String> {
        let function = self.arn("lambda", &format!("function:{name}"));
        match kind {
            "AWS::DynamoDB::Table" => vec![self.arn("dynamodb", &format!("table/{name}"))],
            // Whoever changes what is in a catalog needs the same of all that it is in:
            // https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
            "AWS::Glue::Database" => {
                vec![self.arn("glue", "catalog"), self.arn("glue", &format!("database/{name}"))]
            }
            "AWS::Glue::Table" => {
                let (database, table) = name.split_once('.').unwrap_or((name, "*"));
                let all = ["catalog".to_owned(), format!("database/{database}"), format!("table/{database}/{table}")];
                all.iter().map(|resource| self.arn("glue", resource)).collect()
            }
            "AWS::KMS::Alias" => vec![self.arn("kms", name)],
            "AWS::IAM::Role" => {
                vec![format!("arn:{}:iam::{}:role/{name}", self.partition, self.environment.caller.account)]
            }
            FUNCTION | MAPPING => vec![function],
            // It is set on the version that is not published.
            INVOKE => vec![format!("{function}:$LATEST"), function],
            "AWS::Logs::LogGroup" => {
                // Logs compares tags with the first form, and everything else with the second.
                let group = self.arn("logs", &format!("log-group:{name}"));
                vec![format!("{group}:*"), group]
            }
            "AWS::S3::Bucket" => vec![format!("arn:{}:s3:::{name}", self.partition)],
            "AWS::SNS::Topic" => vec![self.arn("sns", name)],
            "AWS::SQS::Queue" => vec![self.arn("sqs", name)],
            "AWS::Scheduler::Schedule" => vec![self.arn("scheduler", &format!("schedule/default/{name}"))],
            _ => Vec::new(),
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{resource}", self.partition, self.regional)
    }
}

/// The domain of a partition (`AWS::URLSuffix`).
pub fn suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}
