//! Parses the responses of the MediaWiki API: pages in any order, under redirected titles, in parts, in two formats.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::model::error::{Error, ErrorCode};

/// The pages in the responses to one batch so far.
#[derive(Debug, Default)]
pub struct WikipediaPages {
    // Normalized, converted and redirected titles, each mapped to the next step.
    redirects: HashMap<String, String>,
    // The section of its page to which a title redirects.
    sections: HashMap<String, String>,
    interwiki: HashSet<String>,
    pages: BTreeMap<String, PageData>,
    complete: bool,
}

#[derive(Debug, Default)]
struct PageData {
    missing: bool,
    invalid: Option<String>,
    ambiguous: bool,
    extract: Option<String>,
    url: Option<String>,
    revision: Option<u64>,
}

/// Why a response has no pages.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// It cannot be parsed.
    Unreadable(String),
    /// The API returned an error, with HTTP status 200.
    Api {
        /// The code of the error.
        code: String,
        /// Its message.
        info: String,
    },
}

/// The introduction of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The title of the page, after redirects.
    pub title: String,
    /// The text, as many sentences as requested.
    pub body: String,
    /// The URL, if the response contains it.
    pub url: Option<String>,
    /// The revision.
    pub revision: Option<u64>,
}

impl WikipediaPages {
    /// Adds one response, and returns the continuation parameters if there is more.
    ///
    /// # Errors
    /// A response that cannot be parsed, or an error of the API.
    pub fn take(&mut self, body: &[u8]) -> Result<Option<Map<String, Value>>, ResponseError> {
        let response: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| ResponseError::Unreadable(error.to_string()))?;
        if let Some(error) = api_error(&response) {
            return Err(error);
        }
        let next = response.get("continue").and_then(Value::as_object).filter(|next| !next.is_empty());
        self.complete = flag(response.get("batchcomplete"));
        match response.get("query").and_then(Value::as_object) {
            Some(query) => self.merge(query),
            // A later part may contain nothing new, but a response without any of the three is something else.
            None if next.is_some() || self.complete => {}
            None => return Err(ResponseError::Unreadable("it contains neither pages nor an error".into())),
        }
        Ok(next.cloned())
    }

    fn merge(&mut self, query: &Map<String, Value>) {
        for step in ["normalized", "converted", "redirects"].into_iter().flat_map(|name| list(query.get(name))) {
            if let (Some(from), Some(to)) = (text(step, "from"), text(step, "to")) {
                // Titles in another Unicode form than MediaWiki's are returned percent-encoded.
                let from = if flag(step.get("fromencoded")) { decoded(from) } else { from.to_owned() };
                if let Some(section) = text(step, "tofragment").filter(|section| !section.is_empty()) {
                    self.sections.insert(from.clone(), section.to_owned());
                }
                if from != to {
                    self.redirects.insert(from, to.to_owned());
                }
            }
        }
        self.interwiki.extend(list(query.get("interwiki")).filter_map(|link| text(link, "title")).map(Into::into));
        for data in list(query.get("pages")) {
            let Some(title) = text(data, "title") else { continue };
            let page = self.pages.entry(title.to_owned()).or_default();
            page.missing |= flag(data.get("missing")) || flag(data.get("special"));
            page.ambiguous |= data.get("pageprops").is_some_and(|props| props.get("disambiguation").is_some());
            if flag(data.get("invalid")) {
                page.invalid = Some(text(data, "invalidreason").unwrap_or_default().to_owned());
            }
            // Format version 1 wraps the text in an object.
            let extract = data.get("extract").map(|extract| extract.get("*").unwrap_or(extract));
            if let Some(extract) = extract.and_then(Value::as_str) {
                page.extract = Some(extract.to_owned());
            }
            page.url = text(data, "fullurl").map(Into::into).or(page.url.take());
            page.revision = data.get("lastrevid").and_then(Value::as_u64).or(page.revision);
        }
    }

    /// The introduction of the page that a requested title leads to.
    ///
    /// # Errors
    /// `page_missing`, `page_section`, `page_ambiguous`, `title_invalid` and `text_empty` are permanent; `answer_incomplete` is
    /// transient.
    pub fn find(&self, requested: &str, language: &str) -> Result<Introduction, Error> {
        let mut title = requested;
        let mut seen = HashSet::new();
        let mut section = None;
        while let Some(next) = self.redirects.get(title) {
            // Only that of the last step: it belongs to the page itself.
            section = self.sections.get(title);
            if !seen.insert(title) {
                let message = format!("`{requested}` is a circular redirect on {language}.wikipedia.org: {TITLE_HELP}");
                return Err(Error::permanent(ErrorCode::PageMissing, message));
            }
            title = next;
        }
        let named = if title == requested {
            format!("`{title}`")
        } else {
            format!("`{title}` (redirected from `{requested}`)")
        };
        let permanent = |code, message: String| Err(Error::permanent(code, message));
        if self.interwiki.contains(title) {
            return permanent(ErrorCode::PageMissing, format!("{named} is a page on another wiki: {TITLE_HELP}"));
        }
        let Some(page) = self.pages.get(title) else {
            let message = format!("the response of {language}.wikipedia.org does not contain {named}");
            return Err(Error::transient(ErrorCode::AnswerIncomplete, message));
        };
        if let Some(reason) = &page.invalid {
            return permanent(
                ErrorCode::TitleInvalid,
                format!("{named} is not a valid page title: {reason}; {TITLE_HELP}"),
            );
        }
        if page.missing {
            let message =
                format!("{named} does not exist on {language}.wikipedia.org: check the spelling, or {TITLE_HELP}");
            return permanent(ErrorCode::PageMissing, message);
        }
        if let Some(section) = section {
            // The introduction is about the page, which is something larger, and extracts of sections do not exist.
            let message = format!(
                "`{requested}` is only a section of `{title}` on {language}.wikipedia.org (`{section}`): set the item's \
                 `title` to `{title}` if you mean the whole page, or to another page"
            );
            return permanent(ErrorCode::PageSection, message);
        }
        if page.ambiguous {
            let message = format!(
                "{named} is a disambiguation page: set the item's `title` to the page that you mean, such as \
                 `{title} (company)`"
            );
            return permanent(ErrorCode::PageAmbiguous, message);
        }
        match page.extract.as_deref().map(str::trim) {
            Some(body) if !body.is_empty() => Ok(Introduction {
                title: title.to_owned(),
                body: body.to_owned(),
                url: page.url.clone(),
                revision: page.revision,
            }),
            None if !self.complete => {
                let message = format!("the response of {language}.wikipedia.org ends before the text of {named}");
                Err(Error::transient(ErrorCode::AnswerIncomplete, message))
            }
            _ => permanent(ErrorCode::TextEmpty, format!("{named} has no introduction: {TITLE_HELP}")),
        }
    }
}

