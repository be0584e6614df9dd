//! A function at work: a run becomes chunks, a chunk moves through the stages and into the outlets.

mod passage;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::component::{Binding, Opened, Sink, Source, Stage};
use crate::doors::{Doors, Queue};
use crate::error::Error;
use crate::function::{Function, Inlet, Outlets, Part};
use crate::record::{Failure, Item, Record};
use crate::run::{CHUNK_BYTES, CHUNK_ITEMS, Chunk, Message, RunId};

/// Open components by their names.
pub type Named<T> = Vec<(String, Box<T>)>;

/// Gives another component than the one that a part names, or none to leave it as it is.
pub type Instead<'a> = dyn Fn(&Part, &Binding) -> Option<Result<Opened, Error>> + 'a;

/// A function whose components are open.
pub struct Running {
    /// Its sources, by name.
    pub sources: Named<dyn Source>,
    /// Its stages, in order.
    pub stages: Vec<Box<dyn Stage>>,
    /// Where its records go.
    pub out: Out,
}

/// Where the records of a running function go.
pub enum Out {
    /// To the next function.
    Queue(Arc<dyn Queue>),
    /// To the sinks, by name.
    Sinks(Named<dyn Sink>),
}

/// What a producer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Produced {
    /// Items read.
    pub items: usize,
    /// Chunks sent.
    pub chunks: usize,
}

/// What a worker did with a chunk.
#[derive(Clone, Debug, Default)]
pub struct Worked {
    /// The records as they left.
    pub records: Vec<Record>,
    /// Where the sinks wrote them.
    pub places: Vec<(String, String)>,
    /// Sinks that could not write.
    pub failures: Vec<Failure>,
}

