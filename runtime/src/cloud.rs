//! The Lambda's side: the events that it is sent, what it answers, and its doors to AWS.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::doors::{Bucket, Doors, Queue, Rows};
use crate::error::Error;
use crate::function::{Function, Inlet};
use crate::record::Item;
use crate::run::{Message, RunId};

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

    fn given(&self, _: &str) -> Result<Vec<Item>, Error> {
        Err(Error::not_built("inline"))
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

/// Does what an event asks for, and answers in the form that Lambda expects.
///
/// # Errors
/// What kept the whole event from being dealt with; a single message that failed is named in the answer instead.
pub async fn answer(function: &Function, doors: &dyn Doors, event: Value) -> Result<Value, Error> {
    let unreadable = |error| Error::permanent("event_unreadable", format!("the event is not one of ours: {error}"));
    let mut running = function.open(doors)?;
    match function.inlet {
        Inlet::Schedule(_) => {
            let firing: Firing = serde_json::from_value(event).map_err(unreadable)?;
            let produced = running.produce(&RunId::scheduled(&firing.scheduled_time)?).await?;
            Ok(json!(produced))
        }
        Inlet::Queue => {
            let delivery: Delivery = serde_json::from_value(event).map_err(unreadable)?;
            let mut failures = Vec::new();
            for delivered in delivery.records {
                let worked = match Message::read(&delivered.body) {
                    Ok(message) => running.work(message).await,
                    Err(error) => Err(error),
                };
                if worked.map_or(true, |worked| !worked.failures.is_empty()) {
                    failures.push(json!({ "itemIdentifier": delivered.message_id }));
                }
            }
            Ok(json!({ "batchItemFailures": failures }))
        }
    }
}
