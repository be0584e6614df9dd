//! The stage: fetches the feeds of a chunk concurrently, looks up the seen entries, and makes a record of each new one.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::EntryText;
use super::identity::{self, IdentifiedEntry};
use super::seen_entries::{EntrySelection, PendingEntry, SeenEntries, assign_ids};
use crate::component::Stage;
use crate::fetch::RetryingFetcher;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Identity, Record, Text, is_blank};
use crate::model::run::RunId;
use crate::model::values::{ItemUrl, truncate};
use crate::text::feed::{self, ParsedFeed};

/// Maximum length of an entry's title in characters: some feeds put whole posts there. The text has all of it.
const MAX_TITLE_CHARS: usize = 500;

/// The stage.
pub struct Feed {
    pub name: String,
    pub fetcher: RetryingFetcher,
    pub max_wait: Duration,
    pub url: Option<ItemUrl>,
    pub text: EntryText,
    pub language: Option<String>,
    pub max_entries: usize,
    /// The seen entries; none in a local run, where all entries become records.
    pub seen: Option<SeenEntries>,
}

#[async_trait]
impl Stage for Feed {
    fn name(&self) -> &str {
        &self.name
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(self.max_wait)
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        // Failed entries are retried together with their item, which produces them anew.
        let items: HashSet<_> = records.iter().filter(|one| one.entry.is_none()).map(Record::identity).collect();
        records.retain(|one| one.entry.is_none() || !items.contains(&Identity { entry: None, ..one.identity() }));
        let deadline = deadline.min(Instant::now() + self.max_wait);
        let urls: Vec<_> = records.iter().map(|record| self.feed_url(record)).collect();
        let feeds = self.fetch_all(&urls, deadline).await;
        let feed_at = |url: &Result<String, Error>| {
            let url = url.as_ref().map_err(Clone::clone)?;
            feeds.get(url.as_str()).map_or_else(|| Err(broken()), |feed| feed.as_ref().map_err(Clone::clone))
        };
        let found: Vec<Result<&ParsedFeed, Error>> = urls.iter().map(feed_at).collect();
        let entries: Vec<Vec<IdentifiedEntry<'_>>> =
            found.iter().map(|feed| feed.as_ref().map(|feed| identity::identify(feed)).unwrap_or_default()).collect();
        let selections = match &self.seen {
            Some(seen) => self.select(seen, &records, &entries).await,
            None => Ok(entries.iter().map(|entries| select_all(entries)).collect()),
        };
        let selections = match selections {
            Ok(selections) => selections,
            Err(error) => {
                // Without the state table nothing may be written, so whatever the error is, the records have to be retried.
                let error = Error { transient: true, ..error };
                return records.into_iter().map(|record| self.failed(record, error.clone())).collect();
            }
        };
        let mut made = Vec::new();
        for (((record, feed), entries), selection) in records.into_iter().zip(found).zip(entries).zip(selections) {
            match feed {
                Ok(feed) => self.push_records(&record, feed, &entries, selection, &mut made),
                Err(error) => self.push_failures(record, error, selection, &mut made),
            }
        }
        made
    }

    async fn committed(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        match &self.seen {
            Some(seen) => seen.settled(run, made).await,
            None => Ok(()),
        }
    }
}

impl Feed {
    /// The URL of an item's feed.
    fn feed_url(&self, record: &Record) -> Result<String, Error> {
        let own = record.item.feed.as_deref().map(str::trim).filter(|feed| !feed.is_empty()).map(str::to_owned);
        own.or_else(|| self.url.as_ref().map(|url| url.for_key(&record.item.key))).ok_or_else(|| {
            let message = format!("`{}` has no feed: set `feed` on the item or `url` on the stage", record.item.key);
            Error::permanent(ErrorCode::FeedMissing, message)
        })
    }

