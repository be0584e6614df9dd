//! JSON Feed 1.0 and 1.1 (<https://www.jsonfeed.org/version/1.1/>).

use serde_json::{Map, Value};
use url::Url;

use super::{Entry, Feed, date, some, unreadable, whole};
use crate::error::Error;
use crate::html::{self, collapsed};
use crate::values::tag;

/// What every version begins with.
const VERSION: &str = "https://jsonfeed.org/version/";

/// Reads a feed written in JSON.
pub fn read(text: &str, base: Option<&Url>) -> Result<Feed, Error> {
    let feed: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| unreadable(format_args!("it is no JSON: {error}")))?;
    let version = feed.get("version").and_then(Value::as_str).unwrap_or_default();
    if !version.trim().replacen("http:", "https:", 1).starts_with(VERSION) {
        return Err(unreadable(format_args!("it is JSON without the `version` of JSON Feed")));
    }
    let Some(Value::Array(items)) = feed.get("items") else {
        return Err(unreadable("it is a JSON Feed without a list of `items`"));
    };
    Ok(Feed {
        title: word(&feed, "title").map(|text| collapsed(&text)).and_then(some),
        language: word(&feed, "language").and_then(|said| tag(&said)),
        rights: None,
        entries: items.iter().enumerate().map(|(place, item)| entry(place, item, base)).collect(),
        broken: None,
    })
}

fn entry(place: usize, item: &Value, base: Option<&Url>) -> Entry {
    let Value::Object(item) = item else {
        let words = format!("entry {} of the feed is no JSON object", place + 1);
        let broken = Some(Error::permanent("entry_unreadable", words));
        return Entry { broken, ..Entry::default() };
    };
    let plain = |name| word(item, name).map(|text| collapsed(&text)).and_then(some);
    let html = word(item, "content_html").map(|html| html::text(&html)).and_then(some);
    let time = |name| word(item, name).and_then(|text| date::read(&text));
    Entry {
        id: word(item, "id").map(|id| id.trim().to_owned()).and_then(some),
        title: plain("title"),
        summary: plain("summary"),
        content: html.or_else(|| plain("content_text")),
        url: word(item, "url").or_else(|| word(item, "external_url")).and_then(|url| whole(&url, base)),
        published: time("date_published").or_else(|| time("date_modified")),
        language: word(item, "language").and_then(|said| tag(&said)),
        rights: None,
        broken: None,
    }
}

/// A text; what should be one and is a number is taken as it is written.
fn word(of: &Map<String, Value>, name: &str) -> Option<String> {
    match of.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
