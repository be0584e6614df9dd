//! Load tests of the real `bootstrap`: the root pipeline on the stand-in, for benchmarks and a test of scale.

pub mod pipeline;
pub mod run;