const TITLE_HELP: &str = "set the item's `title` to the title of its page";

/// The error in a response, in either format (`errorformat=bc` and the newer ones).
fn api_error(response: &Map<String, Value>) -> Option<ResponseError> {
    let error = response.get("error").or_else(|| response.get("errors").and_then(|errors| errors.get(0)))?;
    let info = ["info", "text", "html", "*"].into_iter().find_map(|name| text(error, name)).unwrap_or_default();
    Some(ResponseError::Api {
        code: text(error, "code").unwrap_or("unknown").to_owned(),
        info: info.chars().take(200).collect(),
    })
}

/// A flag of either format: `true`, or merely present.
fn flag(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
}

/// The elements of a list, or of an object whose keys are page ids.
fn list(value: Option<&Value>) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Some(Value::Array(list)) => Box::new(list.iter()),
        Some(Value::Object(map)) => Box::new(map.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pages(answers: &[Value]) -> WikipediaPages {
        let mut pages = WikipediaPages::default();
        for answer in answers {
            pages.take(answer.to_string().as_bytes()).expect("an answer");
        }
        pages
    }

    fn code(pages: &WikipediaPages, asked: &str) -> String {
        pages.find(asked, "en").expect_err("a failure").code.to_string()
    }

    #[test]
    fn any_bytes_are_parsed_or_refused_and_never_give_an_empty_text() {
        let check = |bytes: &[u8]| {
            let mut pages = WikipediaPages::default();
            // The parts of a response follow one another, as continuations do.
            for part in bytes.split(|byte| *byte == 0) {
                let _ = pages.take(part);
            }
            for title in ["A", "Apple Inc.", "\u{c9}"] {
                match pages.find(title, "en") {
                    Ok(found) => assert!(!found.body.trim().is_empty() && !found.title.is_empty()),
                    Err(error) => assert!(!error.message.is_empty()),
                }
            }
        };
        crate::testing::corpus::replay(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/wikipedia"), check);
        bolero::check!().for_each(check);
    }

    #[test]
    fn a_title_is_followed_through_every_reported_step() {
        let pages = pages(&[json!({"batchcomplete": true, "query": {
            "normalized": [
                {"fromencoded": false, "from": "big_apple", "to": "Big apple"},
                {"fromencoded": true, "from": "Cafe%CC%81%20%26%2B", "to": "Café &+"}
            ],
            "converted": [{"from": "Big apple", "to": "Big Apple"}],
            "redirects": [{"from": "Big Apple", "to": "NYC"}, {"from": "NYC", "to": "New York City"}],
            "pages": [{"title": "Café &+", "extract": "B"}, {"title": "New York City", "extract": "A\n"}]
        }})]);
        assert_eq!(pages.find("big_apple", "en").expect("a page").title, "New York City");
        assert_eq!(pages.find("Cafe\u{301} &+", "en").expect("a page").body, "B");
    }

    #[test]
    fn a_redirect_into_a_section_does_not_give_the_introduction_of_the_whole_page() {
        let pages = pages(&[json!({"batchcomplete": true, "query": {
            "normalized": [{"from": "galaxy_A3", "to": "Galaxy A3"}],
            "redirects": [
                {"from": "Galaxy A3", "to": "Galaxy A", "tofragment": "A3"},
                {"from": "Old", "to": "Older", "tofragment": "gone"}, {"from": "Older", "to": "Galaxy A"}
            ],
            "pages": [{"title": "Galaxy A", "extract": "A series."}, {"title": "Lost", "missing": true}]
        }})]);
        let error = pages.find("galaxy_A3", "en").expect_err("a section");
        assert_eq!((error.code.as_str(), error.transient), ("page_section", false));
        let words = "`galaxy_A3` is only a section of `Galaxy A` on en.wikipedia.org (`A3`): set the item's `title` to \
                     `Galaxy A` if you mean the whole page, or to another page";
        assert_eq!(error.message, words);
        assert_eq!(pages.find("Galaxy A", "en").expect("the page itself").body, "A series.");
        assert_eq!(pages.find("Old", "en").expect("the last step has no section").body, "A series.");
    }

    #[test]
    fn circular_redirects_fail() {
        let pages = pages(&[json!({"batchcomplete": true, "query": {
            "redirects": [{"from": "A", "to": "B"}, {"from": "B", "to": "A"}, {"from": "C", "to": "C"}],
            "pages": [{"title": "C", "extract": "c"}]
        }})]);
        assert_eq!(code(&pages, "A"), "page_missing");
        assert_eq!(pages.find("C", "en").expect("a page").body, "c");
    }

    #[test]
    fn both_format_versions_give_the_same_pages() {
        let new = json!({"batchcomplete": true, "query": {
            "interwiki": [{"title": "de:Apfel", "iw": "de"}],
            "pages": [
                {"title": "Gone", "missing": true}, {"title": "Odd", "invalid": true, "invalidreason": "why"},
                {"title": "Many", "pageprops": {"disambiguation": ""}, "extract": "Many may refer to:"},
                {"title": "Bare"}, {"title": "Empty", "extract": " "}, {"title": "Special:Search", "special": true},
                {"title": "Full", "missing": false, "extract": "Text.", "lastrevid": 7, "fullurl": "https://u"}
            ]
        }});
        let old = json!({"batchcomplete": "", "query": {
            "interwiki": [{"title": "de:Apfel", "iw": "de"}],
            "pages": {
                "-1": {"title": "Gone", "missing": ""}, "-2": {"title": "Odd", "invalid": "", "invalidreason": "why"},
                "3": {"title": "Many", "pageprops": {"disambiguation": ""}, "extract": {"*": "Many may refer to:"}},
                "4": {"title": "Bare"}, "5": {"title": "Empty", "extract": {"*": ""}},
                "-3": {"title": "Special:Search", "special": ""},
                "6": {"title": "Full", "extract": {"*": "Text."}, "lastrevid": 7, "fullurl": "https://u"}
            }
        }});
        for answer in [new, old] {
            let pages = pages(&[answer]);
            for (asked, expected) in [
                ("de:Apfel", "page_missing"),
                ("Gone", "page_missing"),
                ("Special:Search", "page_missing"),
                ("Odd", "title_invalid"),
                ("Many", "page_ambiguous"),
                ("Bare", "text_empty"),
                ("Empty", "text_empty"),
                ("Never mentioned", "answer_incomplete"),
            ] {
                assert_eq!(code(&pages, asked), expected, "{asked}");
            }
            let full = pages.find("Full", "en").expect("a page");
            assert_eq!((full.body.as_str(), full.revision, full.url.as_deref()), ("Text.", Some(7), Some("https://u")));
        }
    }

    #[test]
    fn parts_are_merged_and_a_missing_text_is_not_an_empty_text() {
        let part = |extract: Value, more: bool| {
            let mut answer = json!({"query": {"pages": [{"title": "A", "lastrevid": 1}, extract]}});
            if more {
                answer["continue"] = json!({"excontinue": 1, "continue": "||info"});
            }
            answer
        };
        let first = part(json!({"title": "A", "extract": "a"}), true);
        let mut pages = WikipediaPages::default();
        let next = pages.take(first.to_string().as_bytes()).expect("an answer").expect("more");
        assert_eq!(Value::from(next), json!({"excontinue": 1, "continue": "||info"}));
        let last = part(json!({"title": "B"}), false);
        assert_eq!(pages.take(last.to_string().as_bytes()), Ok(None));
        assert_eq!(pages.find("A", "en").expect("a page").revision, Some(1));
        let error = pages.find("B", "en").expect_err("cut off");
        assert_eq!((error.code.as_str(), error.transient), ("answer_incomplete", true));
    }

    #[test]
    fn an_error_differs_from_a_response_without_pages() {
        let take = |body: &str| WikipediaPages::default().take(body.as_bytes());
        for body in ["", "<html>", "[]", "{}", "{\"query\":[]}", "{\"query\":{\"pages\":["] {
            assert!(matches!(take(body), Err(ResponseError::Unreadable(_))), "{body}");
        }
        let api = |code: &str, info: &str| Err(ResponseError::Api { code: code.into(), info: info.into() });
        assert_eq!(take(r#"{"error":{"code":"maxlag","info":"Waiting"}}"#), api("maxlag", "Waiting"));
        assert_eq!(take(r#"{"errors":[{"code":"readonly","text":"Later"}]}"#), api("readonly", "Later"));
        assert_eq!(take(r#"{"batchcomplete":true,"warnings":{"main":{"warnings":"w"}}}"#), Ok(None));
    }
}
