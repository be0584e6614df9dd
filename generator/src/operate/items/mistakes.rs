//! What is wrong with an item that was given: the rules of `pipeline.toml`. Pure.

use fanggen_runtime::model::items::{ATTRIBUTES, Cells, Columns, to_cells};
use fanggen_runtime::model::record::Item;
use fanggen_runtime::model::values::{HttpUrl, Language};

/// The most bytes of a row, names and values together
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const ROW_BYTES: usize = 400 * 1024;

/// The row of an item.
///
/// # Errors
/// Why it cannot be one.
pub fn row(item: &Item, key: &str, columns: &Columns) -> Result<Cells, String> {
    if let Some(language) = &item.language
        && Language::new(language).is_err()
    {
        return Err(format!("`{language}` is not a language tag such as `en` or `zh-TW`"));
    }
    for (name, address) in [("feed", &item.feed), ("url", &item.url)] {
        if let Some(address) = address
            && let Err(allowed) = HttpUrl::new(address)
        {
            return Err(format!("the {name} `{address}` is not a valid address; allowed: {allowed}"));
        }
    }
    let row = to_cells(item, key, columns)
        .map_err(|label| format!("the label `{label}` has the name of an attribute; rename it"))?;
    let bytes: usize = row.iter().map(|(name, cell)| name.len() + cell.len()).sum();
    if bytes > ROW_BYTES {
        return Err(format!(
            "it takes {bytes} bytes, and a row may have {ROW_BYTES}; shorten its {}",
            item.longest_part()
        ));
    }
    Ok(row)
}

/// An attribute that was probably meant, where a label was given on the command line.
#[must_use]
pub fn probable_attribute(label: &str) -> Option<&'static str> {
    let label = label.to_lowercase();
    // Closer than for settings, whose names are all known: `team` is a label, and no misspelt `text`.
    let near = |name: &&str| {
        strsim::damerau_levenshtein(&label, name) <= 1 || label.len() >= 4 && name.starts_with(label.as_str())
    };
    ATTRIBUTES.into_iter().find(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_attribute_is_recognized_and_a_label_is_not() {
        for (label, attribute) in [("titel", "title"), ("Feed", "feed"), ("lang", "language"), ("urls", "url")] {
            assert_eq!(probable_attribute(label), Some(attribute));
        }
        for label in ["team", "ticker", "sector", "tags"] {
            assert_eq!(probable_attribute(label), None, "{label}");
        }
    }

    #[test]
    fn an_item_obeys_the_rules_of_the_pipeline_file() {
        let wrong = |item: Item| row(&item, "name", &Columns::default()).expect_err("a mistake");
        let item = || Item::named("a");
        assert!(wrong(Item { language: Some("English!".into()), ..item() }).contains("is not a language tag"));
        assert!(
            wrong(Item { feed: Some("ftp://x".into()), ..item() }).starts_with("the feed `ftp://x` is not a valid")
        );
        assert!(wrong(Item { url: Some("x".into()), ..item() }).starts_with("the url `x` is not a valid"));
        assert!(wrong(Item { text: Some("x".repeat(ROW_BYTES)), ..item() }).ends_with("shorten its text"));
        let labels = [("title".to_owned(), "x".to_owned())].into();
        assert!(
            wrong(Item { title: Some("y".into()), labels, ..item() }).starts_with("the label `title` has the name")
        );
    }
}
