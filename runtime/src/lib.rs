//! The components of a sentiment pipeline and the function that runs them: event -> source -> stages -> sinks.

#[cfg(feature = "aws")]
pub mod aws;
pub mod component;
pub mod condition;
pub mod engines;
pub mod fetch;
pub mod function;
pub mod lambda;
pub mod model;
pub mod shift;
pub mod sinks;
pub mod sources;
pub mod stages;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
