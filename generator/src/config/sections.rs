//! The sections of `pipeline.toml`: every field is a TOML key, its doc comment what the user reads about it.

use std::collections::BTreeMap;
use std::fmt;

use fanggen_runtime::model::values::{Email, Line, Name, RelativePath, Within};
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::values::{AccountId, Action, PolicyArn, Region, ResourcePattern, Retention, Share};

/// What the pipeline is.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSection {
    /// Name of the pipeline; the first part of every physical name.
    pub name: Name,
    /// What it is for, in a line.
    #[serde(default)]
    pub description: Option<Line>,
    /// Who operates it: goes into the User-Agent that Wikimedia demands.
    #[serde(default)]
    pub contact: Option<Line>,
}

impl PipelineSection {
    /// Stands in for a head that could not be read, so that the rules go on to the next mistake.
    #[must_use]
    pub fn unread() -> Self {
        #[expect(clippy::expect_used, reason = "a name, as the tests show")]
        Self { name: Name::new("unnamed").expect("a name"), description: None, contact: None }
    }
}

/// Where it lives. Compared with the caller's identity before anything is touched.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AwsSection {
    /// Region of all resources.
    pub region: Region,
    /// Account that alone may be deployed to; any unless given.
    pub account: Option<AccountId>,
    /// Profile of the AWS configuration that is used to deploy; the default one unless given.
    pub profile: Option<Line>,
}

/// When it runs, on EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSection {
    /// `rate(1 hour)`, `cron(0 8 ? * MON-FRI *)` or `at(2027-01-01T08:00:00)`.
    pub expression: String,
    /// Time zone of the expression, by its IANA name.
    pub timezone: String,
    /// Whether the schedule fires; a paused pipeline stays deployed.
    pub enabled: bool,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self { expression: "rate(1 hour)".into(), timezone: "UTC".into(), enabled: true }
    }
}

/// Instruction set of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// AWS Graviton: a fifth cheaper.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// What the file, AWS and people call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// What the compiler calls it.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// The functions, all alike.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionsSection {
    /// Instruction set: `arm64` or `x86_64`.
    pub architecture: Architecture,
    /// Memory in MB; the CPU grows with it.
    pub memory_mb: Within<128, 10_240>,
    /// The longest that one invocation may take, in seconds.
    pub timeout_s: Within<10, 900>,
    /// Whether AWS X-Ray traces the functions.
    pub tracing: bool,
    /// Instances of a worker at once; derived from the scarcest upstream quota unless given.
    pub max_concurrency: Option<Within<2, 1_000>>,
}

impl Default for FunctionsSection {
    fn default() -> Self {
        Self {
            architecture: Architecture::Arm64,
            memory_mb: Within::of::<256>(),
            timeout_s: Within::of::<300>(),
            tracing: false,
            max_concurrency: None,
        }
    }
}

/// The logs of the functions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogsSection {
    /// For how many days logs are kept.
    pub retention_days: Retention,
}

/// The pipeline on your own machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSection {
    /// A JSON Lines file of `{"item", "text", "language"}` that `fanggen run` takes instead of fetching.
    pub texts: Option<RelativePath>,
}

/// Who hears of it when something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsSection {
    /// Address that alarms are sent to.
    pub email: Option<Email>,
}

/// What happens to data.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// Whether tables, buckets and logs outlive the stack, which is then protected.
    pub retain: bool,
    /// Whether data is encrypted with a customer key instead of the service's own.
    pub kms: bool,
}

/// What it may cost.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSection {
    /// US dollars a month from which somebody should hear of it.
    pub monthly_usd: Option<Within<1, 1_000_000>>,
}

/// Permissions: everything is derived, this only narrows or adds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IamSection {
    /// A policy that bounds every role.
    pub permissions_boundary: Option<PolicyArn>,
    /// Permissions beside the derived ones.
    pub scopes: Vec<IamScope>,
}

/// One more permission, for one function.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamScope {
    /// The function: `producer`, `worker` or `worker-<stage>`.
    pub function: Name,
    /// IAM actions, exact, such as `s3:GetObject`.
    pub actions: Vec<Action>,
    /// ARNs, `*` and `?` allowed after the service; `*` alone for actions that know no resources.
    pub resources: Vec<ResourcePattern>,
    /// IAM conditions: operator, key, value or values.
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

/// What every stage has, whatever its kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageOptions {
    /// Whether the stage starts a function of its own, behind its own queue.
    pub isolate: bool,
    /// Which part of the upstream quota this environment may use, above 0 and up to 1.
    pub share: Share,
}
