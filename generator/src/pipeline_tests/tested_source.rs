//! The sources of a test: those of the file, or the items that the test lists, with the texts of the test.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use fanggen_runtime::component::{Source, SourceItem};
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::Item;

use super::bench::TestBench;

/// The items that a test lists.
pub struct ListedItems {
    pub listed: VecDeque<Item>,
    pub read: usize,
}

#[async_trait]
impl Source for ListedItems {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        self.read += 1;
        Ok(self.listed.pop_front().map(|item| (item, None)))
    }

    fn cursor(&self) -> String {
        self.read.to_string()
    }

    fn resume(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

/// A source whose items have the texts of the test.
pub struct TestedSource {
    pub inner: Box<dyn Source>,
    pub bench: Arc<TestBench>,
}

#[async_trait]
impl Source for TestedSource {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        let next = self.inner.next().await?;
        Ok(next.map(|(item, error)| (self.bench.sourced(item), error)))
    }

    fn cursor(&self) -> String {
        self.inner.cursor()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        self.inner.resume(cursor)
    }
}
