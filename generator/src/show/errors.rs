//! `docs/errors.md`: every code of a mistake in the file and of a failure in a run, from their enums.

use std::fmt::Write as _;

use crate::config::mistake::{MistakeCode, Severity};

/// The whole page.
#[must_use]
pub fn errors() -> String {
    let mut page = String::from(include_str!("errors.md"));
    for (severity, title) in [(Severity::Error, "Errors in the file"), (Severity::Warning, "Warnings about the file")] {
        let _ = write!(page, "\n## {title}\n");
        for code in MistakeCode::ALL.iter().filter(|code| code.severity() == severity) {
            let _ = write!(page, "\n### {code}\n\n{}\n\n{}\n", code.meaning(), code.fix());
            if !code.example().is_empty() {
                let _ = write!(page, "\n```toml\n{}\n```\n", code.example());
            }
        }
    }
    page
}
