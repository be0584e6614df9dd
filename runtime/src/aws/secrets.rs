//! Reads secrets from Secrets Manager. They are neither stored nor logged.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::call::call_error;
use crate::component::services::Secret;
use crate::model::error::{Error, ErrorCode};

/// A secret.
pub struct SecretsManagerSecret {
    /// The client.
    pub client: Client,
    /// The ARN of the secret.
    pub arn: String,
}

#[async_trait]
impl Secret for SecretsManagerSecret {
    async fn read(&self) -> Result<String, Error> {
        let response = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let response = response.map_err(|error| call_error("secretsmanager:GetSecretValue", &self.arn, error))?;
        let bytes = || String::from_utf8(response.secret_binary.map(Vec::from).unwrap_or_default()).ok();
        response.secret_string.or_else(bytes).filter(|secret| !secret.is_empty()).ok_or_else(|| {
            Error::permanent(ErrorCode::SecretUnreadable, format!("the secret `{}` is empty or not UTF-8", self.arn))
        })
    }
}
