//! The components of a sentiment pipeline and the function that runs them: event -> source -> stages -> sinks.

pub mod card;
#[cfg(feature = "aws")]
pub mod cloud;
pub mod component;
pub mod doors;
pub mod error;
pub mod fetch;
pub mod flow;
pub mod function;
pub mod items;
pub mod kinds;
pub mod record;
pub mod run;
pub mod sinks;
pub mod sources;
pub mod stages;
pub mod tree;
pub mod values;
