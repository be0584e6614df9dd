//! No services at all: for embedded engines, which need nothing from outside.

use std::path::PathBuf;
use std::sync::Arc;

use fanggen_runtime::component::services::{MessageQueue, ObjectStore, PipelineFile, Services, TableStore};
use fanggen_runtime::model::error::{Error, ErrorCode};

/// Services that always fail to open.
pub struct UnavailableServices;

fn shut(what: &str) -> Error {
    Error::permanent(ErrorCode::NotHere, format!("a comparison has no {what}"))
}

impl Services for UnavailableServices {
    fn bucket(&self, _: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Err(shut("bucket"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn TableStore>, Error> {
        Err(shut("table"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Err(shut("queue"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Err(shut("file of a pipeline"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(shut("folder of results"))
    }
}
