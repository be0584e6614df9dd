//! All integration tests of the generator, in one program: each would link the SDKs of AWS anew.

mod harness;

#[cfg(feature = "aws")]
mod apply;
#[cfg(feature = "aws")]
mod apply_changes;
#[cfg(feature = "aws")]
mod artifacts;
mod breakout;
#[cfg(all(feature = "aws", unix))]
mod build;
#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod changes;
mod ci;
mod compare;
#[cfg(feature = "aws")]
mod comprehend;
#[cfg(feature = "aws")]
mod comprehend_trouble;
#[cfg(all(feature = "aws", unix))]
mod crashes;
#[cfg(feature = "aws")]
mod deployer;
#[cfg(feature = "aws")]
mod doors;
#[cfg(feature = "aws")]
mod emulator;
#[cfg(all(feature = "aws", unix))]
mod faults;
#[cfg(feature = "aws")]
mod feed_live;
mod golden;
#[cfg(all(feature = "aws", unix))]
mod interruption;
#[cfg(feature = "aws")]
mod kms;
#[cfg(feature = "aws")]
mod live;
mod makefile;
mod mistakes;
mod original;
#[cfg(feature = "aws")]
mod original_live;
#[cfg(feature = "aws")]
mod policy;
#[cfg(feature = "aws")]
mod privileges;
mod readme;
#[cfg(all(feature = "aws", unix))]
mod refusals;
#[cfg(all(feature = "aws", unix))]
mod remains;
mod render;
mod rubbish;
mod run;
#[cfg(feature = "aws")]
mod schedule;
mod schema;
mod security;
#[cfg(feature = "aws")]
mod states;
#[cfg(all(feature = "aws", unix))]
mod together;
#[cfg(feature = "aws")]
mod told;
mod tree;
mod vader;
#[cfg(feature = "aws")]
mod watch;
