//! Arguments by which commands select records: a run, labels, a condition.

use clap::ValueEnum;
use fanggen_runtime::condition::{Condition, HISTORY_NAMES};
use fanggen_runtime::model::record::Label;
use fanggen_runtime::model::run::RunId;

/// A label, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LabelName {
    Positive,
    Negative,
    Neutral,
    Mixed,
}

impl LabelName {
    pub const fn label(self) -> Label {
        match self {
            Self::Positive => Label::Positive,
            Self::Negative => Label::Negative,
            Self::Neutral => Label::Neutral,
            Self::Mixed => Label::Mixed,
        }
    }
}

/// The id of a run.
///
/// # Errors
/// What is expected.
pub fn run_id(text: &str) -> Result<RunId, &'static str> {
    RunId::try_from(text.to_owned())
}

/// A condition on records that are already written.
///
/// # Errors
/// What is wrong with it.
pub fn condition(text: &str) -> Result<Condition, String> {
    let condition = Condition::parse(text).map_err(|error| error.to_string())?;
    if condition.needs_history() {
        return Err(format!("{HISTORY_NAMES} work only in a sink's `when`: they compare with earlier runs"));
    }
    Ok(condition)
}
