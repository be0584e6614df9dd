//! What Wikipedia answers: pages in any order, under other titles than were asked for, in parts, in two dialects.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::model::error::Error;

/// What the answers to one batch have said so far.
#[derive(Debug, Default)]
pub struct Pages {
    // Normalized, converted and redirected titles: a step each, followed one after another.
    leads: HashMap<String, String>,
    elsewhere: HashSet<String>,
    pages: BTreeMap<String, Page>,
    complete: bool,
}

#[derive(Debug, Default)]
struct Page {
    missing: bool,
    invalid: Option<String>,
    ambiguous: bool,
    extract: Option<String>,
    url: Option<String>,
    revision: Option<u64>,
}

/// An answer that is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be read.
    Unreadable(String),
    /// An error of the API, which comes with status 200.
    Api {
        /// Its code.
        code: String,
        /// Its sentence.
        info: String,
    },
}

/// The text of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The page that was really used.
    pub title: String,
    /// Its introduction, as long as was asked for.
    pub body: String,
    /// Its address, where the answer names it.
    pub url: Option<String>,
    /// Its revision.
    pub revision: Option<u64>,
}

impl Pages {
    /// Takes in one answer, and says how to go on, if there is more.
    ///
    /// # Errors
    /// An answer that is unreadable or an error.
    pub fn take(&mut self, body: &[u8]) -> Result<Option<Map<String, Value>>, Refusal> {
        let answer: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.to_string()))?;
        if let Some(refusal) = refusal(&answer) {
            return Err(refusal);
        }
        let go_on = answer.get("continue").and_then(Value::as_object).filter(|go_on| !go_on.is_empty());
        self.complete = flag(answer.get("batchcomplete"));
        match answer.get("query").and_then(Value::as_object) {
            Some(query) => self.merge(query),
            // A later part may hold nothing new; an answer without any of the three is something else.
            None if go_on.is_some() || self.complete => {}
            None => return Err(Refusal::Unreadable("it holds neither pages nor an error".into())),
        }
        Ok(go_on.cloned())
    }

    fn merge(&mut self, query: &Map<String, Value>) {
        for step in ["normalized", "converted", "redirects"].into_iter().flat_map(|name| list(query.get(name))) {
            if let (Some(from), Some(to)) = (text(step, "from"), text(step, "to")) {
                // Titles in another Unicode form than MediaWiki's are quoted back percent-encoded.
                let from = if flag(step.get("fromencoded")) { decoded(from) } else { from.to_owned() };
                if from != to {
                    self.leads.insert(from, to.to_owned());
                }
            }
        }
        self.elsewhere.extend(list(query.get("interwiki")).filter_map(|link| text(link, "title")).map(Into::into));
        for told in list(query.get("pages")) {
            let Some(title) = text(told, "title") else { continue };
            let page = self.pages.entry(title.to_owned()).or_default();
            page.missing |= flag(told.get("missing")) || flag(told.get("special"));
            page.ambiguous |= told.get("pageprops").is_some_and(|props| props.get("disambiguation").is_some());
            if flag(told.get("invalid")) {
                page.invalid = Some(text(told, "invalidreason").unwrap_or_default().to_owned());
            }
            // The older dialect wraps the text, as it does with warnings.
            let extract = told.get("extract").map(|extract| extract.get("*").unwrap_or(extract));
            if let Some(extract) = extract.and_then(Value::as_str) {
                page.extract = Some(extract.to_owned());
            }
            page.url = text(told, "fullurl").map(Into::into).or(page.url.take());
            page.revision = told.get("lastrevid").and_then(Value::as_u64).or(page.revision);
        }
    }

    /// The text of the page that a title led to.
    ///
    /// # Errors
    /// `page_missing`, `page_ambiguous`, `title_invalid` and `text_empty` are facts about the page;
    /// `answer_incomplete` is transient.
    pub fn find(&self, asked: &str, language: &str) -> Result<Found, Error> {
        let mut title = asked;
        let mut seen = HashSet::new();
        while let Some(next) = self.leads.get(title) {
            if !seen.insert(title) {
                let words = format!("`{asked}` redirects in a circle on the Wikipedia in `{language}`: {TITLE_HELP}");
                return Err(Error::permanent("page_missing", words));
            }
            title = next;
        }
        let named = if title == asked { format!("`{asked}`") } else { format!("`{title}`, to which `{asked}` leads,") };
        let fact = |code, what: String| Err(Error::permanent(code, what));
        if self.elsewhere.contains(title) {
            return fact("page_missing", format!("{named} is a page of another wiki: {TITLE_HELP}"));
        }
        let Some(page) = self.pages.get(title) else {
            let words = format!("the answer of the Wikipedia in `{language}` does not speak of {named}");
            return Err(Error::transient("answer_incomplete", words));
        };
        if let Some(reason) = &page.invalid {
            return fact("title_invalid", format!("{named} cannot be the title of a page: {reason}; {TITLE_HELP}"));
        }
        if page.missing {
            let words =
                format!("{named} is no page of the Wikipedia in `{language}`: check the spelling, or {TITLE_HELP}");
            return fact("page_missing", words);
        }
        if page.ambiguous {
            let words = format!(
                "{named} is a list of several meanings: give the item the `title` of the one that is meant, such as \
                 `{title} (company)`"
            );
            return fact("page_ambiguous", words);
        }
        match page.extract.as_deref().map(str::trim) {
            Some(body) if !body.is_empty() => Ok(Found {
                title: title.to_owned(),
                body: body.to_owned(),
                url: page.url.clone(),
                revision: page.revision,
            }),
            None if !self.complete => {
                let words = format!("the answer of the Wikipedia in `{language}` ends before the text of {named}");
                Err(Error::transient("answer_incomplete", words))
            }
            _ => fact("text_empty", format!("{named} has no introduction: {TITLE_HELP}")),
        }
    }
}

