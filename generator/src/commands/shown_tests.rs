//! What `fanggen test` prints: a line per test, the failures with their places, what no test reaches, and the totals.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::output::{Style, message, plural, print};
use crate::config::mistake::{SourceFile, tidy};
use crate::config::pipeline::Pipeline;
use crate::local::Substitutes;
use crate::pipeline_tests::TestResult;
use crate::pipeline_tests::coverage::Unreached;

/// How to write a first test.
pub fn no_tests(path: &str) -> String {
    format!(
        "`{path}` has no tests. A first one:\n\n[[tests]]\nname = \"good news is positive\"\nitems = [\"Apple\"]\n\
         text = \"Apple profit rises on strong sales\"\nexpect = [{{ item = \"Apple\", label = \"POSITIVE\" }}]\n\n\
         `fanggen test --record` writes `expect` for a test that has none."
    )
}

/// What answers instead of paid services, once per environment.
pub fn notices(pipeline: &Pipeline) {
    let stages = pipeline.stages.iter().map(|stage| stage.name.as_str());
    let stages: Vec<&str> = stages.collect();
    for notice in Substitutes::offline().notices(pipeline) {
        if stages.contains(&notice.stage.as_str()) {
            message(&format!("{}: {} instead of {}", notice.stage, notice.is, notice.instead_of));
        }
    }
}

/// The line of a test.
pub fn result(result: &TestResult) {
    let (style, word) = if result.passed() { (Style::SUCCESS, "ok    ") } else { (Style::ERROR, "FAILED") };
    print(&format!("{style}{word}{} {} ({})", Style::END, tidy(&result.name), milliseconds(result.took)));
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

/// The results of all tests.
pub struct TestReport<'a> {
    pub source: &'a SourceFile,
    pub results: &'a [TestResult],
    /// The number of tests that the filter leaves out.
    pub skipped: usize,
    pub took: Duration,
}

impl TestReport<'_> {
    /// Prints why tests failed, each expectation with its line.
    pub fn failures(&self) {
        for result in self.results {
            if let Some(error) = &result.error {
                message(&format!(
                    "\n{}error{}: test `{}` could not run: {} ({})",
                    Style::ERROR,
                    Style::END,
                    tidy(&result.name),
                    tidy(&error.message),
                    error.code
                ));
            }
            for unmet in &result.unmet {
                let title = format!("test `{}`: expected {}", result.name, unmet.expected);
                let notes: Vec<String> = unmet.note.iter().cloned().collect();
                let label = format!("found {}", unmet.found);
                message(&format!("\n{}", self.source.failure(&unmet.span, &title, &label, &notes, true)));
            }
        }
    }

    pub fn summary(&self) {
        if self.results.is_empty() {
            return;
        }
        let failed = self.results.iter().filter(|result| !result.passed()).count();
        let passed = self.results.len() - failed;
        let skipped = if self.skipped == 0 { String::new() } else { format!(", {} left out", self.skipped) };
        message(&format!(
            "{}: {passed} passed, {failed} failed{skipped}, in {}",
            plural(self.results.len(), "test"),
            milliseconds(self.took)
        ));
    }

    pub fn json(&self, unreached: Option<&[Unreached]>) -> Value {
        let tests: Vec<Value> = self.results.iter().map(|result| self.test(result)).collect();
        let failed = self.results.iter().filter(|result| !result.passed()).count();
        let mut report = json!({
            "tests": tests, "passed": self.results.len() - failed, "failed": failed, "left_out": self.skipped,
        });
        if let Some(unreached) = unreached {
            report["unreached"] = json!(unreached);
        }
        report
    }

    fn test(&self, result: &TestResult) -> Value {
        let failures = result.unmet.iter().map(|unmet| {
            let place = self.source.place(unmet.span.start);
            json!({
                "line": place.line, "column": place.column, "expected": unmet.expected, "found": unmet.found,
                "note": unmet.note,
            })
        });
        let mut test = json!({
            "name": result.name, "environment": result.environment, "passed": result.passed(),
            "ms": (result.took.as_secs_f64() * 1e6).round() / 1e3, "failures": failures.collect::<Vec<_>>(),
        });
        if let Some(error) = &result.error {
            test["error"] = json!({ "code": error.code, "message": error.message });
        }
        test
    }
}

/// Prints what no test reaches.
pub fn coverage(unreached: &[Unreached], json: bool) {
    if json {
        return;
    }
    if unreached.is_empty() {
        return message("every stage, condition and failure is reached by a test");
    }
    message("\nno test reaches:");
    let mut failures: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in unreached {
        match one {
            Unreached::Failure { stage, code } => failures.entry(stage).or_default().push(code.as_str()),
            one => message(&format!("  {one}")),
        }
    }
    for (stage, codes) in failures {
        message(&format!("  failures of `{stage}`: {}", codes.join(", ")));
    }
    message("");
}

/// Says what was written.
pub fn recorded(expectations: usize, tests: usize, path: &str) {
    let (expectations, tests) = (plural(expectations, "expectation"), plural(tests, "test"));
    message(&format!("recorded {expectations} of {tests} in `{path}`: read them before you commit"));
}
