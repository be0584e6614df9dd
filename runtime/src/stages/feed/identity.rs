//! The stable id of each entry of a feed, and the text that it gives a record.

use std::collections::{HashMap, HashSet};

use super::EntryText;
use crate::model::hash::{PartsHash, hex};
use crate::model::record::is_blank;
use crate::text::feed::{FeedEntry, ParsedFeed};

/// Maximum length of an id that is used unchanged, in bytes. It becomes part of a DynamoDB sort key, which has 1,024 bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>), and of message attributes.
const MAX_ID_BYTES: usize = 200;

/// An entry with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifiedEntry<'a> {
    pub entry: &'a FeedEntry,
    /// The id of its feed, or a hash that stands for it.
    pub id: String,
    /// A hash of its content.
    pub hash: String,
    /// Whether other entries of the feed have the same id.
    pub shared: bool,
}

impl IdentifiedEntry<'_> {
    /// The id to use if its own belongs to another entry.
    pub fn unique_id(&self) -> String {
        format!("{}~{}", self.id, self.hash)
    }
}

/// The entries of a feed from the oldest to the newest: by date if all have one, or else in reverse order. Duplicates are
/// dropped.
pub fn identify(feed: &ParsedFeed) -> Vec<IdentifiedEntry<'_>> {
    let mut all: Vec<IdentifiedEntry<'_>> = feed.entries.iter().rev().map(identify_entry).collect();
    if all.iter().all(|identified| identified.entry.published.is_some()) {
        all.sort_by_key(|identified| identified.entry.published);
    }
    let mut seen = HashSet::new();
    all.retain(|identified| seen.insert((identified.id.clone(), identified.hash.clone())));
    let mut counts: HashMap<String, usize> = HashMap::new();
    all.iter().for_each(|identified| *counts.entry(identified.id.clone()).or_default() += 1);
    all.iter_mut().for_each(|identified| identified.shared = counts[&identified.id] > 1);
    all
}

fn identify_entry(entry: &FeedEntry) -> IdentifiedEntry<'_> {
    let broken = entry.broken.as_ref().map(|error| error.message.as_str());
    let parts = [entry.title.as_deref(), entry.summary.as_deref(), entry.content.as_deref(), broken];
    let content: Vec<&str> = parts.into_iter().map(Option::unwrap_or_default).collect();
    let own = entry.id.as_deref().or(entry.url.as_deref()).filter(|id| !id.trim().is_empty());
    let id = match own {
        Some(id) if id.len() <= MAX_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic()) => id.to_owned(),
        Some(id) => format!("id-{}", hash(&[id], 16)),
        None => format!("text-{}", hash(&content, 16)),
    };
    let link = entry.url.as_deref().unwrap_or_default();
    IdentifiedEntry { entry, id, hash: hash(&[&content[..], &[link]].concat(), 8), shared: false }
}

/// The first bytes of the SHA-256 of some texts, in hexadecimal.
pub fn hash(parts: &[&str], bytes: usize) -> String {
    hex(&PartsHash::of(parts)[..bytes])
}

/// The text of these parts of an entry; blank if they have none.
pub fn text(entry: &FeedEntry, parts: EntryText) -> String {
    let (title, summary, content) = (entry.title.as_deref(), entry.summary.as_deref(), entry.content.as_deref());
    let summary_too = summary.filter(|summary| content.is_none_or(|content| !begins_with(content, summary)));
    let all: [Option<&str>; 3] = match parts {
        EntryText::All => [title, summary_too, content],
        EntryText::Title => [title, None, None],
        EntryText::Summary => [title, summary.or(content), None],
        EntryText::Content => [title, content.or(summary), None],
    };
    let all: Vec<&str> = all.into_iter().flatten().filter(|text| !is_blank(text)).collect();
    all.join("\n\n")
}

