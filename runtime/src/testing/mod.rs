//! Test support for this crate and the generator: servers, stand-ins for AWS, and in-memory implementations of our traits.
//!
//! It is compiled only with the feature `testing`, which neither the Lambda nor the CLI enables.

#![allow(clippy::panic, reason = "a test whose support fails has failed")]
#![allow(clippy::missing_panics_doc, reason = "everything here panics if the test cannot continue")]

pub mod components;
pub mod contracts;
pub mod corpus;
pub mod http_server;
pub mod lambda_api;
pub mod load;
pub mod measure;
pub mod memory_services;
pub mod memory_state;
pub mod process;
pub mod python_tools;
pub mod services;
