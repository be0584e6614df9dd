//! The integration tests of the runtime, in one binary.

#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod architectures;
mod archive;
mod attacks;
mod bootstrap;
mod condition;
mod contracts;
mod failures;
mod feed_stage;
mod feeds;
mod fetch;
mod fuzz;
mod headlines;
mod notifications;
mod producing;
mod replaying;
mod scale;
mod settling;
mod shifts;
mod vader;
mod webhook;
mod wikipedia;
mod wikipedia_errors;
