//! Stage `feed`: the entries of an item's feed, each a record of its own, and each once ever.

mod entries;
mod reading;
mod seen;

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, TextFlow};
use crate::fetch::{FetchLimits, RetryingFetcher};
use crate::model::error::Error;
use crate::model::values::{HostPort, ItemUrl, Language, Within};

use self::reading::Reading;
use self::seen::Seen;

/// How long a chunk waits for its feeds in all, retries included, unless the settings say otherwise.
const PATIENCE: u64 = 60;

/// Fetches the feed of each item (RSS of any version, Atom, JSON Feed) and makes a record of each entry that no run has had
/// before; it is remembered for at least 200 days from when the feed last had it. A feed without news makes none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// The feed of items that name none in their `feed`; `{key}` in it stands for the item's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<ItemUrl>,
    /// What of an entry makes the text. Everything unless given.
    #[serde(default, skip_serializing_if = "Parts::is_all")]
    pub text: Parts,
    /// New entries of an item and run, at most. Where there are more, the oldest come first, and the others in the next
    /// runs.
    #[serde(default = "entries")]
    pub entries: Within<1, 100>,
    /// Language of entries where neither they nor their feed nor the item name one. It is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Addresses on this machine or its network that may be reached all the same, for tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
    /// Feeds that may be fetched at once.
    #[serde(default = "at_once")]
    pub at_once: Within<1, 100>,
    /// Bytes of a feed at most, unpacked.
    #[serde(default = "max_bytes")]
    pub max_bytes: Within<1_000, 16_000_000>,
    /// Seconds after which a single feed is given up. 15 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<Within<1, 300>>,
    /// Seconds after which a chunk is given up, waiting and retries included. 60 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_s: Option<Within<1, 600>>,
}

/// What of an entry makes the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Parts {
    /// Title, summary and content; a summary that only begins the content is left out.
    #[default]
    All,
    /// The title alone.
    Title,
    /// Title and summary, or the content where there is no summary.
    Summary,
    /// Title and content, or the summary where there is no content.
    Content,
}

impl Parts {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

fn entries() -> Within<1, 100> {
    Within::of::<25>()
}

fn at_once() -> Within<1, 100> {
    Within::of::<8>()
}

fn max_bytes() -> Within<1_000, 16_000_000> {
    Within::of::<4_000_000>()
}

impl Component for Feed {
    const CARD: Card = Card {
        text: TextFlow::Gives,
        fetches: true,
        ..Card::new(
            Role::Stage,
            "feed",
            "the new entries of the item's feed (RSS, Atom, JSON Feed), each once ever",
            "[[stages]]\nname = \"press\"\ntype = \"feed\"\nentries = 10\n",
        )
    };

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        vec![Permission {
            actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PutItem"],
            on: Scope::State,
            why: "entries are remembered, so that none comes twice",
        }]
    }

    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.patience_s.map_or(PATIENCE, Within::get)))
    }

    fn entries(&self) -> Option<u64> {
        Some(self.entries.get())
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let usual = FetchLimits::default();
        let limits = FetchLimits {
            bytes: usize::try_from(self.max_bytes.get()).unwrap_or(usual.bytes),
            time: self.timeout_s.map_or(usual.time, |seconds| Duration::from_secs(seconds.get())),
            ..usual
        };
        let state = binding.state.as_deref().map(|table| doors.state(table)).transpose()?;
        Ok(Opened::Stage(Box::new(Reading {
            fetcher: RetryingFetcher::new(binding.contact.as_deref(), &self.allow, self.at_once.get(), limits)?,
            patience: Component::patience(self).unwrap_or_default(),
            url: self.url.clone(),
            text: self.text,
            language: self.language.as_ref().map(ToString::to_string),
            most: usize::try_from(self.entries.get()).unwrap_or(usize::MAX),
            seen: state.map(|state| Seen { state, stage: binding.name.clone(), passing: Mutex::default() }),
            name: binding.name,
        })))
    }
}
