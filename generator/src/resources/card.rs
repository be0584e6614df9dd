//! What a card says of a resource type.

use std::fmt;

/// A CloudFormation resource type.
pub struct ResourceType {
    /// Its CloudFormation name: `AWS::SQS::Queue`.
    pub name: &'static str,
    /// What people call one resource of it.
    pub noun: &'static str,
    /// What people call several.
    pub plural: &'static str,
    /// How the logical ids of its resources end.
    pub suffix: &'static str,
    /// The limits of its physical names, where it has names of its own.
    pub name_limit: Option<NameLimit>,
    /// What is lost with a resource: `rows`, `messages`. `None` if it can be created again as it was.
    pub holds: Option<&'static str>,
    /// Properties that make another resource if they change; the first is the physical name.
    pub identity: &'static [&'static str],
    /// The ARNs by which IAM knows a resource, the most usual first, with the placeholders of [`ArnScope`].
    pub arns: &'static [&'static str],
    /// The type whose resource, asked for by the same path of the file, lends its name to one that has none.
    pub named_after: Option<&'static Self>,
    /// What stands before the name in the physical id, where that is not the name itself.
    pub id_separator: Option<char>,
    /// What CloudFormation does in the caller's name to create, read, update, tag and delete a resource.
    ///
    /// The actions are those of the handlers in the type's schema, as far as the template uses its properties
    /// (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>,
    /// `aws cloudformation describe-type --type RESOURCE --type-name ..`).
    pub handler: &'static [HandlerGrant],
    /// How its resources use a customer key.
    pub key_use: Option<KeyUse>,
    /// Findings of checkov that are accepted on its resources.
    pub accepted: &'static [AcceptedFinding],
    /// How `destroy` checks whether a resource still exists. `None` where it goes with another resource, or where nothing
    /// remains that matters.
    pub lookup: Option<Lookup>,
}

impl ResourceType {
    pub(super) const fn new(
        name: &'static str,
        noun: &'static str,
        plural: &'static str,
        suffix: &'static str,
    ) -> Self {
        Self {
            name,
            noun,
            plural,
            suffix,
            name_limit: None,
            holds: None,
            identity: &[],
            arns: &[],
            named_after: None,
            id_separator: None,
            handler: &[],
            key_use: None,
            accepted: &[],
            lookup: None,
        }
    }

    /// The service's own name in CloudFormation: `SQS` of `AWS::SQS::Queue`.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split("::").nth(1).unwrap_or(self.name)
    }

    /// The ARN of a resource; empty for a type without one.
    #[must_use]
    pub fn arn(&self, name: &str, scope: ArnScope<'_>) -> String {
        self.arns.first().map(|form| scope.fill(form, name)).unwrap_or_default()
    }

    /// Every ARN by which IAM knows a resource.
    pub fn all_arns(&self, name: &str, scope: ArnScope<'_>) -> impl Iterator<Item = String> {
        self.arns.iter().map(move |form| scope.fill(form, name))
    }

    /// The physical name of a resource, from its physical id.
    #[must_use]
    pub fn name_in<'a>(&self, physical_id: &'a str) -> &'a str {
        self.id_separator.and_then(|separator| physical_id.rsplit(separator).next()).unwrap_or(physical_id)
    }
}

// Cards refer to each other, and to themselves: only the name may be compared and printed.
impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ResourceType {}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Where a resource lives. The values may be those of an account, or pseudo parameters of a template.
#[derive(Clone, Copy, Debug)]
pub struct ArnScope<'a> {
    /// Stands for `{partition}`.
    pub partition: &'a str,
    /// Stands for `{region}`.
    pub region: &'a str,
    /// Stands for `{account}`.
    pub account: &'a str,
}

impl ArnScope<'_> {
    /// Fills a form; `{name}` is the physical name, `{parent}` and `{child}` its parts before and after the first dot.
    fn fill(&self, form: &str, name: &str) -> String {
        let (parent, child) = name.split_once('.').unwrap_or((name, "*"));
        let mut arn = String::new();
        let mut rest = form;
        while let Some((before, (place, after))) =
            rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            arn.push_str(before);
            arn.push_str(match place {
                "partition" => self.partition,
                "region" => self.region,
                "account" => self.account,
                "parent" => parent,
                "child" => child,
                _ => name,
            });
            rest = after;
        }
        arn + rest
    }
}

/// The limits of a physical name.
#[derive(Clone, Copy, Debug)]
pub struct NameLimit {
    /// The most characters it can have.
    pub characters: usize,
    /// How it must not begin: AWS keeps such names for itself.
    pub reserved: &'static [&'static str],
    /// The page of AWS with the limit.
    pub page: &'static str,
}

impl NameLimit {
    pub(super) const fn new(characters: usize, page: &'static str) -> Option<Self> {
        Some(Self { characters, reserved: &[], page })
    }
}

/// Actions that CloudFormation's handler for a type calls in the caller's name.
#[derive(Clone, Copy, Debug)]
pub struct HandlerGrant {
    /// The actions, in IAM's spelling.
    pub actions: &'static [&'static str],
    /// What they act on.
    pub on: Target,
    /// The condition under which they are allowed, besides that CloudFormation calls.
    pub condition: GrantCondition,
}

