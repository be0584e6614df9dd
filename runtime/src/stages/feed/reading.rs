//! The stage at work: all feeds of a chunk at once, then what is remembered of their entries, then a record for each.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::Parts;
use super::entries::{self, Known};
use super::seen::{Choice, Passing, Seen, called};
use crate::component::Stage;
use crate::fetch::RetryingFetcher;
use crate::model::error::Error;
use crate::model::record::{Identity, Record, Text, is_blank};
use crate::model::run::RunId;
use crate::model::values::{ItemUrl, short};
use crate::text::feed::{self, ParsedFeed};

/// Characters of an entry's title that are kept as such, at most. All of it is in the text: some feeds write whole posts
/// there.
const TITLE: usize = 500;

/// The stage, ready to run.
pub struct Reading {
    pub name: String,
    pub fetcher: RetryingFetcher,
    pub patience: Duration,
    pub url: Option<ItemUrl>,
    pub text: Parts,
    pub language: Option<String>,
    pub most: usize,
    /// What is remembered; nothing on one's own machine, where all entries flow.
    pub seen: Option<Seen>,
}

#[async_trait]
impl Stage for Reading {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        // Entries that were given up with their feed come again beside its item, which brings them back.
        let items: HashSet<_> = records.iter().filter(|one| one.entry.is_none()).map(Record::identity).collect();
        records.retain(|one| one.entry.is_none() || !items.contains(&Identity { entry: None, ..one.identity() }));
        let deadline = deadline.min(Instant::now() + self.patience);
        let addresses: Vec<_> = records.iter().map(|record| self.address(record)).collect();
        let feeds = self.feeds(&addresses, deadline).await;
        let found = |address: &Result<String, Error>| {
            let address = address.as_ref().map_err(Clone::clone)?;
            feeds.get(address.as_str()).map_or_else(|| Err(broken()), |feed| feed.as_ref().map_err(Clone::clone))
        };
        let found: Vec<Result<&ParsedFeed, Error>> = addresses.iter().map(found).collect();
        let known: Vec<Vec<Known<'_>>> =
            found.iter().map(|feed| feed.as_ref().map(|feed| entries::known(feed)).unwrap_or_default()).collect();
        let choices = match &self.seen {
            Some(seen) => self.choose(seen, &records, &known).await,
            None => Ok(known.iter().map(|known| all(known)).collect()),
        };
        let choices = match choices {
            Ok(choices) => choices,
            Err(error) => {
                // Whatever it is: these records wait for our own table, and are not to be written without it.
                let error = Error { transient: true, ..error };
                return records.into_iter().map(|record| self.failed(record, error.clone())).collect();
            }
        };
        let mut made = Vec::new();
        for (((record, feed), known), choice) in records.into_iter().zip(found).zip(known).zip(choices) {
            match feed {
                Ok(feed) => self.make(&record, feed, &known, choice, &mut made),
                Err(error) => self.give_up(record, error, choice, &mut made),
            }
        }
        made
    }

    async fn settled(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        match &self.seen {
            Some(seen) => seen.settled(run, made).await,
            None => Ok(()),
        }
    }
}

impl Reading {
    /// The address of an item's feed.
    fn address(&self, record: &Record) -> Result<String, Error> {
        let own = record.item.feed.as_deref().map(str::trim).filter(|feed| !feed.is_empty()).map(str::to_owned);
        own.or_else(|| self.url.as_ref().map(|url| url.of(&record.item.key))).ok_or_else(|| {
            let words = format!("`{}` names no feed: give it a `feed`, or give the stage a `url`", record.item.key);
            Error::permanent("feed_missing", words)
        })
    }

