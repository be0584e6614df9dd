//! The contracts of our traits, as checks that run on the in-memory and on the real implementations.

pub mod services;
pub mod state;
