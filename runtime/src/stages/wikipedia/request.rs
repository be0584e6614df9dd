//! What Wikipedia is asked: which titles it can be asked for, in which batches, under which address.

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;

use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::values::{HttpUrl, primary_language};

/// Titles of one request: the API's limit for extracts (`exlimit`, and only with `exintro`).
pub const TITLES: usize = 20;

/// Bytes of the titles in an address, encoded, at most. Servers and caches commonly take 8 KiB of address, and twenty
/// long titles in Chinese would be 15.
const TITLES_BYTES: usize = 6_000;

/// Bytes of a title at most, by MediaWiki's rules.
const TITLE_BYTES: usize = 255;

/// Characters that no title has, by MediaWiki's rules (`$wgLegalTitleChars`).
const NO_TITLE: &[char] = &['#', '<', '>', '[', ']', '{', '}', '|', '\u{fffd}'];

/// Titles that are asked for together, and whose they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Which Wikipedia is asked.
    pub language: String,
    /// The titles as the user wrote them, each with the places of the records that want it.
    pub titles: Vec<(String, Vec<usize>)>,
}

/// Sorts records into batches of one language each; those that cannot be asked for come back with the reason.
pub fn batches(records: &[Record], language: &str) -> (Vec<Batch>, Vec<(usize, Error)>) {
    let mut batches: Vec<Batch> = Vec::new();
    let mut refused = Vec::new();
    // Where a title was put already, and which batch of a language still has room.
    let mut known: HashMap<(String, &str), (usize, usize)> = HashMap::new();
    let mut open: HashMap<String, (usize, usize)> = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        let tag = record.item.language.as_deref().unwrap_or(language);
        let (language, title) = match wiki(tag).and_then(|wiki| Ok((wiki, title(record.item.lookup())?))) {
            Ok(both) => both,
            Err(error) => {
                refused.push((place, error));
                continue;
            }
        };
        if let Some((batch, slot)) = known.get(&(language.clone(), title)) {
            batches[*batch].titles[*slot].1.push(place);
            continue;
        }
        let bytes = encoded(title);
        let (batch, filled) = match open.get(&language) {
            Some((batch, filled)) if batches[*batch].titles.len() < TITLES && filled + bytes <= TITLES_BYTES => {
                (*batch, *filled)
            }
            _ => {
                batches.push(Batch { language: language.clone(), titles: Vec::new() });
                (batches.len() - 1, 0)
            }
        };
        open.insert(language.clone(), (batch, filled + bytes));
        known.insert((language, title), (batch, batches[batch].titles.len()));
        batches[batch].titles.push((title.to_owned(), vec![place]));
    }
    (batches, refused)
}

/// How many bytes a title takes in an address, with the bar after it.
fn encoded(title: &str) -> usize {
    url::form_urlencoded::byte_serialize(title.as_bytes()).map(str::len).sum::<usize>() + "%7C".len()
}

/// The title, where MediaWiki could have a page of it. A bar would ask for two pages, and is never sent.
fn title(text: &str) -> Result<&str, Error> {
    let invalid = |why: String| {
        let words = format!("`{text}` cannot be the title of a page: {why}; give the item the `title` of its page");
        Err(Error::permanent("title_invalid", words))
    };
    if text.trim().is_empty() {
        return invalid("it is empty".into());
    }
    if text.len() > TITLE_BYTES {
        return invalid(format!("it has {} bytes, and titles have {TITLE_BYTES} at most", text.len()));
    }
    match text.chars().find(|c| c.is_control() || NO_TITLE.contains(c)) {
        Some(odd) if odd.is_control() => invalid("it has a control character in it".into()),
        Some(odd) => invalid(format!("titles have no `{odd}`")),
        None => Ok(text),
    }
}

/// The Wikipedia of a language tag: its primary language. It becomes part of a host name, so nothing else passes.
fn wiki(tag: &str) -> Result<String, Error> {
    primary_language(tag).ok_or_else(|| {
        let words =
            format!("`{tag}` is not a language tag such as `en`, `de` or `zh-TW`: correct the item's `language`");
        Error::permanent("language_invalid", words)
    })
}

/// The address of a language's API.
///
/// # Errors
/// `settings_unreadable` where the setting is no address once the language is in it.
pub fn endpoint(setting: Option<&HttpUrl>, language: &str) -> Result<Url, Error> {
    let address = match setting {
        Some(address) => address.as_str().replace("{language}", language),
        None => format!("https://{language}.wikipedia.org/w/api.php"),
    };
    Url::parse(&address).map_err(|error| {
        Error::permanent(
            "settings_unreadable",
            format!("`endpoint` is no address for the language `{language}`: {error}"),
        )
    })
}

