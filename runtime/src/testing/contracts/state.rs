//! The contract of [`State`]. Each function needs a state without the runs and keys that it uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::component::state::{ChunkStatus, Claim, Counts, Progress, RunStatus, State};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Item, Record};
use crate::model::run::{Chunk, RunId};

/// The run of an hour.
pub fn run(hour: u32) -> RunId {
    RunId::scheduled(&format!("2026-11-22T{hour:02}:00:00Z")).expect("a time")
}

/// A chunk of a run.
pub fn chunk(run: &RunId, number: u64) -> Chunk {
    Chunk::new(run, number, &[Record::new(run.as_str(), "s", Item::named(number.to_string()))])
}

/// The progress of a producer that has sent this many chunks.
pub fn progress(chunks: u64, ended: bool) -> Progress {
    Progress { chunks, items: chunks * 100, cursor: Some("cursor".into()), ended, ..Progress::default() }
}

/// The numbers below `count`, each twice, shuffled.
fn shuffled(count: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..count).chain(0..count).collect();
    let mut state = count;
    for index in (1..all.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all.swap(index, (state >> 33) as usize % (index + 1));
    }
    all
}

/// Of two producers one gets the lease of the run at 9:00, and the other continues when it has expired.
pub async fn a_lease_has_one_owner(state: &dyn State, expire_lease: impl AsyncFnOnce(&RunId)) {
    let run = run(9);
    let (one, two) = tokio::join!(state.claim_run(&run, "one"), state.claim_run(&run, "two"));
    let claims = [one.expect("a response"), two.expect("a response")];
    let (first, second) = if claims[0] == Claim::New { ("one", "two") } else { ("two", "one") };
    let held = |claim: &Claim| matches!(claim, Claim::Held(wait) if (1..=45_000).contains(wait));
    assert!(claims.contains(&Claim::New) && claims.iter().any(held), "{claims:?}");

    // The same producer again, before its first update and after.
    assert_eq!(state.claim_run(&run, first).await, Ok(Claim::New));
    state.save_progress(&run, first, &progress(1, false), None).await.expect("its own lease");
    assert_eq!(state.claim_run(&run, first).await, Ok(Claim::Resumed(progress(1, false))));
    let claim = state.claim_run(&run, second).await.expect("a response");
    assert!(held(&claim), "{claim:?}");

    expire_lease(&run).await;
    assert_eq!(state.claim_run(&run, second).await, Ok(Claim::Resumed(progress(1, false))));
    for expected in [None, Some(2), Some(250)] {
        let error = state.save_progress(&run, first, &progress(2, false), expected).await.expect_err("taken over");
        assert_eq!((error.code.as_str(), error.transient), ("lease_lost", false), "{error}");
    }
    state.save_progress(&run, second, &progress(2, true), Some(2)).await.expect("its lease");
    // A finished run stays finished, whoever holds the lease.
    assert_eq!(state.claim_run(&run, first).await, Ok(Claim::Finished(progress(2, true))));
    assert_eq!(state.claim_run(&run, second).await, Ok(Claim::Finished(progress(2, true))));
}

/// Finishes all chunks of a run twice in a shuffled order, and returns the counts each time that the run was complete.
pub async fn finish_chunks(state: &dyn State, run: &RunId, expected: u64) -> Vec<Counts> {
    let mut complete = Vec::new();
    let mut seen = BTreeSet::new();
    for number in shuffled(expected) {
        seen.insert(number);
        let counts = Counts { items: number + 1, records: number, failed: 1, reused: 2, ..Counts::default() };
        let status = state.complete_chunk(&chunk(run, number), &counts).await.expect("written");
        assert!(!status.notified);
        if let Some(counts) = status.complete {
            assert_eq!(seen.len() as u64, expected, "complete too early");
            complete.push(counts);
        }
    }
    complete
}

