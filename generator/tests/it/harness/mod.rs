//! Shared test support: projects, tools, stand-ins for AWS.

pub mod actionlint;
#[cfg(feature = "aws")]
pub mod analysis;
pub mod audit;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod cargo_lambda;
pub mod checkov;
#[cfg(feature = "aws")]
pub mod deployed_pipeline;
#[cfg(feature = "aws")]
pub mod elf;
#[cfg(feature = "aws")]
pub mod iam_simulate;
#[cfg(feature = "aws")]
pub mod invoke;
#[cfg(feature = "aws")]
pub mod local_lambda;
pub mod npm;
#[cfg(feature = "aws")]
pub mod privileges;
pub mod process_output;
pub mod project;
pub mod readme;
pub mod rendered;
#[cfg(feature = "aws")]
pub mod roles;
#[cfg(unix)]
pub mod terminal;
pub mod tools;
pub mod yaml;
