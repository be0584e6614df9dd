//! Where the end-to-end tests deploy to: the emulator of the test's module; or, with `FANGGEN_E2E_AWS=1`, a real account.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::Credentials;

use super::emulator::{ACCOUNT, Emulator, REGION, block_on};

/// Set to `1`, the tests deploy to the account and region of the environment's own credentials, which costs money.
const REAL: &str = "FANGGEN_E2E_AWS";

/// Where the tests deploy to.
pub struct TargetAccount {
    /// None in a real account.
    pub emulator: Option<&'static Emulator>,
    pub account: String,
    pub region: String,
    /// A policy that bounds every role: in a real account, none is made for it.
    pub boundary: Option<String>,
    /// What all may be asked with.
    pub sdk: SdkConfig,
}

/// The one of this test's module.
pub fn target_account() -> &'static TargetAccount {
    let shared = super::shared::of_this_module();
    let is_real = std::env::var(REAL).is_ok_and(|set| set == "1");
    shared.target_account.get_or_init(|| if is_real { real() } else { emulated(shared.emulator()) })
}

fn emulated(emulator: &'static Emulator) -> TargetAccount {
    let sdk = emulator.sdk(&emulator.endpoint(), &emulator.root());
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let made = aws_sdk_iam::Client::new(&sdk).create_policy().policy_name("boundary").policy_document(all);
    let made = block_on(made.send()).unwrap_or_else(|error| panic!("no boundary: {error:?}"));
    let boundary = made.policy().and_then(|policy| policy.arn()).map(str::to_owned);
    TargetAccount { emulator: Some(emulator), account: ACCOUNT.into(), region: REGION.into(), boundary, sdk }
}

fn real() -> TargetAccount {
    let provider =
        aws_smithy_http_client::tls::Provider::Rustls(aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_https();
    let sdk = block_on(aws_config::defaults(BehaviorVersion::latest()).http_client(http).load());
    let asked = block_on(aws_sdk_sts::Client::new(&sdk).get_caller_identity().send());
    let account = asked.unwrap_or_else(|error| panic!("no credentials: {error:?}")).account.expect("an account");
    let region = sdk.region().unwrap_or_else(|| panic!("no region: set `AWS_REGION`")).to_string();
    TargetAccount { emulator: None, account, region, boundary: None, sdk }
}

impl TargetAccount {
    /// Where AWS is; nothing in a real account.
    pub fn endpoint(&self) -> String {
        self.emulator.map(Emulator::endpoint).unwrap_or_default()
    }

    /// The line that `fanggen` prints first where it talks to an emulator.
    pub fn note(&self) -> String {
        self.emulator.map(|it| note(&it.endpoint())).unwrap_or_default()
    }

    /// What a program needs in its environment to act by a key, or as whoever runs the tests.
    pub fn environment(&self, endpoint: &str, key: Option<&Credentials>) -> Vec<(&'static str, String)> {
        const OWN: [&str; 8] = [
            "AWS_ACCESS_KEY_ID",
            "AWS_CONFIG_FILE",
            "AWS_PROFILE",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_SHARED_CREDENTIALS_FILE",
            "HOME",
        ];
        match (self.emulator, key) {
            (Some(emulator), Some(key)) => emulator.environment_of(endpoint, key),
            (Some(emulator), None) => emulator.environment_of(endpoint, &emulator.root()),
            (None, _) => OWN.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))).collect(),
        }
    }
}

/// The line that `fanggen` prints first where it talks to another endpoint than AWS.
pub fn note(endpoint: &str) -> String {
    format!("note: using {endpoint} instead of AWS\n")
}
