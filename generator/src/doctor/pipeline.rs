//! fanggen itself, the pipeline's file, and what is generated from it.

use super::{Check, CheckOutcome};
use crate::config::Config;
use crate::config::mistake::Severity;

/// This build of fanggen.
#[must_use]
pub fn fanggen() -> Check {
    let version = env!("CARGO_PKG_VERSION");
    if cfg!(feature = "aws") {
        return Check::ok("fanggen", version);
    }
    let mend = "to deploy, reinstall it with its default features: `cargo install --path generator`";
    Check::bad("fanggen", CheckOutcome::Warning, format!("{version}, without AWS support"), mend)
}

/// The file of a pipeline.
#[must_use]
pub fn file(config: &Config) -> Check {
    let path = &config.source.path;
    let count = |severity| config.mistakes.iter().filter(|mistake| mistake.severity() == severity).count();
    let found = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => Check::ok(path, format!("valid for {}", config.environments.join(", "))),
        (0, warnings) => Check::bad(path, CheckOutcome::Warning, found(warnings, "warning"), "run `fanggen validate`"),
        (errors, _) => Check::bad(path, CheckOutcome::Problem, found(errors, "error"), "run `fanggen validate`"),
    }
}

/// The generated files, of which this many are out of date.
#[must_use]
pub fn generated(folder: &str, stale: usize) -> Check {
    match stale {
        0 => Check::ok(folder, "up to date"),
        1 => Check::bad(folder, CheckOutcome::Warning, "1 file is missing or out of date", "run `fanggen render`"),
        many => {
            let found = format!("{many} files are missing or out of date");
            Check::bad(folder, CheckOutcome::Warning, found, "run `fanggen render`")
        }
    }
}
