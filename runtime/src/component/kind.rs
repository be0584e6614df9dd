//! The settings of a component as a trait, and the kind that reads them: all that a new component has to provide.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::component::card::{BilledUnit, Card, Quota, RequiredPermission, SeedItems, Store, TextFlow};
use crate::component::services::Services;
use crate::component::traits::{Binding, Instance};
use crate::condition::Condition;
use crate::model::error::Error;
use crate::model::file_format::{FileFormat, ItemFileFormat};
use crate::model::tree::{Fault, Tree};
use crate::model::values::RelativePath;

/// The columns that a source looks for in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileColumns<'a> {
    /// The columns that the settings name, each with the key of the setting.
    pub named: Vec<(&'static str, &'a str)>,
    /// The columns that it takes for an attribute if they are there.
    pub implied: Vec<&'static str>,
    /// How the file is read.
    pub format: FileFormat,
}

/// The settings of a component: what it needs, what it costs, and how it is opened.
///
/// The fields of the implementing struct are at once TOML keys, members of the environment variable and properties of
/// the JSON Schema. Their doc comments are the user's documentation.
pub trait Component: ComponentClone + fmt::Debug + Send + Sync {
    /// The store of a component with this name.
    fn store(&self, _name: &str) -> Option<Store> {
        None
    }

    /// The permissions in AWS of a component with this name.
    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        Vec::new()
    }

    /// The units that AWS bills per record.
    fn units(&self) -> Vec<BilledUnit> {
        Vec::new()
    }

    /// The quota of the upstream service.
    fn quota(&self) -> Option<Quota> {
        None
    }

    /// The items in the settings of a source.
    fn seed(&self) -> Option<SeedItems<'_>> {
        None
    }

    /// The file that is the store of a source's items.
    fn item_file(&self) -> Option<ItemFileFormat> {
        None
    }

    /// The files it reads next to `pipeline.toml`, each with the key that names it.
    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        Vec::new()
    }

    /// The columns that it looks for in these files.
    fn columns(&self) -> FileColumns<'_> {
        FileColumns::default()
    }

    /// The longest time it waits for other services per chunk, if it calls any.
    fn max_wait(&self) -> Option<Duration> {
        None
    }

    /// The maximum number of records a stage creates from one, if it creates several. Chunks get smaller accordingly.
    fn fan_out(&self) -> Option<u64> {
        None
    }

    /// The analyses of a stage, by their names in its settings; empty if it has only one.
    fn answers(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The language of texts whose item, page or feed states none, as a language tag.
    fn default_language(&self) -> Option<&str> {
        None
    }

    /// The condition that selects records, if it has one.
    fn condition(&self) -> Option<&Condition> {
        None
    }

    /// Whether a sink that sends may do so in a local run with `--live`.
    fn sends_live(&self) -> bool {
        false
    }

    /// Why these settings do not go together: the key at fault, what was found, what is allowed.
    fn check(&self) -> Option<(&'static str, String, String)> {
        None
    }

    /// Opens the component with these services.
    ///
    /// # Errors
    /// Why it cannot run here.
    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error>;
}

/// Copies and serialises a [`Component`] behind a pointer. Implemented for every component that derives both.
pub trait ComponentClone {
    /// The settings as they travel in an environment variable.
    fn json(&self) -> serde_json::Value;

    /// A copy of the settings.
    fn boxed(&self) -> Box<dyn Component>;
}

impl<T: Component + Serialize + Clone + 'static> ComponentClone for T {
    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn boxed(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Component> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// Ties a card to the settings of a component.
pub trait Described: Component + Serialize + DeserializeOwned + Clone + 'static {
    /// The card.
    const CARD: Card;
}

/// A kind of component: its card, and the function that reads its settings.
#[derive(Clone, Copy)]
pub struct ComponentKind {
    /// The card.
    pub card: Card,
    /// Reads the settings.
    pub read: fn(&Tree) -> Result<Box<dyn Component>, Fault>,
    /// The JSON Schema of the settings.
    #[cfg(feature = "cards")]
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl ComponentKind {
    /// The kind whose settings are `T`.
    #[cfg(feature = "cards")]
    #[must_use]
    pub const fn of<T: Described + schemars::JsonSchema>() -> Self {
        Self { card: T::CARD, read: read::<T>, schema: <T as schemars::JsonSchema>::json_schema }
    }

    /// The kind whose settings are `T`.
    #[cfg(not(feature = "cards"))]
    #[must_use]
    pub const fn of<T: Described>() -> Self {
        Self { card: T::CARD, read: read::<T> }
    }
}

/// Whether a component is a stage that gives records their texts, or makes several records of one: it has done its work when a
/// record is archived.
#[must_use]
pub fn sets_texts(kind: &ComponentKind, settings: &dyn Component) -> bool {
    kind.card.text == TextFlow::Provides || settings.fan_out().is_some()
}

fn read<T: Described>(tree: &Tree) -> Result<Box<dyn Component>, Fault> {
    Ok(Box::new(tree.read::<T>()?))
}

impl fmt::Debug for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.card.role.as_str(), self.card.name)
    }
}
