//! Secrets: read from Secrets Manager, and neither kept nor shown.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::call::failed;
use crate::component::services::Secret;
use crate::model::error::{Error, ErrorCode};

/// A secret, by its ARN.
pub struct CachedSecret {
    /// The client.
    pub client: Client,
    /// The ARN.
    pub arn: String,
}

#[async_trait]
impl Secret for CachedSecret {
    async fn read(&self) -> Result<String, Error> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|error| failed("secretsmanager:GetSecretValue", &self.arn, error))?;
        let bytes = || String::from_utf8(answer.secret_binary.map(Vec::from).unwrap_or_default()).ok();
        answer.secret_string.or_else(bytes).filter(|secret| !secret.is_empty()).ok_or_else(|| {
            Error::permanent(ErrorCode::SecretUnreadable, format!("the secret `{}` holds no text", self.arn))
        })
    }
}
