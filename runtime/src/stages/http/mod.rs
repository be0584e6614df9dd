//! Stage `http`: the readable text of an item's web page, or a value in its JSON.

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

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::fetch::{FetchLimits, REQUEST_FAILURES, RetryingFetcher, STATUS_FAILURES};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Record, Text};
use crate::model::values::{Bounded, HostPort, ItemUrl, Language};

use page::FetchedPage;

/// Default of `patience_s`.
const DEFAULT_PATIENCE_S: u64 = 60;

/// Fetches the web page of each item and extracts its text: from HTML the readable text without menus, headers and footers,
/// from plain text everything, from JSON the value at `pointer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// The URL for items without a `url`. `{key}` is replaced with the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<ItemUrl>,
    /// The JSON Pointer (RFC 6901) to a text, or a list of texts, in a JSON response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Pointer>,
    /// The language of pages if neither the page nor the item has one. It is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Private or local addresses that requests may reach, as `IP:PORT`; none by default. For tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// Maximum number of concurrent requests.
    #[serde(default = "at_once")]
    pub at_once: Bounded<1, 100>,
    /// Maximum size of a page in bytes, decompressed.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bounded<1_000, 16_000_000>,
    /// Timeout in seconds for one request. Default: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Bounded<1, 300>>,
    /// Timeout in seconds for all requests of a chunk, including retries and waiting. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Bounded<1, 600>>,
}

crate::checked_string!(
    /// A JSON Pointer (RFC 6901): member names and indexes, each after a `/`.
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

fn at_once() -> Bounded<1, 100> {
    Bounded::new::<8>()
}

fn max_bytes() -> Bounded<1_000, 16_000_000> {
    Bounded::new::<4_000_000>()
}

impl Described for HttpSettings {
    const CARD: Card = Card {
        text: TextFlow::Provides,
        failures: &[
            &[ErrorCode::NotJson, ErrorCode::PageEmpty, ErrorCode::PointerMissing, ErrorCode::UrlMissing],
            REQUEST_FAILURES,
            STATUS_FAILURES,
        ],
        fetches: true,
        ..Card::new(
            ComponentRole::Stage,
            "http",
            "the readable text of the item's web page, or a value from a JSON response",
            "[[stages]]\nname = \"page\"\ntype = \"http\"\nurl = \"https://example.com/about/{key}\"\n",
        )
    };
}

impl Component for HttpSettings {
    fn default_language(&self) -> Option<&str> {
        self.language.as_ref().map(|language| language.as_str())
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.patience_s.map_or(DEFAULT_PATIENCE_S, Bounded::get)))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let default = FetchLimits::default();
        let limits = FetchLimits {
            bytes: usize::try_from(self.max_bytes.get()).unwrap_or(default.bytes),
            time: self.timeout_s.map_or(default.time, |seconds| Duration::from_secs(seconds.get())),
            ..default
        };
        Ok(Instance::Stage(Box::new(HttpStage {
            fetcher: RetryingFetcher::new(
                binding.contact.as_deref(),
                &self.allow,
                self.at_once.get(),
                limits,
                services.network(),
            )?,
            max_wait: self.max_wait().unwrap_or_default(),
            name: binding.name,
            url: self.url.clone(),
            pointer: self.pointer.clone(),
            language: self.language.as_ref().map(ToString::to_string),
        })))
    }
}

struct HttpStage {
    name: String,
    fetcher: RetryingFetcher,
    max_wait: Duration,
    url: Option<ItemUrl>,
    pointer: Option<Pointer>,
    language: Option<String>,
}

#[async_trait]
impl Stage for HttpStage {
    fn name(&self) -> &str {
        &self.name
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(self.max_wait)
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let deadline = deadline.min(Instant::now() + self.max_wait);
        let urls: Vec<_> = records.iter().map(|record| self.page_url(record)).collect();
        let pages = self.fetch_all(&urls, deadline).await;
        for (record, url) in records.iter_mut().zip(&urls) {
            let page = url.as_ref().map_err(Clone::clone).and_then(|url| {
                pages.get(url.as_str()).map_or_else(|| Err(broken()), |page| page.as_ref().map_err(Clone::clone))
            });
            match page {
                Ok(page) => record.text = Some(self.text(record, page)),
                Err(error) => record.fail(&self.name, error),
            }
        }
        records
    }
}

impl HttpStage {
    /// The URL of an item's page.
    fn page_url(&self, record: &Record) -> Result<String, Error> {
        let own = record.item.url.as_deref().map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned);
        own.or_else(|| self.url.as_ref().map(|url| url.for_key(&record.item.key))).ok_or_else(|| {
            let message = format!("`{}` has no URL: set `url` on the item or on the stage", record.item.key);
            Error::permanent(ErrorCode::UrlMissing, message)
        })
    }

    /// The pages at these URLs, each fetched once.
    async fn fetch_all<'a>(
        &self,
        urls: &'a [Result<String, Error>],
        deadline: Instant,
    ) -> HashMap<&'a str, Result<FetchedPage, Error>> {
        let mut distinct: Vec<&str> = urls.iter().flatten().map(String::as_str).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let fetch = async |url: &'a str| {
            // A panic over one page fails its items, but no others.
            let page = AssertUnwindSafe(self.fetch(url, deadline)).catch_unwind().await;
            (url, page.unwrap_or_else(|_| Err(broken())))
        };
        join_all(distinct.into_iter().map(fetch)).await.into_iter().collect()
    }

    async fn fetch(&self, url: &str, deadline: Instant) -> Result<FetchedPage, Error> {
        let response = self.fetcher.get(url, deadline).await?;
        page::extract(response, self.pointer.as_ref().map(Pointer::as_str))
    }

    fn text(&self, record: &Record, page: &FetchedPage) -> Text {
        let languages = [&page.language, &record.item.language, &self.language];
        Text {
            body: page.text.clone(),
            language: languages.into_iter().flatten().next().cloned(),
            source: "http".into(),
            title: page.title.clone(),
            url: page.url.clone(),
            ..Text::default()
        }
    }
}

fn broken() -> Error {
    Error::permanent(ErrorCode::StageBroken, "a bug in fanggen: the stage panicked over this page")
}
