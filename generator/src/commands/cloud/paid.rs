//! The way to an engine that is paid for: what it will cost, somebody's yes, and the credentials of the shell.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use aws_smithy_runtime_api::client::identity::ProvideCredentials as _;
use fanggen_runtime::cloud::Cloud;
use fanggen_runtime::doors::Doors;

use crate::commands::{Failure, plural, to_person, words};
use crate::compare::{CompareError, Given};
use crate::deploy::doors::account::Account;

/// Characters of a unit, and the fewest units of a text (<https://aws.amazon.com/comprehend/pricing/>, 2026-11-22).
const UNIT: usize = 100;
const LEAST: usize = 3;
/// Dollars a unit, up to ten million units a month (the same page).
const PRICE: f64 = 0.0001;

/// The doors to AWS, once somebody has agreed to what they will cost.
///
/// # Errors
/// Nobody agreed, or there are no credentials.
pub fn doors(engine: &str, texts: &[Given], region: Option<&str>, yes: bool) -> Result<Box<dyn Doors>, Failure> {
    let units: usize = texts.iter().map(|given| given.text.chars().count().div_ceil(UNIT).max(LEAST)).sum();
    let cost = units as f64 * PRICE;
    words(&format!(
        "`{engine}` is paid for: {} are {}, about ${cost:.2} (prices of us-east-1 in November 2026)",
        plural(texts.len(), "text"),
        plural(units, "unit")
    ));
    if !yes {
        agree(engine)?;
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = region.map(str::to_owned).or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| "us-east-1".into());
    let closed = |reason: String| CompareError::Closed { name: engine.to_owned(), reason };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::System("no runtime could be started", error))?;
    let found = runtime.block_on(async {
        let account = Account::open(&region, None).await;
        let provider = account.sdk.credentials_provider()?;
        Some(provider.provide_credentials().await)
    });
    let credentials = match found {
        Some(Ok(credentials)) => credentials,
        Some(Err(error)) => {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            return Err(
                closed(format!("no credentials: {reason}; set them as for every AWS tool, then try again")).into()
            );
        }
        None => return Err(closed("no credentials: set them as for every AWS tool, then try again".into()).into()),
    };
    // The runtime's own door, which takes what a Lambda would have been given.
    let mut variables: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL")).collect();
    variables.insert("AWS_REGION".into(), region);
    variables.insert("AWS_ACCESS_KEY_ID".into(), credentials.access_key_id().to_owned());
    variables.insert("AWS_SECRET_ACCESS_KEY".into(), credentials.secret_access_key().to_owned());
    if let Some(token) = credentials.session_token() {
        variables.insert("AWS_SESSION_TOKEN".into(), token.to_owned());
    }
    Ok(Box::new(Cloud::of(variables)))
}

/// Asks, where somebody can answer.
fn agree(engine: &str) -> Result<(), CompareError> {
    if !std::io::stdin().is_terminal() || !to_person() {
        return Err(CompareError::Unpaid(engine.to_owned()));
    }
    let mut out = anstream::stderr();
    let _ = write!(out, "Ask it? [y/N] ").and_then(|()| out.flush());
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(CompareError::Declined),
    }
}
