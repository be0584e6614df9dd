//! The items of the file into the tables, and the first run: what comes after the stack, and is gone on with where it was
//! left.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::aws;
use super::aws::bucket::Object;
use super::aws::table::{Table, Tables};
use super::deployment::Deployment;
use super::error::DeployError;
use super::items::files::{self, Files};
use super::items::{Agenda, Memory, Wanted};
use super::stack_state::Described;
use super::start::{Started, now, start};

/// How often, and how far apart, one looks whether a table is made: for a minute.
const TABLE_LOOKS: u32 = 60;
const TABLE_LOOK: Duration = Duration::from_secs(1);

/// What is wanted of the tables: the rows of each, by its physical name.
pub type Contents = BTreeMap<String, Wanted>;

/// How items and first run are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    /// The rows.
    pub wanted: Contents,
    /// The files that functions read.
    pub files: Files,
    /// Whether rows that left the file are deleted.
    pub prune: bool,
    /// Whether a run is started where none ever was.
    pub run: bool,
    /// Whether the changes of the stack were agreed to already, by somebody who wants its items, too.
    pub agreed: bool,
}

/// What became of items and first run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Filled {
    /// What was done to each table, where something was looked at.
    pub tables: BTreeMap<String, Agenda>,
    /// The files that were put, by bucket and key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The run that was started.
    pub run: Option<Started>,
}

/// What is remembered of an environment, as it was read.
#[derive(Debug)]
pub struct Remembered {
    memory: Memory,
    tag: Option<String>,
    /// Whether there is nothing left to do.
    pub settled: bool,
    /// Whether some rows left the file and are still in their table.
    pub left: bool,
}

