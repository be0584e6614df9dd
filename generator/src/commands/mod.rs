//! The commands: one file each, with its arguments, its help and what it does.

mod add;
mod archive_sink;
mod args;
mod block_on;
mod compare;
mod completions;
mod component_kind;
mod components;
mod doctor;
mod error;
mod file_columns;
mod help;
mod init;
mod init_questions;
mod items;
mod man;
mod named_files;
mod output;
mod pipeline_file;
mod plan;
mod progress;
mod record_args;
mod render;
mod rendered;
mod replay;
mod result_place;
mod results;
mod run;
mod runs;
mod schedule_times;
mod schema;
mod shown_replay;
mod shown_results;
mod shown_tests;
mod test;
mod validate;

#[cfg(feature = "aws")]
mod apply;
#[cfg(feature = "aws")]
mod aws_session;
#[cfg(feature = "aws")]
mod build;
#[cfg(feature = "aws")]
mod desired_items;
#[cfg(feature = "aws")]
mod destroy;
#[cfg(feature = "aws")]
mod dlq;
#[cfg(feature = "aws")]
mod drift;
#[cfg(feature = "aws")]
mod iam;
#[cfg(feature = "aws")]
mod invoke;
#[cfg(feature = "aws")]
mod logs;
#[cfg(feature = "aws")]
mod outputs;
#[cfg(feature = "aws")]
mod paid_engine;
#[cfg(feature = "aws")]
mod shown_logs;
#[cfg(feature = "aws")]
mod status;
#[cfg(feature = "aws")]
mod stop_signals;
#[cfg(feature = "aws")]
mod terminal;
#[cfg(not(feature = "aws"))]
mod without_aws;

use std::process::ExitCode;

use clap::Subcommand;

pub use args::Cli;
use args::ColorWhen;

use crate::log::{self, LogFormat};

/// Every command; those that need AWS are replaced by a message in a build without it.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Add(add::AddComponentArgs),
    Validate(validate::ValidateArgs),
    Plan(plan::PlanArgs),
    Render(render::RenderArgs),
    Run(run::RunArgs),
    Test(test::TestArgs),
    Compare(compare::CompareArgs),
    Results(results::ResultsArgs),
    Runs(runs::RunsArgs),
    Replay(replay::ReplayArgs),
    Items(items::ItemsArgs),
    Components(components::ComponentsArgs),
    Doctor(doctor::DoctorArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[cfg(feature = "aws")]
    Build(build::BuildArgs),
    #[cfg(feature = "aws")]
    Apply(apply::ApplyArgs),
    #[cfg(feature = "aws")]
    Destroy(destroy::DestroyArgs),
    #[cfg(feature = "aws")]
    Status(status::StatusArgs),
    #[cfg(feature = "aws")]
    Outputs(outputs::OutputsArgs),
    #[cfg(feature = "aws")]
    Drift(drift::DriftArgs),
    #[cfg(feature = "aws")]
    Logs(logs::LogsArgs),
    #[cfg(feature = "aws")]
    Dlq(dlq::DlqArgs),
    #[cfg(feature = "aws")]
    Iam(iam::IamArgs),
    #[cfg(feature = "aws")]
    Invoke(invoke::InvokeArgs),
    #[cfg(not(feature = "aws"))]
    #[command(flatten)]
    WithoutAws(without_aws::AwsCommand),
}

impl Cli {
    /// Runs the command, and gives the exit code.
    #[must_use]
    pub fn execute(self) -> ExitCode {
        let Self { global, command } = self;
        match global.color {
            ColorWhen::Auto => {}
            ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
            ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
        }
        if global.verbose || global.log_format.is_some() {
            log::start(global.log_format.unwrap_or(LogFormat::Text));
        }
        let result = match command {
            Command::Init(args) => args.execute(&global),
            Command::Add(args) => args.execute(&global),
            Command::Validate(args) => args.execute(&global),
            Command::Plan(args) => args.execute(&global),
            Command::Render(args) => args.execute(&global),
            Command::Run(args) => args.execute(&global),
            Command::Test(args) => args.execute(&global),
            Command::Compare(args) => args.execute(&global),
            Command::Results(args) => args.execute(&global),
            Command::Runs(args) => args.execute(&global),
            Command::Replay(args) => args.execute(&global),
            Command::Items(args) => args.execute(&global),
            Command::Components(args) => args.execute(&global),
            Command::Doctor(args) => args.execute(&global),
            Command::Schema(args) => args.execute(),
            Command::Completions(args) => args.execute(),
            Command::Man(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Build(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Apply(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Destroy(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Status(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Outputs(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Drift(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Logs(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Dlq(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Iam(args) => args.execute(&global),
            #[cfg(feature = "aws")]
            Command::Invoke(args) => args.execute(&global),
            #[cfg(not(feature = "aws"))]
            Command::WithoutAws(command) => Err(command.error()),
        };
        let code = result.err().map_or(0, |error| error.report(global.json));
        log::command(code);
        ExitCode::from(code)
    }
}
