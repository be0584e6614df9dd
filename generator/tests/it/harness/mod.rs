//! What tests share: projects, tools, stand-ins for AWS.

pub mod actionlint;
#[cfg(feature = "aws")]
pub mod analysis;
pub mod audit;
#[cfg(feature = "aws")]
pub mod aws;
pub mod checkov;
pub mod dice;
#[cfg(feature = "aws")]
pub mod elf;
#[cfg(feature = "aws")]
pub mod ground;
#[cfg(feature = "aws")]
pub mod hand;
#[cfg(feature = "aws")]
pub mod live;
pub mod privileges;
pub mod project;
pub mod readme;
pub mod rendered;
#[cfg(feature = "aws")]
pub mod roles;
pub mod tools;
#[cfg(feature = "aws")]
pub mod watched;
pub mod yaml;
