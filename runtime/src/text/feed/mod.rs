//! Feeds: RSS 0.9x, 1.0 and 2.0, Atom and JSON Feed, read from bytes into entries of plain text.
//!
//! It uses quick-xml, `serde_json`, `encoding_rs` and html5gum. We measured the crate feed-rs first: with its regular
//! expressions it makes the Lambda's zip 0.7 MB larger, and only 0.5 MB are left. It also loses text silently (everything
//! after the first tag in the title or description of an RSS item, items of RSS 1.0 without a link, all entries in unknown
//! namespaces), and one invalid entry makes the whole feed fail. It is still the reference: a test compares the two on
//! every document.

mod atom;
mod date;
mod element;
mod json;
mod rss;
mod xml;

use std::collections::VecDeque;

use jiff::Timestamp;
use url::Url;

use crate::model::error::{Error, ErrorCode};
use crate::model::values::{language_tag, truncate};
use crate::text::charset;

/// Maximum number of entries per feed: a function has 256 MB, and holds all feeds of a chunk at once.
const MAX_ENTRIES: usize = 2_000;

/// Maximum length of a URL in bytes: browsers and caches hardly accept longer ones, and it is stored with every record.
const MAX_URL_BYTES: usize = 2_048;

/// Maximum length of a language tag in bytes (RFC 5646, 4.4.1).
const MAX_LANGUAGE_BYTES: usize = 35;

/// Maximum length of a feed's title and of its rights, in characters: some publishers put a whole contract there.
const MAX_METADATA_CHARS: usize = 500;

/// Maximum length of a quotation in an error message, in characters.
const MAX_QUOTE_CHARS: usize = 200;

/// A feed: its metadata and its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedFeed {
    /// The title.
    pub title: Option<String>,
    /// The default language of its entries.
    pub language: Option<String>,
    /// The rights or copyright notice.
    pub rights: Option<String>,
    /// The entries, in the order of the feed.
    pub entries: Vec<FeedEntry>,
    /// Why it could not be read to the end; the entries before that are complete.
    pub broken: Option<Error>,
}

/// An entry in plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its id in the feed.
    pub id: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The summary.
    pub summary: Option<String>,
    /// The content.
    pub content: Option<String>,
    /// Its absolute URL.
    pub url: Option<String>,
    /// When it was published, or else last updated.
    pub published: Option<Timestamp>,
    /// Its own language, if it declares one.
    pub language: Option<String>,
    /// Its own rights, if it declares them.
    pub rights: Option<String>,
    /// Why it could not be read.
    pub broken: Option<Error>,
}

/// Collects the entries of a feed, up to a maximum.
#[derive(Debug, Default)]
struct EntryCollector {
    entries: VecDeque<FeedEntry>,
    /// How many were dropped.
    dropped: usize,
}

impl EntryCollector {
    /// Adds the next entry. Beyond the maximum the first ones are kept, since feeds list the newest first; in a feed that
    /// lists the oldest first, the dates tell.
    fn push(&mut self, entry: FeedEntry) {
        if self.entries.len() >= MAX_ENTRIES {
            self.dropped += 1;
            let first = self.entries.front().and_then(|first| first.published);
            if first.is_none() || entry.published <= first {
                return;
            }
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The feed with these entries, and with an error if there were too many.
    fn finish(self, mut feed: ParsedFeed) -> ParsedFeed {
        match &mut feed.broken {
            _ if self.dropped == 0 => {}
            Some(error) => error.message.push_str(&format!("; only {MAX_ENTRIES} of them are kept")),
            None => {
                let message = format!("the feed has {} entries, but at most {MAX_ENTRIES} are read", self.count());
                feed.broken = Some(Error::permanent(ErrorCode::FeedTooLong, message));
            }
        }
        feed.entries = self.entries.into();
        feed
    }

    /// The number of entries so far.
    fn count(&self) -> usize {
        self.entries.len() + self.dropped
    }
}

/// Reads a feed with this `Content-Type` from this URL.
///
/// # Errors
/// `feed_unreadable` if the document is not a feed. A feed that breaks off midway is returned, with the reason in
/// [`ParsedFeed::broken`].
pub fn read(body: &[u8], content_type: Option<&str>, url: &str) -> Result<ParsedFeed, Error> {
    let text = charset::decode(body, content_type);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if text.is_empty() {
        return Err(unreadable("it is empty"));
    }
    if text.starts_with('{') {
        return json::read(text, Url::parse(url).ok().as_ref());
    }
    match text.find('<') {
        // Some servers print warnings before the first tag.
        Some(begin) if begin < 1_000 => xml::read(&text[begin..], Url::parse(url).ok()),
        _ => Err(unreadable("it is neither XML nor JSON")),
    }
}

/// The error for a document that is not a feed.
fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::permanent(ErrorCode::FeedUnreadable, format!("the response is not a feed (RSS, Atom or JSON Feed): {why}"))
}

/// An entry that could not be read, after `before` others.
fn broken_entry(before: usize, why: &str) -> FeedEntry {
    let message = format!("entry {} of the feed {why}", before + 1);
    FeedEntry { broken: Some(Error::permanent(ErrorCode::EntryUnreadable, message)), ..FeedEntry::default() }
}

/// The absolute form of a URL. An invalid one is returned as it is written; one that is too long is dropped.
fn absolute_url(written: &str, base: Option<&Url>) -> Option<String> {
    let written = written.trim();
    if written.is_empty() || written.len() > MAX_URL_BYTES {
        return None;
    }
    let url = base.map_or_else(|| Url::parse(written), |base| base.join(written));
    Some(url.map_or_else(|_| written.to_owned(), String::from)).filter(|url| url.len() <= MAX_URL_BYTES)
}

/// A declared language, if it is a valid tag.
fn language(declared: &str) -> Option<String> {
    language_tag(declared).filter(|tag| tag.len() <= MAX_LANGUAGE_BYTES)
}

/// A metadata text, shortened.
fn metadata(text: String) -> Option<String> {
    non_blank(truncate(&text, MAX_METADATA_CHARS))
}

/// The text, unless it is blank.
fn non_blank(text: String) -> Option<String> {
    Some(text).filter(|text| !crate::model::record::is_blank(text))
}
