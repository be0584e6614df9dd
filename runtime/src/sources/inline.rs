//! Source `inline`: a few items, written in `pipeline.toml` itself and carried by the schedule.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::component::services::Doors;
use crate::component::{self, Binding, Card, Component, Opened, Role, Seed, Source};
use crate::model::error::Error;
use crate::model::items::Written;
use crate::model::record::Item;
use crate::model::values::Attribute;

/// The most bytes of items in a schedule's input: a quarter of the payload that EventBridge Scheduler admits (256 KB,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>), since the template carries them too.
const INPUT_BYTES: usize = 64 * 1024;

/// Items that are written in the file and travel in the schedule's input: no table, nothing to look after.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inline {
    /// The items: keys, or tables of attributes.
    #[serde(default, skip_serializing)]
    pub items: Vec<Written>,
    /// The attribute that holds the key, where an item is a table.
    #[serde(default = "name")]
    pub key: Attribute,
}

fn name() -> Attribute {
    super::name()
}

impl Component for Inline {
    const CARD: Card = Card::new(
        Role::Source,
        "inline",
        "a few items in the file itself, carried by the schedule",
        "[sources.brands]\ntype = \"inline\"\nitems = [\"Lego\", { name = \"Miele\", language = \"de\" }]\n",
    );

    fn seed(&self) -> Option<Seed<'_>> {
        Some(Seed { key: self.key.as_str(), items: &self.items, file: None, most_bytes: Some(INPUT_BYTES) })
    }

    fn open(&self, binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        if binding.given.is_empty() {
            let words = format!("no items came with the run for `{}`", binding.name);
            return Err(Error::permanent("items_missing", words));
        }
        Ok(Opened::Source(Box::new(Given { items: binding.given, next: 0 })))
    }
}

struct Given {
    items: Vec<Item>,
    next: usize,
}

#[async_trait]
impl Source for Given {
    async fn next(&mut self) -> Result<Option<component::Given>, Error> {
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
