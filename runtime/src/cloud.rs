//! The Lambda's side: the events that it is sent, what it answers, and its doors to AWS.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::doors::{Bucket, Doors, Queue, Rows};
use crate::error::Error;
use crate::flow::Running;
use crate::function::{Function, Inlet};
use crate::items::Written;
use crate::record::Item;
use crate::run::{Chunk, Message, RunId};

/// The doors of a function in AWS. None of them opens yet: each says so.
pub struct Cloud;

impl Doors for Cloud {
    fn bucket(&self, _: &str) -> Result<Arc<dyn Bucket>, Error> {
        Err(Error::not_built("s3"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn Rows>, Error> {
        Err(Error::not_built("dynamodb"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(Error::not_built("sqs"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Box<dyn Read + Send + Sync>, Error> {
        Err(Error::not_built("file"))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent("no_disk", format!("`{sink}` writes files, and a Lambda keeps none: use `type = \"s3\"`")))
    }
}

/// What EventBridge Scheduler sends: the plan puts its scheduled time into the input.
#[derive(Debug, Deserialize)]
struct Firing {
    scheduled_time: String,
    #[serde(default)]
    given: BTreeMap<String, Given>,
}

/// The items of a source that travel in the schedule's input.
#[derive(Debug, Deserialize)]
struct Given {
    key: String,
    items: Vec<Written>,
}

impl Given {
    fn items(&self) -> Result<Vec<Item>, Error> {
        self.items.iter().map(|written| written.item(&self.key)).collect()
    }
}

/// What an event source mapping sends.
#[derive(Debug, Deserialize)]
struct Delivery {
    #[serde(rename = "Records")]
    records: Vec<Delivered>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivered {
    message_id: String,
    body: String,
}

/// A function that answers events for as long as its process lives.
pub struct Answering<D> {
    function: Function,
    doors: D,
    /// A worker stays open between events: its connections stay warm, and its pace holds from chunk to chunk.
    worker: OnceCell<Running>,
    /// Whether the log has the reason why it does not open.
    told: Once,
}

impl<D: Doors> Answering<D> {
    /// A function behind these doors; nothing is opened yet.
    pub const fn new(function: Function, doors: D) -> Self {
        Self { function, doors, worker: OnceCell::const_new(), told: Once::new() }
    }

    /// Does what an event asks for, and answers in the form that Lambda expects.
    ///
    /// # Errors
    /// What kept the whole event from being dealt with; a single message that failed is named in the answer instead.
    pub async fn answer(&self, event: Value) -> Result<Value, Error> {
        let unreadable = |error| Error::permanent("event_unreadable", format!("the event is not one of ours: {error}"));
        match self.function.inlet {
            Inlet::Schedule(_) => {
                let firing: Firing = serde_json::from_value(event).map_err(unreadable)?;
                let run = RunId::scheduled(&firing.scheduled_time)?;
                // The sources of every run start from their beginning.
                let items = |(source, given): (String, Given)| Ok((source, given.items()?));
                let given = firing.given.into_iter().map(items).collect::<Result<_, Error>>()?;
                let produced = self.function.open(&self.doors, &given)?.produce(&run).await?;
                Ok(json!(produced))
            }
            Inlet::Queue => {
                let delivery: Delivery = serde_json::from_value(event).map_err(unreadable)?;
                let open = || async { self.function.open(&self.doors, &BTreeMap::new()) };
                let worker = self.worker.get_or_try_init(open).await.inspect_err(|error| {
                    // Every event meets the same reason: the log has it once.
                    self.told.call_once(|| log(&self.function.name, error, None, None));
                })?;
                let mut failures = Vec::new();
                for delivered in delivery.records {
                    let reasons = self.deliver(worker, &delivered).await;
                    if reasons > 0 {
                        failures.push(json!({ "itemIdentifier": delivered.message_id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failures }))
            }
        }
    }

    /// Works on one message, logs every reason for which it has to come again, and counts them.
    async fn deliver(&self, worker: &Running, delivered: &Delivered) -> usize {
        let log = |error: &Error, chunk| log(&self.function.name, error, chunk, Some(&delivered.message_id));
        let message = match Message::read(&delivered.body) {
            Ok(message) => message,
            Err(error) => {
                log(&error, None);
                return 1;
            }
        };
        let chunk = message.chunk.clone();
        match worker.work(message).await {
            Ok(worked) => {
                worked.failures.iter().for_each(|failure| log(&failure.error, Some(&chunk)));
                worked.failures.len()
            }
            Err(error) => {
                log(&error, Some(&chunk));
                1
            }
        }
    }
}

/// One line of JSON on stderr, which is where Lambda's logs come from. It names run, chunk and message, and never an
/// item or its text.
fn log(function: &str, error: &Error, chunk: Option<&Chunk>, message: Option<&str>) {
    eprintln!("{}", line(function, error, chunk, message));
}

fn line(function: &str, error: &Error, chunk: Option<&Chunk>, message: Option<&str>) -> Value {
    let mut line = json!({ "level": "ERROR", "function": function, "code": error.code, "message": error.message });
    let known = [
        ("run", chunk.map(|chunk| chunk.run.as_str())),
        ("chunk", chunk.map(|chunk| chunk.id.as_str())),
        ("message_id", message),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            line[name] = json!(value);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_chunk_is_logged_by_its_names() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let chunk = Chunk::of(&run, &[]);
        let error = Error::transient("file_unwritable", "the disk is full");
        assert_eq!(
            line("worker", &error, Some(&chunk), Some("m-1")),
            json!({
                "level": "ERROR", "function": "worker", "code": "file_unwritable", "message": "the disk is full",
                "run": "20261122T090000Z", "chunk": chunk.id, "message_id": "m-1",
            })
        );
    }
}
