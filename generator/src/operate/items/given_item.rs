//! An item as a command was given it, and how one is written on the command line. Pure.

use std::collections::BTreeSet;
use std::fmt;

use fanggen_runtime::model::items::invalid_key;
use fanggen_runtime::model::record::Item;

use super::mistakes::probable_attribute;

/// Where an item was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPlace {
    Argument(String),
    Line(String, u64),
}

impl fmt::Display for InputPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) => write!(f, "-i {}", fanggen_runtime::model::values::truncate(name, 60)),
            Self::Line(file, line) => write!(f, "{file}:{line}"),
        }
    }
}

/// An item as it was given.
pub struct GivenItem {
    pub place: InputPlace,
    pub item: Result<Item, String>,
    /// Attributes that were given without a value.
    pub clear: BTreeSet<String>,
}

/// An item of the command line: its name as it stands, then attributes.
pub fn argument(words: &[String]) -> GivenItem {
    let (name, attributes) = words.split_first().map_or((String::new(), &[][..]), |(name, rest)| (name.clone(), rest));
    let (mut item, mut clear) = (Item::named(name.clone()), BTreeSet::new());
    let mut given = BTreeSet::new();
    let read = attributes.iter().try_for_each(|word| {
        let (attribute, value) = word.split_once('=').ok_or_else(|| {
            format!("`{word}` is not an attribute such as `title=..`; for another item, write `-i` before it")
        })?;
        let label = attribute.strip_prefix("labels.");
        let attribute = label.unwrap_or(attribute).trim();
        if attribute.is_empty() || invalid_key(attribute).is_some() {
            return Err(format!("`{word}` has no attribute before the `=`"));
        }
        if !given.insert(attribute.to_owned()) {
            return Err(format!("the attribute `{attribute}` is given twice"));
        }
        if value.trim().is_empty() {
            clear.insert(attribute.to_owned());
            return Ok(());
        }
        let value = value.to_owned();
        match (attribute, label) {
            (_, Some(_)) => drop(item.labels.insert(attribute.to_owned(), value)),
            ("title", _) => item.title = Some(value),
            ("feed", _) => item.feed = Some(value),
            ("language", _) => item.language = Some(value),
            ("url", _) => item.url = Some(value),
            ("text", _) => item.text = Some(value),
            (other, None) => {
                if let Some(meant) = probable_attribute(other) {
                    return Err(format!(
                        "there is no attribute `{other}`; did you mean `{meant}`? For a label, write `labels.{other}=..`"
                    ));
                }
                item.labels.insert(other.to_owned(), value);
            }
        }
        Ok(())
    });
    GivenItem { place: InputPlace::Argument(name), item: read.map(|()| item), clear }
}