const TITLE_HELP: &str = "give the item the `title` of its page";

/// The error in an answer, in either of its forms (`errorformat=bc` and the newer ones).
fn refusal(answer: &Map<String, Value>) -> Option<Refusal> {
    let error = answer.get("error").or_else(|| answer.get("errors").and_then(|errors| errors.get(0)))?;
    let info = ["info", "text", "html", "*"].into_iter().find_map(|name| text(error, name)).unwrap_or_default();
    Some(Refusal::Api {
        code: text(error, "code").unwrap_or("unknown").to_owned(),
        info: info.chars().take(200).collect(),
    })
}

/// A flag of either dialect: `true`, or merely there.
fn flag(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
}

/// The entries of a list, or of an object whose keys (page ids) say nothing.
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

    fn told(answers: &[Value]) -> Pages {
        let mut pages = Pages::default();
        for answer in answers {
            pages.take(answer.to_string().as_bytes()).expect("an answer");
        }
        pages
    }

    fn code(pages: &Pages, asked: &str) -> String {
        pages.find(asked, "en").expect_err("a failure").code
    }

    #[test]
    fn any_answer_is_read_or_refused_and_never_taken_for_a_text_that_it_is_not() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut pages = Pages::default();
            // Parts of an answer stand behind one another, as continuations do.
            for part in bytes.split(|byte| *byte == 0) {
                let _ = pages.take(part);
            }
            for title in ["A", "Apple Inc.", "\u{c9}"] {
                match pages.find(title, "en") {
                    Ok(found) => assert!(!found.body.trim().is_empty() && !found.title.is_empty()),
                    Err(error) => assert!(!error.message.is_empty()),
                }
            }
        });
    }

    #[test]
    fn a_title_is_followed_through_every_step_that_was_reported() {
        let pages = told(&[json!({"batchcomplete": true, "query": {
            "normalized": [
                {"fromencoded": false, "from": "big_apple", "to": "Big apple"},
                {"fromencoded": true, "from": "Cafe%CC%81%20%26%2B", "to": "Café &+"}
            ],
            "converted": [{"from": "Big apple", "to": "Big Apple"}],
            "redirects": [{"from": "Big Apple", "to": "NYC"}, {"from": "NYC", "to": "New York City", "tofragment": "x"}],
            "pages": [{"title": "Café &+", "extract": "B"}, {"title": "New York City", "extract": "A\n"}]
        }})]);
        assert_eq!(pages.find("big_apple", "en").expect("a page").title, "New York City");
        assert_eq!(pages.find("Cafe\u{301} &+", "en").expect("a page").body, "B");
    }

    #[test]
    fn a_circle_of_redirects_ends_in_a_failure() {
        let pages = told(&[json!({"batchcomplete": true, "query": {
            "redirects": [{"from": "A", "to": "B"}, {"from": "B", "to": "A"}, {"from": "C", "to": "C"}],
            "pages": [{"title": "C", "extract": "c"}]
        }})]);
        assert_eq!(code(&pages, "A"), "page_missing");
        assert_eq!(pages.find("C", "en").expect("a page").body, "c");
    }

    #[test]
    fn both_dialects_say_the_same() {
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
            let pages = told(&[answer]);
            for (asked, expected) in [
                ("de:Apfel", "page_missing"),
                ("Gone", "page_missing"),
                ("Special:Search", "page_missing"),
                ("Odd", "title_invalid"),
                ("Many", "page_ambiguous"),
                ("Bare", "text_empty"),
                ("Empty", "text_empty"),
                ("Never told", "answer_incomplete"),
            ] {
                assert_eq!(code(&pages, asked), expected, "{asked}");
            }
            let full = pages.find("Full", "en").expect("a page");
            assert_eq!((full.body.as_str(), full.revision, full.url.as_deref()), ("Text.", Some(7), Some("https://u")));
        }
    }

    #[test]
    fn parts_are_merged_and_a_text_that_never_comes_is_no_empty_text() {
        let part = |extract: Value, more: bool| {
            let mut answer = json!({"query": {"pages": [{"title": "A", "lastrevid": 1}, extract]}});
            if more {
                answer["continue"] = json!({"excontinue": 1, "continue": "||info"});
            }
            answer
        };
        let first = part(json!({"title": "A", "extract": "a"}), true);
        let mut pages = Pages::default();
        let go_on = pages.take(first.to_string().as_bytes()).expect("an answer").expect("more");
        assert_eq!(Value::from(go_on), json!({"excontinue": 1, "continue": "||info"}));
        let last = part(json!({"title": "B"}), false);
        assert_eq!(pages.take(last.to_string().as_bytes()), Ok(None));
        assert_eq!(pages.find("A", "en").expect("a page").revision, Some(1));
        let error = pages.find("B", "en").expect_err("cut off");
        assert_eq!((error.code.as_str(), error.transient), ("answer_incomplete", true));
    }

    #[test]
    fn an_answer_that_is_none_is_told_from_one_without_pages() {
        let take = |body: &str| Pages::default().take(body.as_bytes());
        for body in ["", "<html>", "[]", "{}", "{\"query\":[]}", "{\"query\":{\"pages\":["] {
            assert!(matches!(take(body), Err(Refusal::Unreadable(_))), "{body}");
        }
        let api = |code: &str, info: &str| Err(Refusal::Api { code: code.into(), info: info.into() });
        assert_eq!(take(r#"{"error":{"code":"maxlag","info":"Waiting"}}"#), api("maxlag", "Waiting"));
        assert_eq!(take(r#"{"errors":[{"code":"readonly","text":"Later"}]}"#), api("readonly", "Later"));
        assert_eq!(take(r#"{"batchcomplete":true,"warnings":{"main":{"warnings":"w"}}}"#), Ok(None));
    }
}
