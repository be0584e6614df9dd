//! Stage `wikipedia`: the first sentences of an item's page.

mod answer;
mod ask;
mod request;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Quota, Role, Stage, TextFlow};
use crate::fetch::{FetchLimits, Fetcher, RateLimiter, user_agent};
use crate::model::error::Error;
use crate::model::record::{Record, Text};
use crate::model::run::CHUNK_ITEMS;
use crate::model::values::{HostPort, HttpUrl, Language, Within};

use self::answer::Pages;
use self::ask::Asker;
use self::request::{Batch, TITLES};

/// Requests that Wikimedia admits at once from one operator (its page on rate limits, 2026).
const AT_ONCE: u64 = 3;

/// How long a chunk waits for Wikipedia in all, retries included, unless the settings say otherwise. A chunk is five
/// requests of well under a second each: what takes longer is better handed back to the queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the texts are licensed under, which asks that address and revision stay with them.
const LICENCE: &str = "CC BY-SA 4.0";

/// Fetches the introduction of the page that carries exactly the item's title, following redirects.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wikipedia {
    /// How many sentences of the introduction are taken.
    #[serde(default = "three")]
    pub sentences: Within<1, 10>,
    /// Which Wikipedia is asked, for items that name no language.
    #[serde(default = "english")]
    pub language: Language,
    /// Another address of the Action API; `{language}` in it is replaced. Wikipedia's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<HttpUrl>,
    /// Addresses on this machine or its network that may be reached all the same, for tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// The quota of requests a minute (200 with a User-Agent that names a contact, 10 without).
    #[serde(default = "requests")]
    pub requests_per_minute: Within<1, 100_000>,
    /// Requests that may be under way at once.
    #[serde(default = "at_once")]
    pub at_once: Within<1, 1_000>,
    /// Seconds after which a single answer is given up. 15 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Within<1, 300>>,
    /// Seconds after which a chunk is given up, waiting and retries included. 60 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Within<1, 600>>,
}

fn three() -> Within<1, 10> {
    Within::of::<3>()
}

fn english() -> Language {
    #[expect(clippy::expect_used, reason = "a language tag, as the tests show")]
    Language::new("en").expect("a language tag")
}

fn requests() -> Within<1, 100_000> {
    Within::of::<200>()
}

fn at_once() -> Within<1, 1_000> {
    Within::of::<AT_ONCE>()
}

impl Component for Wikipedia {
    const CARD: Card = Card {
        text: TextFlow::Gives,
        fetches: true,
        ..Card::new(
            Role::Stage,
            "wikipedia",
            "the first sentences of the item's Wikipedia page, 20 titles a request",
            "[[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\nsentences = 3\n",
        )
    };

    fn quota(&self) -> Option<Quota> {
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        Some(Quota {
            service: "Wikipedia",
            calls_per_second: self.requests_per_minute.get() as f64 / 60.0,
            at_once: Some(self.at_once.get()),
            records_per_call: TITLES as u64,
            page: "https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits",
        })
    }

    fn patience(&self) -> Option<Duration> {
        Some(seconds(self.patience_s).unwrap_or(PATIENCE))
    }

    fn open(&self, binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        let limits = FetchLimits::default();
        let limiter = match binding.pace {
            Some(pace) => RateLimiter::with_pace(pace, u32::try_from(CHUNK_ITEMS.div_ceil(TITLES)).unwrap_or(1)),
            None => RateLimiter::with_concurrency(self.at_once.get()),
        };
        let asker = Asker {
            fetcher: Fetcher::new(&user_agent(binding.contact.as_deref()), &self.allow)?,
            limiter,
            limits: FetchLimits { time: seconds(self.timeout_s).unwrap_or(limits.time), ..limits },
            sentences: self.sentences.get(),
            endpoint: self.endpoint.clone(),
        };
        Ok(Opened::Stage(Box::new(Summaries {
            name: binding.name,
            language: self.language.to_string(),
            patience: seconds(self.patience_s).unwrap_or(PATIENCE),
            asker: Arc::new(asker),
        })))
    }
}

fn seconds<const MIN: u64, const MAX: u64>(setting: Option<Within<MIN, MAX>>) -> Option<Duration> {
    setting.map(|seconds| Duration::from_secs(seconds.get()))
}

struct Summaries {
    name: String,
    language: String,
    patience: Duration,
    asker: Arc<Asker>,
}

#[async_trait]
impl Stage for Summaries {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let deadline = deadline.min(Instant::now() + self.patience);
        let (batches, refused) = request::batches(&records, &self.language);
        for (place, error) in refused {
            records[place].fail(&self.name, error);
        }
        let mut asking = JoinSet::new();
        let mut places = HashMap::new();
        for batch in batches {
            let asker = Arc::clone(&self.asker);
            let whose: Vec<usize> = batch.titles.iter().flat_map(|(_, places)| places).copied().collect();
            let task = asking.spawn(async move {
                let told = asker.ask(&batch, deadline).await;
                texts(&batch, told, asker.endpoint.as_ref())
            });
            places.insert(task.id(), whose);
        }
        while let Some(told) = asking.join_next_with_id().await {
            let texts = told.map_or_else(|panic| broken(places.remove(&panic.id())), |(_, texts)| texts);
            for (place, text) in texts {
                match text {
                    Ok(text) => records[place].text = Some(text),
                    Err(error) => records[place].fail(&self.name, error),
                }
            }
        }
        records
    }
}

/// What each record of a batch is given.
type Given = Vec<(usize, Result<Text, Error>)>;

/// A mistake of ours in one batch is a failure of its records, and not of the function.
fn broken(places: Option<Vec<usize>>) -> Given {
    let failure = || Error::permanent("stage_broken", "the stage broke off over this batch: this is a mistake of ours");
    places.unwrap_or_default().into_iter().map(|place| (place, Err(failure()))).collect()
}

fn texts(batch: &Batch, told: Result<Pages, Error>, endpoint: Option<&HttpUrl>) -> Given {
    let text = |title: &str| {
        let found = told.as_ref().map_err(Clone::clone)?.find(title, &batch.language)?;
        Ok(Text {
            body: found.body,
            language: Some(batch.language.clone()),
            source: "wikipedia".into(),
            url: found.url.or_else(|| request::page(endpoint, &batch.language, &found.title)),
            title: Some(found.title),
            revision: found.revision,
            licence: Some(LICENCE.into()),
            published: None,
        })
    };
    batch
        .titles
        .iter()
        .flat_map(|(title, places)| {
            let text = text(title);
            places.iter().map(move |place| (*place, text.clone()))
        })
        .collect()
}
