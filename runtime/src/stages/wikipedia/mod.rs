//! Stage `wikipedia`: the first sentences of an item's Wikipedia page.

mod client;
mod request;
mod response;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Quota, Stage, TextFlow};
use crate::fetch::{FetchLimits, Fetcher, REQUEST_FAILURES, RateLimiter, user_agent};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Record, Text};
use crate::model::run::MAX_CHUNK_ITEMS;
use crate::model::values::{Bounded, HostPort, HttpUrl, Language};

use self::client::WikipediaClient;
use self::request::{TITLES, TitleBatch};
use self::response::WikipediaPages;

/// Default of `at_once`: the concurrent requests that Wikimedia allows one operator (its page on rate limits, 2026).
const DEFAULT_AT_ONCE: u64 = 3;

/// Default of `patience_s`. A chunk is five requests of well under a second each: if they take longer, the chunk had better
/// go back to the queue.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);

/// The licence of the texts, which requires that URL and revision stay with them.
const LICENCE: &str = "CC BY-SA 4.0";

/// Fetches the introduction of the Wikipedia page with the item's title, following redirects.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WikipediaSettings {
    /// Number of sentences to take from the introduction.
    #[serde(default = "three")]
    pub sentences: Bounded<1, 10>,
    /// The language edition of Wikipedia for items without a language.
    #[serde(default = "english")]
    pub language: Language,
    /// The URL of another MediaWiki Action API. `{language}` is replaced with the language. Default: Wikipedia's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<HttpUrl>,
    /// Private or local addresses that requests may reach, as `IP:PORT`; none by default. For tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// Your quota of requests per minute. Wikimedia allows 200 if the pipeline has a `contact`, and 10 without.
    #[serde(default = "requests")]
    pub requests_per_minute: Bounded<1, 100_000>,
    /// Maximum number of concurrent requests.
    #[serde(default = "at_once")]
    pub at_once: Bounded<1, 1_000>,
    /// Timeout in seconds for one request. Default: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Bounded<1, 300>>,
    /// Timeout in seconds for all requests of a chunk, including retries and waiting. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Bounded<1, 600>>,
}

fn three() -> Bounded<1, 10> {
    Bounded::new::<3>()
}

fn english() -> Language {
    #[expect(clippy::expect_used, reason = "a valid language tag, as the tests show")]
    Language::new("en").expect("a language tag")
}

fn requests() -> Bounded<1, 100_000> {
    Bounded::new::<200>()
}

fn at_once() -> Bounded<1, 1_000> {
    Bounded::new::<DEFAULT_AT_ONCE>()
}

impl Described for WikipediaSettings {
    const CARD: Card = Card {
        text: TextFlow::Provides,
        failures: &[
            &[
                ErrorCode::AnswerEndless,
                ErrorCode::AnswerIncomplete,
                ErrorCode::LanguageInvalid,
                ErrorCode::PageAmbiguous,
                ErrorCode::PageMissing,
                ErrorCode::PageSection,
                ErrorCode::RateLimited,
                ErrorCode::TextEmpty,
                ErrorCode::TitleInvalid,
                ErrorCode::WikipediaRefused,
                ErrorCode::WikipediaUnavailable,
            ],
            REQUEST_FAILURES,
        ],
        fetches: true,
        ..Card::new(
            ComponentRole::Stage,
            "wikipedia",
            "the first sentences of the item's Wikipedia page, fetched 20 titles per request",
            "[[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\nsentences = 3\n",
        )
    };
}

impl Component for WikipediaSettings {
    fn quota(&self) -> Option<Quota> {
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        Some(Quota {
            service: "Wikipedia",
            per_account: false,
            calls_per_second: self.requests_per_minute.get() as f64 / 60.0,
            max_concurrent: Some(self.at_once.get()),
            records_per_call: TITLES as u64,
            docs_url: "https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits",
        })
    }

