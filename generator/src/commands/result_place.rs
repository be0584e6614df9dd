//! `--from`: whether a command reads what this machine has, or what the account has.

use clap::ValueEnum;

/// Where results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResultPlace {
    /// In `.fanggen` beside the pipeline's file
    Local,
    /// In the deployed environment
    Account,
}

impl ResultPlace {
    /// The place that was asked for; by default this machine, if it has anything.
    pub fn or_default(asked: Option<Self>, local_exists: bool) -> Self {
        asked.unwrap_or(if local_exists { Self::Local } else { Self::Account })
    }

    /// `on this machine` or `in the account`.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Local => "on this machine",
            Self::Account => "in the account",
        }
    }
}
