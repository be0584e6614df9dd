//! Trains the model of engine `headlines` from labelled headlines, and measures how well it judges.

pub mod examples;
pub mod folds;
pub mod model;
pub mod report;
