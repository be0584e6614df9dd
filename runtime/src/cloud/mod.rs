//! The doors of a function in AWS: each is opened when a component asks for it, and no sooner.

mod call;
mod clients;
mod comprehend;
mod throttle;
mod trust;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crate::analysis::Analyst;
use crate::doors::{Bucket, Doors, Outbox, Queue, Rows, Secret};
use crate::error::Error;
use crate::meter::Meter;
use crate::state::State;
use clients::Clients;
use comprehend::Comprehend;

/// The doors of a function in AWS.
pub struct Cloud {
    clients: Clients,
}

impl Cloud {
    /// The doors for these variables of the environment; nothing is opened or called yet.
    #[must_use]
    pub fn of(variables: BTreeMap<String, String>) -> Self {
        Self { clients: Clients::of(variables, Arc::default()) }
    }
}

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

    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        Err(Error::not_built("dynamodb"))
    }

    fn outbox(&self, _: &str) -> Result<Arc<dyn Outbox>, Error> {
        Err(Error::not_built("sqs"))
    }

    fn topic(&self, _: &str) -> Result<Arc<dyn Outbox>, Error> {
        Err(Error::not_built("sns"))
    }

    fn analyst(&self) -> Result<Arc<dyn Analyst>, Error> {
        Ok(Arc::new(Comprehend { client: self.clients.comprehend()? }))
    }

    fn secret(&self, _: &str) -> Result<Arc<dyn Secret>, Error> {
        Err(Error::not_built("webhook"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Box<dyn Read + Send + Sync>, Error> {
        Err(Error::not_built("file"))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent("no_disk", format!("`{sink}` writes files, and a Lambda keeps none: use `type = \"s3\"`")))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(self.clients.meter())
    }
}
