//! The items that the file gives to sources whose tables are the pipeline's own, and the files that others read.

use fanggen_runtime::component::Store;

use crate::commands::{Failure, Opened};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::items::Wanted;
use crate::deploy::items::files::{File, Files};
use crate::deploy::seed::Contents;
use crate::local;

/// The files that functions read, by the bucket and the key that each belongs to.
///
/// # Errors
/// A file that cannot be read.
pub fn files(opened: &Opened, deployment: &Deployment<'_>) -> Result<Files, Failure> {
    let mut files = Files::new();
    let manifest = &deployment.generated.manifest;
    for source in &opened.pipeline(deployment.environment())?.sources {
        let Some(Store::Bucket { .. }) = source.settings.store(&source.name) else { continue };
        let is_its = |id: &str| manifest.resources.get(id).is_some_and(|resource| resource.path == source.path);
        let Some((_, bucket)) = manifest.named("AWS::S3::Bucket", deployment.caller).find(|(id, _)| is_its(id)) else {
            continue;
        };
        for (key, path) in source.settings.files() {
            let file = File::of(&opened.root.join(path.as_str())).map_err(|error| {
                let words = format!("`{}.{key}`: the file `{path}` cannot be read: {error}", source.path);
                DeployError::Other(words)
            })?;
            files.insert((bucket.clone(), path.to_string()), file);
        }
    }
    Ok(files)
}

/// The rows that each table should have, by its physical name.
///
/// # Errors
/// A file of items that cannot be read, and items that cannot be rows: all of them, before anything is touched.
pub async fn wanted(opened: &Opened, deployment: &Deployment<'_>) -> Result<Contents, Failure> {
    let mut contents = Contents::new();
    let manifest = &deployment.generated.manifest;
    for source in &opened.pipeline(deployment.environment())?.sources {
        let (Some(Store::Table { .. }), Some(seed)) = (source.settings.store(&source.name), source.settings.seed())
        else {
            continue;
        };
        let items = local::seeds(source, &opened.root).await.map_err(Failure::Run)?;
        let unfit: Vec<String> = items.iter().filter_map(|(_, error)| Some(error.as_ref()?.to_string())).collect();
        if !unfit.is_empty() {
            let words = format!("{} of `{}` cannot be read:\n  {}", unfit.len(), source.path, unfit.join("\n  "));
            return Err(DeployError::Other(words).into());
        }
        let wanted = Wanted::of(seed.key, items.into_iter().map(|(item, _)| item))
            .map_err(|error| DeployError::Other(format!("`{}`: {error}", source.path)))?;
        let is_its = |id: &str| manifest.resources.get(id).is_some_and(|resource| resource.path == source.path);
        let table = manifest.named("AWS::DynamoDB::Table", deployment.caller).find(|(id, _)| is_its(id));
        if let Some((_, table)) = table {
            contents.insert(table, wanted);
        }
    }
    Ok(contents)
}
