//! The artifact bucket: created once with all its protections, and deleted when no stack uses it any more.

use crate::harness::aws;
use crate::harness::deployed_pipeline::DeployedPipeline;
use crate::harness::project::Project;

use std::process::Command;

use aws::deployed::{Deployed, bootstrap, ran};
use aws::emulator::block_on;
use aws::proxy::Proxy;
use aws::services::{look, rows, there};
use aws::stacks::{artifacts, keys, status};
use aws::target_account::target_account;
use aws::template::{asked, names, wanted};
use fanggen_runtime::testing::process::ProcessOutput;
use serde_json::json;

/// One test, since there is one such bucket in an account: others would see it come and go.
#[test]
fn artifact_bucket_is_created_first_and_deleted_last() {
    let s3 = aws_sdk_s3::Client::new(&target_account().sdk);
    let is_there = || block_on(s3.head_bucket().bucket(artifacts()).send()).is_ok();
    let (one, other) = (Deployed::root("one"), Deployed::example("tickets", "other"));
    assert!(!is_there(), "an account in which this was never used");
    assert_eq!(one.good(&["apply", "--only", "bucket", "--json"]).json(), json!({"bucket": artifacts(), "made": true}));
    assert!(is_there() && status("one-dev").is_none());
    let versioning = block_on(s3.get_bucket_versioning().bucket(artifacts()).send()).expect("versioning");
    assert_eq!(versioning.status().expect("a status").as_str(), "Enabled");
    let policy = block_on(s3.get_bucket_policy().bucket(artifacts()).send()).expect("a policy").policy.expect("a text");
    assert!(policy.contains("aws:SecureTransport") && policy.contains("Deny"), "{policy}");
    let block = block_on(s3.get_public_access_block().bucket(artifacts()).send()).expect("a block");
    let block = block.public_access_block_configuration.expect("a configuration");
    assert_eq!([block.block_public_acls, block.restrict_public_buckets], [Some(true); 2]);

    // Each stack has its own copy, which the deployer of no other stack can replace, and uploads it once.
    one.good(&["apply", "--yes", "--no-run"]);
    if let Some(emulator) = target_account().emulator {
        let proxy = Proxy::before(emulator);
        let ran = other.through(&proxy.endpoint(), &["apply", "--env", "dev", "--yes", "--no-run"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains("uploading"), "{ran:?}");
        let again = other.good(&["apply", "--env", "dev", "--yes", "--no-run"]);
        assert!(!again.stderr.contains("uploading"), "{again:?}");
    }
    assert_eq!((keys("runtime/one-dev/").len(), keys("runtime/other-dev/").len()), (1, 1));

    let used = one.fanggen(&["destroy", "--yes", "--artifacts"]);
    assert_eq!(used.code, 1, "{used:?}");
    let said = format!(
        "error: the artifact bucket `{}` is still used by:\n  - other-dev\n  it was not deleted; destroy these first\n",
        artifacts()
    );
    assert!(used.stderr.ends_with(&said), "{}", used.stderr);
    assert!(is_there() && status("one-dev").is_none());
    other.good(&["destroy", "--env", "dev", "--yes", "--artifacts"]);
    assert!(!is_there());

    makes(&DeployedPipeline::rendered(Project::root(), "make", "dev"));
}

/// The targets of the rendered Makefile, one after the other, by the deployer and for x86_64.
fn makes(live: &DeployedPipeline) {
    let deployed = &live.deployed;
    std::fs::remove_dir_all(deployed.path().join(".fanggen")).expect("no artifact");
    let runtime = format!("RUNTIME={}", bootstrap().display());
    let make = |target: &str| -> ProcessOutput {
        let mut make = Command::new("make");
        make.current_dir(deployed.path()).env_clear().envs(deployed.environment(&target_account().endpoint()));
        make.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        make.args(["--no-print-directory", "-f", "generated/Makefile", target]);
        make.arg(format!("FANGGEN={}", env!("CARGO_BIN_EXE_fanggen")));
        // Compiled by cargo-lambda and zig in the long form, taken as it is in the short one.
        if std::env::var("FANGGEN_SWEEP").is_ok_and(|set| set == "full") {
            make.env("HOME", std::env::var_os("HOME").unwrap_or_default());
        } else {
            make.arg(&runtime);
        }
        let ran = ran(&mut make);
        assert_eq!(ran.code, 0, "{target}: {ran:?}");
        ran
    };
    let plan = deployed.plan("dev");
    make("bucket");
    assert_eq!((keys(""), status("make-dev")), (vec![], None));
    make("build");
    assert!(deployed.path().join(".fanggen/x86_64/bootstrap.zip").is_file());
    make("infra");
    let all = asked(deployed, "dev");
    assert_eq!(look(&all), wanted(&all));
    assert_eq!(rows(&names(&plan)["CompaniesTable"]).len(), 0);
    live.allow_send_batches();
    let stderr = make("data").stderr;
    assert!(stderr.contains("enabled the schedule\nstarted the first run"), "{stderr}");
    assert_eq!(rows(&names(&plan)["CompaniesTable"]).len(), 5);
    deployed.edit("sentences = 3", "sentences = 5");
    let stderr = make("deploy").stderr;
    assert!(stderr.contains("updated: stack `make-dev`") && !stderr.contains("started the first run"), "{stderr}");
    // Its functions have to be done: one that still runs would create its log group again after the teardown.
    live.wait_until("the rows", || (live.rows("SentimentTable").len() == 5).then_some(()));
    live.wait_until("an empty queue", || (live.message_count("WorkerQueue") == 0).then_some(()));
    live.revoke_send_batches();
    let all = asked(deployed, "dev");
    assert_eq!(look(&all), wanted(&all));
    make("teardown");
    assert_eq!((there(&all), status("make-dev")), (vec![], None));
}