/// The runs at 1:00 to 6:00 are complete with their last chunk, in any order and with duplicates.
pub async fn a_run_is_complete_with_its_last_chunk(state: &dyn State) {
    for (hour, expected) in [(1, 1), (2, 3), (3, 100), (4, 101), (5, 200), (6, 250)] {
        let run = run(hour);
        assert_eq!(state.claim_run(&run, "me").await, Ok(Claim::New));
        state.save_progress(&run, "me", &progress(expected, false), Some(expected)).await.expect("its lease");
        assert_eq!(state.chunk_status(&chunk(&run, 0)).await, Ok(ChunkStatus::default()));
        let all = finish_chunks(state, &run, expected).await;
        let sum = expected * (expected - 1) / 2;
        let whole =
            Counts { items: sum + expected, records: sum, failed: expected, reused: 2 * expected, ..Counts::default() };
        assert!(!all.is_empty() && all.iter().all(|counts| *counts == whole), "{expected}: {all:?}");
        let last = Counts { items: expected, records: expected - 1, failed: 1, reused: 2, ..Counts::default() };
        let before = ChunkStatus { done: Some(last.clone()), ..ChunkStatus::default() };
        assert_eq!(state.chunk_status(&chunk(&run, expected - 1)).await, Ok(before));
        state.mark_notified(&run).await.expect("written");
        let status = state.complete_chunk(&chunk(&run, expected - 1), &last).await;
        assert_eq!(status, Ok(RunStatus { complete: Some(whole), notified: true }));
    }
}

/// The run at 7:00 is not complete before its number of chunks is known.
pub async fn no_run_is_complete_before_its_chunks_are_counted(state: &dyn State) {
    let run = run(7);
    let one = Counts { items: 1, records: 1, ..Counts::default() };
    state.claim_run(&run, "me").await.expect("claimed");
    for number in 0..149 {
        assert_eq!(state.complete_chunk(&chunk(&run, number), &one).await, Ok(RunStatus::default()));
    }
    state.save_progress(&run, "me", &progress(140, false), Some(150)).await.expect("its lease");
    let whole = Counts { items: 150, records: 150, ..Counts::default() };
    assert_eq!(
        state.complete_chunk(&chunk(&run, 149), &one).await,
        Ok(RunStatus { complete: Some(whole), notified: false })
    );
}

