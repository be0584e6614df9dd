//! The integration tests of the generator, in one binary: each binary more would link the AWS SDK again.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod add;

#[cfg(feature = "aws")]
mod alarm_metrics;
#[cfg(feature = "aws")]
mod alarms;
#[cfg(feature = "aws")]
mod apply;
#[cfg(feature = "aws")]
mod apply_changes;
mod arbitrary_input;
#[cfg(feature = "aws")]
mod artifacts;
#[cfg(all(feature = "aws", unix))]
mod build;
#[cfg(feature = "aws")]
mod call_counts;
#[cfg(feature = "aws")]
mod cargo_lambda;
#[cfg(feature = "aws")]
mod causes;
mod ci;
mod compare;
#[cfg(feature = "aws")]
mod comprehend;
#[cfg(feature = "aws")]
mod comprehend_errors;
#[cfg(all(feature = "aws", unix))]
mod concurrency;
#[cfg(all(feature = "aws", unix))]
mod crashes;
mod dependencies;
#[cfg(feature = "aws")]
mod deploy_speed;
#[cfg(feature = "aws")]
mod deployed_feed;
#[cfg(feature = "aws")]
mod deployed_run;
#[cfg(feature = "aws")]
mod deployer;
#[cfg(feature = "aws")]
mod diff;
#[cfg(all(feature = "aws", unix))]
mod dlq;
mod doctor;
#[cfg(feature = "aws")]
mod emulator;
#[cfg(feature = "aws")]
mod evaluator;
#[cfg(all(feature = "aws", unix))]
mod faults;
mod file_formats;
#[cfg(all(feature = "aws", unix))]
mod first_account;
#[cfg(feature = "aws")]
mod function_roles;
mod golden;
mod init;
mod injection;
#[cfg(unix)]
mod interrupted_runs;
#[cfg(all(feature = "aws", unix))]
mod interruption;
#[cfg(all(feature = "aws", unix))]
mod items;
#[cfg(all(feature = "aws", unix))]
mod items_input;
mod items_local;
#[cfg(all(feature = "aws", unix))]
mod items_many;
#[cfg(all(feature = "aws", unix))]
mod items_speed;
#[cfg(feature = "aws")]
mod kms;
#[cfg(feature = "aws")]
mod least_privilege;
#[cfg(all(feature = "aws", unix))]
mod leftovers;
#[cfg(all(feature = "aws", unix))]
mod logs;
mod makefile;
mod mistakes;
mod mutations;
mod original;
#[cfg(feature = "aws")]
mod original_deployed;
mod pipeline_tests;
#[cfg(feature = "aws")]
mod policy;
#[cfg(feature = "aws")]
mod privileges;
#[cfg(all(feature = "aws", unix))]
mod prompts;
mod proxies;
mod readme;
#[cfg(all(feature = "aws", unix))]
mod refusals;
mod render;
#[cfg(unix)]
mod replay;
#[cfg(feature = "aws")]
mod replay_deployed;
mod replay_neighbours;
mod results;
#[cfg(feature = "aws")]
mod results_deployed;
#[cfg(feature = "parquet")]
mod results_parquet;
mod run;
mod runs;
#[cfg(feature = "aws")]
mod runs_deployed;
#[cfg(feature = "aws")]
mod schedule;
mod schedule_times;
mod schema;
mod security;
#[cfg(feature = "aws")]
mod services_contract;
mod shell;
mod shifts;
#[cfg(feature = "aws")]
mod sink_delivery;
#[cfg(feature = "aws")]
mod stack_states;
#[cfg(all(feature = "aws", unix))]
mod strict;
#[cfg(feature = "aws")]
mod transitions;
