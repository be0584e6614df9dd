//! The entries of a feed as records know them: what each is called for ever, and which of them is the older one.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::Parts;
use crate::model::record::is_blank;
use crate::text::feed::{FeedEntry, ParsedFeed};

/// Bytes of an id that is taken as it is, at most. An entry becomes part of a sort key of DynamoDB, which has 1,024 bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>), and of what a queue is told.
const LONG: usize = 200;

/// An entry, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    pub entry: &'a FeedEntry,
    /// What its feed calls it, or what stands for that.
    pub id: String,
    /// A hash of all that it says.
    pub hash: String,
    /// Whether others in the feed go by the same id.
    pub shared: bool,
}

impl Known<'_> {
    /// What it is called where its id belongs to another entry.
    pub fn apart(&self) -> String {
        format!("{}~{}", self.id, self.hash)
    }
}

/// The entries of a feed from the oldest to the newest, where their times tell, or else from the last to the first. An
/// entry that is there twice in the same words is there once.
pub fn known(feed: &ParsedFeed) -> Vec<Known<'_>> {
    let mut all: Vec<Known<'_>> = feed.entries.iter().rev().map(known_by).collect();
    if all.iter().all(|known| known.entry.published.is_some()) {
        all.sort_by_key(|known| known.entry.published);
    }
    let mut there = HashSet::new();
    all.retain(|known| there.insert((known.id.clone(), known.hash.clone())));
    let mut counts: HashMap<String, usize> = HashMap::new();
    all.iter().for_each(|known| *counts.entry(known.id.clone()).or_default() += 1);
    all.iter_mut().for_each(|known| known.shared = counts[&known.id] > 1);
    all
}

fn known_by(entry: &FeedEntry) -> Known<'_> {
    let broken = entry.broken.as_ref().map(|error| error.message.as_str());
    let said = [entry.title.as_deref(), entry.summary.as_deref(), entry.content.as_deref(), broken];
    let words: Vec<&str> = said.into_iter().map(Option::unwrap_or_default).collect();
    let named = entry.id.as_deref().or(entry.url.as_deref()).filter(|id| !id.trim().is_empty());
    let id = match named {
        Some(id) if id.len() <= LONG && id.bytes().all(|byte| byte.is_ascii_graphic()) => id.to_owned(),
        Some(id) => format!("id-{}", hash(&[id], 16)),
        None => format!("text-{}", hash(&words, 16)),
    };
    let link = entry.url.as_deref().unwrap_or_default();
    Known { entry, id, hash: hash(&[&words[..], &[link]].concat(), 8), shared: false }
}

