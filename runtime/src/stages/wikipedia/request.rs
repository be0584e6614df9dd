//! The requests to the MediaWiki API: valid titles, batches and URLs.

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;

use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;
use crate::model::values::{HttpUrl, primary_language};

/// Titles per request: the API's limit for extracts (`exlimit`, only with `exintro`).
pub const TITLES: usize = 20;

/// Maximum length of the encoded titles in a URL, in bytes. Servers and caches commonly accept URLs of 8 KiB, and twenty long
/// Chinese titles would need 15.
const MAX_TITLES_BYTES: usize = 6_000;

/// MediaWiki's maximum length of a title in bytes.
const MAX_TITLE_BYTES: usize = 255;

/// Characters that MediaWiki does not allow in titles (`$wgLegalTitleChars`).
const INVALID_TITLE_CHARS: &[char] = &['#', '<', '>', '[', ']', '{', '}', '|', '\u{fffd}'];

/// The titles of one request, and the records that they belong to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TitleBatch {
    /// The language edition of Wikipedia.
    pub language: String,
    /// The titles as the user wrote them, each with the indexes of its records.
    pub titles: Vec<(String, Vec<usize>)>,
}

/// Groups records into batches of one language each; those without a valid title are returned with the reason.
pub fn batches(records: &[Record], language: &str) -> (Vec<TitleBatch>, Vec<(usize, Error)>) {
    let mut batches: Vec<TitleBatch> = Vec::new();
    let mut refused = Vec::new();
    // The slot of each known title, and the batch of each language that still has room.
    let mut known: HashMap<(String, &str), (usize, usize)> = HashMap::new();
    let mut open: HashMap<String, (usize, usize)> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let tag = record.item.language.as_deref().unwrap_or(language);
        let (language, title) = match edition(tag).and_then(|edition| Ok((edition, title(record.item.lookup())?))) {
            Ok(both) => both,
            Err(error) => {
                refused.push((index, error));
                continue;
            }
        };
        if let Some((batch, slot)) = known.get(&(language.clone(), title)) {
            batches[*batch].titles[*slot].1.push(index);
            continue;
        }
        let bytes = encoded_length(title);
        let (batch, filled) = match open.get(&language) {
            Some((batch, filled)) if batches[*batch].titles.len() < TITLES && filled + bytes <= MAX_TITLES_BYTES => {
                (*batch, *filled)
            }
            _ => {
                batches.push(TitleBatch { language: language.clone(), titles: Vec::new() });
                (batches.len() - 1, 0)
            }
        };
        open.insert(language.clone(), (batch, filled + bytes));
        known.insert((language, title), (batch, batches[batch].titles.len()));
        batches[batch].titles.push((title.to_owned(), vec![index]));
    }
    (batches, refused)
}

/// The length of a title in a URL, including the separator after it.
fn encoded_length(title: &str) -> usize {
    url::form_urlencoded::byte_serialize(title.as_bytes()).map(str::len).sum::<usize>() + "%7C".len()
}

/// Checks that MediaWiki could have a page of this title. A `|` would request two pages, so it is never sent.
fn title(text: &str) -> Result<&str, Error> {
    let invalid = |why: String| {
        let message =
            format!("`{text}` is not a valid page title: {why}; set the item's `title` to the title of its page");
        Err(Error::permanent(ErrorCode::TitleInvalid, message))
    };
    if text.trim().is_empty() {
        return invalid("it is empty".into());
    }
    if text.len() > MAX_TITLE_BYTES {
        return invalid(format!("it has {} bytes, more than the maximum of {MAX_TITLE_BYTES}", text.len()));
    }
    match text.chars().find(|c| c.is_control() || INVALID_TITLE_CHARS.contains(c)) {
        Some(odd) if odd.is_control() => invalid("it contains a control character".into()),
        Some(odd) => invalid(format!("titles cannot contain `{odd}`")),
        None => Ok(text),
    }
}

/// The language edition for a tag: its primary language. It becomes part of a host name, so nothing else is accepted.
fn edition(tag: &str) -> Result<String, Error> {
    primary_language(tag).ok_or_else(|| {
        let message =
            format!("`{tag}` is not a language tag such as `en`, `de` or `zh-TW`: correct the item's `language`");
        Error::permanent(ErrorCode::LanguageInvalid, message)
    })
}

/// The API endpoint of a language edition.
///
/// # Errors
/// `settings_unreadable` if the setting is not a URL once the language is inserted.
pub fn endpoint(setting: Option<&HttpUrl>, language: &str) -> Result<Url, Error> {
    let address = match setting {
        Some(address) => address.as_str().replace("{language}", language),
        None => format!("https://{language}.wikipedia.org/w/api.php"),
    };
    Url::parse(&address).map_err(|error| {
        Error::permanent(
            ErrorCode::SettingsUnreadable,
            format!("`endpoint` is not a valid URL for the language `{language}`: {error}"),
        )
    })
}

/// The URL that requests these titles, with the continuation of the response before.
pub fn url(
    mut endpoint: Url,
    titles: &[(String, Vec<usize>)],
    sentences: u64,
    continuation: &Map<String, Value>,
) -> Url {
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
        // Wikimedia asks clients to back off while its replicas lag by more than five seconds.
        .append_pair("maxlag", "5")
        .append_pair("titles", &titles)
        .extend_pairs(continuation.iter().map(|(name, value)| match value {
            Value::String(text) => (name, text.clone()),
            other => (name, other.to_string()),
        }));
    endpoint
}

/// The URL of a page, for responses without it.
pub fn page_url(setting: Option<&HttpUrl>, language: &str, title: &str) -> Option<String> {
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
    fn a_title_is_requested_once_in_each_language() {
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
    fn a_batch_is_limited_by_its_titles_and_its_url() {
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
    fn an_invalid_title_fails_alone_and_is_never_sent() {
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
            assert_eq!(edition(odd).map_err(|error| error.code.to_string()), Err("language_invalid".into()), "{odd}");
        }
        assert_eq!(edition("ZH-tw"), Ok("zh".into()));
        assert_eq!((edition("EN"), edition("en_US")), (Ok("en".into()), Ok("en".into())));
        assert_eq!(endpoint(None, "de").expect("a URL").as_str(), "https://de.wikipedia.org/w/api.php");
        let setting = HttpUrl::new("https://{language}.wiki.example/api?x=1").expect("a URL");
        assert_eq!(endpoint(Some(&setting), "de").expect("a URL").as_str(), "https://de.wiki.example/api?x=1");
    }

    #[test]
    fn the_url_of_a_page_can_be_built() {
        let page = |title| page_url(None, "de", title).expect("a URL");
        assert_eq!(page("Apple Inc."), "https://de.wikipedia.org/wiki/Apple_Inc.");
        assert_eq!(page("AC/DC? 100%"), "https://de.wikipedia.org/wiki/AC%2FDC%3F_100%25");
    }
}
