//! The embedded sentiment engines; they know nothing of components.

pub mod headlines;
pub mod vader;
