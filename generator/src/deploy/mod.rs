//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how it was planned.

pub mod apply;
pub mod artifacts;
pub mod aws;
pub mod change_set;
pub mod count;
pub mod deployment;
pub mod destroy;
pub mod diff;
pub mod environment_stack;
pub mod error;
pub mod events;
pub mod first_run;
pub mod generated;
pub mod interrupt;
pub mod items;
pub mod leftovers;
pub mod lock;
pub mod operation;
pub mod pending_sets;
pub mod policy;
pub mod preview;
pub mod recover;
pub mod seed;
pub mod stack_state;
pub mod ui;
