//! The prices of what components count: dated, from `data/prices.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// Days of a month on average: a year has 365.25.
pub const DAYS_OF_MONTH: f64 = 365.25 / 12.0;

/// The price of one unit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPrice {
    /// In US dollars, in most regions.
    pub usd: f64,
    /// When it was read.
    pub date: String,
    /// Where it was read.
    pub page: String,
}

/// The price of a unit, by its name on a component's card.
#[must_use]
pub fn unit(name: &str) -> Option<&'static UnitPrice> {
    static PRICES: OnceLock<BTreeMap<String, UnitPrice>> = OnceLock::new();
    PRICES.get_or_init(|| toml::from_str(include_str!("../data/prices.toml")).unwrap_or_default()).get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_prices_is_readable() {
        let price = unit("comprehend_unit").expect("a price");
        assert!(price.usd > 0.0 && price.page.starts_with("https://") && price.date.len() == 10, "{price:?}");
    }
}
