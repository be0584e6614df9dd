//! Errors name their real cause: what one environment, one object, one file or one region has, and not what it looks like.

use crate::harness::aws;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::emulator::{Emulator, REGION, block_on};
use aws::proxy::Proxy;
use aws::small_pipeline::SmallPipeline;
use aws::target_account::target_account;
use fanggen::deploy::aws::account::{Account, CallerIdentity};
use fanggen::deploy::aws::call_error::CallError;
use fanggen::deploy::aws::s3::artifacts::ArtifactBucket;

fn bucket(endpoint: &str, account: &str) -> ArtifactBucket {
    let emulator = Emulator::shared();
    let account_of = Account::of(emulator.sdk(endpoint, &emulator.account(account)), REGION);
    let caller = CallerIdentity { account: account.to_owned(), arn: format!("arn:aws:iam::{account}:root") };
    ArtifactBucket::new(&account_of, &caller)
}

#[test]
fn status_shows_all_environments_whatever_one_of_them_is() {
    let site = SmallPipeline::new("all-states");
    let of_account = format!("account = \"{}\"\n", target_account().account);
    site.edit(&of_account, "");
    site.edit("data.retain = true\n", "aws.account = \"999999999999\"\n");
    let output = site.run(&["status"]);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(lines[0].starts_with("dev ") && lines[0].contains("not deployed"), "{output:?}");
    assert!(
        lines[1].starts_with("prod ") && lines[1].contains("error: the credentials belong to account "),
        "{output:?}"
    );
    let one = site.run(&["status", "--env", "prod"]);
    assert!(one.code == 1 && one.stderr.starts_with("error: the credentials belong to account "), "{one:?}");
}

#[test]
fn expired_credentials_at_a_head_request_are_told_as_such() {
    let expired = |call: &aws::wire::Call| {
        (call.service == "s3").then(|| call.error(400, "ExpiredToken", "The provided token has expired."))
    };
    let proxy = Proxy::with(Emulator::shared(), Arc::new(expired));
    let bucket = bucket(&proxy.endpoint(), "123456789012");
    let told = block_on(bucket.has("stacks/a.json")).expect_err("expired");
    assert!(matches!(told, CallError::Expired { .. }), "S3 answers HEAD without a body: {told}");
}

#[test]
fn a_state_file_that_is_not_text_is_told_as_such() {
    let bucket = bucket(&Emulator::shared().endpoint(), "123456789099");
    let told = block_on(async {
        bucket.ensure().await.expect("a bucket");
        bucket.put("state/a.json", vec![0xff, 0xfe, 0x00]).await.expect("written");
        bucket.read("state/a.json").await.expect_err("not text")
    });
    let key = "state/a.json";
    let name = &bucket.name;
    assert_eq!(
        told.to_string(),
        format!(
            "the object `{key}` in the bucket `{name}` is not text, so it is not what fanggen wrote\n  restore an earlier \
             version of it: `aws s3api list-object-versions --bucket {name} --prefix {key}` lists them"
        )
    );
}

#[test]
fn an_item_with_an_unfit_key_is_told_with_its_file_and_line() {
    let site = SmallPipeline::new("unfit-keys");
    site.deployed.project.write("companies.csv", &format!("name\nApple\n{}\n", "x".repeat(2_000)));
    site.edit("items = [\"Apple\", \"Netflix\"]", "items_file = \"companies.csv\"");
    let output = site.run(&["apply", "--yes", "--no-run"]);
    assert!(output.code == 1 && output.stderr.contains("companies.csv:3: "), "{output:?}");
}

#[test]
fn a_region_that_was_edited_after_an_apply_is_noticed() {
    let site = SmallPipeline::new("moved").by(Emulator::shared().root());
    assert_eq!(site.run(&["apply", "--yes", "--no-run"]).code, 0);
    site.edit(&format!("region = \"{REGION}\""), "region = \"eu-west-1\"");
    let output = site.run(&["destroy", "--yes"]);
    let said = format!(
        "nothing to do: nothing is left of environment `dev` in eu-west-1\nwarning: environment `dev` was applied to \
         {REGION} before, and is still there: only eu-west-1 was looked at\n  to delete it there, set `[aws] region` to \
         \"{REGION}\" and run `fanggen destroy --env dev`\n"
    );
    assert!(output.code == 0 && output.stderr.ends_with(&said), "{output:?}");
    site.edit("region = \"eu-west-1\"", &format!("region = \"{REGION}\""));
    let output = site.run(&["destroy", "--yes"]);
    let said = format!("deleted: nothing is left of environment `dev` in {REGION}\n");
    assert!(output.code == 0 && output.stderr.ends_with(&said), "{output:?}");
}

#[cfg(unix)]
#[test]
fn a_pipe_among_the_generated_files_does_not_hang() {
    let site = SmallPipeline::new("piped");
    let path = site.path().join("generated/dev/template.yaml");
    std::fs::remove_file(&path).expect("removed");
    assert!(Command::new("mkfifo").arg(&path).status().expect("started").success());
    let begin = Instant::now();
    let output = site.run(&["render", "--check"]);
    assert!(begin.elapsed() < Duration::from_secs(20), "it is not opened");
    assert!(output.code == 1 && output.stderr.contains("it is a pipe, a socket or a device"), "{output:?}");
}

#[test]
fn a_pipelines_file_of_a_hundred_megabytes_is_refused_early() {
    let site = SmallPipeline::new("huge");
    let toml = site.deployed.project.read("pipeline.toml").replace("team@example.com", &"x".repeat(100_000_000));
    site.deployed.project.write("pipeline.toml", &toml);
    let begin = Instant::now();
    let output = site.run(&["validate"]);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let said = "cannot be read: it is larger than 16 MB; keep long lists of items in a file of their own";
    assert!(output.code == 1 && output.stderr.contains(said), "{}", output.stderr);
}
