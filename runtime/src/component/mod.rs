//! What a component is: its card, its traits, and the services that it may open.

pub mod analysis;
pub mod card;
pub mod meter;
pub mod services;
pub mod state;
mod traits;

pub use card::{Card, Catalog, CatalogFormat, Pace, Permission, Quota, Role, Scope, Seed, Store, TextFlow, Unit};
pub use traits::*;
