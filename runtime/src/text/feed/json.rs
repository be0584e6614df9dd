//! JSON Feed 1.0 and 1.1 (<https://www.jsonfeed.org/version/1.1/>).

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use url::Url;

use super::{EntryCollector, FeedEntry, ParsedFeed, absolute_url, broken_entry, date, language, metadata, non_blank};
use crate::model::error::Error;
use crate::text::html::{self, collapsed};

/// The beginning of every version.
const VERSION: &str = "https://jsonfeed.org/version/";

/// Reads a feed written in JSON.
pub fn read(text: &str, base: Option<&Url>) -> Result<ParsedFeed, Error> {
    let feed: JsonFeed =
        serde_json::from_str(text).map_err(|error| super::unreadable(format_args!("it is not valid JSON: {error}")))?;
    if !feed.version.0.unwrap_or_default().trim().replacen("http:", "https:", 1).starts_with(VERSION) {
        return Err(super::unreadable("it is JSON without the `version` of JSON Feed"));
    }
    let Some(entries) = feed.items.0 else {
        return Err(super::unreadable("it is a JSON Feed without a list of `items`"));
    };
    let mut feed = entries.finish(ParsedFeed {
        title: feed.title.0.map(|text| collapsed(&text)).and_then(metadata),
        language: feed.language.0.and_then(|tag| language(&tag)),
        ..ParsedFeed::default()
    });
    for entry in &mut feed.entries {
        entry.url = entry.url.take().and_then(|url| absolute_url(&url, base));
    }
    Ok(feed)
}

/// The members of a feed that are used. Nothing else is kept: a JSON document in memory takes many times its size.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct JsonFeed {
    version: LenientText,
    title: LenientText,
    language: LenientText,
    items: JsonFeedItems,
}

/// The members of an item that are used.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct JsonFeedItem {
    id: LenientText,
    title: LenientText,
    summary: LenientText,
    content_html: LenientText,
    content_text: LenientText,
    url: LenientText,
    external_url: LenientText,
    date_published: LenientText,
    date_modified: LenientText,
    language: LenientText,
}

impl From<JsonFeedItem> for FeedEntry {
    fn from(item: JsonFeedItem) -> Self {
        let plain = |text: LenientText| text.0.map(|text| collapsed(&text)).and_then(non_blank);
        let html = item.content_html.0.map(|html| html::text(&html)).and_then(non_blank);
        let time = |text: LenientText| text.0.and_then(|text| date::read(&text));
        Self {
            id: item.id.0.map(|id| id.trim().to_owned()).and_then(non_blank),
            title: plain(item.title),
            summary: plain(item.summary),
            content: html.or_else(|| plain(item.content_text)),
            url: item.url.0.or(item.external_url.0),
            published: time(item.date_published).or_else(|| time(item.date_modified)),
            language: item.language.0.and_then(|tag| language(&tag)),
            rights: None,
            broken: None,
        }
    }
}

/// A text, or a number as it is written; nothing for a value of any other type.
#[derive(Default)]
struct LenientText(Option<String>);

/// The entries of a list of items; nothing for a value of any other type.
#[derive(Default)]
struct JsonFeedItems(Option<EntryCollector>);

/// An item; nothing for a value that is not an object.
#[derive(Default)]
struct LenientItem(Option<JsonFeedItem>);

/// Visitor methods for values of an unexpected type: they are skipped.
macro_rules! skip {
    (list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    ($($visit:ident $(: $kind:ty)?),+) => {
        $(fn $visit<E>(self $(, _: $kind)?) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })+
    };
}

impl<'de> Deserialize<'de> for LenientText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = LenientText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(LenientText(Some(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(LenientText(Some(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(LenientText(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(LenientText(Number::from_f64(number).map(|number| number.to_string())))
    }

    skip!(visit_unit, visit_bool: bool);
    skip!(list);
    skip!(map);
}

impl<'de> Deserialize<'de> for JsonFeedItems {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = JsonFeedItems;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = EntryCollector::default();
        while let Some(LenientItem(item)) = list.next_element()? {
            let entry = item.map_or_else(|| broken_entry(entries.count(), "is not a JSON object"), FeedEntry::from);
            entries.push(entry);
        }
        Ok(JsonFeedItems(Some(entries)))
    }

    skip!(visit_unit, visit_bool: bool, visit_str: &str, visit_u64: u64, visit_i64: i64, visit_f64: f64);
    skip!(map);
}

impl<'de> Deserialize<'de> for LenientItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = LenientItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        JsonFeedItem::deserialize(MapAccessDeserializer::new(map)).map(|item| LenientItem(Some(item)))
    }

    skip!(visit_unit, visit_bool: bool, visit_str: &str, visit_u64: u64, visit_i64: i64, visit_f64: f64);
    skip!(list);
}
