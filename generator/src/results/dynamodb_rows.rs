//! The table of a sink in DynamoDB.

use async_trait::async_trait;
use fanggen_runtime::model::run::RunId;

use super::archive::ResultsError;
use super::filter::RecordFilter;
use super::row_table::{ReadRow, RowTable};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::dynamodb::result_rows::ResultRowsClient;
use crate::not_deployed::NotDeployed;

/// The table.
#[derive(Clone, Debug)]
pub struct DynamodbRows {
    /// The client.
    pub client: ResultRowsClient,
    /// The name of the table.
    pub table: String,
    /// The environment that has it.
    pub environment: String,
}

impl DynamodbRows {
    fn failed(&self, error: CallError) -> ResultsError {
        match error.is_absent() {
            true => NotDeployed::new(&self.environment, "table", &self.table).into(),
            false => ResultsError::Account(error.to_string()),
        }
    }
}

#[async_trait]
impl RowTable for DynamodbRows {
    fn name(&self) -> String {
        self.table.clone()
    }

    async fn rows(&self, filter: &RecordFilter) -> Result<Vec<ReadRow>, ResultsError> {
        // The entries of a run sort below its id.
        let since = filter.run.as_ref().map(ToString::to_string).or_else(|| Some(RunId::at(filter.since?).to_string()));
        let mut rows = Vec::new();
        if filter.items.is_empty() {
            rows = self.client.all(since.as_deref()).await.map_err(|error| self.failed(error))?;
        }
        for item in &filter.items {
            rows.extend(self.client.of_item(item, since.as_deref()).await.map_err(|error| self.failed(error))?);
        }
        Ok(rows.into_iter().map(Ok).collect())
    }
}
