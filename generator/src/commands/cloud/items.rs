//! The items that the file gives to sources whose tables are the pipeline's own.

use fanggen_runtime::component::Store;

use crate::commands::{Failure, Opened};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::fill::Contents;
use crate::deploy::items::Wanted;
use crate::local;

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
