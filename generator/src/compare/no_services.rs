//! No services at all: for embedded engines, which need nothing from outside.

use std::path::PathBuf;
use std::sync::Arc;

use fanggen_runtime::component::services::{Bucket, Document, Doors, Queue, Rows};
use fanggen_runtime::model::error::Error;

/// Services that always fail to open.
pub struct NoServices;

fn shut(what: &str) -> Error {
    Error::permanent("not_here", format!("a comparison has no {what}"))
}

impl Doors for NoServices {
    fn bucket(&self, _: &str) -> Result<Arc<dyn Bucket>, Error> {
        Err(shut("bucket"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn Rows>, Error> {
        Err(shut("table"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(shut("queue"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn Document>, Error> {
        Err(shut("file of a pipeline"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(shut("folder of results"))
    }
}
