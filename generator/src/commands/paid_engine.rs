//! Access to an engine that costs money: an estimate, the user's consent, and the credentials.

use fanggen_runtime::aws::AwsServices;
use fanggen_runtime::component::services::Services;

use super::block_on::block_on;
use super::error::CommandError;
use super::output::{ask, message, plural};
use crate::compare::{CompareError, Sample};
use crate::deploy::aws::account::Account;

/// Characters per unit, and the minimum units per text (<https://aws.amazon.com/comprehend/pricing/>, 2026-11-22).
const UNIT: usize = 100;
const MINIMUM_UNITS: usize = 3;
/// Dollars per unit, up to ten million units a month (the same page).
const PRICE: f64 = 0.0001;

/// The units that a text costs, for each question about it.
pub fn units(text: &str) -> usize {
    text.chars().count().div_ceil(UNIT).max(MINIMUM_UNITS)
}

/// What units cost.
pub fn price(units: usize) -> String {
    let cost = units as f64 * PRICE;
    let dollars = if cost < 0.01 { "less than $0.01".into() } else { format!("about ${cost:.2}") };
    format!("{dollars} (prices of us-east-1 in November 2026)")
}

/// Shows what the engine will cost, asks for consent, and opens AWS's services.
///
/// # Errors
/// The user declined, there is no terminal to ask on, or there are no credentials.
pub fn services(
    engine: &str,
    texts: &[Sample],
    region: Option<&str>,
    yes: bool,
) -> Result<Box<dyn Services>, CommandError> {
    let units: usize = texts.iter().map(|given| units(&given.text)).sum();
    message(&format!(
        "`{engine}` costs money: {} for {}, {}",
        plural(units, "unit"),
        plural(texts.len(), "text"),
        price(units)
    ));
    if !yes {
        match ask(&format!("Use `{engine}`?")) {
            Some(true) => {}
            Some(false) => return Err(CompareError::Declined.into()),
            None => return Err(CompareError::Unpaid(engine.to_owned()).into()),
        }
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = region.map(str::to_owned).or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| "us-east-1".into());
    let closed = |reason: String| CompareError::Closed { name: engine.to_owned(), reason };
    let variables = block_on(async { Account::open(&region, None).await.variables().await })?;
    // The runtime takes its credentials from the variables that a Lambda function has.
    let variables = variables.map_err(|reason| {
        closed(format!("there are no AWS credentials ({reason}); set them as for the AWS CLI, then try again"))
    })?;
    Ok(Box::new(AwsServices::new(variables)))
}
