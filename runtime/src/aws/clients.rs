//! The SDK's clients: each is made when a door first needs it, and all share one HTTP client, region and credentials.

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

/// How often a call is tried: with a third of all calls failing, one in 700 fails for good, and its chunk comes again.
const ATTEMPTS: u32 = 6;
/// The longest wait before the second attempt; it doubles with each, up to the most.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MOST_BACKOFF: Duration = Duration::from_secs(2);
/// For a connection within a region, which takes milliseconds.
const CONNECT: Duration = Duration::from_secs(3);
/// For an answer's head: the slowest call here, 25 texts at Comprehend, takes a second or two.
const READ: Duration = Duration::from_secs(10);

/// The clients of one Lambda.
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

/// A client by its first use: `$service` is how the variable with its endpoint ends.
macro_rules! client {
    ($name:ident, $sdk:ident, $service:literal) => {
        /// The client of this service.
        ///
        /// # Errors
        /// What is missing in the environment.
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
    /// Clients for these variables of the environment; nothing is made yet.
    pub fn of(variables: BTreeMap<String, String>, meter: Arc<Meter>) -> Self {
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

    /// What is counted while components work.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn shared(&self) -> Result<&SdkConfig, Error> {
        self.shared.get_or_init(|| self.load()).as_ref().map_err(Error::clone)
    }

    /// By hand from what Lambda sets: the SDK's own loader looks at profiles, files and services that are not there.
    fn load(&self) -> Result<SdkConfig, Error> {
        let must = |name: &str| {
            self.variable(name).ok_or_else(|| {
                let words = format!("`{name}` is not set in the environment: Lambda sets it for every function");
                Error::permanent(ErrorCode::SettingsUnreadable, words)
            })
        };
        let region = must("AWS_REGION")?;
        let token = self.variable("AWS_SESSION_TOKEN").map(str::to_owned);
        let (id, key) = (must("AWS_ACCESS_KEY_ID")?, must("AWS_SECRET_ACCESS_KEY")?);
        let credentials = Credentials::new(id, key, token, None, "environment");
        let http = Http::trusting(tls_roots::roots(&self.variables, region)?);
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(MOST_BACKOFF);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .retry_config(retries)
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build());
        config.set_endpoint_url(self.variable("AWS_ENDPOINT_URL").map(str::to_owned));
        Ok(config.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_should_have_set_is_named_where_it_is_missing() {
        let all = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        for missing in all {
            let set = all.iter().filter(|name| **name != missing).map(|name| ((*name).to_owned(), "x".to_owned()));
            let error = Clients::of(set.collect(), Arc::default()).sqs().expect_err(missing);
            let words = format!("`{missing}` is not set in the environment: Lambda sets it for every function");
            assert_eq!((error.code.as_str(), error.message), ("settings_unreadable", words));
        }
    }
}
