//! Stage `http`: the text of an item's page, or of one place in its JSON.

mod page;
mod pointer;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role, Stage, TextFlow};
use crate::fetch::{FetchLimits, RetryingFetcher};
use crate::model::error::Error;
use crate::model::record::{Record, Text};
use crate::model::values::{HostPort, ItemUrl, Language, Within};

use page::Page;

/// How long a chunk waits for its pages in all, retries included, unless the settings say otherwise.
const PATIENCE: u64 = 60;

/// Fetches the page of each item, and takes what there is to read: of HTML the text without menus and trimmings, of plain
/// text all, of JSON what its pointer leads to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The page of items that name none in their `url`; `{key}` in it stands for the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<ItemUrl>,
    /// Where the text is in a page of JSON, as a JSON Pointer (RFC 6901): a text there, or a list of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Pointer>,
    /// Language of pages where neither they nor the item name one. It is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Addresses on this machine or its network that may be reached all the same, for tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// Pages that may be fetched at once.
    #[serde(default = "at_once")]
    pub at_once: Within<1, 100>,
    /// Bytes of a page at most, unpacked.
    #[serde(default = "max_bytes")]
    pub max_bytes: Within<1_000, 16_000_000>,
    /// Seconds after which a single page is given up. 15 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Within<1, 300>>,
    /// Seconds after which a chunk is given up, waiting and retries included. 60 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Within<1, 600>>,
}

crate::checked_text!(
    /// A JSON Pointer (RFC 6901): the names and places on the way, each behind a `/`.
    Pointer,
    "a JSON Pointer such as `/article/text` or `/items/0`, in which `~0` stands for `~` and `~1` for `/`",
    "^/[^\\x00-\\x1f\\x7f]{0,299}$",
    |text| {
        let mut tildes = text.split('~').skip(1);
        text.starts_with('/')
            && text.len() <= 300
            && !text.chars().any(char::is_control)
            && tildes.all(|rest| rest.starts_with(['0', '1']))
    }
);

fn at_once() -> Within<1, 100> {
    Within::of::<8>()
}

fn max_bytes() -> Within<1_000, 16_000_000> {
    Within::of::<4_000_000>()
}

impl Component for Http {
    const CARD: Card = Card {
        text: TextFlow::Gives,
        fetches: true,
        ..Card::new(
            Role::Stage,
            "http",
            "the readable text of the item's page, or of a place in its JSON",
            "[[stages]]\nname = \"page\"\ntype = \"http\"\nurl = \"https://example.com/about/{key}\"\n",
        )
    };

    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.patience_s.map_or(PATIENCE, Within::get)))
    }

    fn open(&self, binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        let usual = FetchLimits::default();
        let limits = FetchLimits {
            bytes: usize::try_from(self.max_bytes.get()).unwrap_or(usual.bytes),
            time: self.timeout_s.map_or(usual.time, |seconds| Duration::from_secs(seconds.get())),
            ..usual
        };
        Ok(Opened::Stage(Box::new(Pages {
            fetcher: RetryingFetcher::new(binding.contact.as_deref(), &self.allow, self.at_once.get(), limits)?,
            patience: Component::patience(self).unwrap_or_default(),
            name: binding.name,
            url: self.url.clone(),
            pointer: self.pointer.clone(),
            language: self.language.as_ref().map(ToString::to_string),
        })))
    }
}

struct Pages {
    name: String,
    fetcher: RetryingFetcher,
    patience: Duration,
    url: Option<ItemUrl>,
    pointer: Option<Pointer>,
    language: Option<String>,
}

#[async_trait]
impl Stage for Pages {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let deadline = deadline.min(Instant::now() + self.patience);
        let addresses: Vec<_> = records.iter().map(|record| self.address(record)).collect();
        let pages = self.pages(&addresses, deadline).await;
        for (record, address) in records.iter_mut().zip(&addresses) {
            let page = address.as_ref().map_err(Clone::clone).and_then(|address| {
                pages.get(address.as_str()).map_or_else(|| Err(broken()), |page| page.as_ref().map_err(Clone::clone))
            });
            match page {
                Ok(page) => record.text = Some(self.text(record, page)),
                Err(error) => record.fail(&self.name, error),
            }
        }
        records
    }
}

impl Pages {
    /// The address of an item's page.
    fn address(&self, record: &Record) -> Result<String, Error> {
        let own = record.item.url.as_deref().map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned);
        own.or_else(|| self.url.as_ref().map(|url| url.of(&record.item.key))).ok_or_else(|| {
            let words = format!("`{}` names no page: give it a `url`, or give the stage one", record.item.key);
            Error::permanent("url_missing", words)
        })
    }

    /// The pages at these addresses, each fetched once.
    async fn pages<'a>(
        &self,
        addresses: &'a [Result<String, Error>],
        deadline: Instant,
    ) -> HashMap<&'a str, Result<Page, Error>> {
        let mut once: Vec<&str> = addresses.iter().flatten().map(String::as_str).collect();
        once.sort_unstable();
        once.dedup();
        let read = async |address: &'a str| {
            // A mistake of ours in one page is a failure of its items, and not of the others.
            let page = AssertUnwindSafe(self.fetch(address, deadline)).catch_unwind().await;
            (address, page.unwrap_or_else(|_| Err(broken())))
        };
        join_all(once.into_iter().map(read)).await.into_iter().collect()
    }

    async fn fetch(&self, address: &str, deadline: Instant) -> Result<Page, Error> {
        let answer = self.fetcher.get(address, deadline).await?;
        page::read(answer, self.pointer.as_ref().map(Pointer::as_str))
    }

    fn text(&self, record: &Record, page: &Page) -> Text {
        let said = [&page.language, &record.item.language, &self.language];
        Text {
            body: page.text.clone(),
            language: said.into_iter().flatten().next().cloned(),
            source: "http".into(),
            title: page.title.clone(),
            url: page.url.clone(),
            ..Text::default()
        }
    }
}

fn broken() -> Error {
    Error::permanent("stage_broken", "the stage broke off over this page: this is a mistake of ours")
}
