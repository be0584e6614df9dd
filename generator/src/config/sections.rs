//! The sections of `pipeline.toml`: every field is a TOML key, and its doc comment is the documentation users read.

use std::collections::BTreeMap;
use std::fmt;

use fanggen_runtime::model::values::{Bounded, Email, Line, Name, RelativePath, SecretArn};
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::values::{AccountId, Action, PolicyArn, Region, ResourcePattern, Retention, Share};

/// The name of the pipeline, and whom to contact about it. This section is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSection {
    /// Name of the pipeline. The names of all its AWS resources start with it.
    pub name: Name,
    /// What the pipeline is for, on one line.
    #[serde(default)]
    pub description: Option<Line>,
    /// Contact of the operator, such as an e-mail address. Sent in the User-Agent of all requests: sites such as Wikipedia
    /// allow clients without a contact far fewer requests.
    #[serde(default)]
    pub contact: Option<Line>,
}

impl PipelineSection {
    /// The section to go on with when it could not be read, so that the rules still find other mistakes.
    #[must_use]
    pub fn unread() -> Self {
        #[expect(clippy::expect_used, reason = "a name, as the tests show")]
        Self { name: Name::new("unnamed").expect("a name"), description: None, contact: None }
    }
}

/// Where the pipeline is deployed. Commands that change anything first compare this with the identity of the caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AwsSection {
    /// AWS region of all resources.
    pub region: Region,
    /// The only AWS account to deploy to, as a string of 12 digits. Without it, any account is accepted.
    pub account: Option<AccountId>,
    /// Profile in the AWS configuration files to deploy with. Without it, the default credentials are used.
    pub profile: Option<Line>,
}

/// When the pipeline runs. EventBridge Scheduler starts a run each time the schedule fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSection {
    /// A rate, `rate(1 hour)`; six fields, `cron(0 8 ? * MON-FRI *)`: minutes, hours, day of month, month, day of week,
    /// year; or a single time, `at(2027-01-01T08:00:00)`.
    pub expression: String,
    /// Time zone of the expression, as an IANA name such as `Europe/Berlin`.
    pub timezone: String,
    /// Whether the schedule fires. With `false`, the pipeline stays deployed but is paused.
    pub enabled: bool,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self { expression: "rate(1 hour)".into(), timezone: "UTC".into(), enabled: true }
    }
}

/// Processor architecture of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// AWS Graviton, a fifth cheaper.
    Arm64,
    /// Intel and AMD processors.
    X86_64,
}

impl Architecture {
    /// Its name in the file and in AWS.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Its target triple.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// The Lambda functions. These settings apply to all functions of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionsSection {
    /// Processor architecture.
    pub architecture: Architecture,
    /// Memory in MB. CPU power grows with it.
    pub memory_mb: Bounded<128, 10_240>,
    /// Seconds after which an invocation of a worker is stopped. The producer always has 900.
    pub timeout_s: Bounded<10, 900>,
    /// Whether AWS X-Ray traces the functions.
    pub tracing: bool,
    /// Maximum number of concurrent instances of each worker. Without it, the number is derived from the scarcest upstream
    /// quota.
    pub max_concurrency: Option<Bounded<2, 1_000>>,
}

impl Default for FunctionsSection {
    fn default() -> Self {
        Self {
            architecture: Architecture::Arm64,
            memory_mb: Bounded::new::<256>(),
            timeout_s: Bounded::new::<300>(),
            tracing: false,
            max_concurrency: None,
        }
    }
}

/// The CloudWatch logs of the functions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogsSection {
    /// Days to keep logs.
    pub retention_days: Retention,
}

/// Settings of `fanggen run`, which runs the pipeline on your own machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSection {
    /// A JSON Lines file of texts that `fanggen run` uses instead of fetching (by `wikipedia`, `http` and `feed`), unless you
    /// pass `--live`. Each line has `item` (the key of the item, not its title) and `text`, and optionally `entry`, `language`,
    /// `title`, `url` and `published`.
    pub texts: Option<RelativePath>,
}

/// Alarms about problems, and a dashboard. There are none unless `email` or `slack_url_secret` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsSection {
    /// The e-mail address that alarms are sent to. AWS sends it one confirmation request.
    pub email: Option<Email>,
    /// The ARN of the secret in AWS Secrets Manager that holds the URL of a Slack incoming webhook, as plain text or as `url`
    /// in JSON. A separate function posts alarms there.
    pub slack_url_secret: Option<SecretArn>,
    /// The share of a run's records, in percent, above which failures raise an alarm.
    pub max_failed_percent: Bounded<1, 100>,
}

impl Default for AlarmsSection {
    fn default() -> Self {
        Self { email: None, slack_url_secret: None, max_failed_percent: Bounded::new::<20>() }
    }
}

impl AlarmsSection {
    /// Whether there are alarms: somebody is told.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.email.is_some() || self.slack_url_secret.is_some()
    }
}

/// Retention and encryption of data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// Whether the tables of sources and sinks, the buckets, the logs and the KMS key are kept when the stack is deleted. The
    /// stack is then protected against deletion.
    pub retain: bool,
    /// Whether data is encrypted with a KMS key that fanggen creates for the environment, instead of the keys that AWS
    /// owns. An existing key cannot be used.
    pub kms: bool,
}

/// A limit on costs. With `alarms.email`, AWS Budgets writes to that address when the environment has cost 80% and 100% of the budget,
/// and when it is forecast to cost more. With `[alarms]`, an alarm is raised on a day on which Comprehend bills more than a day's
/// share of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSection {
    /// Budget in US dollars per month.
    pub monthly_usd: Option<Bounded<1, 1_000_000>>,
}

/// Additions to the IAM permissions, which are derived from the components.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IamSection {
    /// A policy to set as the permissions boundary of every role.
    pub permissions_boundary: Option<PolicyArn>,
    /// Permissions in addition to the derived ones.
    pub scopes: Vec<IamScope>,
}

/// An additional permission of one function.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamScope {
    /// The function: `producer`, `worker`, `worker-<stage>` for a stage with `isolate = true`, or `notifier` for the one that
    /// posts alarms to Slack.
    pub function: Name,
    /// IAM actions, without wildcards, such as `s3:GetObject`.
    pub actions: Vec<Action>,
    /// ARNs, with `*` and `?` as wildcards after the service. `"*"` alone is for actions without resource-level permissions.
    pub resources: Vec<ResourcePattern>,
    /// IAM conditions: a table of operators, each a table of condition keys with a value or a list of values.
    #[serde(default)]
    pub conditions: BTreeMap<String, BTreeMap<String, ConditionValues>>,
}

/// One value or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ConditionValues {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

// By hand, since an untagged enum loses the places of what is inside it.
impl<'de> Deserialize<'de> for ConditionValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionValuesVisitor)
    }
}

struct ConditionValuesVisitor;

impl<'de> Visitor<'de> for ConditionValuesVisitor {
    type Value = ConditionValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ConditionValues, E> {
        Ok(ConditionValues::One(text.to_owned()))
    }

    // IAM takes numbers and flags as texts, and people write them as they are.
    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<ConditionValues, E> {
        Ok(ConditionValues::One(flag.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<ConditionValues, E> {
        Ok(ConditionValues::One(number.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ConditionValues, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(ConditionValues::Many(texts))
    }
}

/// The settings that every stage has, whatever its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageOptions {
    /// Whether a new Lambda function with its own queue starts at this stage: it runs this stage and those after it.
    pub isolate: bool,
    /// The share of the upstream quota that this environment may use.
    pub share: Share,
}