    /// The feeds at these addresses, each fetched once.
    async fn feeds<'a>(
        &self,
        addresses: &'a [Result<String, Error>],
        deadline: Instant,
    ) -> HashMap<&'a str, Result<ParsedFeed, Error>> {
        let mut once: Vec<&str> = addresses.iter().flatten().map(String::as_str).collect();
        once.sort_unstable();
        once.dedup();
        let read = async |address: &'a str| {
            // A mistake of ours in one feed is a failure of its items, and not of the others.
            let feed = AssertUnwindSafe(self.fetch(address, deadline)).catch_unwind().await;
            (address, feed.unwrap_or_else(|_| Err(broken())))
        };
        join_all(once.into_iter().map(read)).await.into_iter().collect()
    }

    async fn fetch(&self, address: &str, deadline: Instant) -> Result<ParsedFeed, Error> {
        let answer = self.fetcher.get(address, deadline).await?;
        feed::read(&answer.body, answer.content_type.as_deref(), &answer.url)
    }

    /// Which entries flow, written down before they do.
    async fn choose(&self, seen: &Seen, records: &[Record], known: &[Vec<Known<'_>>]) -> Result<Vec<Choice>, Error> {
        let asked: Vec<_> = records.iter().zip(known).map(|(record, known)| (record, known.as_slice())).collect();
        let mut rows = seen.recall(&asked).await?;
        let mut choices = Vec::with_capacity(asked.len());
        for (record, known) in asked {
            let mut choice = seen.choose(record, known, &rows, self.most);
            if !seen.decide(record, &mut choice, &mut rows).await? {
                choice = seen.choose(record, known, &rows, self.most);
            }
            seen.take(record, &mut choice, &rows).await?;
            choices.push(choice);
        }
        seen.renew(&mut choices).await?;
        Ok(choices)
    }

    /// The records of the entries that flow, and of what went wrong.
    fn make(&self, record: &Record, feed: &ParsedFeed, known: &[Known<'_>], choice: Choice, made: &mut Vec<Record>) {
        for (place, name) in choice.flow {
            let Some(known) = known.get(place) else { continue };
            let one = self.one(record, feed, known, name);
            let passing = Passing { hash: known.hash.clone(), shared: choice.shared.contains(&place) };
            made.push(self.passes(one, passing));
        }
        for (name, passing) in choice.gone {
            let words = format!("the entry `{name}` left the feed of `{}` before it was worked on", record.item.key);
            let gone =
                self.failed(Record { entry: Some(name), ..record.clone() }, Error::permanent("entry_gone", words));
            made.push(self.passes(gone, passing));
        }
        if let Some(error) = &feed.broken {
            made.push(self.failed(record.clone(), error.clone()));
        }
    }

    /// The records of a feed that fails. Where this run had taken entries of it, another try may still bring them: so the
    /// failure is one that may pass, and so are those of the entries, which are told in case that was the last one.
    fn give_up(&self, record: Record, error: Error, choice: Choice, made: &mut Vec<Record>) {
        let hopeless = ["feed_missing", "url_unreadable", "address_refused"].contains(&error.code.as_str());
        let transient = error.transient || (!choice.gone.is_empty() && !hopeless);
        let error = Error { transient, ..error };
        for (name, passing) in choice.gone {
            let words = format!("the entry `{name}` was not worked on, since the feed of `{}` fails", record.item.key);
            let gone = Error { code: "entry_gone".into(), message: words, ..error.clone() };
            made.push(self.passes(self.failed(Record { entry: Some(name), ..record.clone() }, gone), passing));
        }
        made.push(self.failed(record, error));
    }

    /// Keeps in mind what is to be known of an entry once it is where it belongs.
    fn passes(&self, one: Record, passing: Passing) -> Record {
        if let Some(seen) = &self.seen {
            seen.passes(one.identity(), passing);
        }
        one
    }

    fn one(&self, record: &Record, feed: &ParsedFeed, known: &Known<'_>, name: String) -> Record {
        let entry = known.entry;
        let mut one = Record { entry: Some(name), ..record.clone() };
        if let Some(error) = &entry.broken {
            one.fail(&self.name, error.clone());
            return one;
        }
        let said = [&entry.language, &feed.language, &record.item.language, &self.language];
        let rights = entry.rights.as_ref().or(feed.rights.as_ref());
        let body = entries::text(entry, self.text);
        if is_blank(&body) {
            let words = format!("an entry of the feed of `{}` has nothing to read in it", record.item.key);
            one.fail(&self.name, Error::permanent("text_empty", words));
        }
        one.text = Some(Text {
            body,
            language: said.into_iter().flatten().next().cloned(),
            source: "feed".into(),
            title: entry.title.as_ref().map(|title| short(title, TITLE).replace('\n', " ")),
            url: entry.url.clone(),
            published: entry.published.map(|time| time.to_string()),
            revision: None,
            licence: rights.map(|rights| rights.replace('\n', " ")),
        });
        one
    }

    fn failed(&self, mut record: Record, error: Error) -> Record {
        record.fail(&self.name, error);
        record
    }
}

/// All entries of a feed, where nothing is remembered.
fn all(known: &[Known<'_>]) -> Choice {
    Choice { flow: called(known, |_| None).into_iter().enumerate().collect(), ..Choice::default() }
}

fn broken() -> Error {
    Error::permanent("stage_broken", "the stage broke off over this feed: this is a mistake of ours")
}
