//! `docs/errors.md`: every code of a mistake in the file and of a failure in a run, from their enums.

use std::fmt::Write as _;

use fanggen_runtime::model::error::{ErrorCode, ErrorScope};

use crate::config::mistake::{MistakeCode, Severity};

/// What a failure costs, as a heading and a sentence.
const SCOPES: [(ErrorScope, &str, &str); 4] = [
    (
        ErrorScope::Record,
        "Failures of a record",
        "The record reaches the sinks with its failure, and the other records continue.",
    ),
    (
        ErrorScope::Call,
        "Failures of a call",
        "A service did not respond as expected. If a stage made the call for one record, that record fails; otherwise the \
         chunk is retried.",
    ),
    (
        ErrorScope::Chunk,
        "Failures of a chunk or a run",
        "The message returns to its queue, or the schedule invokes the producer again. After 10 attempts a message moves \
         to the dead-letter queue. Nothing is lost.",
    ),
    (
        ErrorScope::Setup,
        "Failures of the setup",
        "The function cannot work until it is deployed or configured correctly.",
    ),
];

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
    for (scope, title, words) in SCOPES {
        let _ = write!(page, "\n## {title}\n\n{words}\n");
        for code in ErrorCode::ALL.iter().filter(|code| code.scope() == scope) {
            let _ = write!(page, "\n### {code}\n\n{}\n\n{}\n", code.meaning(), code.advice());
        }
    }
    page
}
