//! What a replay changed: the results of each record before and now, counted by label.

use std::collections::BTreeMap;

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Label, Record};
use fanggen_runtime::model::replay::ReplayOutcome;
use serde::{Serialize, Serializer};

/// The result of a record in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResultWord {
    /// A label.
    Label(Label),
    /// Results without a label.
    NoLabel,
    /// A failure.
    Failed,
    /// A filter drops it today. It stays as it was.
    Dropped,
    /// It could not be analysed for now. It stays as it was.
    NotAnalysed,
}

impl ResultWord {
    fn of(record: &Record) -> Self {
        match record.finding().and_then(|finding| finding.label) {
            _ if record.failure.is_some() => Self::Failed,
            Some(label) => Self::Label(label),
            None => Self::NoLabel,
        }
    }

    /// The word, as `--json` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label(label) => label.as_str(),
            Self::NoLabel => "no label",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::NotAnalysed => "not analysed",
        }
    }
}

impl Serialize for ResultWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The result of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordResult {
    /// In one word.
    pub result: ResultWord,
    /// The score of its main finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The engine of its main finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Why it failed, or could not be analysed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl RecordResult {
    fn of(record: &Record) -> Self {
        let finding = record.finding().filter(|_| record.failure.is_none());
        Self {
            result: ResultWord::of(record),
            score: finding.and_then(|finding| finding.score),
            engine: finding.map(|finding| finding.engine.clone()),
            code: record.failure.as_ref().map(|failure| failure.error.code),
            message: record.failure.as_ref().map(|failure| failure.error.message.clone()),
        }
    }

    const fn word(result: ResultWord) -> Self {
        Self { result, score: None, engine: None, code: None, message: None }
    }
}

/// What changed of a record. The order is that in which changes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It failed, and does not any more.
    Succeeded,
    /// It fails now.
    Failed,
    /// Its label.
    Label,
    /// It is dropped today.
    Dropped,
    /// It could not be analysed for now.
    NotAnalysed,
    /// Why it fails.
    Failure,
    /// Its score, but not its label.
    Score,
    /// Something else in its findings, such as its engine or its entities.
    Findings,
}

/// A record with another result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordChange {
    /// Its run.
    pub run: String,
    /// Its item.
    pub item: String,
    /// Its entry, if the item has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The title of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What changed.
    pub change: ChangeKind,
    /// Its archived result.
    pub before: RecordResult,
    /// Its result now.
    pub now: RecordResult,
}

impl RecordChange {
    /// Changes of the same kind are ordered by how far the score moved.
    fn rank(&self) -> (ChangeKind, f64) {
        let score = |result: &RecordResult| result.score.unwrap_or_default();
        (self.change, -(score(&self.now) - score(&self.before)).abs())
    }
}

/// Records with the same result before and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelCount {
    /// Before.
    pub before: ResultWord,
    /// Now.
    pub now: ResultWord,
    /// How many.
    pub records: u64,
}

/// The comparison of all records of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayComparison {
    /// The records.
    pub records: u64,
    /// How many changed, by what changed.
    pub kinds: BTreeMap<ChangeKind, u64>,
    /// How many records each stage drops today.
    pub dropped: BTreeMap<String, u64>,
    labels: BTreeMap<(ResultWord, ResultWord), u64>,
    changes: Vec<RecordChange>,
    /// How many changes are held.
    most: usize,
}

impl ReplayComparison {
    /// A comparison that holds at most so many changes, those that say most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds the chosen records of a chunk, as they were and as they are now.
    pub fn add(&mut self, before: &[Record], now: &[Record], chosen: &[usize], outcome: &ReplayOutcome) {
        for (stage, records) in &outcome.dropped_by {
            *self.dropped.entry(stage.clone()).or_default() += records;
        }
        for index in chosen {
            let (Some(before), Some(now)) = (before.get(*index), now.get(*index)) else { continue };
            let now = if outcome.dropped.contains(index) {
                Now::Not(RecordResult::word(ResultWord::Dropped), ChangeKind::Dropped)
            } else if let Some(failure) = outcome.kept.get(index) {
                let mut result = RecordResult::word(ResultWord::NotAnalysed);
                (result.code, result.message) = (Some(failure.error.code), Some(failure.error.message.clone()));
                Now::Not(result, ChangeKind::NotAnalysed)
            } else {
                Now::Record(now)
            };
            self.add_record(before, now);
        }
    }

    fn add_record(&mut self, before: &Record, now: Now<'_>) {
        let was = RecordResult::of(before);
        let (is, change) = match now {
            Now::Not(result, change) => (result, Some(change)),
            Now::Record(now) => (RecordResult::of(now), change(before, now)),
        };
        self.records += 1;
        *self.labels.entry((was.result, is.result)).or_default() += 1;
        let Some(change) = change else { return };
        *self.kinds.entry(change).or_default() += 1;
        self.changes.push(RecordChange {
            run: before.run.clone(),
            item: before.item.key.clone(),
            entry: before.entry.clone(),
            title: before.text.as_ref().and_then(|text| text.title.clone()),
            change,
            before: was,
            now: is,
        });
        if self.changes.len() >= self.most.saturating_mul(2).max(64) {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        // A stable sort: equal changes stay in the order of the archive.
        self.changes.sort_by(|one, other| {
            let ((one, moved), (other, as_far)) = (one.rank(), other.rank());
            one.cmp(&other).then_with(|| moved.total_cmp(&as_far))
        });
        self.changes.truncate(self.most);
    }

    /// How many records changed.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// How many stored results were replaced by others, or would be.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        let stays = |kind: &&ChangeKind| matches!(kind, ChangeKind::Dropped | ChangeKind::NotAnalysed);
        self.kinds.iter().filter(|(kind, _)| !stays(kind)).map(|(_, records)| records).sum()
    }