/// Each delivery of a chunk of the run at 8:00 adds the sinks that have it, and none removes one.
pub async fn sinks_of_a_chunk_add_up(state: &dyn State) {
    let (run, names) = (run(8), |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    let (one, other) = (chunk(&run, 5), chunk(&run, 6));
    state.record_sinks(&one, &names(&["archive"])).await.expect("written");
    state.record_sinks(&one, &names(&["latest", "archive"])).await.expect("written");
    state.record_sinks(&other, &names(&["news"])).await.expect("written");
    let before = |sinks| ChunkStatus { done: None, sinks: names(sinks) };
    assert_eq!(state.chunk_status(&one).await, Ok(before(&["archive", "latest"])));
    assert_eq!(state.chunk_status(&other).await, Ok(before(&["news"])));
    let counts = Counts { items: 1, ..Counts::default() };
    assert_eq!(state.complete_chunk(&one, &counts).await, Ok(RunStatus::default()));
    assert_eq!(state.chunk_status(&one).await.map(|before| before.done), Ok(Some(counts)));
}

/// A value is replaced only by a caller that knows it, and the others get the current one.
pub async fn compare_and_set_has_one_winner(state: &dyn State) {
    assert_eq!(state.compare_and_set("feed#1", None, "one", 35).await, Ok(None));
    assert_eq!(state.compare_and_set("feed#1", None, "one", 35).await, Ok(None), "a retry after a lost response");
    assert_eq!(state.compare_and_set("feed#1", None, "two", 35).await, Ok(Some("one".into())));
    assert_eq!(state.compare_and_set("feed#1", Some("zero"), "two", 35).await, Ok(Some("one".into())));
    assert_eq!(state.compare_and_set("feed#1", Some("one"), "two", 35).await, Ok(None));
    assert_eq!(state.compare_and_set("feed#2", Some("gone"), "two", 35).await, Ok(None));
    let known = state.get_cached(&["feed#1".into(), "feed#2".into()]).await.expect("read");
    assert_eq!(known.into_values().collect::<Vec<_>>(), ["two", "two"]);
    let all = futures_util::future::join_all((0..8).map(|number| async move {
        let value = number.to_string();
        (value.clone(), state.compare_and_set("feed#3", None, &value, 35).await.expect("a response"))
    }));
    let all = all.await;
    let winners: Vec<_> = all.iter().filter(|(_, other)| other.is_none()).map(|(value, _)| value.clone()).collect();
    assert_eq!(winners.len(), 1, "{all:?}");
    assert!(all.iter().all(|(_, other)| other.as_ref().is_none_or(|other| *other == winners[0])), "{all:?}");
}

/// All notes of a sink about a run.
pub async fn notes(state: &dyn State, run: &RunId, sink: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut visit = |note| {
        notes.push(note);
        Ok(())
    };
    state.for_each_note(run, sink, &mut visit).await.expect("all notes");
    notes
}

/// Values are found again by key, and missing ones are not.
pub async fn values_are_found_again(state: &dyn State) {
    let key = |number: usize| format!("finding#{number:03}");
    let values: Vec<_> = (0..130).map(|number| (key(number), format!("value {number}"))).collect();
    state.put_cached(values.iter().cloned().chain([values[0].clone()]).collect(), 90).await.expect("written");
    let requested: Vec<String> = (0..250).map(key).collect();
    assert_eq!(state.get_cached(&requested).await, Ok(values.into_iter().collect()));
    assert_eq!(state.get_cached(&[]).await, Ok(BTreeMap::new()));
    state.put_cached(vec![], 1).await.expect("nothing");
}

/// Notes about the runs at 10:00 and 11:00 are read by run and sink, in the order of chunks; the last one of a chunk
/// counts.
pub async fn notes_are_read_in_the_order_of_chunks(state: &dyn State) {
    let (one, other) = (run(10), run(11));
    for number in [11, 2, 100] {
        for text in ["first", "again"] {
            state.add_note(&chunk(&one, number), "digest", format!("{text} {number}")).await.expect("written");
        }
    }
    state.add_note(&chunk(&one, 1), "digest-2", "of another sink".into()).await.expect("written");
    state.add_note(&chunk(&other, 1), "digest", "of another run".into()).await.expect("written");
    assert_eq!(notes(state, &one, "digest").await, ["again 2", "again 11", "again 100"]);
    let big = "x".repeat(300_000);
    for number in 0..9 {
        state.add_note(&chunk(&other, number), "big", big.clone()).await.expect("written");
    }
    assert_eq!(notes(state, &other, "big").await.len(), 9, "all pages");
    let rejected = state
        .for_each_note(&other, "big", &mut |_| Err(Error::permanent(ErrorCode::NotHere, "rejected by the test")))
        .await;
    assert_eq!(rejected, Err(Error::permanent(ErrorCode::NotHere, "rejected by the test")));
}

/// The outcome of a chunk is found by the replay that recorded it last, and by no other.
pub async fn outcomes_of_a_replay_are_those_of_its_chunks(state: &dyn State) {
    let (one, other) = (chunk(&run(12), 1), chunk(&run(12), 2));
    assert_eq!(state.replay_outcome(&one, "first").await, Ok(None));
    for outcome in ["{}", "{\"dropped\":[1]}"] {
        state.record_replay(&one, "first", outcome).await.expect("written");
    }
    assert_eq!(state.replay_outcome(&one, "first").await, Ok(Some("{\"dropped\":[1]}".into())));
    assert_eq!(state.replay_outcome(&one, "second").await, Ok(None));
    assert_eq!(state.replay_outcome(&other, "first").await, Ok(None));
    assert_eq!(state.chunk_status(&one).await, Ok(ChunkStatus::default()), "the run is not concerned");
}
