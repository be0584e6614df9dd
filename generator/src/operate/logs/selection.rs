//! Which lines are wanted, as CloudWatch Logs filters them and as they are checked here.

use fanggen_runtime::model::run::RunId;

use super::LogsError;
use super::line::{LogLevel, LogLine};

/// Which lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSelection {
    /// Only failures.
    pub errors: bool,
    /// Only this run.
    pub run: Option<RunId>,
    /// Only this chunk.
    pub chunk: Option<String>,
}

/// What is a failure, as a filter pattern. The functions log JSON, and so does Lambda for them (`LogFormat: JSON` in the
/// template): a line of the runtime has a level, and a report of Lambda a status, which is `success` for whatever went
/// well. A process that is killed or never starts may also leave a line of text, which a pattern for JSON does not match;
/// the report after it does. The words are compared with their case
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>).
const FAILURES: &str = r#"($.level = "ERROR" || $.level = "FATAL" || $.record.status = "error" || $.record.status = "failure" || $.record.status = "timeout" || $.type = "platform.fault")"#;

impl LineSelection {
    /// What was typed.
    ///
    /// # Errors
    /// Something that is not the id of a run or of a chunk.
    pub fn new(errors: bool, run: Option<&str>, chunk: Option<&str>) -> Result<Self, LogsError> {
        let run = run.map(|run| {
            let id = RunId::try_from(run.to_owned()).or_else(|_| RunId::scheduled(run).map_err(|_| ()));
            id.ok().filter(|id| id.time().is_ok()).ok_or_else(|| LogsError::Run(run.to_owned()))
        });
        let is_id = |chunk: &str| {
            chunk.len() == 16 && chunk.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        match chunk {
            Some(chunk) if !is_id(chunk) => Err(LogsError::Chunk(chunk.to_owned())),
            _ => Ok(Self { errors, run: run.transpose()?, chunk: chunk.map(str::to_owned) }),
        }
    }

    /// The filter pattern; none for all lines. Ids need no escapes.
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        let run = self.run.as_ref().map(|run| format!(r#"$.run = "{run}""#));
        let chunk = self.chunk.as_ref().map(|chunk| format!(r#"$.chunk = "{chunk}""#));
        let errors = self.errors.then(|| FAILURES.to_owned());
        let all: Vec<String> = [run, chunk, errors].into_iter().flatten().collect();
        (!all.is_empty()).then(|| format!("{{ {} }}", all.join(" && ")))
    }

    /// Whether a line is wanted.
    #[must_use]
    pub fn fits(&self, line: &LogLine) -> bool {
        (!self.errors || line.level == LogLevel::Error)
            && self.run.as_ref().is_none_or(|run| line.run.as_deref() == Some(run.as_str()))
            && self.chunk.as_ref().is_none_or(|chunk| line.chunk.as_deref() == Some(chunk))
    }

    /// Whether lines of Lambda are left out, which name neither a run nor a chunk.
    #[must_use]
    pub const fn hides_lambda(&self) -> bool {
        self.run.is_some() || self.chunk.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_pattern() {
        let pattern = |errors, run, chunk| LineSelection::new(errors, run, chunk).expect("valid").pattern();
        assert_eq!(pattern(false, None, None), None);
        let run = Some("20261122T090000Z");
        assert_eq!(pattern(false, run, None).as_deref(), Some(r#"{ $.run = "20261122T090000Z" }"#));
        assert_eq!(pattern(false, Some("2026-11-22T10:00:00+01:00"), None), pattern(false, run, None));
        let all = pattern(true, run, Some("0123456789abcdef")).expect("a pattern");
        assert_eq!(all, format!(r#"{{ $.run = "20261122T090000Z" && $.chunk = "0123456789abcdef" && {FAILURES} }}"#));
        // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
        assert!(all.len() <= 1024);
    }

    #[test]
    fn ids_that_are_none_are_refused() {
        for run in ["", "today", "20261322T090000Z", "20261122T090000Z\" }", "2026-11-22"] {
            let error = LineSelection::new(false, Some(run), None).expect_err(run);
            assert!(matches!(error, LogsError::Run(_)), "{run}: {error}");
        }
        for chunk in ["", "0123", "0123456789ABCDEF", "0123456789abcde\"", "ééééééééé"] {
            let error = LineSelection::new(false, None, Some(chunk)).expect_err(chunk);
            assert!(matches!(error, LogsError::Chunk(_)), "{chunk}: {error}");
        }
    }
}
