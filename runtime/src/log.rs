//! What a function says of its work: a line of JSON a chunk or run with its metrics embedded, and a line a failure.

use serde_json::{Value, json};

use crate::error::Error;
use crate::flow::{Produced, Worked};
use crate::function::Function;
use crate::meter::Reading;
use crate::run::{Chunk, RunId};

/// The log of a function. It names run, chunk and message, and never an item or its text.
pub struct Log {
    function: String,
}

impl Log {
    /// The log of this function.
    #[must_use]
    pub fn of(function: &Function) -> Self {
        Self { function: function.name.clone() }
    }

    /// Something that failed.
    pub fn error(&self, error: &Error, chunk: Option<&Chunk>, message: Option<&str>) {
        eprintln!("{}", self.line("ERROR", &error.code, &error.message, chunk, message));
    }

    /// Something that somebody should know.
    pub fn warn(&self, code: &str, words: &str) {
        eprintln!("{}", self.line("WARN", code, words, None, None));
    }

    /// A run was sent on its way.
    pub fn produced(&self, _run: &RunId, _produced: &Produced, _reading: Reading) {}

    /// A run could not be sent as a whole.
    pub fn broke_off(&self, _run: &RunId, error: &Error, _reading: Reading) {
        self.error(error, None, None);
    }

    /// A chunk was worked on.
    pub fn worked(&self, _chunk: &Chunk, _worked: &Worked, _reading: Reading) {}

    fn line(&self, level: &str, code: &str, words: &str, chunk: Option<&Chunk>, message: Option<&str>) -> Value {
        let mut line = json!({ "level": level, "function": self.function, "code": code, "message": words });
        let known = [
            ("run", chunk.map(|chunk| chunk.run.as_str())),
            ("chunk", chunk.map(|chunk| chunk.id.as_str())),
            ("message_id", message),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                line[name] = json!(value);
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_chunk_is_logged_by_its_names() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let chunk = Chunk::of(&run, 0, &[]);
        let log = Log { function: "worker".into() };
        assert_eq!(
            log.line("ERROR", "file_unwritable", "the disk is full", Some(&chunk), Some("m-1")),
            json!({
                "level": "ERROR", "function": "worker", "code": "file_unwritable", "message": "the disk is full",
                "run": "20261122T090000Z", "chunk": chunk.id, "message_id": "m-1",
            })
        );
    }
}
