//! Views for people. Pure: text from a plan, or from the declarations that the program itself uses.

pub mod component;
pub mod errors;
pub mod explain;
pub mod next_runs;
pub mod reference;
pub mod roles;
pub mod setting;
pub mod tree;
