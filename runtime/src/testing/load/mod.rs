//! Load on the real `bootstrap`: the root pipeline on the stand-in, for measurements and one test of scale.

pub mod pipeline;
pub mod run;
