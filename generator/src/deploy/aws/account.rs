//! The account behind the credentials: the SDK's configuration, loaded once, and who is calling.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts as sts;
use aws_sdk_sts::config::ProvideCredentials as _;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::api_call::ApiCall;
use super::call_error::CallError;
use super::call_log::CallLog;
use crate::resources::Target;

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] =
    &[ApiCall::new("sts:GetCallerIdentity", Target::Everything("WhoIsCallingHasNoResource")).plan().operate()];

/// How often a call is tried: if a fifth of all calls fail, one in 15,000 fails for good.
const ATTEMPTS: u32 = 6;
/// The longest wait before the second attempt of the very first call; it doubles with each attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// Timeouts of a connection and of one attempt, in seconds; the upload of a runtime takes longest.
const CONNECT_S: u64 = 5;
const ATTEMPT_S: u64 = 60;

/// What all clients are created from.
#[derive(Clone, Debug)]
pub struct Account {
    /// The SDK's configuration.
    pub sdk: SdkConfig,
    /// The region.
    pub region: String,
    /// The profile that the file names.
    profile: Option<String>,
}

/// The HTTP client of all calls, through the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) if there are any.
fn http_client() -> SharedHttpClient {
    let proxies = ProxyConfig::from_env();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let connector = connector.proxy_config(proxies.clone());
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CallerIdentity {
    /// The account, of 12 digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

impl CallerIdentity {
    /// The partition: `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).filter(|part| !part.is_empty()).unwrap_or("aws")
    }
}

impl Account {
    /// An account with a given configuration.
    #[must_use]
    pub fn of(sdk: SdkConfig, region: &str) -> Self {
        Self { sdk, region: region.to_owned(), profile: None }
    }

    /// Loads the configuration as every AWS tool does. Makes no call, unless the credentials need one.
    pub async fn open(region: &str, profile: Option<&str>) -> Self {
        let http = http_client();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(CONNECT_S))
            .operation_attempt_timeout(Duration::from_secs(ATTEMPT_S))
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(profile) = profile {
            // The SDK's default chain prefers keys in environment variables to a profile, but here the file names the profile.
            let place =
                ProviderConfig::default().with_http_client(http).with_region(Some(Region::new(region.to_owned())));
            let named = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&place).build();
            loader = loader.profile_name(profile).credentials_provider(named);
        }
        Self { sdk: loader.load().await, region: region.to_owned(), profile: profile.map(str::to_owned) }
    }

    /// The endpoint that replaces AWS, if one is set.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.sdk.endpoint_url()
    }

    /// The credentials, region and endpoints, as the environment variables of a Lambda function.
    ///
    /// # Errors
    /// No credentials.
    pub async fn variables(&self) -> Result<BTreeMap<String, String>, String> {
        const NONE: &str = "none were found";
        let provider = self.sdk.credentials_provider().ok_or(NONE)?;
        let found = provider.provide_credentials().await;
        let found = found.map_err(|error| error.source().map_or_else(|| NONE.into(), ToString::to_string))?;
        let places = std::env::vars().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL"));
        let mut variables: BTreeMap<String, String> = places.collect();
        variables.insert("AWS_REGION".into(), self.region.clone());
        variables.insert("AWS_ACCESS_KEY_ID".into(), found.access_key_id().to_owned());
        variables.insert("AWS_SECRET_ACCESS_KEY".into(), found.secret_access_key().to_owned());
        variables.extend(found.session_token().map(|token| ("AWS_SESSION_TOKEN".into(), token.to_owned())));
        Ok(variables)
    }

    /// Asks AWS who is calling.
    ///
    /// # Errors
    /// Missing, expired or invalid credentials, and a network failure.
    pub async fn identity(&self) -> Result<CallerIdentity, CallError> {
        const ACTION: &str = "sts:GetCallerIdentity";
        // Nothing has started yet: a missing network is reported within seconds.
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
        let config = sts::config::Builder::from(&self.sdk).retry_config(retries).interceptor(CallLog).build();
        let answer = sts::Client::from_conf(config).get_caller_identity().send().await;
        let answer = answer.map_err(|error| CallError::of(ACTION, error).with_profile(self.profile.as_deref()))?;
        Ok(CallerIdentity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }
}
