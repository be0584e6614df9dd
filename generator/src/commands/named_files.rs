//! The files that `pipeline.toml` names: each must be there, be a file, and be below the folder of `pipeline.toml`.

use std::fs;
use std::path::Path;

use fanggen_runtime::model::values::RelativePath;

use super::file_columns;
use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::ComponentConfig;
use crate::config::suggestion;

/// A mistake for each file that cannot be used.
pub fn mistakes(config: &Config, root: &Path) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (environment, pipeline) in config.pipelines.iter().chain(&config.unusable) {
        let texts = pipeline.local.texts.iter().map(|path| ("local.texts".to_owned(), path));
        for (setting, file) in texts.chain(pipeline.components().flat_map(files_of)) {
            mistakes.extend(check(config, environment, &setting, file.as_str(), root));
        }
        for component in pipeline.components() {
            for (key, file) in component.settings.files() {
                if fault(root, file.as_str()).is_none() {
                    let span = |setting: &str| config.span(environment, &format!("{}.{setting}", component.path));
                    mistakes.extend(file_columns::mistakes(
                        component.settings.as_ref(),
                        key,
                        file.as_str(),
                        root,
                        &span,
                    ));
                }
            }
        }
    }
    mistakes
}

/// The files of a component, each with the path of the setting that names it.
fn files_of(component: &ComponentConfig) -> impl Iterator<Item = (String, &RelativePath)> {
    component.settings.files().into_iter().map(|(key, file)| (format!("{}.{key}", component.path), file))
}

fn check(config: &Config, environment: &str, setting: &str, file: &str, root: &Path) -> Option<Mistake> {
    let span = config.span(environment, setting);
    // A setting with another mistake is not checked: its file name may be wrong.
    if config.mistakes.iter().any(|mistake| mistake.span == span) {
        return None;
    }
    let (what, found) = fault(root, file)?;
    Some(
        Mistake::new(MistakeCode::FileNotFound, &span, format!("the file `{file}` {what}"), found)
            .allowed(format!("an existing file; the path is relative to the folder of `{}`", config.source.path))
            .help(similar_file(root, file)),
    )
}

/// What is wrong with a file, and what was found.
fn fault(root: &Path, file: &str) -> Option<(&'static str, String)> {
    let path = root.join(file);
    let Ok(metadata) = fs::metadata(&path) else {
        return Some(match path.read_link() {
            Ok(target) => ("is a broken link", format!("a link to `{}`, which does not exist", target.display())),
            Err(_) => ("does not exist", "no such file".to_owned()),
        });
    };
    if metadata.is_dir() {
        return Some(("is a folder", "a folder".to_owned()));
    }
    if !metadata.is_file() {
        return Some(("is not a regular file", "a pipe, a socket or a device".to_owned()));
    }
    // A link may lead to another file of the project, and not to one of the machine: what is named here is uploaded.
    let (real, top) = (path.canonicalize().ok()?, Path::new(".").join(root).canonicalize().ok()?);
    (!real.starts_with(top)).then(|| ("is a link out of its folder", format!("a link to `{}`", real.display())))
}

/// "did you mean" for a file of nearly the same name in the same folder.
fn similar_file(root: &Path, file: &str) -> Option<String> {
    let wanted = Path::new(file);
    let folder = wanted.parent()?;
    let entries = std::fs::read_dir(Path::new(".").join(root).join(folder)).ok()?;
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let near = suggestion::nearest(&wanted.file_name()?.to_string_lossy(), &names)?;
    Some(format!("did you mean `{}`?", folder.join(near).display()))
}
