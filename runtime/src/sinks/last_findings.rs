//! The last finding of an item, from which a sink tells whether its label has changed.

use serde::{Deserialize, Serialize};

use crate::model::record::{Label, Record};

/// The last finding of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LastFinding {
    run: String,
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// The finding before that one, for a retry of the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<PreviousFinding>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PreviousFinding {
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// The previous label of a record's item, and the finding to store, if it changes.
pub(super) fn compare(record: &Record, last: Option<LastFinding>) -> (Option<Label>, Option<LastFinding>) {
    let finding = record.finding().and_then(|finding| Some((finding.label?, finding.score)));
    // Without the `Z`, run ids with and without fractions of a second sort correctly as texts.
    let time = |run: &str| run.trim_end_matches('Z').to_owned();
    let before = match last {
        None => None,
        // A retry of the same run: its own finding is not the previous one.
        Some(last) if last.run == record.run => {
            let label = last.before.as_ref().map(|before| before.label);
            let same = finding == Some((last.label, last.score));
            let row = finding.filter(|_| !same).map(|(label, score)| LastFinding { label, score, ..last });
            return (label, row);
        }
        // A late retry of an older run: what preceded it is no longer known, and the newer finding stays.
        Some(last) if time(&last.run) > time(&record.run) => return (None, None),
        Some(last) => Some(PreviousFinding { label: last.label, score: last.score }),
    };
    let label = before.as_ref().map(|before| before.label);
    (label, finding.map(|(label, score)| LastFinding { run: record.run.clone(), label, score, before }))
}
