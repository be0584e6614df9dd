//! The ARNs of an environment's resources, and the conditions under which an action is allowed on them.

use std::collections::BTreeMap;

use super::{ConditionBlock, Environment, ScopedResource};
use crate::deploy::generated::ManifestResource;
use crate::resources::{ArnScope, GrantCondition, ResourceType, Target, glue, kms, lambda, s3};

/// Turns targets into the resources of one environment.
pub struct EnvironmentScopes<'a> {
    environment: &'a Environment<'a>,
    arn_scope: ArnScope<'a>,
}

impl<'a> EnvironmentScopes<'a> {
    pub fn of(environment: &'a Environment<'a>) -> Self {
        let Environment { manifest, caller, .. } = environment;
        let arn_scope = ArnScope { partition: caller.partition(), region: &manifest.region, account: &caller.account };
        Self { environment, arn_scope }
    }

    /// The resources that a target means, each under its condition.
    pub fn of_target(&self, on: Target, condition: GrantCondition) -> Vec<ScopedResource> {
        if condition == GrantCondition::WithoutBoundary && self.environment.boundary.is_some() {
            return Vec::new();
        }
        let scope = |reason: Option<&'static str>| {
            move |(id, resource): (&str, String)| ScopedResource {
                resource,
                condition: self.condition(condition, id),
                reason,
            }
        };
        let artifacts = s3::BUCKET.arn(self.environment.artifacts, self.arn_scope);
        let one = |resource: String, reason| vec![scope(reason)(("", resource))];
        match on {
            Target::Each(card) => self.each(card).map(scope(None)).collect(),
            Target::Objects => {
                self.each(&s3::BUCKET).map(|(id, arn)| (id, format!("{arn}/*"))).map(scope(None)).collect()
            }
            Target::ItemFiles => {
                let of_source = |id: &str| self.environment.manifest.resources[id].path.starts_with("sources.");
                let buckets = self.each(&s3::BUCKET).filter(|(id, _)| of_source(id));
                buckets.map(|(id, arn)| (id, format!("{arn}/*"))).map(scope(None)).collect()
            }
            Target::CatalogContents => {
                let databases = self.each(&glue::DATABASE).filter(|(_, arn)| arn.contains(":database/"));
                let contents = databases.flat_map(|(id, arn)| {
                    ["table", "userDefinedFunction"]
                        .map(|kind| (id, format!("{}/*", arn.replace(":database/", &format!(":{kind}/")))))
                });
                contents.map(scope(None)).collect()
            }
            Target::Mappings => {
                one(self.arn("lambda", "event-source-mapping:*"), Some("MappingsHaveIdsThatLambdaMakes"))
            }
            Target::Keys => {
                if !self.environment.manifest.resources.values().any(|one| one.kind == kms::KEY.name) {
                    return Vec::new();
                }
                let mut keys = one(self.arn("kms", "key/*"), Some("KeysHaveIdsThatKmsMakes"));
                for scope in keys.iter_mut().filter(|_| condition == GrantCondition::None) {
                    scope.condition = self.tagged();
                }
                keys
            }
            // The name is followed by an id that differs each time the stack is created.
            Target::Stack => {
                one(self.arn("cloudformation", &format!("stack/{}/*", self.environment.manifest.stack)), None)
            }
            Target::ArtifactBucket => one(artifacts, None),
            Target::ArtifactObjects => one(format!("{artifacts}/*"), None),
            Target::Everything(reason) => one("*".to_owned(), Some(reason)),
        }
    }

    fn condition(&self, condition: GrantCondition, id: &str) -> ConditionBlock {
        let is = |operator, key, values| BTreeMap::from([(operator, BTreeMap::from([(key, values)]))]);
        match (condition, self.environment.boundary) {
            (GrantCondition::None | GrantCondition::WithoutBoundary, _) | (GrantCondition::WithBoundary, None) => {
                ConditionBlock::new()
            }
            (GrantCondition::WithBoundary, Some(boundary)) => {
                is("StringEquals", "iam:PermissionsBoundary", vec![boundary.to_owned()])
            }
            (GrantCondition::PassedToService, _) => {
                let resource = self.environment.manifest.resources.get(id);
                let service = resource.and_then(|role| role.service.clone());
                is("StringEquals", "iam:PassedToService", service.into_iter().collect())
            }
            (GrantCondition::ViaCloudFormation, _) => {
                is("ForAnyValue:StringEquals", "aws:CalledVia", vec!["cloudformation.amazonaws.com".to_owned()])
            }
            (GrantCondition::ViaServices(services), _) => {
                let (region, suffix) = (self.arn_scope.region, suffix(self.arn_scope.partition));
                let via = services.iter().map(|service| format!("{service}.{region}.{suffix}"));
                is("StringEquals", "kms:ViaService", via.collect())
            }
            (GrantCondition::ForFunctions, _) => {
                let functions = self.each(&lambda::EVENT_SOURCE_MAPPING).map(|(_, arn)| arn);
                is("ArnEquals", "lambda:FunctionArn", functions.collect())
            }
        }
    }

    /// The condition that a resource carries the environment's tags.
    fn tagged(&self) -> ConditionBlock {
        let manifest = self.environment.manifest;
        let tags = BTreeMap::from([
            ("aws:ResourceTag/fanggen:environment", vec![manifest.environment.clone()]),
            ("aws:ResourceTag/fanggen:pipeline", vec![manifest.pipeline.clone()]),
        ]);
        BTreeMap::from([("StringEquals", tags)])
    }

    /// The ARNs of all resources of a type, with their logical ids.
    fn each(&self, card: &'static ResourceType) -> impl Iterator<Item = (&str, String)> {
        let resources = self.environment.manifest.resources.iter();
        let of_type = resources.filter(move |(_, resource)| resource.kind == card.name);
        of_type.flat_map(move |(id, resource)| {
            let arns: Vec<String> = self
                .name(card, resource)
                .map(|name| card.all_arns(&name, self.arn_scope).collect())
                .unwrap_or_default();
            arns.into_iter().map(move |arn| (id.as_str(), arn))
        })
    }

    /// The physical name of a resource, or that of the resource that it is named after.
    fn name(&self, card: &ResourceType, resource: &ManifestResource) -> Option<String> {
        let Environment { manifest, caller, .. } = self.environment;
        manifest.name_by_card(card, resource, caller)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let ArnScope { partition, region, account } = self.arn_scope;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
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
