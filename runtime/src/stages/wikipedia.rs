//! Stage `wikipedia`: the first sentences of an item's page.

use serde::{Deserialize, Serialize};

use crate::component::{Binding, Card, Component, Opened, Quota, Role, TextFlow};
use crate::doors::Doors;
use crate::error::Error;
use crate::values::{HostPort, HttpUrl, Language, Within};

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
    Within::of::<3>()
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
            records_per_call: 20,
            page: "https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits",
        })
    }

    fn open(&self, _binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        Err(Error::not_built("wikipedia"))
    }
}
