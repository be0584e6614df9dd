//! Which items `list` shows: a text in any attribute, or an exact attribute. Pure.

use std::str::FromStr;

use fanggen_runtime::model::items::Cells;

/// A condition on an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemFilter {
    /// Any value contains this, whatever its case.
    Contains(String),
    /// An attribute has exactly this value; blank means that it has none.
    Equals(String, String),
}

impl FromStr for ItemFilter {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Self::Equals(name.trim().to_owned(), value.to_owned()),
            _ => Self::Contains(text.to_lowercase()),
        })
    }
}

impl ItemFilter {
    /// Whether a row fits.
    #[must_use]
    pub fn fits(&self, row: &Cells) -> bool {
        match self {
            Self::Contains(text) => row.values().any(|cell| cell.to_lowercase().contains(text)),
            Self::Equals(name, value) => row.get(name).map_or("", String::as_str) == value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_text_or_an_attribute() {
        let row = Cells::from([("name".into(), "Müller & Söhne".into()), ("team".into(), "a=b".into())]);
        let fits = |text: &str| text.parse::<ItemFilter>().is_ok_and(|filter| filter.fits(&row));
        for text in ["MÜLLER", "söhne", "team=a=b", "title=", ""] {
            assert!(fits(text), "{text}");
        }
        for text in ["team=a", "title=x", "Maier", "name=müller & söhne"] {
            assert!(!fits(text), "{text}");
        }
    }
}