    /// The feeds at these URLs, each fetched once.
    async fn fetch_all<'a>(
        &self,
        urls: &'a [Result<String, Error>],
        deadline: Instant,
    ) -> HashMap<&'a str, Result<ParsedFeed, Error>> {
        let mut distinct: Vec<&str> = urls.iter().flatten().map(String::as_str).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let fetch = async |url: &'a str| {
            // A panic over one feed fails its items, but no others.
            let feed = AssertUnwindSafe(self.fetch(url, deadline)).catch_unwind().await;
            (url, feed.unwrap_or_else(|_| Err(broken())))
        };
        join_all(distinct.into_iter().map(fetch)).await.into_iter().collect()
    }

    async fn fetch(&self, url: &str, deadline: Instant) -> Result<ParsedFeed, Error> {
        let response = self.fetcher.get(url, deadline).await?;
        feed::read(&response.body, response.content_type.as_deref(), &response.url)
    }

    /// Selects and claims the entries that become records.
    async fn select(
        &self,
        seen: &SeenEntries,
        records: &[Record],
        entries: &[Vec<IdentifiedEntry<'_>>],
    ) -> Result<Vec<EntrySelection>, Error> {
        let feeds: Vec<_> = records.iter().zip(entries).map(|(record, entries)| (record, entries.as_slice())).collect();
        let mut rows = seen.load(&feeds).await?;
        let mut selections = Vec::with_capacity(feeds.len());
        for (record, entries) in feeds {
            let mut selection = seen.select(record, entries, &rows, self.max_entries);
            if !seen.write_list(record, &mut selection, &mut rows).await? {
                selection = seen.select(record, entries, &rows, self.max_entries);
            }
            seen.claim(record, &mut selection, &rows).await?;
            selections.push(selection);
        }
        seen.refresh(&mut selections).await?;
        Ok(selections)
    }

    /// Adds the records of the selected entries, and of those that are gone.
    fn push_records(
        &self,
        record: &Record,
        feed: &ParsedFeed,
        entries: &[IdentifiedEntry<'_>],
        selection: EntrySelection,
        made: &mut Vec<Record>,
    ) {
        for (index, id) in selection.flow {
            let Some(entry) = entries.get(index) else { continue };
            let pending = PendingEntry { hash: entry.hash.clone(), shared: selection.shared.contains(&index) };
            made.push(self.with_pending(self.entry_record(record, feed, entry, id), pending));
        }
        for (id, pending) in selection.gone {
            let message = format!("the entry `{id}` left the feed of `{}` before it was processed", record.item.key);
            let gone = self
                .failed(Record { entry: Some(id), ..record.clone() }, Error::permanent(ErrorCode::EntryGone, message));
            made.push(self.with_pending(gone, pending));
        }
        if let Some(error) = &feed.broken {
            made.push(self.failed(record.clone(), error.clone()));
        }
    }

    /// Adds the records of a feed that failed. If this run had claimed entries of it, a retry may still find them: so the
    /// failure becomes transient, and each of the entries fails too, in case this was the last attempt.
    fn push_failures(&self, record: Record, error: Error, selection: EntrySelection, made: &mut Vec<Record>) {
        let is_final =
            [ErrorCode::FeedMissing, ErrorCode::UrlUnreadable, ErrorCode::AddressRefused].contains(&error.code);
        let transient = error.transient || (!selection.gone.is_empty() && !is_final);
        let error = Error { transient, ..error };
        for (id, pending) in selection.gone {
            let message = format!("the entry `{id}` was not processed, since the feed of `{}` failed", record.item.key);
            let gone = Error { code: ErrorCode::EntryGone, message, ..error.clone() };
            made.push(self.with_pending(self.failed(Record { entry: Some(id), ..record.clone() }, gone), pending));
        }
        made.push(self.failed(record, error));
    }

    /// Notes what has to be stored of an entry once its record is written.
    fn with_pending(&self, record: Record, pending: PendingEntry) -> Record {
        if let Some(seen) = &self.seen {
            seen.add_pending(record.identity(), pending);
        }
        record
    }

    fn entry_record(&self, record: &Record, feed: &ParsedFeed, entry: &IdentifiedEntry<'_>, id: String) -> Record {
        let entry = entry.entry;
        let mut made = Record { entry: Some(id), ..record.clone() };
        if let Some(error) = &entry.broken {
            made.fail(&self.name, error.clone());
            return made;
        }
        let languages = [&entry.language, &feed.language, &record.item.language, &self.language];
        let rights = entry.rights.as_ref().or(feed.rights.as_ref());
        let body = identity::text(entry, self.text);
        if is_blank(&body) {
            let message = format!("an entry in the feed of `{}` has no text", record.item.key);
            made.fail(&self.name, Error::permanent(ErrorCode::TextEmpty, message));
        }
        made.text = Some(Text {
            body,
            language: languages.into_iter().flatten().next().cloned(),
            source: "feed".into(),
            title: entry.title.as_ref().map(|title| truncate(title, MAX_TITLE_CHARS).replace('\n', " ")),
            url: entry.url.clone(),
            published: entry.published.map(|time| time.to_string()),
            revision: None,
            licence: rights.map(|rights| rights.replace('\n', " ")),
        });
        made
    }

    fn failed(&self, mut record: Record, error: Error) -> Record {
        record.fail(&self.name, error);
        record
    }
}

/// Selects all entries of a feed, without a state table.
fn select_all(entries: &[IdentifiedEntry<'_>]) -> EntrySelection {
    EntrySelection {
        flow: assign_ids(entries, |_| None).into_iter().enumerate().collect(),
        ..EntrySelection::default()
    }
}

fn broken() -> Error {
    Error::permanent(ErrorCode::StageBroken, "a bug in fanggen: the stage panicked over this feed")
}