impl Deployment<'_> {
    /// Where it is remembered what was applied last to the items.
    pub(super) fn memory_key(&self) -> String {
        format!("state/{}.json", self.stack.name)
    }

    /// What is remembered of this life of the stack, by its ARN; and whether that says that there is nothing to do.
    ///
    /// # Errors
    /// A memory that cannot be read, and failed calls.
    pub async fn remembered(&self, stack: &str, filling: &Filling) -> Result<Remembered, DeployError> {
        let object = self.bucket.read(&self.memory_key()).await?;
        let (memory, tag) = match object {
            Some(Object { text, tag }) => {
                let place = || format!("{}/{}", self.bucket.name, self.memory_key());
                let read = Memory::read(text.as_bytes());
                (read.map_err(|error| DeployError::Memory { place: place(), error })?, Some(tag))
            }
            None => (Memory::empty(stack), None),
        };
        let started = !filling.run || memory.was_started(stack);
        let put = files::differing(&filling.files, memory.put(stack)).is_empty();
        let settled = tag.is_some() && started && put && memory.settled(stack, &filling.wanted, filling.prune);
        let left = memory.has_left(&filling.wanted);
        Ok(Remembered { memory, tag, settled, left })
    }

    /// What an apply would do to the items, without doing it.
    ///
    /// # Errors
    /// Failed calls.
    pub async fn agendas(
        &self,
        known: &Remembered,
        filling: &Filling,
    ) -> Result<BTreeMap<String, Agenda>, DeployError> {
        let tables = Tables::open(self.account);
        let mut agendas = BTreeMap::new();
        for (name, wanted) in &filling.wanted {
            // A table that is yet to be made has no rows.
            let (id, there) = match tables.find(name).await? {
                Some(table) => (table.id, tables.read(name, wanted.key()).await?),
                None => Default::default(),
            };
            agendas.insert(name.clone(), Agenda::of(&known.memory.of(name, &id), wanted, &there, filling.prune));
        }
        Ok(agendas)
    }

    /// The files that an apply would put, by bucket and key.
    #[must_use]
    pub fn files(&self, stack: &str, known: &Remembered, filling: &Filling) -> Vec<String> {
        files::differing(&filling.files, known.memory.put(stack)).iter().map(|(place, _)| files::name(place)).collect()
    }

    /// Writes what the file wants into the tables, and starts the first run. The lock is held by the caller.
    ///
    /// # Errors
    /// An interruption between two tables, and failed calls; the same command again goes on.
    pub async fn fill(&self, stack: &Described, known: Remembered, filling: &Filling) -> Result<Filled, DeployError> {
        let Remembered { mut memory, mut tag, .. } = known;
        let mut filled = Filled::default();
        let tables = Tables::open(self.account);
        for (name, wanted) in &filling.wanted {
            let Some(table) = self.settled_table(&tables, name).await? else {
                return Err(DeployError::NoTable { table: name.clone(), environment: self.environment().to_owned() });
            };
            let there = tables.read(name, wanted.key()).await?;
            let agenda = Agenda::of(&memory.of(name, &table.id), wanted, &there, filling.prune);
            // Rows that go are asked about in any case.
            if agenda.writes() > 0 && !(filling.agreed && agenda.delete.is_empty()) {
                let asked = self.agree(&format!("items of table `{name}`: {agenda}\n\nWrite them?")).await;
                // After a change of the stack, it is not as it was.
                asked.map_err(|stop| match stop {
                    DeployError::Declined if filling.agreed => DeployError::DeclinedItems,
                    DeployError::Interrupted if filling.agreed => {
                        DeployError::Halfway("the stack is done, the items are not")
                    }
                    other => other,
                })?;
            }
            self.holds_lock()?;
            if agenda.writes() > 0 {
                memory.remember(&stack.id, name, agenda.begun());
                self.remember(&memory, &mut tag).await?;
                self.write(&tables, name, wanted, &agenda).await?;
            }
            memory.remember(&stack.id, name, agenda.done());
            filled.tables.insert(name.clone(), agenda);
            if self.interrupt.raised() {
                self.remember(&memory, &mut tag).await?;
                return Err(DeployError::Halfway("the stack is done, the items are not"));
            }
        }
        // What was put into buckets of an earlier life is not in these.
        let mut put = memory.put(&stack.id).clone();
        let door = aws::files::Files::open(self.account, &self.caller.account);
        let differing = files::differing(&filling.files, memory.put(&stack.id));
        if !differing.is_empty() && !filling.agreed {
            let names: Vec<String> =
                differing.iter().map(|(place, _)| format!("  s3://{}", files::name(place))).collect();
            self.agree(&format!("files of items:\n{}\n\nPut them?", names.join("\n"))).await?;
        }
        for (place, file) in differing {
            self.holds_lock()?;
            door.put(&place.0, &place.1, &file.path).await?;
            files::note(&mut put, place, file);
            filled.files.push(files::name(place));
        }
        files::only(&mut put, &filling.files);
        memory.files = put;
        memory.only(&filling.wanted);
        memory.live(&stack.id);
        let first = (filling.run && !memory.was_started(&stack.id)).then(|| memory.starting(&stack.id, now));
        self.remember(&memory, &mut tag).await?;
        if let Some(time) = first {
            if self.interrupt.raised() {
                return Err(DeployError::Halfway("the stack and the items are done, the first run is not started"));
            }
            filled.run = Some(start(&self.generated.manifest, self.caller, self.account, time).await?);
            memory.started(&stack.id);
            self.remember(&memory, &mut tag).await?;
        }
        Ok(filled)
    }

    /// A table, once it is made: after an express creation it may still be at it.
    async fn settled_table(&self, tables: &Tables, name: &str) -> Result<Option<Table>, DeployError> {
        for _ in 0..TABLE_LOOKS {
            match tables.find(name).await? {
                Some(table) if table.status == "CREATING" || table.status == "UPDATING" => {
                    tokio::time::sleep(TABLE_LOOK).await;
                }
                other => return Ok(other),
            }
        }
        Ok(tables.find(name).await?)
    }

    async fn write(&self, tables: &Tables, name: &str, wanted: &Wanted, agenda: &Agenda) -> Result<(), DeployError> {
        let all = agenda.writes() as u64;
        self.audience.begin(&format!("items of {name}"), agenda.writes());
        let mut told = |done: usize| self.audience.progress(&format!("items of {name}"), done as u64, all);
        let written = tables.write(name, wanted.key(), agenda, &mut told).await;
        self.audience.end();
        Ok(written?)
    }

    async fn remember(&self, memory: &Memory, tag: &mut Option<String>) -> Result<(), DeployError> {
        let text = String::from_utf8(memory.bytes()).unwrap_or_default();
        let written = self.bucket.write(&self.memory_key(), &text, tag.as_deref()).await?;
        *tag = Some(written.ok_or(DeployError::Overtaken)?);
        Ok(())
    }
}
