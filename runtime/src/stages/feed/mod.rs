//! Stage `feed`: makes a record of each new entry in an item's feed, and of each entry only once.

mod identity;
mod seen_entries;
mod stage;

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::component::services::Services;
use crate::component::{
    Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission, TextFlow,
};
use crate::fetch::{FetchLimits, REQUEST_FAILURES, RetryingFetcher, STATUS_FAILURES};
use crate::model::error::{Error, ErrorCode};
use crate::model::values::{Bounded, HostPort, ItemUrl, Language};

use self::seen_entries::SeenEntries;
use self::stage::Feed;

/// Default of `patience_s`.
const DEFAULT_PATIENCE_S: u64 = 60;

/// Fetches the feed of each item (RSS of any version, Atom or JSON Feed) and makes a record from each new entry.
/// Entries are remembered for at least 200 days after the feed last contained them. A feed without new entries yields
/// no records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FeedSettings {
    /// The feed URL for items without a `feed`. `{key}` is replaced with the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<ItemUrl>,
    /// Which parts of an entry make up the text. Default: `all`.
    #[serde(default, skip_serializing_if = "EntryText::is_all")]
    pub text: EntryText,
    /// Maximum number of new entries per item and run. If there are more, the oldest are processed first, and the rest in the next
    /// runs.
    #[serde(default = "entries")]
    pub entries: Bounded<1, 100>,
    /// The language of entries if neither the entry nor the feed nor the item has one. It is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Private or local addresses that requests may reach, as `IP:PORT`; none by default. For tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// Maximum number of concurrent requests.
    #[serde(default = "at_once")]
    pub at_once: Bounded<1, 100>,
    /// Maximum size of a feed in bytes, decompressed.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bounded<1_000, 16_000_000>,
    /// Timeout in seconds for one request. Default: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Bounded<1, 300>>,
    /// Timeout in seconds for all requests of a chunk, including retries and waiting. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Bounded<1, 600>>,
}

/// The parts of an entry that make up the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum EntryText {
    /// Title, summary and content; a summary that only repeats the beginning of the content is left out.
    #[default]
    All,
    /// Only the title.
    Title,
    /// Title and summary, or the content if there is no summary.
    Summary,
    /// Title and content, or the summary if there is no content.
    Content,
}

impl EntryText {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

fn entries() -> Bounded<1, 100> {
    Bounded::new::<25>()
}

fn at_once() -> Bounded<1, 100> {
    Bounded::new::<8>()
}

fn max_bytes() -> Bounded<1_000, 16_000_000> {
    Bounded::new::<4_000_000>()
}

impl Described for FeedSettings {
    const CARD: Card = Card {
        text: TextFlow::Provides,
        failures: &[
            &[
                ErrorCode::EntryGone,
                ErrorCode::EntryUnreadable,
                ErrorCode::FeedMissing,
                ErrorCode::FeedTooLong,
                ErrorCode::FeedUnreadable,
                ErrorCode::TextEmpty,
            ],
            REQUEST_FAILURES,
            STATUS_FAILURES,
        ],
        fetches: true,
        ..Card::new(
            ComponentRole::Stage,
            "feed",
            "new entries of the item's feed (RSS, Atom or JSON Feed), each processed once",
            "[[stages]]\nname = \"press\"\ntype = \"feed\"\nentries = 10\n",
        )
    };
}

impl Component for FeedSettings {
    fn default_language(&self) -> Option<&str> {
        self.language.as_ref().map(|language| language.as_str())
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        vec![RequiredPermission {
            actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PutItem"],
            target: PermissionTarget::StateTable,
            reason: "the seen entries are stored, so that none is processed twice",
        }]
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.patience_s.map_or(DEFAULT_PATIENCE_S, Bounded::get)))
    }

    fn fan_out(&self) -> Option<u64> {
        Some(self.entries.get())
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let default = FetchLimits::default();
        let limits = FetchLimits {
            bytes: usize::try_from(self.max_bytes.get()).unwrap_or(default.bytes),
            time: self.timeout_s.map_or(default.time, |seconds| Duration::from_secs(seconds.get())),
            ..default
        };
        let state = binding.state_table.as_deref().map(|table| services.state(table)).transpose()?;
        Ok(Instance::Stage(Box::new(Feed {
            fetcher: RetryingFetcher::new(
                binding.contact.as_deref(),
                &self.allow,
                self.at_once.get(),
                limits,
                services.network(),
            )?,
            max_wait: self.max_wait().unwrap_or_default(),
            url: self.url.clone(),
            text: self.text,
            language: self.language.as_ref().map(ToString::to_string),
            max_entries: usize::try_from(self.entries.get()).unwrap_or(usize::MAX),
            seen: state.map(|state| SeenEntries { state, stage: binding.name.clone(), pending: Mutex::default() }),
            name: binding.name,
        })))
    }
}
