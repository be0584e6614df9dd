//! A function: its settings to and from the environment, and how it works on a run or on a chunk.

mod forward;
mod producing;
pub mod registry;
mod reuse;
mod running;
mod settings;
mod stage_chain;
mod working;

pub use producing::ProducerOutcome;
pub use running::*;
pub use settings::*;
pub use working::{ChunkOutcome, Delivery};
