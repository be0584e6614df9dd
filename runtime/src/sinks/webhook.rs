//! Sink `webhook`: the records of a chunk, posted to an address and signed.

use serde::{Deserialize, Serialize};

use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Unit};
use crate::doors::Doors;
use crate::error::Error;
use crate::values::{Arn, HostPort, HttpUrl};

/// Posts records to somebody who listens. What signs them is read from AWS Secrets Manager, and never stands in a file
/// or a variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where records are posted to.
    pub url: HttpUrl,
    /// The secret in AWS Secrets Manager with which posts are signed, by its ARN; unsigned without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretArn>,
    /// Addresses on this machine or its network that may be reached all the same, for tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
}

crate::checked_text!(
    /// The ARN of a secret in AWS Secrets Manager.
    SecretArn,
    "the ARN of a secret such as `arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf`",
    "^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$",
    |text| {
        let name = text.split_once(":secret:").map_or("", |(_, name)| name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        let parts: Vec<&str> = text.split(':').collect();
        // Region and account are said, and `*` is not: the role may read this one secret.
        Arn::new(text).is_ok()
            && parts.get(2..5).is_some_and(|parts| parts[0] == "secretsmanager" && !parts[1].is_empty() && !parts[2].is_empty())
            && !name.is_empty()
            && name.bytes().all(fits)
    }
);

impl Component for Webhook {
    const CARD: Card = Card {
        stand_in: Some("jsonl"),
        deployable: false,
        ..Card::new(
            Role::Sink,
            "webhook",
            "records posted to an address, signed with a secret",
            "[sinks.alert]\ntype = \"webhook\"\nurl = \"https://example.com/hook\"\n\
             secret = \"arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf\"\n",
        )
    };

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        let secret = self.secret.as_ref().and_then(|secret| Arn::new(secret.as_str()).ok());
        let read = |secret| Permission {
            actions: vec!["secretsmanager:GetSecretValue"],
            on: Scope::Named(secret),
            why: "the worker signs what it posts",
        };
        secret.map(read).into_iter().collect()
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit { name: "secret_read", per_record: 0.0, why: "one read a start of the function" }]
    }

    fn open(&self, _: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        Err(Error::not_built("webhook"))
    }
}
