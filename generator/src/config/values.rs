//! Types of values that only the generator needs: accounts, regions, actions and the like.

use fanggen_runtime::checked_string;
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

checked_string!(
    /// Number of an AWS account.
    AccountId,
    "the 12 digits of an AWS account, in quotes",
    "^[0-9]{12}$",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

checked_string!(
    /// An AWS region. New ones appear every year, so its form is checked and not a list.
    Region,
    "a region such as `us-east-1` or `eu-central-1`",
    "^[a-z]{2,4}(-[a-z]+)+-[0-9]$",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        // The plan reserves 14 characters for a region in a name: `ap-northeast-1` is the longest of today's, but for
        // those of governments.
        parts.len() >= 3
            && text.len() <= 14
            // `eusc-de-east-1` is the European Sovereign Cloud.
            && (2..=4).contains(&parts[0].len())
            && parts[..parts.len() - 1].iter().all(word)
            && parts[parts.len() - 1].len() == 1
            && parts[parts.len() - 1].bytes().all(|byte| byte.is_ascii_digit())
    }
);

impl Default for Region {
    fn default() -> Self {
        Self("us-east-1".into())
    }
}

checked_string!(
    /// One IAM action.
    Action,
    "one exact IAM action such as `s3:GetObject`",
    "^[a-z0-9-]+:[A-Za-z0-9]+$",
    |text| text.split_once(':').is_some_and(|(service, call)| {
        let service_fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !service.is_empty()
            && service.bytes().all(service_fits)
            && !call.is_empty()
            && call.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
);

checked_string!(
    /// An ARN in which `*` and `?` may stand after the service, or `*` alone.
    ResourcePattern,
    "an ARN such as `arn:aws:s3:::archive/2026/*`, or `*` alone for actions without resource-level permissions",
    "^([*]|arn:aws[a-z-]*:[a-z0-9-]+:[^:]*:[^:]*:.+)$",
    |text| text == "*" || {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        parts.len() == 6
            && parts[0] == "arn"
            && partition(parts[1])
            && !parts[2].is_empty()
            && parts[2].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !parts[5].is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
);

checked_string!(
    /// The ARN of an IAM policy: one of the account's, or one of AWS's own.
    PolicyArn,
    "the ARN of an IAM policy such as `arn:aws:iam::123456789012:policy/team`",
    "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-~]+$",
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, part, service, region, account, rest] = parts[..] else { return false };
        let owner = account == "aws" || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (arn, service, region) == ("arn", "iam", "")
            && partition(part)
            && owner
            && rest.strip_prefix("policy/").is_some_and(|name| {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
                !name.is_empty() && !name.ends_with('/') && name.len() <= 640 && name.bytes().all(fits)
            })
    }
);

/// Whether this is a partition of AWS: `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc` and the like.
fn partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && rest.len() > 1)
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The numbers of days that CloudWatch Logs knows
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
const RETENTIONS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Days for which CloudWatch keeps logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Retention(u64);

impl Retention {
    /// The days.
    #[must_use]
    pub const fn days(self) -> u64 {
        self.0
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self(30)
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = i64::deserialize(deserializer)?;
        u64::try_from(days).ok().filter(|days| RETENTIONS.contains(days)).map(Self).ok_or_else(|| {
            let known = RETENTIONS.map(|days| days.to_string()).join(", ");
            let expected = format!("a number of days that CloudWatch Logs accepts: {known}");
            de::Error::invalid_value(Unexpected::Signed(days), &expected.as_str())
        })
    }
}

impl schemars::JsonSchema for Retention {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Retention".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "enum": RETENTIONS })
    }
}

/// A part of an upstream quota.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Share(f64);

impl Share {
    /// The part, above 0 and up to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for Share {
    fn default() -> Self {
        Self(0.5)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if share > 0.0 && share <= 1.0 {
            Ok(Self(share))
        } else {
            Err(de::Error::invalid_value(Unexpected::Float(share), &"a number above 0, up to 1"))
        }
    }
}

impl schemars::JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 })
    }
}
