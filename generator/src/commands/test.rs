//! `fanggen test`: runs the tests of the pipeline on this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::shown_tests::{self, TestReport};
use crate::config::mistake::Severity;
use crate::config::pipeline::{Pipeline, TestConfig};
use crate::pipeline_tests::record::TestEdit;
use crate::pipeline_tests::{self, Reached, TestResult, coverage, junit, record};

/// Run the tests of the pipeline, on this machine
#[derive(Debug, Args)]
#[command(
    after_help = "Runs the `[[tests]]` of the file through the same functions, queues and retries as in AWS. Nothing is
deployed, sent or charged, and no results are written. Exit code 1 if a test fails.

Examples:
  fanggen test                      run all tests
  fanggen test headline             run those with `headline` in their names
  fanggen test --coverage           also list what no test reaches
  fanggen test --record             write what came into tests that have no expectations, or fail
  fanggen test --junit report.xml   also write a report for a CI server"
)]
pub struct TestArgs {
    /// Run only the tests whose name contains this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// The environment of tests that name none [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Write a report in JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// List the stages, conditions and failures that no test reaches
    #[arg(long)]
    coverage: bool,
    /// Write the actual results as expectations into tests that fail or have none
    #[arg(long)]
    record: bool,
}

impl TestArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let default = file.pipeline(file.environment(self.env.as_deref())?)?;
        let all = default.tests.len();
        let chosen: Vec<&TestConfig> = default.tests.iter().filter(|test| self.chooses(test)).collect();
        if all == 0 {
            message(&shown_tests::no_tests(&file.config.source.path));
        } else if chosen.is_empty() {
            return Err(CommandError::NoSuchTest { filter: self.filter.unwrap_or_default(), known: names(default) });
        }
        let start = Instant::now();
        let mut results = Vec::new();
        let mut announced = BTreeSet::new();
        for test in &chosen {
            let environment = test.test.environment.as_ref().map_or(default.environment.as_str(), |name| name.as_str());
            let pipeline = file.pipeline(environment)?;
            if announced.insert(environment.to_owned()) {
                shown_tests::notices(pipeline);
            }
            let result = pipeline_tests::run(pipeline, test, &file.root);
            if !global.json {
                shown_tests::result(&result);
            }
            results.push(result);
        }
        let took = start.elapsed();
        let reached = self.coverage.then(|| {
            let mut reached = Reached::default();
            results.iter().for_each(|result: &TestResult| reached.extend(result.observed.reached.clone()));
            coverage::unreached(default, &reached)
        });
        let report = TestReport { source: &file.config.source, results: &results, skipped: all - chosen.len(), took };
        if let Some(path) = &self.junit {
            let xml = junit::report(default.head.name.as_str(), &report.source.path, &results);
            std::fs::write(path, xml).map_err(|source| CommandError::Unwritable { path: path.clone(), source })?;
        }
        if global.json {
            print(&to_json(&report.json(reached.as_deref())));
        }
        report.failures();
        if let Some(unreached) = &reached {
            shown_tests::coverage(unreached, global.json);
        }
        report.summary();
        let failed = results.iter().any(|result| !result.passed());
        if self.record && failed {
            return self.write(global, &file, &chosen, &results);
        }
        if failed { Err(CommandError::Exit(1)) } else { Ok(()) }
    }

    fn chooses(&self, test: &TestConfig) -> bool {
        let name = test.test.name.as_str().to_lowercase();
        self.filter.as_ref().is_none_or(|filter| name.contains(&filter.to_lowercase()))
    }

    /// Writes the expectations of tests that have none, or fail. A test that could not run has nothing to record.
    fn write(
        &self,
        global: &GlobalArgs,
        file: &LoadedPipeline,
        chosen: &[&TestConfig],
        results: &[TestResult],
    ) -> CommandResult {
        let recorded: Vec<(&TestConfig, &TestResult)> =
            chosen.iter().copied().zip(results).filter(|(_, result)| !result.unmet.is_empty()).collect();
        let mut edits = Vec::new();
        for (test, result) in &recorded {
            let recorded = record::expectations(file.pipeline(&result.environment)?, &result.observed);
            let unmet = result.unmet.iter().filter_map(|unmet| unmet.index).collect();
            edits.push(TestEdit { name: test.test.name.as_str(), recorded, unmet });
        }
        let written = record::write(&global.file, &file.config.source.text, &edits)?;
        shown_tests::recorded(written, edits.len(), &file.config.source.path);
        if results.iter().any(|result| result.error.is_some()) { Err(CommandError::Exit(1)) } else { Ok(()) }
    }
}

fn names(pipeline: &Pipeline) -> String {
    let names: Vec<&str> = pipeline.tests.iter().map(|test| test.test.name.as_str()).collect();
    fanggen_runtime::model::tree::quoted_list(&names)
}
