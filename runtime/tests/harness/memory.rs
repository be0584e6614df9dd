//! What functions remember, in memory: the rules of [`State`] and nothing of DynamoDB. It can break off at any call.

#![allow(dead_code, reason = "each test crate uses its own part of the harness")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use fanggen_runtime::component::state::{Before, Begun, Counts, Progress, Reader, Standing, State};
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::run::{Chunk, RunId};

#[derive(Default)]
pub struct Memory(Mutex<Inside>);

#[derive(Default)]
pub struct Inside {
    pub owner: Option<String>,
    pub held: bool,
    pub progress: Option<Progress>,
    pub expected: Option<u64>,
    pub done: BTreeMap<u64, Counts>,
    pub took: BTreeMap<u64, BTreeSet<String>>,
    pub told: bool,
    pub values: BTreeMap<String, String>,
    pub notes: BTreeMap<(String, u64), String>,
    /// Whether what was written is not seen yet by whoever reads values.
    pub stale: bool,
    /// After how many notes another producer takes over.
    pub stolen_after: Option<usize>,
    /// Calls so far, by name.
    pub calls: Vec<&'static str>,
    /// After how many calls everything breaks off.
    pub left: Option<usize>,
    /// Where a call breaks off: after it was done, or before.
    pub after: bool,
}

impl Memory {
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("no panic")
    }

    fn call<T>(&self, name: &'static str, work: impl FnOnce(&mut Inside) -> Result<T, Error>) -> Result<T, Error> {
        let mut inside = self.inside();
        inside.calls.push(name);
        inside.breaks(|inside| work(inside))
    }
}

impl Inside {
    /// Does a call, unless it is the one that breaks off.
    pub fn breaks<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let cut = || Err(Error::transient("cut", "as the test wants it"));
        match self.left {
            Some(0) => return cut(),
            Some(1) if self.after => {
                self.left = Some(0);
                return work(self).and_then(|_| cut());
            }
            Some(1) => {
                self.left = Some(0);
                return cut();
            }
            Some(left) => self.left = Some(left - 1),
            None => {}
        }
        work(self)
    }
}

#[async_trait]
impl State for Memory {
    async fn begin(&self, _: &RunId, owner: &str) -> Result<Begun, Error> {
        self.call("begin", |inside| {
            if inside.held && inside.owner.as_deref() != Some(owner) {
                return Ok(Begun::Held(1));
            }
            inside.owner = Some(owner.to_owned());
            inside.stolen_after = inside.stolen_after.filter(|left| *left > 0);
            Ok(match inside.progress.clone() {
                None => Begun::Fresh,
                Some(progress) if progress.ended => Begun::Ended(progress),
                Some(progress) => Begun::GoOn(progress),
            })
        })
    }

    async fn note(&self, _: &RunId, owner: &str, progress: &Progress, expected: Option<u64>) -> Result<(), Error> {
        self.call("note", |inside| {
            match &mut inside.stolen_after {
                Some(0) => inside.owner = None,
                Some(left) => *left -= 1,
                None => {}
            }
            if inside.owner.as_deref() != Some(owner) {
                return Err(Error::permanent("lease_lost", "another producer has taken over"));
            }
            inside.progress = Some(progress.clone());
            inside.expected = expected.or(inside.expected);
            Ok(())
        })
    }

    async fn before(&self, chunk: &Chunk) -> Result<Before, Error> {
        self.call("before", |inside| {
            let took = inside.took.get(&chunk.number).cloned().unwrap_or_default();
            Ok(Before { done: inside.done.get(&chunk.number).copied(), took })
        })
    }

    async fn took(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error> {
        self.call("took", |inside| {
            inside.took.entry(chunk.number).or_default().extend(sinks.iter().cloned());
            Ok(())
        })
    }

    async fn done(&self, chunk: &Chunk, counts: Counts) -> Result<Standing, Error> {
        self.call("done", |inside| {
            inside.done.insert(chunk.number, counts);
            let complete = inside.expected.is_some_and(|expected| inside.done.len() as u64 == expected);
            let mut all = Counts::default();
            inside.done.values().for_each(|counts| all += *counts);
            Ok(Standing { complete: complete.then_some(all), told: inside.told })
        })
    }

    async fn told(&self, _: &RunId) -> Result<(), Error> {
        self.call("told", |inside| {
            inside.told = true;
            Ok(())
        })
    }

    async fn recall(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a key is asked for once");
        self.call("recall", |inside| {
            let seen = |key: &&String| !inside.stale && inside.values.contains_key(*key);
            Ok(keys.iter().filter(seen).map(|key| (key.clone(), inside.values[key].clone())).collect())
        })
    }

    async fn remember(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        self.call("remember", |inside| {
            inside.values.extend(values);
            Ok(())
        })
    }

    async fn exchange(&self, key: &str, known: Option<&str>, value: &str, _: u64) -> Result<Option<String>, Error> {
        self.call("exchange", |inside| {
            let there = inside.values.get(key).cloned();
            if there.as_deref().is_none_or(|there| Some(there) == known || there == value) {
                inside.values.insert(key.to_owned(), value.to_owned());
                return Ok(None);
            }
            Ok(there)
        })
    }

    async fn jot(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        self.call("jot", |inside| {
            inside.notes.insert((sink.to_owned(), chunk.number), note);
            Ok(())
        })
    }

    async fn jotted(&self, _: &RunId, sink: &str, each: &mut Reader<'_>) -> Result<(), Error> {
        self.call("jotted", |inside| {
            inside.notes.iter().filter(|((of, _), _)| of == sink).try_for_each(|(_, note)| each(note.clone()))
        })
    }
}