/// The address that asks for these titles, going on where the last answer said.
pub fn url(mut endpoint: Url, titles: &[(String, Vec<usize>)], sentences: u64, go_on: &Map<String, Value>) -> Url {
    let titles = titles.iter().map(|(title, _)| title.as_str()).collect::<Vec<_>>().join("|");
    endpoint
        .query_pairs_mut()
        .append_pair("action", "query")
        .append_pair("format", "json")
        .append_pair("formatversion", "2")
        .append_pair("prop", "extracts|pageprops|info")
        .append_pair("exintro", "1")
        .append_pair("explaintext", "1")
        .append_pair("exsentences", &sentences.to_string())
        .append_pair("exlimit", "max")
        .append_pair("ppprop", "disambiguation")
        .append_pair("inprop", "url")
        .append_pair("redirects", "1")
        // Wikimedia asks machines to step back while its replicas lag by more than five seconds.
        .append_pair("maxlag", "5")
        .append_pair("titles", &titles)
        .extend_pairs(go_on.iter().map(|(name, value)| match value {
            Value::String(text) => (name, text.clone()),
            other => (name, other.to_string()),
        }));
    endpoint
}

/// The address of a page, where the answer did not name it.
pub fn page(setting: Option<&HttpUrl>, language: &str, title: &str) -> Option<String> {
    let mut page = endpoint(setting, language).ok()?;
    page.set_query(None);
    page.path_segments_mut().ok()?.clear().extend(["wiki", &title.replace(' ', "_")]);
    Some(page.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;

    fn records(items: &[(&str, Option<&str>)]) -> Vec<Record> {
        let item =
            |(key, language): &(&str, Option<&str>)| Item { language: language.map(Into::into), ..Item::named(*key) };
        items.iter().map(|known| Record::new("r", "s", item(known))).collect()
    }

    #[test]
    fn a_title_is_asked_for_once_in_each_language() {
        let records =
            records(&[("Apple", None), ("Apfel", Some("de-AT")), ("Apple", Some("en-GB")), ("Apple", Some("zh-TW"))]);
        let (batches, refused) = batches(&records, "en");
        assert_eq!(refused, []);
        let short: Vec<_> = batches.iter().map(|batch| (batch.language.as_str(), batch.titles.clone())).collect();
        let title = |title: &str, places: &[usize]| vec![(title.to_owned(), places.to_vec())];
        assert_eq!(
            short,
            [("en", title("Apple", &[0, 2])), ("de", title("Apfel", &[1])), ("zh", title("Apple", &[3]))]
        );
    }

    #[test]
    fn a_batch_ends_where_its_titles_or_its_address_grow_too_long() {
        let sizes = |titles: &[String]| {
            let items: Vec<_> = titles.iter().map(|title| (title.as_str(), None)).collect();
            let (batches, refused) = batches(&records(&items), "en");
            assert_eq!(refused, []);
            batches.iter().map(|batch| batch.titles.len()).collect::<Vec<_>>()
        };
        let short: Vec<_> = (0..45).map(|n| format!("Title {n}")).collect();
        assert_eq!(sizes(&short), [20, 20, 5]);
        // 83 Chinese characters are 249 bytes, and 747 in an address.
        let long: Vec<_> = (0..10).map(|n| format!("{n}{}", "公".repeat(83))).collect();
        assert_eq!(sizes(&long), [7, 3]);
    }

    #[test]
    fn what_cannot_be_a_title_fails_alone_and_is_never_sent() {
        let long = "x".repeat(256);
        for odd in
            ["", "  ", "Apple|Google", "C#", "<b>", "[[Apple]]", "{{Apple}}", "a\u{1f}b", "a\nb", "\u{85}", &long]
        {
            let records = records(&[(odd, None), ("Apple", None)]);
            let (batches, refused) = batches(&records, "en");
            assert_eq!(batches.len(), 1, "{odd}");
            assert_eq!(batches[0].titles, [("Apple".to_owned(), vec![1])], "{odd}");
            assert_eq!(
                refused.iter().map(|(place, error)| (*place, error.code.as_str())).collect::<Vec<_>>(),
                [(0, "title_invalid")]
            );
        }
    }

    #[test]
    fn a_language_cannot_lead_to_another_host() {
        for odd in ["", "e", "english", "en.evil.example/", "e@", "../x", "日本"] {
            assert_eq!(wiki(odd).map_err(|error| error.code), Err("language_invalid".into()), "{odd}");
        }
        assert_eq!(wiki("ZH-tw"), Ok("zh".into()));
        assert_eq!((wiki("EN"), wiki("en_US")), (Ok("en".into()), Ok("en".into())));
        assert_eq!(endpoint(None, "de").expect("an address").as_str(), "https://de.wikipedia.org/w/api.php");
        let setting = HttpUrl::new("https://{language}.wiki.example/api?x=1").expect("an address");
        assert_eq!(endpoint(Some(&setting), "de").expect("an address").as_str(), "https://de.wiki.example/api?x=1");
    }

    #[test]
    fn the_address_of_a_page_can_be_built() {
        let page = |title| page(None, "de", title).expect("an address");
        assert_eq!(page("Apple Inc."), "https://de.wikipedia.org/wiki/Apple_Inc.");
        assert_eq!(page("AC/DC? 100%"), "https://de.wikipedia.org/wiki/AC%2FDC%3F_100%25");
    }
}
