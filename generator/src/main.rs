//! fanggen.
fn main() {}
