//! What every implementation of our traits must do: the same checks run on the ones in memory and on the real ones.

pub mod services;
pub mod state;
