//! fanggen's own source, which the functions' binary is compiled from: how its folder is found.

use std::fs;
use std::path::Path;

/// The package with the functions' binary.
pub const PACKAGE: &str = "fanggen-runtime";

/// Whether a folder is the root of fanggen's source.
#[must_use]
pub fn is_source(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("runtime/Cargo.toml")).unwrap_or_default();
    let manifest: Option<toml::Table> = toml::from_str(&manifest).ok();
    let name = manifest.as_ref().and_then(|manifest| manifest.get("package")?.get("name")?.as_str());
    name == Some(PACKAGE) && folder.join("Cargo.toml").is_file()
}

/// The nearest such folder, starting at this one and going up.
#[must_use]
pub fn above(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| is_source(folder))
}
