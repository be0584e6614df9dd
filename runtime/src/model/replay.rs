//! A replay of a chunk: archived records whose texts are analysed again, and what becomes of each of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::model::error::ErrorCode;
use crate::model::record::{Failure, Finding, Identity, Record};

/// The replay that a chunk belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The id of the replay.
    pub id: String,
    /// The records of the chunk as they are archived, in order. Records that are in the message too are without the bodies of
    /// their texts here, so that no text is sent twice.
    pub archived: Vec<Record>,
    /// The indexes of the records that are analysed again, among the archived ones.
    pub chosen: Vec<usize>,
    /// The stages that are not run again: those up to the last one that sets texts. Their work is in the archived records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// What became of the chosen records of a chunk, besides new results. Indexes are those among the archived records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayOutcome {
    /// Records that a filter drops today. They stay as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<usize>,
    /// How many records each stage dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped_by: BTreeMap<String, u64>,
    /// Records that could not be analysed for now, with the reason. They stay as they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<usize, Failure>,
}

/// A record as it was before its analysis, or `None` if there is nothing to analyse: it has no text, it repeats another record,
/// or one of the `skipped` stages has failed it, which are not run again.
#[must_use]
pub fn before_analysis(record: &Record, skipped: &[String]) -> Option<Record> {
    let is_skipped = |stage: &str| skipped.iter().any(|name| name == stage);
    record.text.as_ref()?;
    let mut fresh = record.clone();
    if let Some(failure) = fresh.failure.take()
        && (matches!(failure.error.code, ErrorCode::ItemTwice | ErrorCode::EntryTwice) || is_skipped(&failure.stage))
    {
        return None;
    }
    let findings = std::mem::take(&mut fresh.findings).into_iter();
    let (kept, removed): (_, Vec<Finding>) = findings.partition(|finding| is_skipped(&finding.stage));
    fresh.findings = kept;
    for finding in removed {
        if let Some(text) = &mut fresh.text
            && finding.detected_language().is_some_and(|language| text.language.as_deref() == Some(language))
        {
            // What was detected is detected again; a declared language stays.
            text.language.clone_from(&fresh.item.language);
        }
    }
    Some(fresh)
}

impl Replay {
    /// A replay of those archived records that are `wanted` and can be analysed, with the records to analyse. The `skipped`
    /// stages are not run again.
    #[must_use]
    pub fn new(
        id: &str,
        mut archived: Vec<Record>,
        wanted: impl Fn(&Record) -> bool,
        skipped: Vec<String>,
    ) -> (Self, Vec<Record>) {
        let (mut records, mut chosen) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for (index, record) in archived.iter_mut().enumerate() {
            // Results are told apart by their identity, so only the first of two can be replaced.
            if seen.insert(record.identity())
                && wanted(record)
                && let Some(fresh) = before_analysis(record, &skipped)
            {
                chosen.push(index);
                take_body(record);
                records.push(fresh);
            }
        }
        (Self { id: id.to_owned(), archived, chosen, skipped }, records)
    }

    /// Gives the archived records the bodies of their texts again, which these records have.
    pub fn restore_texts(&mut self, records: &[Record]) {
        let bodies: HashMap<Identity, &str> = records
            .iter()
            .filter_map(|record| Some((record.identity(), record.text.as_ref()?.body.as_str())))
            .collect();
        for index in &self.chosen {
            let Some(record) = self.archived.get_mut(*index) else { continue };
            let body = bodies.get(&record.identity());
            if let (Some(text), Some(body)) = (&mut record.text, body) {
                (*body).clone_into(&mut text.body);
            }
        }
    }

    /// The same without the bodies of the texts that these records have, to be sent along with them.
    #[must_use]
    pub fn without_texts_of(mut self, records: &[Record]) -> Self {
        let sent: HashSet<Identity> = records.iter().map(Record::identity).collect();
        for index in &self.chosen {
            if let Some(record) = self.archived.get_mut(*index).filter(|record| sent.contains(&record.identity())) {
                take_body(record);
            }
        }
        self
    }

