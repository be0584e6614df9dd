//! The logs of an environment's functions: read across functions in the order of time, and followed.

mod error;
pub mod history;
pub mod line;
mod platform;
pub mod selection;
pub mod tail;

pub use error::LogsError;

use fanggen_runtime::model::tree::quoted_list;

use crate::config::suggestion::did_you_mean;
use crate::deploy::aws::logs::events::LogEvent;
use crate::deploy::generated::Manifest;
use crate::resources::logs::LOG_GROUP;

/// The log of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionLog {
    /// The function, as the pipeline calls it: `producer`, `worker`, `worker-sentiment`.
    pub function: String,
    /// Its log group.
    pub group: String,
}

/// An event of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionEvent {
    /// The position of its log in the list of those that are read.
    pub log: usize,
    /// The event.
    pub event: LogEvent,
}

impl FunctionLog {
    /// The logs of all functions.
    #[must_use]
    pub fn all(manifest: &Manifest) -> Vec<Self> {
        let start = format!("/aws/lambda/{}-", manifest.stack);
        let groups = manifest.resources.values().filter(|resource| resource.kind == LOG_GROUP.name);
        let names = groups.filter_map(|group| group.name.as_ref()?.as_str());
        let log = |group: &str| Self {
            function: group.strip_prefix(&start).unwrap_or(group).to_owned(),
            group: group.to_owned(),
        };
        names.map(log).collect()
    }

    /// Those of these functions, or all of them.
    ///
    /// # Errors
    /// An unknown function.
    pub fn chosen(all: Vec<Self>, functions: &[String]) -> Result<Vec<Self>, LogsError> {
        let known: Vec<&str> = all.iter().map(|log| log.function.as_str()).collect();
        let unknown = functions.iter().find(|function| !known.contains(&function.as_str()));
        if let Some(found) = unknown {
            return Err(LogsError::NoFunction {
                found: found.clone(),
                known: quoted_list(&known),
                help: did_you_mean(found, &known).map(|help| format!("; {help}")).unwrap_or_default(),
            });
        }
        Ok(all.into_iter().filter(|log| functions.is_empty() || functions.contains(&log.function)).collect())
    }
}
