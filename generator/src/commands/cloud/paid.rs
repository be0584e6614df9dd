//! The way to an engine that is paid for: what it will cost, somebody's yes, and the credentials of the shell.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use fanggen_runtime::aws::Cloud;
use fanggen_runtime::component::services::Doors;

use crate::commands::{Failure, plural, to_person, words};
use crate::compare::{CompareError, Given};
use crate::deploy::aws::account::Account;

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
    let dollars = if cost < 0.01 { "less than $0.01".into() } else { format!("about ${cost:.2}") };
    words(&format!(
        "`{engine}` is paid for: {} for {}, {dollars} (prices of us-east-1 in November 2026)",
        plural(units, "unit"),
        plural(texts.len(), "text")
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
    let variables = runtime.block_on(async { Account::open(&region, None).await.variables().await });
    // The runtime's own door, which takes what a Lambda would have been given.
    let variables = variables.map_err(|reason| {
        closed(format!("no credentials ({reason}); set them as for every AWS tool, then try again"))
    })?;
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
