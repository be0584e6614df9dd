//! What a component is: its card, its traits, and the services it may use.

pub mod analysis;
pub mod cached_secret;
pub mod card;
pub mod kind;
pub mod meter;
pub mod services;
pub mod state;
mod traits;

pub use card::{
    BilledUnit, Card, Catalog, CatalogFormat, ComponentRole, PermissionTarget, Quota, RateLimit, RegionalService,
    RequiredPermission, SeedItems, Store, TextFlow, TimeToLive,
};
pub use kind::{Component, ComponentClone, ComponentKind, Described, FileColumns, sets_texts};
pub use traits::{Binding, Instance, Sink, Source, SourceItem, Stage};
