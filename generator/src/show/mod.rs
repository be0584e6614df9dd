//! Views of the plan for people. Pure: text from a plan, nothing else.

pub mod explain;
pub mod tree;