/// So many bytes of the hash of some texts, in letters and digits.
pub fn hash(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(bytes).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text of an entry; blank where there is nothing to read in those parts of it.
pub fn text(entry: &FeedEntry, parts: Parts) -> String {
    let (title, summary, content) = (entry.title.as_deref(), entry.summary.as_deref(), entry.content.as_deref());
    let summary_too = summary.filter(|summary| content.is_none_or(|content| !begins(content, summary)));
    let all: [Option<&str>; 3] = match parts {
        Parts::All => [title, summary_too, content],
        Parts::Title => [title, None, None],
        Parts::Summary => [title, summary.or(content), None],
        Parts::Content => [title, content.or(summary), None],
    };
    let all: Vec<&str> = all.into_iter().flatten().filter(|text| !is_blank(text)).collect();
    all.join("\n\n")
}

/// Whether a content begins with a summary, which may break off with dots.
fn begins(content: &str, summary: &str) -> bool {
    let start = summary.trim_end().trim_end_matches(['.', '…', '[', ']']).trim_end();
    let (mut content, mut start) = (content.split_whitespace(), start.split_whitespace().peekable());
    while let Some(word) = start.next() {
        // The last word may be cut short.
        let is_last = start.peek().is_none();
        if !content.next().is_some_and(|there| there == word || (is_last && there.starts_with(word))) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Error;

    fn entry(id: &str, title: &str) -> FeedEntry {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        FeedEntry { id: some(id), title: some(title), ..FeedEntry::default() }
    }

    fn ids(entries: Vec<FeedEntry>) -> Vec<String> {
        known(&ParsedFeed { entries, ..ParsedFeed::default() }).iter().map(|known| known.id.clone()).collect()
    }

    #[test]
    fn an_id_is_the_feeds_own_or_stands_for_its_address_or_its_words() {
        let link = |url: &str, title: &str| FeedEntry { url: Some(url.into()), ..entry("", title) };
        let long = "x".repeat(300);
        let told = ids(vec![
            entry(&long, "e"),
            entry("mit Umlaut ü", "d"),
            entry("", "only words"),
            link("https://a.example/1", "b"),
            entry("tag:a.example,2026:1", "a"),
        ]);
        assert_eq!(told[..2], ["tag:a.example,2026:1", "https://a.example/1"], "from the last to the first");
        assert!(told[2].starts_with("text-") && told[3].starts_with("id-") && told[4].starts_with("id-"), "{told:?}");
        assert!(told.iter().all(|id| id.len() <= LONG && id.is_ascii()));
        assert_eq!(told.iter().collect::<HashSet<_>>().len(), 5);
    }

    #[test]
    fn entries_of_one_id_are_told_apart_by_their_words_and_the_same_words_are_one_entry() {
        let entries = vec![entry("x", "new"), entry("x", "old"), entry("x", "new"), entry("y", "new")];
        let feed = ParsedFeed { entries, ..ParsedFeed::default() };
        let told = known(&feed);
        let seen: Vec<_> =
            told.iter().map(|known| (known.entry.title.as_deref().unwrap_or(""), known.shared)).collect();
        assert_eq!(seen, [("new", false), ("new", true), ("old", true)]);
        assert_ne!(told[1].apart(), told[2].apart());
        let broken = |words: &str| FeedEntry { broken: Some(Error::permanent("x", words)), ..FeedEntry::default() };
        assert_eq!(ids(vec![broken("1"), broken("2"), FeedEntry::default(), FeedEntry::default()]).len(), 3);
    }

    #[test]
    fn the_oldest_is_first_where_the_times_tell() {
        let at = |day: &str, id: &str| FeedEntry {
            published: format!("2026-11-{day}T00:00:00Z").parse().ok(),
            ..entry(id, id)
        };
        assert_eq!(ids(vec![at("02", "b"), at("03", "c"), at("01", "a")]), ["a", "b", "c"]);
        assert_eq!(ids(vec![at("02", "b"), entry("c", "c"), at("01", "a")]), ["a", "c", "b"]);
    }

    #[test]
    fn a_text_is_what_was_asked_for_and_nothing_twice() {
        let of = |summary: &str, content: &str| FeedEntry {
            summary: Some(summary.to_owned()).filter(|text| !text.is_empty()),
            content: Some(content.to_owned()).filter(|text| !text.is_empty()),
            ..entry("x", "Title")
        };
        let all = of("In short.", "At length.");
        assert_eq!(text(&all, Parts::All), "Title\n\nIn short.\n\nAt length.");
        assert_eq!(text(&all, Parts::Title), "Title");
        assert_eq!(text(&all, Parts::Summary), "Title\n\nIn short.");
        assert_eq!(text(&all, Parts::Content), "Title\n\nAt length.");
        assert_eq!(text(&of("", "At length."), Parts::Summary), "Title\n\nAt length.");
        assert_eq!(text(&of("In short.", ""), Parts::Content), "Title\n\nIn short.");
        for summary in ["At some le…", "At some [...]", "At some length it", "At some length it goes on."] {
            let text = text(&of(summary, "At some\nlength it goes on."), Parts::All);
            assert_eq!(text, "Title\n\nAt some\nlength it goes on.", "{summary}");
        }
        assert_eq!(text(&of("It goes on.", "At some length it goes on."), Parts::All).lines().count(), 5);
        assert_eq!(text(&FeedEntry::default(), Parts::All), "");
    }
}
