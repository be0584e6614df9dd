//! What several tests of this crate share.

#![allow(dead_code, reason = "each test file uses its own part of the harness")]

pub mod functions;
pub mod hostile_server;
pub mod random;
pub mod wikipedia;
