//! Feeds: RSS 0.9x, 1.0 and 2.0, Atom and JSON Feed, read from bytes into entries of plain text.
//!
//! XML is read by quick-xml, JSON by `serde_json`, encodings by `encoding_rs`, HTML by html5gum. The crate feed-rs was
//! measured first: with its regular expressions it makes the zip of the Lambda 0.7 MB larger, of which there are 0.5 MB
//! left. It also drops words in silence (what follows the first tag in the title or description of an RSS item, items of
//! RSS 1.0 without a link, all entries of namespaces that it does not know), and one entry that it cannot read takes the
//! whole feed with it. It remains the measure: a test compares every document with what it reads.

mod atom;
mod date;
mod element;
mod json;
mod rss;
mod xml;

use std::collections::VecDeque;

use jiff::Timestamp;
use url::Url;

use crate::model::error::Error;
use crate::model::values::{short, tag};
use crate::text::charset;

/// Entries of a feed that are kept, at most: a function has 256 MB, and all of a chunk's feeds are in it at once.
const MOST: usize = 2_000;

/// Bytes of an address, at most: browsers and caches hardly take longer ones, and it is stored with every record.
const ADDRESS: usize = 2_048;

/// Bytes of a language tag, at most (RFC 5646, 4.4.1).
const LANGUAGE: usize = 35;

/// Characters of a feed's title and of what may be done with its entries, at most: some put a whole contract there.
const SAID: usize = 500;

/// Characters of a feed that an error quotes, at most.
const QUOTED: usize = 200;

/// What a feed says of itself, and its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Its title.
    pub title: Option<String>,
    /// The language of its entries, where it says so.
    pub language: Option<String>,
    /// What may be done with them, where it says so.
    pub rights: Option<String>,
    /// Its entries, in its order.
    pub entries: Vec<Entry>,
    /// Why it could not be read to its end, where it could not; the entries before that are whole.
    pub broken: Option<Error>,
}

/// An entry, in plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What the feed calls it.
    pub id: Option<String>,
    /// Its headline.
    pub title: Option<String>,
    /// What it says in short.
    pub summary: Option<String>,
    /// What it says in full.
    pub content: Option<String>,
    /// Its address, made whole by that of the feed.
    pub url: Option<String>,
    /// When it was published, or else when it was changed last.
    pub published: Option<Timestamp>,
    /// Its language, where it says so itself.
    pub language: Option<String>,
    /// What may be done with it, where it says so itself.
    pub rights: Option<String>,
    /// Why it could not be read, where it could not.
    pub broken: Option<Error>,
}

/// The entries of a feed that are kept while it is read.
#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// How many were not.
    left: usize,
}

impl Kept {
    /// Takes the next entry. Where there are too many, the first ones are kept, since feeds begin with what is new; those
    /// that begin with what is old say so by their times.
    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= MOST {
            self.left += 1;
            let first = self.entries.front().and_then(|first| first.published);
            if first.is_none() || entry.published <= first {
                return;
            }
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The feed with these entries; where it was too long, it says so.
    fn end(self, mut feed: Feed) -> Feed {
        match &mut feed.broken {
            _ if self.left == 0 => {}
            Some(error) => error.message.push_str(&format!(", of which {MOST} are read")),
            None => {
                let words = format!("the feed has {} entries, of which {MOST} are read: shorten it", self.count());
                feed.broken = Some(Error::permanent("feed_too_long", words));
            }
        }
        feed.entries = self.entries.into();
        feed
    }

    /// How many entries there were so far.
    fn count(&self) -> usize {
        self.entries.len() + self.left
    }
}

/// Reads a feed that came with this `Content-Type` from this address.
///
/// # Errors
/// `feed_unreadable` for what is no feed, saying what it is instead. What breaks off halfway is a feed, and says so in
/// [`Feed::broken`].
pub fn read(body: &[u8], content_type: Option<&str>, url: &str) -> Result<Feed, Error> {
    let text = charset::decode(body, content_type);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if text.is_empty() {
        return Err(unreadable("it is empty"));
    }
    if text.starts_with('{') {
        return json::read(text, Url::parse(url).ok().as_ref());
    }
    match text.find('<') {
        // Some servers write warnings before the first tag.
        Some(begin) if begin < 1_000 => xml::read(&text[begin..], Url::parse(url).ok()),
        _ => Err(unreadable("it is neither XML nor JSON")),
    }
}

/// What is told of something that is no feed.
fn unreadable(why: impl std::fmt::Display) -> Error {
    let words = format!("the answer cannot be read as a feed (RSS, Atom or JSON Feed): {why}");
    Error::permanent("feed_unreadable", words)
}

/// An entry that could not be read, by its place among the others.
fn unread(before: usize, why: &str) -> Entry {
    let words = format!("entry {} of the feed {why}", before + 1);
    Entry { broken: Some(Error::permanent("entry_unreadable", words)), ..Entry::default() }
}

/// The address that a feed writes, made whole; what is none is left as it is written, and one that is too long is none.
fn whole(written: &str, base: Option<&Url>) -> Option<String> {
    let written = written.trim();
    if written.is_empty() || written.len() > ADDRESS {
        return None;
    }
    let whole = base.map_or_else(|| Url::parse(written), |base| base.join(written));
    Some(whole.map_or_else(|_| written.to_owned(), String::from)).filter(|whole| whole.len() <= ADDRESS)
}

/// The language that a feed names, where it is a tag.
fn language(said: &str) -> Option<String> {
    tag(said).filter(|tag| tag.len() <= LANGUAGE)
}

/// A text that stands beside others and is no part of any.
fn said(text: String) -> Option<String> {
    some(short(&text, SAID))
}

/// A text that says anything.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !crate::model::record::is_blank(text))
}
