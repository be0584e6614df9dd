//! What the pipeline's file wants in the stores of its sources: the rows of its tables, and the files in its buckets.

use fanggen_runtime::component::Store;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::Item;

use super::error::CommandError;
use super::output::plural;
use super::pipeline_file::LoadedPipeline;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::items::WantedRows;
use crate::deploy::items::source_files::{ItemFile, SourceFiles};
use crate::deploy::seed::WantedTables;
use crate::local;
use crate::resources;

/// The files that functions read, by bucket and key.
///
/// # Errors
/// A file that cannot be read.
pub fn files(file: &LoadedPipeline, deployment: &Deployment<'_>) -> Result<SourceFiles, CommandError> {
    let mut files = SourceFiles::new();
    let manifest = &deployment.generated.manifest;
    for source in &file.pipeline(deployment.environment())?.sources {
        let Some(Store::Bucket { .. }) = source.settings.store(&source.name) else { continue };
        let is_its = |id: &str| manifest.resources.get(id).is_some_and(|resource| resource.path == source.path);
        let Some((_, bucket)) =
            manifest.named(resources::s3::BUCKET.name, deployment.caller).find(|(id, _)| is_its(id))
        else {
            continue;
        };
        for (key, path) in source.settings.files() {
            let read = ItemFile::of(&file.root.join(path.as_str())).map_err(|error| {
                let text = format!("`{}.{key}`: the file `{path}` cannot be read: {error}", source.path);
                DeployError::Other(text)
            })?;
            files.insert((bucket.clone(), path.to_string()), read);
        }
    }
    Ok(files)
}

/// The rows of each table, by its physical name.
///
/// # Errors
/// A file of items that cannot be read, and items that cannot be rows: all of them, before anything is changed.
pub async fn rows(file: &LoadedPipeline, deployment: &Deployment<'_>) -> Result<WantedTables, CommandError> {
    let mut tables = WantedTables::new();
    let manifest = &deployment.generated.manifest;
    for source in &file.pipeline(deployment.environment())?.sources {
        let (Some(Store::Table { .. }), Some(seed)) = (source.settings.store(&source.name), source.settings.seed())
        else {
            continue;
        };
        let items = local::seeds(source, &file.root).await.map_err(CommandError::Run)?;
        let place = seed.file.map(|file| format!("{file}:"));
        let described = |(item, error): &(Item, Option<Error>)| {
            let error = match error.as_ref()? {
                Error { code: ErrorCode::ItemTwice, .. } => {
                    format!("`{}` is there more than once: remove all rows of it but one", item.key)
                }
                error => error.to_string(),
            };
            // A row without a usable key is named by its file and line.
            let is_place = place.as_ref().is_some_and(|place| item.key.starts_with(place));
            Some(if is_place && !error.contains(" line ") { format!("{}: {error}", item.key) } else { error })
        };
        let invalid: Vec<String> = items.iter().filter_map(described).collect();
        if !invalid.is_empty() {
            let also = seed.file.map(|file| format!(" and `{file}`")).unwrap_or_default();
            let counted = plural(invalid.len(), "item");
            let text = format!(
                "{counted} of `{}`{also} cannot be used: nothing was written\n  {}",
                source.path,
                invalid.join("\n  ")
            );
            return Err(DeployError::Other(text).into());
        }
        let rows = WantedRows::of(seed.key, items.into_iter().map(|(item, _)| item))
            .map_err(|error| DeployError::Other(format!("`{}`: {error}", source.path)))?;
        let is_its = |id: &str| manifest.resources.get(id).is_some_and(|resource| resource.path == source.path);
        let table = manifest.named(resources::dynamodb::TABLE.name, deployment.caller).find(|(id, _)| is_its(id));
        if let Some((_, table)) = table {
            tables.insert(table, rows);
        }
    }
    Ok(tables)
}