impl HandlerGrant {
    pub(super) const fn new(on: Target, actions: &'static [&'static str]) -> Self {
        Self { actions, on, condition: GrantCondition::None }
    }

    pub(super) const fn only(self, condition: GrantCondition) -> Self {
        Self { condition, ..self }
    }

    /// Whether it is about data that this program reads and writes itself, not CloudFormation.
    #[must_use]
    pub const fn is_for_data(&self) -> bool {
        matches!(self.condition, GrantCondition::ViaServices(_))
    }
}

/// What an action acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Each resource of a type, by its exact ARNs.
    Each(&'static ResourceType),
    /// The objects of each bucket.
    Objects,
    /// The objects of each bucket that holds a file of items.
    ItemFiles,
    /// Each bucket that holds a file of items.
    ItemBuckets,
    /// Each table that holds items.
    ItemTables,
    /// The state table.
    StateTable,
    /// Each table that holds results.
    ResultTables,
    /// Each dead-letter queue.
    DeadLetterQueues,
    /// Each queue that has a dead-letter queue, to which its messages can be moved back.
    SourceQueues,
    /// The customer key, when SQS uses it on behalf of whoever calls it; nothing where the template has none.
    KeyThroughQueues,
    /// All that the databases of the catalog contain: deleting a database needs the same permission on its contents.
    CatalogContents,
    /// The function that the schedule invokes.
    ScheduledFunction,
    /// The event source mappings of each function, whose ids Lambda assigns.
    Mappings,
    /// The customer key, whose id KMS assigns; nothing where the template has none.
    Keys,
    /// The stack.
    Stack,
    /// The artifact bucket, to look at it.
    ArtifactBucket,
    /// The environment's own objects in the artifact bucket.
    ArtifactObjects,
    /// Those of them that are deleted with the environment: its lock, and what was applied to it.
    ArtifactRecords,
    /// The artifact bucket, which other pipelines use too, to create, configure and delete it.
    SharedBucket,
    /// Everything in the artifact bucket, to empty it.
    SharedObjects,
    /// The account's own view of its costs.
    BillingView,
    /// Everything, since the service has no resource level for the action: the reason, written as a `Sid`.
    Everything(&'static str),
}

/// The condition under which an action is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantCondition {
    /// None.
    None,
    /// Only on roles that have the permissions boundary, where one is set.
    WithBoundary,
    /// Only where no permissions boundary is set.
    WithoutBoundary,
    /// Only to pass the role to the service that assumes it.
    PassedToService,
    /// Only for the event source mappings of the pipeline's functions.
    ForFunctions,
    /// Only when one of these services calls KMS on the caller's behalf, whether or not CloudFormation called the service.
    ViaServices(&'static [&'static str]),
}

/// How the resources of a type use the customer key that encrypts them.
#[derive(Clone, Copy, Debug)]
pub enum KeyUse {
    /// The service calls KMS on behalf of whoever calls the resource.
    ByCaller {
        /// The service's name in `kms:ViaService`.
        via: &'static str,
        /// What the calls need.
        calls: &'static [KeyCalls],
    },
    /// The service calls KMS with the resource's own role.
    ByRole {
        /// The service's name in `kms:ViaService`, where AWS documents one.
        via: Option<&'static str>,
        /// What the role needs.
        actions: &'static [&'static str],
        /// Why, as the template says it.
        why: &'static str,
    },
    /// The service calls KMS as itself, which the key's policy has to allow.
    ByService {
        /// The service's principal, without region and domain.
        principal: &'static str,
        /// What the service needs.
        actions: &'static [&'static str],
    },
}

/// Calls to a service, and what they need of the key.
#[derive(Clone, Copy, Debug)]
pub struct KeyCalls {
    /// The calls, as IAM actions.
    pub calls: &'static [&'static str],
    /// The actions of KMS.
    pub need: &'static [&'static str],
}

/// A finding of checkov that is accepted on every resource of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedFinding {
    /// The check's id (<https://www.checkov.io/5.Policy%20Index/cloudformation.html>).
    pub check: &'static str,
    /// What the check asks for.
    pub wants: &'static str,
    /// When the finding is accepted.
    pub when: AcceptedWhen,
    /// Why, as the template says it to whoever reviews the stack.
    pub reason: &'static str,
}

/// When a finding is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptedWhen {
    /// Always.
    Always,
    /// Where `[data] kms` is not set.
    WithoutKey,
    /// Where the only text that looks like a secret is a name from the file.
    NameLikeSecret,
}

impl fmt::Display for AcceptedWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::WithoutKey => "without `[data] kms = true`",
            Self::NameLikeSecret => "where a name in the file looks like a secret",
        })
    }
}

/// What `destroy` asks a service to learn whether a resource still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// CloudWatch: the alarm.
    Alarm,
    /// S3: the bucket.
    Bucket,
    /// CloudWatch: the dashboard.
    Dashboard,
    /// Lambda: the function.
    Function,
    /// KMS: the key of the alias, unless its deletion is scheduled.
    KeyOfAlias,
    /// CloudWatch Logs: the log group.
    LogGroup,
    /// Lambda: an event source mapping of the function.
    MappingsOfFunction,
    /// SQS: the queue.
    Queue,
    /// IAM: the role.
    Role,
    /// EventBridge Scheduler: the schedule.
    Schedule,
    /// DynamoDB: the table.
    Table,
    /// SNS: the topic.
    Topic,
}
