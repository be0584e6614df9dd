//! What tests look for in the output of `fanggen`.

#![allow(dead_code, reason = "each build uses its own part of the harness")]

use fanggen_runtime::testing::process::ProcessOutput;

/// Assertions and excerpts, by how `fanggen` writes its messages.
pub trait ProcessOutputExt {
    /// Asserts the exit code and the whole of stderr.
    fn assert_stderr(&self, code: i32, stderr: &str);

    /// Asserts the exit code and the error message, with which stderr ends.
    fn assert_error(&self, code: i32, error: &str);

    /// The error message, from `error: ` to the end of stderr; empty where there is none.
    fn error_message(&self) -> &str;

    /// The first line of an error, or otherwise the last line that is not indented.
    fn error_line(&self) -> &str;

    /// The last line of stderr that is not indented.
    fn last_line(&self) -> &str;
}

impl ProcessOutputExt for ProcessOutput {
    #[track_caller]
    fn assert_stderr(&self, code: i32, stderr: &str) {
        assert!((self.code, self.stderr.as_str()) == (code, stderr), "{}\n{}{}", self.code, self.stdout, self.stderr);
    }

    #[track_caller]
    fn assert_error(&self, code: i32, error: &str) {
        assert!((self.code, self.error_message()) == (code, error), "{}\n{}{}", self.code, self.stdout, self.stderr);
    }

    fn error_message(&self) -> &str {
        self.stderr.find("error: ").map_or("", |at| &self.stderr[at..])
    }

    fn error_line(&self) -> &str {
        self.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_else(|| self.last_line())
    }

    fn last_line(&self) -> &str {
        self.stderr.lines().rev().find(|line| !line.is_empty() && !line.starts_with(' ')).unwrap_or_default()
    }
}
