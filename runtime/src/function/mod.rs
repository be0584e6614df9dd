//! A function of a pipeline: its settings, and how it processes runs and chunks.

mod batch;
mod finding_cache;
mod forward;
pub mod notifier;
mod open;
mod producer;
pub mod registry;
mod replay;
mod settings;
mod stage_chain;
mod worker;

pub use open::{ComponentTiming, NamedComponents, OpenFunction, OpenOutput, SubstituteFn};
pub use producer::ProducerOutcome;
pub use settings::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger, Variable};
pub use worker::{ChunkOutcome, Delivery};