impl Function {
    /// Opens all components behind these doors; `given` are the items that came with the run, by source.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open(&self, doors: &dyn Doors, given: &BTreeMap<String, Vec<Item>>) -> Result<Running, Error> {
        self.open_with(doors, given, &|_, _| None)
    }

    /// Opens all components, but for those that `instead` gives another one for.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open_with(
        &self,
        doors: &dyn Doors,
        given: &BTreeMap<String, Vec<Item>>,
        instead: &Instead<'_>,
    ) -> Result<Running, Error> {
        let contact = self.contact.as_deref();
        let open = |part: &Part| {
            let given = given.get(&part.name).cloned().unwrap_or_default();
            let binding = Binding { given, ..part.binding(contact) };
            instead(part, &binding)
                .unwrap_or_else(|| part.settings.open(binding, doors))
                .map_err(|error| Error { message: format!("`{}`: {}", part.name, error.message), ..error })
        };
        let odd = || Error::permanent("settings_unreadable", "a component opened as another role than its card says");
        let sources = match &self.inlet {
            Inlet::Queue => Vec::new(),
            Inlet::Schedule(parts) => parts
                .iter()
                .map(|part| match open(part)? {
                    Opened::Source(source) => Ok((part.name.clone(), source)),
                    _ => Err(odd()),
                })
                .collect::<Result<_, _>>()?,
        };
        let stages = self
            .stages
            .iter()
            .map(|part| match open(part)? {
                Opened::Stage(stage) => Ok(stage),
                _ => Err(odd()),
            })
            .collect::<Result<_, _>>()?;
        let out = match &self.outlets {
            Outlets::Queue(queue) => Out::Queue(doors.queue(queue)?),
            Outlets::Sinks(parts) => Out::Sinks(
                parts
                    .iter()
                    .map(|part| match open(part)? {
                        Opened::Sink(sink) => Ok((part.name.clone(), sink)),
                        _ => Err(odd()),
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Running { sources, stages, out })
    }
}

impl Running {
    /// Reads all items of a run and sends them on in chunks; memory does not grow with their number.
    ///
    /// # Errors
    /// What keeps a source from being read or a chunk from being sent.
    pub async fn produce(&mut self, run: &RunId) -> Result<Produced, Error> {
        let mut done = Produced::default();
        for place in 0..self.sources.len() {
            let mut waiting: Vec<Record> = Vec::new();
            let mut bytes = 0;
            loop {
                let (name, source) = &mut self.sources[place];
                let Some(page) = source.next().await? else { break };
                done.items += page.items.len();
                for (item, error) in page.items {
                    let mut record = Record::new(run.as_str(), name, item);
                    if let Some(error) = error {
                        record.fail(name, error);
                    }
                    let size = fitted(&mut record);
                    if waiting.len() == CHUNK_ITEMS || bytes + size > CHUNK_BYTES && !waiting.is_empty() {
                        done.chunks += 1;
                        let chunk = std::mem::take(&mut waiting);
                        send(&self.out, run, chunk).await?;
                        bytes = 0;
                    }
                    bytes += size;
                    waiting.push(record);
                }
            }
            if !waiting.is_empty() {
                done.chunks += 1;
                send(&self.out, run, waiting).await?;
            }
        }
        Ok(done)
    }

    /// Takes a chunk through the stages and into the outlets. One record's failure never stops the others.
    ///
    /// # Errors
    /// What keeps the chunk from being sent to the next function.
    pub async fn work(&self, message: Message) -> Result<Worked, Error> {
        let records = passage::through(&self.stages, message.records).await;
        match &self.out {
            Out::Queue(queue) => {
                queue.send(vec![Message::new(message.chunk, records)]).await?;
                Ok(Worked::default())
            }
            Out::Sinks(sinks) => {
                let mut worked = Worked::default();
                for (name, sink) in sinks {
                    match sink.write(&message.chunk, &records).await {
                        Ok(place) => worked.places.push((name.clone(), place)),
                        Err(error) => worked.failures.push(Failure { stage: name.clone(), error }),
                    }
                }
                worked.records = records;
                Ok(worked)
            }
        }
    }
}

/// How many bytes a record takes in a message. One that fits into none loses its text, and all but its key where that
/// is not enough: it fails and is kept, and the run goes on.
fn fitted(record: &mut Record) -> usize {
    let size = |record: &Record| serde_json::to_vec(record).map_or(0, |body| body.len());
    let bytes = size(record);
    if bytes <= CHUNK_BYTES {
        return bytes;
    }
    let key = &record.item.key;
    let words = format!("`{key}` takes {bytes} bytes, and {CHUNK_BYTES} at most fit into a message: shorten its text");
    record.item.text = None;
    record.fail(&record.source.clone(), Error::permanent("row_too_long", words));
    if size(record) > CHUNK_BYTES {
        record.item = Item::named(std::mem::take(&mut record.item.key));
    }
    size(record)
}

async fn send(out: &Out, run: &RunId, records: Vec<Record>) -> Result<(), Error> {
    match out {
        Out::Queue(queue) => queue.send(vec![Message::new(Chunk::of(run, &records), records)]).await,
        Out::Sinks(_) => Err(Error::permanent("settings_unreadable", "a producer sends to a queue, and has none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::Page;
    use async_trait::async_trait;
    use std::sync::Mutex;

    struct Once(Option<Page>);

    #[async_trait]
    impl Source for Once {
        async fn next(&mut self) -> Result<Option<Page>, Error> {
            Ok(self.0.take())
        }

        fn resume(&mut self, _: &str) -> Result<(), Error> {
            Ok(())
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<Message>>);

    #[async_trait]
    impl Queue for Kept {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            self.0.lock().expect("no panic").extend(messages);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_record_that_fits_into_no_message_fails_alone_and_is_kept() {
        let label = |bytes: usize| BTreeMap::from([("note".to_owned(), "x".repeat(bytes))]);
        let items = vec![
            (Item { text: Some("good".into()), ..Item::named("first") }, None),
            (Item { text: Some("x".repeat(2 << 20)), labels: label(3), ..Item::named("long") }, None),
            (Item { labels: label(2 << 20), ..Item::named("longer") }, None),
            (Item { text: Some("good".into()), ..Item::named("last") }, None),
        ];
        let queue = Arc::new(Kept::default());
        let source: Box<dyn Source> = Box::new(Once(Some(Page { items, cursor: String::new() })));
        let mut running =
            Running { sources: vec![("s".into(), source)], stages: vec![], out: Out::Queue(queue.clone()) };
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let produced = running.produce(&run).await.expect("a whole run");
        let sent = queue.0.lock().expect("no panic");
        assert_eq!(produced, Produced { items: 4, chunks: sent.len() });
        assert!(sent.iter().all(|message| serde_json::to_vec(message).expect("JSON").len() < 1 << 20));
        let records: Vec<_> = sent.iter().flat_map(|message| &message.records).collect();
        let code = |record: &Record| record.failure.as_ref().map(|failure| failure.error.code.clone());
        assert_eq!(
            records.iter().map(|record| (record.item.key.as_str(), code(record))).collect::<Vec<_>>(),
            [
                ("first", None),
                ("long", Some("row_too_long".to_owned())),
                ("longer", Some("row_too_long".to_owned())),
                ("last", None)
            ]
        );
        assert_eq!((records[1].item.text.as_ref(), &records[1].item.labels), (None, &label(3)));
    }
}
