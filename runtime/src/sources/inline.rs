//! Source `inline`: a few items in `pipeline.toml`, sent with the schedule.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::component::services::Services;
use crate::component::{self, Binding, Card, Component, ComponentRole, Described, Instance, SeedItems, Source};
use crate::model::error::{Error, ErrorCode};
use crate::model::items::InlineItem;
use crate::model::record::Item;
use crate::model::values::Attribute;

/// Maximum size of the items in a schedule's input: a quarter of the payload limit of EventBridge Scheduler (256 KB,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>), since the template contains them too.
const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Lists items in `pipeline.toml` itself. They are sent with the schedule's input, without a table or any other resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InlineSettings {
    /// The items: keys, or tables with attributes.
    #[serde(default, skip_serializing)]
    pub items: Vec<InlineItem>,
    /// The attribute with the key, for items that are tables.
    #[serde(default = "default_key")]
    pub key: Attribute,
}

fn default_key() -> Attribute {
    super::default_key()
}

impl Described for InlineSettings {
    const CARD: Card = Card::new(
        ComponentRole::Source,
        "inline",
        "a few items in pipeline.toml itself, sent with the schedule",
        "[sources.brands]\ntype = \"inline\"\nitems = [\"Lego\", { name = \"Miele\", language = \"de\" }]\n",
    );
}

impl Component for InlineSettings {
    fn seed(&self) -> Option<SeedItems<'_>> {
        Some(SeedItems { key: self.key.as_str(), items: &self.items, file: None, max_bytes: Some(MAX_INPUT_BYTES) })
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        if binding.items.is_empty() {
            let words = format!("the run contains no items for `{}`", binding.name);
            return Err(Error::permanent(ErrorCode::ItemsMissing, words));
        }
        Ok(Instance::Source(Box::new(Inline { items: binding.items, next: 0 })))
    }
}

struct Inline {
    items: Vec<Item>,
    next: usize,
}

#[async_trait]
impl Source for Inline {
    async fn next(&mut self) -> Result<Option<component::SourceItem>, Error> {
        let item = self.items.get(self.next).cloned();
        self.next += usize::from(item.is_some());
        Ok(item.map(|item| (item, None)))
    }

    fn cursor(&self) -> String {
        self.next.to_string()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        self.next = super::offset(cursor)?;
        Ok(())
    }
}
