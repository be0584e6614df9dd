//! JSON Feed 1.0 and 1.1 (<https://www.jsonfeed.org/version/1.1/>).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use url::Url;

use super::{Entry, Feed, Kept, date, language, said, some, unread, unreadable, whole};
use crate::model::error::Error;
use crate::text::html::{self, collapsed};

/// What every version begins with.
const VERSION: &str = "https://jsonfeed.org/version/";

/// Reads a feed written in JSON.
pub fn read(text: &str, base: Option<&Url>) -> Result<Feed, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Root { base }.deserialize(&mut reader).and_then(|read| reader.end().map(|()| read));
    let read = read.map_err(|error| unreadable(format_args!("it is no JSON: {error}")))?;
    if !read.version.unwrap_or_default().trim().replacen("http:", "https:", 1).starts_with(VERSION) {
        return Err(unreadable("it is JSON without the `version` of JSON Feed"));
    }
    let Some(kept) = read.items else {
        return Err(unreadable("it is a JSON Feed without a list of `items`"));
    };
    Ok(kept.end(Feed {
        title: read.title.map(|text| collapsed(&text)).and_then(said),
        language: read.language.and_then(|named| language(&named)),
        ..Feed::default()
    }))
}

/// What is read of a feed. Nothing is kept of what nobody asks for: a document of JSON in memory takes many times its
/// bytes.
#[derive(Default)]
struct Top {
    version: Option<String>,
    title: Option<String>,
    language: Option<String>,
    items: Option<Kept>,
}

/// What is read of an item.
#[derive(Default)]
struct Item {
    id: Option<String>,
    title: Option<String>,
    summary: Option<String>,
    content_html: Option<String>,
    content_text: Option<String>,
    url: Option<String>,
    external_url: Option<String>,
    date_published: Option<String>,
    date_modified: Option<String>,
    language: Option<String>,
}

impl Item {
    fn entry(self, base: Option<&Url>) -> Entry {
        let plain = |text: Option<String>| text.map(|text| collapsed(&text)).and_then(some);
        let html = self.content_html.map(|html| html::text(&html)).and_then(some);
        let time = |text: Option<String>| text.and_then(|text| date::read(&text));
        Entry {
            id: self.id.map(|id| id.trim().to_owned()).and_then(some),
            title: plain(self.title),
            summary: plain(self.summary),
            content: html.or_else(|| plain(self.content_text)),
            url: self.url.or(self.external_url).and_then(|url| whole(&url, base)),
            published: time(self.date_published).or_else(|| time(self.date_modified)),
            language: self.language.and_then(|named| language(&named)),
            rights: None,
            broken: None,
        }
    }
}

/// Whatever JSON has that is none of what is asked for: it is read over, and is nothing.
macro_rules! nothing {
    ($($visit:ident $(: $kind:ty)?),+) => {
        $(fn $visit<E>(self $(, _: $kind)?) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })+
    };
}

fn skip_list<'a, A: SeqAccess<'a>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_map<'a, A: MapAccess<'a>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A text; what should be one and is a number is taken as it is written.
struct Word;

impl<'a> DeserializeSeed<'a> for Word {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Word {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map(|number| number.to_string()))
    }

    nothing!(visit_unit, visit_bool: bool);

    fn visit_seq<A: SeqAccess<'a>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list).map(|()| None)
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_map(map).map(|()| None)
    }
}

/// The feed as a whole.
struct Root<'u> {
    base: Option<&'u Url>,
}

impl<'a> DeserializeSeed<'a> for Root<'_> {
    type Value = Top;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Top, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Root<'_> {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => top.version = map.next_value_seed(Word)?,
                "title" => top.title = map.next_value_seed(Word)?,
                "language" => top.language = map.next_value_seed(Word)?,
                "items" => top.items = map.next_value_seed(Items { base: self.base })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(top)
    }
}

/// The list of items; nothing where it is none.
struct Items<'u> {
    base: Option<&'u Url>,
}

impl<'a> DeserializeSeed<'a> for Items<'_> {
    type Value = Option<Kept>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Items<'_> {
    type Value = Option<Kept>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    nothing!(visit_unit, visit_bool: bool, visit_str: &str, visit_u64: u64, visit_i64: i64, visit_f64: f64);

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_map(map).map(|()| None)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Kept::default();
        while let Some(item) = list.next_element_seed(One)? {
            let entry = item.map(|item| item.entry(self.base));
            kept.push(entry.unwrap_or_else(|| unread(kept.count(), "is no JSON object")));
        }
        Ok(Some(kept))
    }
}

/// One item; nothing where it is no object.
struct One;

impl<'a> DeserializeSeed<'a> for One {
    type Value = Option<Item>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for One {
    type Value = Option<Item>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    nothing!(visit_unit, visit_bool: bool, visit_str: &str, visit_u64: u64, visit_i64: i64, visit_f64: f64);

    fn visit_seq<A: SeqAccess<'a>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list).map(|()| None)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut item = Item::default();
        while let Some(key) = map.next_key::<String>()? {
            let part = match key.as_str() {
                "id" => &mut item.id,
                "title" => &mut item.title,
                "summary" => &mut item.summary,
                "content_html" => &mut item.content_html,
                "content_text" => &mut item.content_text,
                "url" => &mut item.url,
                "external_url" => &mut item.external_url,
                "date_published" => &mut item.date_published,
                "date_modified" => &mut item.date_modified,
                "language" => &mut item.language,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *part = map.next_value_seed(Word)?;
        }
        Ok(Some(item))
    }
}
