//! The ARNs of an environment's resources, and the conditions under which an action is allowed on them.

use std::collections::BTreeMap;

use super::{ConditionBlock, Environment, ScopedResource};
use crate::deploy::artifacts::{items_state_key, runtime_prefix, templates_prefix, usage_key};
use crate::deploy::generated::ManifestResource;
use crate::deploy::lock;
use crate::resources::{
    ArnScope, GrantCondition, HandlerGrant, ResourceType, Target, dynamodb, glue, kms, lambda, s3, scheduler, sqs,
};

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

    /// The resources of a call that this program makes.
    pub fn of_call(&self, on: Target) -> Vec<ScopedResource> {
        let mut scopes = self.of_target(on, GrantCondition::None);
        match on {
            // The id of a key says nothing of whose it is.
            Target::Keys => scopes.iter_mut().for_each(|scope| scope.condition = self.tagged()),
            Target::KeyThroughQueues => {
                scopes = self.of_target(Target::Keys, GrantCondition::ViaServices(&["sqs"]));
            }
            _ => {}
        }
        scopes
    }

    /// The resources of what CloudFormation's handler for a type does, which is allowed to CloudFormation only.
    pub fn of_handler(&self, grant: &HandlerGrant) -> Vec<ScopedResource> {
        if grant.condition == GrantCondition::WithoutBoundary && self.environment.boundary.is_some() {
            return Vec::new();
        }
        let mut scopes = self.of_target(grant.on, grant.condition);
        if !grant.is_for_data() {
            for scope in &mut scopes {
                let (operator, keys) = self.via_cloudformation();
                scope.condition.entry(operator).or_default().extend(keys);
            }
        }
        scopes
    }

    /// The templates in the artifact bucket.
    pub fn of_templates(&self) -> Vec<ScopedResource> {
        let stack = &self.environment.manifest.stack;
        self.own_objects(&[format!("{}*", templates_prefix(stack))])
    }

    /// The resources that a target means, each under its condition.
    fn of_target(&self, on: Target, condition: GrantCondition) -> Vec<ScopedResource> {
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
                let buckets = self.each(&s3::BUCKET).filter(|(id, _)| self.holds_items(id));
                buckets.map(|(id, arn)| (id, format!("{arn}/*"))).map(scope(None)).collect()
            }
            Target::ItemBuckets => {
                self.each(&s3::BUCKET).filter(|(id, _)| self.holds_items(id)).map(scope(None)).collect()
            }
            Target::ItemTables => {
                self.each(&dynamodb::TABLE).filter(|(id, _)| self.holds_items(id)).map(scope(None)).collect()
            }
            Target::ScheduledFunction => {
                let path = |id| self.environment.manifest.resources.get(id).map(|resource| &resource.path);
                let schedules: Vec<_> = self.each(&scheduler::SCHEDULE).filter_map(|(id, _)| path(id)).collect();
                let functions = self.each(&lambda::FUNCTION);
                functions
                    .filter(|(id, _)| path(id).is_some_and(|path| schedules.contains(&path)))
                    .map(scope(None))
                    .collect()
            }
            Target::StateTable => {
                self.each(&dynamodb::TABLE).filter(|(id, _)| self.is_below(id, "pipeline")).map(scope(None)).collect()
            }
            Target::ResultTables => {
                self.each(&dynamodb::TABLE).filter(|(id, _)| self.is_below(id, "sinks.")).map(scope(None)).collect()
            }
            Target::DeadLetterQueues => {
                self.each(&sqs::QUEUE).filter(|(id, _)| self.holds_dead_letters(id)).map(scope(None)).collect()
            }
            Target::SourceQueues => {
                self.each(&sqs::QUEUE).filter(|(id, _)| self.has_dead_letters(id)).map(scope(None)).collect()
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
            Target::Keys | Target::KeyThroughQueues => {
                if !self.environment.manifest.resources.values().any(|one| one.kind == kms::KEY.name) {
                    return Vec::new();
                }
                one(self.arn("kms", "key/*"), Some("KeysHaveIdsThatKmsMakes"))
            }
            // The name is followed by an id that differs each time the stack is created.
            Target::Stack => {
                one(self.arn("cloudformation", &format!("stack/{}/*", self.environment.manifest.stack)), None)
            }
            Target::ArtifactBucket | Target::SharedBucket => one(artifacts, None),
            Target::SharedObjects => one(format!("{artifacts}/*"), None),
            Target::ArtifactRecords => self.own_objects(&self.records()),
            Target::ArtifactObjects => {
                let stack = &self.environment.manifest.stack;
                let hashed = [runtime_prefix(stack), templates_prefix(stack)].map(|prefix| format!("{prefix}*"));
                self.own_objects(&[&self.records()[..], &hashed[..]].concat())
            }
            Target::BillingView => {
                let ArnScope { partition, account, .. } = self.arn_scope;
                one(format!("arn:{partition}:billing::{account}:billingview/primary"), None)
            }
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

    /// The condition that CloudFormation calls on the caller's behalf, alone or through another service. It holds for
    /// `iam:PassRole` too: Amazon's own provisioning roles rely on that
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia>).
    fn via_cloudformation(&self) -> (&'static str, BTreeMap<&'static str, Vec<String>>) {
        let mut names = vec!["cloudformation.amazonaws.com".to_owned()];
        // AWS does not say which of its two names a service has in China.
        if self.arn_scope.partition == "aws-cn" {
            names.push("cloudformation.amazonaws.com.cn".to_owned());
        }
        ("ForAnyValue:StringEquals", BTreeMap::from([("aws:CalledVia", names)]))
    }

    /// The keys of the objects that change with each deployment.
    fn records(&self) -> [String; 3] {
        let stack = &self.environment.manifest.stack;
        [lock::key(stack), usage_key(stack), items_state_key(stack)]
    }

    /// Objects of the artifact bucket.
    fn own_objects(&self, keys: &[String]) -> Vec<ScopedResource> {
        let artifacts = s3::BUCKET.arn(self.environment.artifacts, self.arn_scope);
        let scope = |key: &String| ScopedResource {
            resource: format!("{artifacts}/{key}"),
            condition: ConditionBlock::new(),
            reason: None,
        };
        keys.iter().map(scope).collect()
    }

    /// Whether a table or bucket belongs to a source.
    fn holds_items(&self, id: &str) -> bool {
        self.is_below(id, "sources.")
    }

    /// Whether a part of the pipeline's file asked for a resource.
    fn is_below(&self, id: &str, path: &str) -> bool {
        self.environment.manifest.resources.get(id).is_some_and(|resource| resource.path.starts_with(path))
    }

    fn holds_dead_letters(&self, id: &str) -> bool {
        self.environment.manifest.resources.get(id).is_some_and(|resource| resource.dead_letters_of.is_some())
    }

    fn has_dead_letters(&self, id: &str) -> bool {
        let mut resources = self.environment.manifest.resources.values();
        resources.any(|resource| resource.dead_letters_of.as_deref() == Some(id))
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