/// Whether a content begins with a summary, which may end in an ellipsis.
fn begins_with(content: &str, summary: &str) -> bool {
    let start = summary.trim_end().trim_end_matches(['.', '…', '[', ']']).trim_end();
    let (mut content, mut start) = (content.split_whitespace(), start.split_whitespace().peekable());
    while let Some(word) = start.next() {
        // The last word may be truncated.
        let is_last = start.peek().is_none();
        if !content.next().is_some_and(|next| next == word || (is_last && next.starts_with(word))) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::{Error, ErrorCode};

    fn entry(id: &str, title: &str) -> FeedEntry {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        FeedEntry { id: some(id), title: some(title), ..FeedEntry::default() }
    }

    fn ids(entries: Vec<FeedEntry>) -> Vec<String> {
        identify(&ParsedFeed { entries, ..ParsedFeed::default() })
            .iter()
            .map(|identified| identified.id.clone())
            .collect()
    }

    #[test]
    fn an_id_is_the_feeds_own_or_derived_from_the_url_or_the_content() {
        let link = |url: &str, title: &str| FeedEntry { url: Some(url.into()), ..entry("", title) };
        let long = "x".repeat(300);
        let ids = ids(vec![
            entry(&long, "e"),
            entry("mit Umlaut ü", "d"),
            entry("", "only words"),
            link("https://a.example/1", "b"),
            entry("tag:a.example,2026:1", "a"),
        ]);
        assert_eq!(ids[..2], ["tag:a.example,2026:1", "https://a.example/1"], "from the last to the first");
        assert!(ids[2].starts_with("text-") && ids[3].starts_with("id-") && ids[4].starts_with("id-"), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() <= MAX_ID_BYTES && id.is_ascii()));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5);
    }

    #[test]
    fn hashes_are_those_of_stored_data() {
        assert_eq!(hash(&["a", "b"], 16), "3c9d591045bc8876f9d0399bbfb05c6a");
    }

    #[test]
    fn entries_with_one_id_are_distinguished_by_content_and_duplicates_are_dropped() {
        let entries = vec![entry("x", "new"), entry("x", "old"), entry("x", "new"), entry("y", "new")];
        let feed = ParsedFeed { entries, ..ParsedFeed::default() };
        let entries = identify(&feed);
        let titles: Vec<_> = entries.iter().map(|one| (one.entry.title.as_deref().unwrap_or(""), one.shared)).collect();
        assert_eq!(titles, [("new", false), ("new", true), ("old", true)]);
        assert_ne!(entries[1].unique_id(), entries[2].unique_id());
        let broken = |words: &str| FeedEntry {
            broken: Some(Error::permanent(ErrorCode::NotHere, words)),
            ..FeedEntry::default()
        };
        assert_eq!(ids(vec![broken("1"), broken("2"), FeedEntry::default(), FeedEntry::default()]).len(), 3);
    }

    #[test]
    fn the_oldest_is_first_if_all_have_a_date() {
        let at = |day: &str, id: &str| FeedEntry {
            published: format!("2026-11-{day}T00:00:00Z").parse().ok(),
            ..entry(id, id)
        };
        assert_eq!(ids(vec![at("02", "b"), at("03", "c"), at("01", "a")]), ["a", "b", "c"]);
        assert_eq!(ids(vec![at("02", "b"), entry("c", "c"), at("01", "a")]), ["a", "c", "b"]);
    }

    #[test]
    fn a_text_has_the_requested_parts_without_repetition() {
        let of = |summary: &str, content: &str| FeedEntry {
            summary: Some(summary.to_owned()).filter(|text| !text.is_empty()),
            content: Some(content.to_owned()).filter(|text| !text.is_empty()),
            ..entry("x", "Title")
        };
        let all = of("In short.", "At length.");
        assert_eq!(text(&all, EntryText::All), "Title\n\nIn short.\n\nAt length.");
        assert_eq!(text(&all, EntryText::Title), "Title");
        assert_eq!(text(&all, EntryText::Summary), "Title\n\nIn short.");
        assert_eq!(text(&all, EntryText::Content), "Title\n\nAt length.");
        assert_eq!(text(&of("", "At length."), EntryText::Summary), "Title\n\nAt length.");
        assert_eq!(text(&of("In short.", ""), EntryText::Content), "Title\n\nIn short.");
        for summary in ["At some le…", "At some [...]", "At some length it", "At some length it goes on."] {
            let text = text(&of(summary, "At some\nlength it goes on."), EntryText::All);
            assert_eq!(text, "Title\n\nAt some\nlength it goes on.", "{summary}");
        }
        assert_eq!(text(&of("It goes on.", "At some length it goes on."), EntryText::All).lines().count(), 5);
        assert_eq!(text(&FeedEntry::default(), EntryText::All), "");
    }
}
