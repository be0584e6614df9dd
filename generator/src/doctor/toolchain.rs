//! The functions' binary, and what compiles it.

use std::path::Path;

use super::{Check, CheckOutcome};
use crate::artifact::{self, Tools};
use crate::config::sections::Architecture;

/// The name of the check of the compiler.
const COMPILER: &str = "Rust, cargo-lambda, Zig";

/// The zip that `apply` uploads, and whether it could be built here.
#[must_use]
pub fn checks(root: &Path, tools: &Path, architecture: Architecture) -> Vec<Check> {
    let name = format!("function binary ({})", architecture.word());
    let built = artifact::artifact(root, architecture);
    let is_built = matches!(built, Ok(Some(_)));
    let binary = match built {
        Err(error) => Check::failed(name, CheckOutcome::Problem, &error),
        Ok(None) => Check::bad(
            name,
            CheckOutcome::Warning,
            "not built yet",
            "run `fanggen build` before the first `fanggen apply`",
        ),
        Ok(Some(built)) => match built.check(architecture) {
            Ok(()) => Check::ok(name, built.path.display()),
            Err(error) => Check::failed(name, CheckOutcome::Problem, &error),
        },
    };
    // Who has a binary, or gets one elsewhere, needs no compiler.
    let compiler = match Tools::ready(None, root, tools, architecture) {
        Ok((source, _)) => Check::ok(COMPILER, format!("ready to compile {}", source.display())),
        Err(error) if is_built => Check::skipped(
            COMPILER,
            format!("not needed, since the binary is built ({})", first_line(&error.to_string())),
        ),
        Err(error) => Check::failed(COMPILER, CheckOutcome::Warning, &error),
    };
    vec![binary, compiler]
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