    fn default_language(&self) -> Option<&str> {
        Some(self.language.as_str())
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(seconds(self.patience_s).unwrap_or(DEFAULT_PATIENCE))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let limits = FetchLimits::default();
        let limiter = match binding.rate_limit {
            Some(pace) => RateLimiter::with_pace(pace, u32::try_from(MAX_CHUNK_ITEMS.div_ceil(TITLES)).unwrap_or(1)),
            None => RateLimiter::with_concurrency(self.at_once.get()),
        };
        let client = WikipediaClient {
            fetcher: Fetcher::new(&user_agent(binding.contact.as_deref()), &self.allow)?.on(services.network()),
            limiter,
            limits: FetchLimits { time: seconds(self.timeout_s).unwrap_or(limits.time), ..limits },
            sentences: self.sentences.get(),
            endpoint: self.endpoint.clone(),
        };
        Ok(Instance::Stage(Box::new(Wikipedia {
            name: binding.name,
            language: self.language.to_string(),
            max_wait: seconds(self.patience_s).unwrap_or(DEFAULT_PATIENCE),
            client: Arc::new(client),
        })))
    }
}

fn seconds<const MIN: u64, const MAX: u64>(setting: Option<Bounded<MIN, MAX>>) -> Option<Duration> {
    setting.map(|seconds| Duration::from_secs(seconds.get()))
}

struct Wikipedia {
    name: String,
    language: String,
    max_wait: Duration,
    client: Arc<WikipediaClient>,
}

#[async_trait]
impl Stage for Wikipedia {
    fn name(&self) -> &str {
        &self.name
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(self.max_wait)
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let deadline = deadline.min(Instant::now() + self.max_wait);
        let (batches, refused) = request::batches(&records, &self.language);
        for (index, error) in refused {
            records[index].fail(&self.name, error);
        }
        let mut tasks = JoinSet::new();
        let mut indexes_by_task = HashMap::new();
        for batch in batches {
            let client = Arc::clone(&self.client);
            let indexes: Vec<usize> = batch.titles.iter().flat_map(|(_, indexes)| indexes).copied().collect();
            let task = tasks.spawn(async move {
                let pages = client.fetch(&batch, deadline).await;
                texts(&batch, pages, client.endpoint.as_ref())
            });
            indexes_by_task.insert(task.id(), indexes);
        }
        while let Some(finished) = tasks.join_next_with_id().await {
            let texts = finished.map_or_else(|panic| panicked(indexes_by_task.remove(&panic.id())), |(_, texts)| texts);
            for (index, text) in texts {
                match text {
                    Ok(text) => records[index].text = Some(text),
                    Err(error) => records[index].fail(&self.name, error),
                }
            }
        }
        records
    }
}

/// The result for each record of a batch, by its index.
type BatchTexts = Vec<(usize, Result<Text, Error>)>;

/// A panic in one batch fails its records, but not the function.
fn panicked(indexes: Option<Vec<usize>>) -> BatchTexts {
    let failure = || Error::permanent(ErrorCode::StageBroken, "a bug in fanggen: the stage panicked over this batch");
    indexes.unwrap_or_default().into_iter().map(|index| (index, Err(failure()))).collect()
}

fn texts(batch: &TitleBatch, pages: Result<WikipediaPages, Error>, endpoint: Option<&HttpUrl>) -> BatchTexts {
    let text = |title: &str| {
        let found = pages.as_ref().map_err(Clone::clone)?.find(title, &batch.language)?;
        Ok(Text {
            body: found.body,
            language: Some(batch.language.clone()),
            source: "wikipedia".into(),
            url: found.url.or_else(|| request::page_url(endpoint, &batch.language, &found.title)),
            title: Some(found.title),
            revision: found.revision,
            licence: Some(LICENCE.into()),
            published: None,
        })
    };
    batch
        .titles
        .iter()
        .flat_map(|(title, indexes)| {
            let text = text(title);
            indexes.iter().map(move |index| (*index, text.clone()))
        })
        .collect()
}
