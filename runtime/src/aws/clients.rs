//! The SDK clients. Each is created on first use; all share one HTTP client, region and credentials.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::http::Http;
use super::throttle::Throttle;
use super::tls_roots;
use crate::component::meter::Meter;
use crate::model::error::{Error, ErrorCode};

/// Attempts per call. If a third of all attempts fail, one call in 700 fails, and its chunk is redelivered.
const MAX_ATTEMPTS: u32 = 6;
/// Maximum wait before the second attempt. It doubles with each attempt, up to [`MAX_BACKOFF`].
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Connections within a region take milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time until the response headers arrive. The slowest call, 25 texts to Comprehend, takes a second or two.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients of one function.
pub struct Clients {
    variables: BTreeMap<String, String>,
    meter: Arc<Meter>,
    shared: OnceLock<Result<SdkConfig, Error>>,
    comprehend: OnceLock<aws_sdk_comprehend::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

/// Defines a method that creates a client on first use. `$service` is the suffix of its `AWS_ENDPOINT_URL_` variable.
macro_rules! client {
    ($name:ident, $sdk:ident, $service:literal) => {
        /// The client of this service.
        ///
        /// # Errors
        /// A variable is missing from the environment, or the certificates cannot be read.
        pub fn $name(&self) -> Result<$sdk::Client, Error> {
            if let Some(client) = self.$name.get() {
                return Ok(client.clone());
            }
            let mut config = $sdk::config::Builder::from(self.shared()?);
            config.push_interceptor(SharedInterceptor::new(Throttle(Arc::clone(&self.meter))));
            if let Some(url) = self.variable(concat!("AWS_ENDPOINT_URL_", $service)) {
                config.set_endpoint_url(Some(url.to_owned()));
            }
            Ok(self.$name.get_or_init(|| $sdk::Client::from_conf(config.build())).clone())
        }
    };
}

impl Clients {
    /// Clients for these environment variables. Nothing is created yet.
    pub fn new(variables: BTreeMap<String, String>, meter: Arc<Meter>) -> Self {
        Self {
            variables,
            meter,
            shared: OnceLock::new(),
            comprehend: OnceLock::new(),
            dynamodb: OnceLock::new(),
            s3: OnceLock::new(),
            secrets: OnceLock::new(),
            sns: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    client!(comprehend, aws_sdk_comprehend, "COMPREHEND");
    client!(dynamodb, aws_sdk_dynamodb, "DYNAMODB");
    client!(s3, aws_sdk_s3, "S3");
    client!(secrets, aws_sdk_secretsmanager, "SECRETS_MANAGER");
    client!(sns, aws_sdk_sns, "SNS");
    client!(sqs, aws_sdk_sqs, "SQS");

    /// The meter that the clients count throttling in.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn shared(&self) -> Result<&SdkConfig, Error> {
        self.shared.get_or_init(|| self.load()).as_ref().map_err(Error::clone)
    }

    /// Builds the configuration from Lambda's variables. The SDK's own loader would also look for profiles, files and
    /// services that do not exist there.
    fn load(&self) -> Result<SdkConfig, Error> {
        let required = |name: &str| {
            self.variable(name).ok_or_else(|| {
                let message =
                    format!("the environment variable `{name}` is not set; Lambda sets it for every function");
                Error::permanent(ErrorCode::SettingsUnreadable, message)
            })
        };
        let region = required("AWS_REGION")?;
        let token = self.variable("AWS_SESSION_TOKEN").map(str::to_owned);
        let (id, key) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        let credentials = Credentials::new(id, key, token, None, "environment");
        let http = Http::with_roots(tls_roots::roots(&self.variables, region)?);
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(INITIAL_BACKOFF)
            .with_max_backoff(MAX_BACKOFF);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .retry_config(retries)
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build(),
            );
        config.set_endpoint_url(self.variable("AWS_ENDPOINT_URL").map(str::to_owned));
        Ok(config.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let all = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        for missing in all {
            let set = all.iter().filter(|name| **name != missing).map(|name| ((*name).to_owned(), "x".to_owned()));
            let error = Clients::new(set.collect(), Arc::default()).sqs().expect_err(missing);
            let message = format!("the environment variable `{missing}` is not set; Lambda sets it for every function");
            assert_eq!((error.code.as_str(), error.message), ("settings_unreadable", message));
        }
    }
}