    /// The records to store: the archived ones, with new results where there are any. A record that is dropped today or that
    /// could not be analysed for now stays as it was: a replay replaces results, and loses none.
    #[must_use]
    pub fn settle(self, analysed: Vec<Record>, dropped_by: BTreeMap<String, u64>) -> (Vec<Record>, ReplayOutcome) {
        let mut results: HashMap<Identity, Record> =
            analysed.into_iter().map(|record| (record.identity(), record)).collect();
        let mut outcome = ReplayOutcome { dropped_by, ..ReplayOutcome::default() };
        let mut records = self.archived;
        for index in self.chosen {
            let Some(record) = records.get_mut(index) else { continue };
            match results.remove(&record.identity()) {
                None => outcome.dropped.push(index),
                Some(Record { failure: Some(failure), .. }) if failure.error.transient => {
                    outcome.kept.insert(index, failure);
                }
                Some(result) => *record = result,
            }
        }
        (records, outcome)
    }
}

fn take_body(record: &mut Record) {
    if let Some(text) = &mut record.text {
        text.body.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Error;
    use crate::model::record::{Finding, Item, Label, Text};

    fn record(key: &str, language: Option<&str>, label: Label) -> Record {
        let text = Text { body: format!("{key}!"), language: language.map(Into::into), ..Text::default() };
        let finding = Finding { stage: "words".into(), label: Some(label), ..Finding::default() };
        Record { text: Some(text), findings: vec![finding], ..Record::new("r", "s", Item::named(key)) }
    }

    fn failed(mut record: Record, stage: &str, code: ErrorCode) -> Record {
        record.fail(stage, Error::permanent(code, "why"));
        record
    }

    #[test]
    fn what_can_be_analysed_again_is_as_before_its_analysis() {
        let skipped = ["tongue".to_owned(), "page".to_owned()];
        let fresh = before_analysis(&record("a", Some("en"), Label::Positive), &skipped).expect("a text");
        assert_eq!((fresh.findings.len(), fresh.failure), (0, None));
        assert_eq!(fresh.text.expect("a text").language.as_deref(), Some("en"), "a declared language stays");
        let mut detected = record("a", Some("de"), Label::Positive);
        detected.findings.push(Finding { scores: [("de".to_owned(), 0.9)].into(), ..Finding::default() });
        let fresh = before_analysis(&detected, &skipped).expect("a text");
        assert_eq!(fresh.text.expect("a text").language, None, "a detected one is detected again");
        detected.findings[1].stage = "tongue".to_owned();
        let fresh = before_analysis(&detected, &skipped).expect("a text");
        assert_eq!(
            fresh.text.expect("a text").language.as_deref(),
            Some("de"),
            "unless it was detected before a split"
        );
        assert_eq!(fresh.findings, detected.findings[1..]);
        let text = || record("a", None, Label::Positive);
        assert!(before_analysis(&failed(text(), "words", ErrorCode::LanguageUnknown), &skipped).is_some());
        assert!(before_analysis(&failed(text(), "page", ErrorCode::TextEmpty), &skipped).is_none());
        assert!(before_analysis(&failed(text(), "words", ErrorCode::EntryTwice), &skipped).is_none());
        assert!(before_analysis(&Record { text: None, ..text() }, &skipped).is_none());
    }

    #[test]
    fn new_results_replace_archived_ones_and_nothing_is_lost() {
        let archived: Vec<Record> =
            ["a", "b", "c", "d", "a"].iter().map(|key| record(key, None, Label::Positive)).collect();
        let (mut replay, records) = Replay::new("id", archived.clone(), |record| record.item.key != "d", Vec::new());
        assert_eq!(replay.chosen, [0, 1, 2], "neither `d`, nor the second `a`");
        assert!(
            replay.archived[..3].iter().all(|record| record.text.as_ref().is_some_and(|text| text.body.is_empty()))
        );
        // In the first function a filter drops `b`; in the second one, a service fails for `c`.
        replay.restore_texts(&records);
        assert_eq!(replay.archived, archived);
        let (a, c) = (record("a", None, Label::Negative), records[2].clone());
        let mut replay = replay.without_texts_of(&[a.clone(), c.clone()]);
        let length = |replay: &Replay| replay.archived[1].text.as_ref().map(|text| text.body.len());
        assert_eq!(length(&replay), Some(2), "a dropped record keeps its text");
        let mut throttled = c;
        throttled.fail("words", Error::transient(ErrorCode::Throttled, "later"));
        replay.restore_texts(&[a.clone(), throttled.clone()]);
        let (stored, outcome) = replay.settle(vec![a.clone(), throttled], BTreeMap::from([("bad".into(), 1)]));
        assert_eq!(stored, [vec![a], archived[1..].to_vec()].concat());
        assert_eq!((outcome.dropped, outcome.kept.into_keys().collect()), (vec![1], vec![2]));
    }
}