    /// How many records changed in this way.
    #[must_use]
    pub fn of_kind(&self, kind: ChangeKind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// The counts by result before and now.
    #[must_use]
    pub fn labels(&self) -> Vec<LabelCount> {
        self.labels
            .iter()
            .map(|((before, now), records)| LabelCount { before: *before, now: *now, records: *records })
            .collect()
    }

    /// The changes that say most: first what is newly good or bad, then other labels, then the scores that moved furthest.
    #[must_use]
    pub fn changes(mut self) -> Vec<RecordChange> {
        self.shorten();
        self.changes
    }
}

/// The result of a record after the replay.
enum Now<'a> {
    /// A result.
    Record(&'a Record),
    /// None: it stays as it was.
    Not(RecordResult, ChangeKind),
}

/// What changed of a record, if anything did.
fn change(before: &Record, now: &Record) -> Option<ChangeKind> {
    match (&before.failure, &now.failure) {
        (None, Some(_)) => return Some(ChangeKind::Failed),
        (Some(_), None) => return Some(ChangeKind::Succeeded),
        (Some(before), Some(now)) if before.error.code != now.error.code => return Some(ChangeKind::Failure),
        _ => {}
    }
    let main = |record: &Record| record.finding().map(|finding| (finding.label, finding.score));
    match (main(before), main(now)) {
        (Some((before, _)), Some((now, _))) if before != now => Some(ChangeKind::Label),
        (Some((_, before)), Some((_, now))) if before != now => Some(ChangeKind::Score),
        _ if before == now => None,
        _ => Some(ChangeKind::Findings),
    }
}

#[cfg(test)]
mod tests {
    use fanggen_runtime::model::error::Error;
    use fanggen_runtime::model::record::{Failure, Finding, Item};

    use super::*;

    fn record(key: &str, label: Option<Label>, score: f64) -> Record {
        let finding = Finding { label, score: Some(score), engine: "lexicon".into(), ..Finding::default() };
        Record { findings: vec![finding], ..Record::new("r", "s", Item::named(key)) }
    }

    fn failed(key: &str, code: ErrorCode) -> Record {
        let mut record = Record::new("r", "s", Item::named(key));
        record.fail("words", Error::permanent(code, "why"));
        record
    }

    #[test]
    fn every_kind_of_change_is_counted_and_those_that_say_most_come_first() {
        let (good, bad) = (Some(Label::Positive), Some(Label::Negative));
        let other_engine = |mut record: Record| {
            record.findings[0].engine = "headlines".into();
            record
        };
        let pairs = [
            (record("same", good, 0.5), record("same", good, 0.5)),
            (record("little", good, 0.5), record("little", good, 0.6)),
            (record("much", good, 0.1), record("much", good, 0.9)),
            (record("label", good, 0.5), record("label", bad, -0.5)),
            (record("engine", good, 0.5), other_engine(record("engine", good, 0.5))),
            (record("worse", good, 0.5), failed("worse", ErrorCode::LanguageUnknown)),
            (failed("better", ErrorCode::LanguageUnknown), record("better", None, 0.0)),
            (failed("reason", ErrorCode::LanguageUnknown), failed("reason", ErrorCode::TextEmpty)),
            (failed("hopeless", ErrorCode::TextEmpty), failed("hopeless", ErrorCode::TextEmpty)),
            (record("dropped", good, 0.5), record("dropped", good, 0.5)),
            (record("away", good, 0.5), record("away", good, 0.5)),
            (record("unchosen", good, 0.5), record("unchosen", bad, 0.5)),
        ];
        let (before, now): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let away = Failure { stage: "words".into(), error: Error::transient(ErrorCode::Throttled, "too fast") };
        let outcome =
            ReplayOutcome { dropped: vec![9], dropped_by: [("bad".to_owned(), 1)].into(), kept: [(10, away)].into() };
        let mut comparison = ReplayComparison::new(8);
        let chosen: Vec<usize> = (0..11).collect();
        comparison.add(&before, &now, &chosen, &outcome);
        assert_eq!((comparison.records, comparison.changed(), comparison.replaced()), (11, 9, 7));
        assert!(comparison.kinds.iter().all(|(kind, records)| *records == 1 + u64::from(*kind == ChangeKind::Score)));
        let labels: Vec<String> = comparison
            .labels()
            .iter()
            .map(|count| format!("{} > {}: {}", count.before.as_str(), count.now.as_str(), count.records))
            .collect();
        assert_eq!(
            labels,
            [
                "POSITIVE > POSITIVE: 4",
                "POSITIVE > NEGATIVE: 1",
                "POSITIVE > failed: 1",
                "POSITIVE > dropped: 1",
                "POSITIVE > not analysed: 1",
                "failed > no label: 1",
                "failed > failed: 2",
            ]
        );
        let items: Vec<String> = comparison.changes().into_iter().map(|change| change.item).collect();
        assert_eq!(items, ["better", "worse", "label", "dropped", "away", "reason", "much", "little"]);
    }
}
