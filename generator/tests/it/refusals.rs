//! Invalid input of all kinds, each as a whole process: exit code and whole message, and nothing is changed.

use crate::harness::process_output::ProcessOutputExt as _;
use crate::harness::terminal::at_a_terminal;
use crate::harness::{aws, elf};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws::emulator::{self, ACCOUNT, Emulator, block_on};
use aws::proxy::Proxy;
use aws::small_pipeline::SmallPipeline;
use aws::wire::{Call, query_error};
use aws_sdk_sts::config::Credentials;

const APPLY: [&str; 3] = ["apply", "--yes", "--no-run"];
const EVERY: [&[&str]; 5] = [&["plan"], &APPLY, &["destroy", "--yes"], &["status", "--env", "dev"], &["drift"]];

fn artifacts() -> String {
    format!("fanggen-artifacts-{ACCOUNT}-{}", emulator::REGION)
}

#[test]
fn without_credentials_every_command_says_how_to_get_some() {
    let site = SmallPipeline::new("no-keys");
    for arguments in EVERY {
        let mut command = site.command(arguments);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        site.run_command(&mut command).assert_stderr(
            1,
            "error: no AWS credentials were found: neither in the environment, nor in a profile, nor from this machine's \
             own role\n  log in (`aws sso login`), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile \
             with `[aws] profile` or AWS_PROFILE\n",
        );
    }
}

#[test]
fn the_profile_of_the_file_wins_over_keys_of_the_environment() {
    let site = SmallPipeline::new("profiled");
    let region = format!("region = \"{}\"\n", emulator::REGION);
    site.edit(&region, &format!("{region}profile = \"work\"\n"));
    let absent = "error: the profile `work` named in `[aws] profile` has no AWS credentials: there is no such profile, or nothing in it, in \
                  ~/.aws/config and ~/.aws/credentials\n  set it up with `aws configure --profile \
                  work`, log in with `aws sso login --profile work`, or remove it from the file\n";
    site.run(&["plan"]).assert_stderr(1, absent);
    // The keys in the environment are the deployer's; those of the profile are another account's.
    let keys = format!("[work]\naws_access_key_id = {}\naws_secret_access_key = test\n", emulator::STRANGER);
    site.deployed.project.write("home/.aws/credentials", &keys);
    let stranger = emulator::STRANGER;
    site.run(&["plan"]).assert_stderr(
        1,
        &format!(
            "error: the credentials belong to account {stranger}, and `[aws] account` is {ACCOUNT}: nothing was changed\n  use other credentials than arn:aws:iam::{stranger}:root, or another environment\n"
        ),
    );
    site.deployed.project.write("home/.aws/credentials", &keys.replace(stranger, "test"));
    assert_eq!(site.run(&["status", "--env", "dev"]).code, 0);
}

#[test]
fn keys_of_another_account_and_unknown_keys_are_refused() {
    let site = SmallPipeline::new("stranger").by(Emulator::shared().account(emulator::STRANGER));
    for arguments in EVERY {
        site.run(arguments).assert_stderr(
            1,
            &format!(
                "error: the credentials belong to account {0}, and `[aws] account` is {ACCOUNT}: nothing was changed\n  use other credentials than arn:aws:iam::{0}:root, or another environment\n",
                emulator::STRANGER
            ),
        );
    }
    let unknown = |code: &str| {
        format!(
            "error: AWS rejected these credentials (sts:GetCallerIdentity returned {code})\n  check the profile, AWS_ACCESS_KEY_ID, and whether the region is enabled for the account\n"
        )
    };
    let nobody =
        SmallPipeline::new("unknown").by(Credentials::new("AKIAIOSFODNN7EXAMPLE", "wrong", None, None, "nobody"));
    nobody
        .run(&APPLY)
        .assert_stderr(1, &unknown("InvalidClientTokenId: The security token included in the request is invalid."));
    let known = SmallPipeline::new("wrong-secret");
    let mut command = known.command(&APPLY);
    command.env("AWS_SECRET_ACCESS_KEY", "wrong");
    known.run_command(&mut command).assert_stderr(
        1,
        &unknown(
            "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ),
    );
}

#[test]
fn an_unreachable_endpoint_is_reported() {
    let site = SmallPipeline::new("unreachable");
    for (address, reason) in [
        ("http://127.0.0.1:9", "Connection refused (os error 111)"),
        ("http://nowhere.invalid", "failed to lookup address information: "),
    ] {
        let mut command = site.command(&APPLY);
        command.env("AWS_ENDPOINT_URL", address);
        let output = site.run_command(&mut command);
        let begins = format!("error: no response from AWS to sts:GetCallerIdentity: {reason}");
        let ends = "\n  check the network and the region, then run the same command again\n";
        assert!(output.code == 1 && output.stderr.starts_with(&begins) && output.stderr.ends_with(ends), "{output:?}");
    }
}

/// All calls of a service are answered so.
fn answering(
    service: &'static str,
    name: &'static str,
    status: u16,
    code: &'static str,
    message: &'static str,
) -> Proxy {
    let stand_in = move |call: &Call| {
        (call.service == service && (name.is_empty() || call.name == name)).then(|| match service {
            "sts" | "cloudformation" | "iam" => query_error(status, code, message),
            "s3" => aws::wire::s3_error(status, code, message),
            "sqs" => aws::wire::sqs_error(status, code, message),
            _ => aws::wire::json_error(status, code, message),
        })
    };
    Proxy::with(Emulator::shared(), Arc::new(stand_in))
}

#[test]
fn an_expired_token_is_reported_in_every_protocol() {
    const OVER: &str = "The security token included in the request is expired";
    for (number, (service, code, action, command)) in [
        ("sts", "ExpiredToken", "sts:GetCallerIdentity", &APPLY[..]),
        ("cloudformation", "ExpiredToken", "cloudformation:DescribeStacks", &APPLY),
        ("s3", "ExpiredToken", "s3:GetBucketTagging", &APPLY),
        ("dynamodb", "ExpiredTokenException", "dynamodb:DescribeTable", &["destroy", "--yes"]),
        ("lambda", "ExpiredTokenException", "lambda:GetFunction", &["destroy", "--yes"]),
        ("scheduler", "ExpiredTokenException", "scheduler:GetSchedule", &["destroy", "--yes"]),
        ("sqs", "ExpiredToken", "sqs:GetQueueUrl", &["destroy", "--yes"]),
        ("iam", "ExpiredToken", "iam:GetRole", &["destroy", "--yes"]),
        ("logs", "ExpiredTokenException", "logs:DescribeLogGroups", &["destroy", "--yes"]),
    ]
    .into_iter()
    .enumerate()
    {
        let proxy = answering(service, "", if service == "sts" || service == "s3" { 400 } else { 403 }, code, OVER);
        let site = SmallPipeline::new(&format!("expired-{number}")).through(&proxy);
        site.run(command).assert_error(
            1,
            &format!(
                "error: the AWS credentials have expired ({action} returned {code})\n  log in again, for example with `aws \
                 sso login`\n"
            ),
        );
    }
}

#[test]
fn a_missing_permission_is_named_with_its_resource() {
    for (number, (service, name, action)) in [
        ("cloudformation", "CreateChangeSet", "cloudformation:CreateChangeSet"),
        ("cloudformation", "ExecuteChangeSet", "cloudformation:ExecuteChangeSet"),
        ("cloudformation", "DescribeStacks", "cloudformation:DescribeStacks"),
        ("s3", "GetBucketTagging", "s3:GetBucketTagging"),
        ("s3", "PutObject", "s3:PutObject"),
        ("dynamodb", "BatchWriteItem", "dynamodb:BatchWriteItem"),
    ]
    .into_iter()
    .enumerate()
    {
        let code = if service == "dynamodb" { "AccessDeniedException" } else { "AccessDenied" };
        let arn = format!("arn:aws:{service}:us-east-1:{ACCOUNT}:this-one");
        let who = format!("User: arn:aws:iam::{ACCOUNT}:user/d is not authorized to perform: {action}");
        let why = format!("because no identity-based policy allows the {action} action");
        // As AWS says it, and as the emulator does.
        for (form, message, resource) in [
            ("long", format!("{who} on resource: {arn} {why}"), arn.as_str()),
            ("short", format!("{who} {why}"), "a resource that the service does not name"),
        ] {
            let message: &'static str = message.leak();
            let proxy = answering(service, name, 403, code, message);
            let site = SmallPipeline::new(&format!("denied-{form}-{number}")).through(&proxy);
            site.run(&APPLY).assert_error(
                1,
                &format!(
                    "error: missing permission: {action} on {resource}\n  {message}\n  `fanggen iam --deployer` prints a policy that includes it\n"
                ),
            );
        }
    }
}

#[test]
fn a_foreign_stack_of_the_same_name_is_never_changed() {
    let cloud = aws_sdk_cloudformation::Client::new(&Emulator::shared().root_sdk());
    let template = r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"taken-q"}}}}"#;
    block_on(cloud.create_stack().stack_name("taken-dev").template_body(template).send()).expect("made");
    let proxy = Proxy::before(Emulator::shared());
    let site = SmallPipeline::new("taken").through(&proxy);
    for arguments in [&["plan"][..], &APPLY, &["destroy", "--yes"], &["apply", "--render", "--only", "items"]] {
        proxy.clear();
        site.run(arguments).assert_stderr(
            1,
            "error: stack `taken-dev` exists in this account and region but belongs to another pipeline or environment, as its tags `fanggen:pipeline` and `fanggen:environment` show: it was not changed\n  rename the pipeline or \
             the environment\n",
        );
        assert_eq!(proxy.operations(), ["sts:GetCallerIdentity", "cloudformation:DescribeStacks"]);
    }
}

#[test]
fn every_call_of_s3_names_the_owner_that_it_expects() {
    let seen: Arc<Mutex<BTreeMap<String, bool>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let proxy = Proxy::with(
        Emulator::shared(),
        Arc::new(move |call: &Call| {
            if call.service == "s3" {
                let owner = call.head.headers.get("x-amz-expected-bucket-owner");
                let named = owner.is_some_and(|owner| owner == ACCOUNT);
                let mut seen = noted.lock().expect("no panic");
                seen.entry(call.name.clone()).and_modify(|all| *all &= named).or_insert(named);
            }
            None
        }),
    );
    let (site, _) = elsewhere("owned", "eu-west-1");
    let site = site.through(&proxy);
    let output = site.run(&APPLY);
    assert_eq!(output.code, 0, "{output:?}");
    site.edit("name = \"words\"", "name = \"mood\"");
    for (arguments, code) in [
        (&["plan", "--save"][..], 2),
        (&["apply", "--yes"], 0),
        (&["status"], 0),
        (&["destroy", "--yes", "--artifacts"], 0),
    ] {
        let output = site.run(arguments);
        assert_eq!(output.code, code, "{output:?}");
    }
    let mut seen = seen.lock().expect("no panic").clone();
    // A bucket that is not there yet has no owner.
    assert_eq!(seen.remove("CreateBucket"), Some(false));
    assert!(seen.len() > 15 && seen.values().all(|named| *named), "{seen:?}");
}

#[test]
fn nothing_is_changed_without_confirmation() {
    let proxy = Proxy::before(Emulator::shared());
    let site = SmallPipeline::new("asked").through(&proxy);
    let nothing = |site: &SmallPipeline| {
        let cloud = aws_sdk_cloudformation::Client::new(&Emulator::shared().root_sdk());
        let found = block_on(cloud.describe_stacks().stack_name(format!("{}-dev", site.deployed.name)).send());
        assert!(found.is_err(), "no stack, and so no change set: {found:?}");
    };
    site.run(&["apply"]).assert_error(
        1,
        "error: there is no terminal to ask on: nothing was changed\n  add `--yes` to go on without a prompt\n",
    );
    nothing(&site);
    for answer in ["n", "", "yess"] {
        let output = at_a_terminal(&site.command(&["apply"]), answer);
        assert!(
            output.0 == 1 && output.1.ends_with("Apply these changes? [y/N] the stack is unchanged\n"),
            "{output:?}"
        );
        nothing(&site);
    }
    let output = at_a_terminal(&site.command(&["apply", "--no-run"]), "y");
    assert!(output.0 == 0 && output.1.contains("created: stack `asked-dev`"), "{output:?}");
    // Rows are asked about, too: a stack that is what was rendered has nothing to ask for.
    site.deployed.edit(r#""Netflix""#, r#""Meta""#);
    let tables = aws_sdk_dynamodb::Client::new(&Emulator::shared().root_sdk());
    let rows = || {
        let all = block_on(tables.scan().table_name("asked-dev-companies-182da4").send()).expect("rows");
        let names = all.items().iter().map(|row| row["name"].as_s().expect("text").clone());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = rows();
    site.run(&["apply", "--prune"]).assert_error(
        1,
        "error: there is no terminal to ask on: nothing was changed\n  add `--yes` to go on without a prompt\n",
    );
    let output = at_a_terminal(&site.command(&["apply", "--prune"]), "n");
    let question = "items of table `asked-dev-companies-182da4`: 1 new, 1 deleted, 1 unchanged\n  + Meta\n  - Netflix\n\n\
                    Write them? [y/N] the stack is unchanged\n";
    assert!(output.0 == 1 && output.1.ends_with(question) && rows() == before, "{output:?}");
    let output = at_a_terminal(&site.command(&["apply", "--prune"]), "y");
    assert!(output.0 == 0 && rows() != before, "{output:?}");
    // A yes to the stack is none to the rows that go.
    site.deployed.edit("[functions]", "[functions]\nmemory_mb = 512").edit(r#""Meta""#, r#""Google""#).render();
    let before = rows();
    let output = at_a_terminal(&site.command(&["apply", "--prune"]), "y\nn");
    let done = "Write them? [y/N] the rows of this table are unchanged\n";
    assert!(output.0 == 1 && output.1.ends_with(done) && rows() == before, "{output:?}");
    let output = at_a_terminal(&site.command(&["destroy"]), "n");
    let question = "Delete all of this? This cannot be undone. [y/N] the stack is unchanged\n";
    assert!(output.0 == 1 && output.1.ends_with(question), "{output:?}");
    assert_eq!(site.run(&["drift"]).code, 0);
    assert_eq!(at_a_terminal(&site.command(&["destroy"]), "YES").0, 0);
}

#[test]
fn wrong_arguments_and_files_are_named() {
    let site = SmallPipeline::new("wrong");
    site.run(&["apply", "--env", "prd"]).assert_stderr(
        1,
        "error: there is no environment `prd` in `pipeline.toml`; known: `dev`, `prod`; did you mean `prod`?\n",
    );
    site.run(&["apply", "--yes", "--change-set", "fanggen-saved-none"]).assert_stderr(
        1,
        "error: there is no change set `fanggen-saved-none` of stack `wrong-dev`: it never existed, or a later change of the stack deleted it\n  create one with `fanggen plan --env dev \
         --save`\n",
    );
    site.run(&["apply", "--only", "items"]).assert_stderr(
        1,
        &format!(
            "error: environment `dev` is not deployed: there is no stack `wrong-dev` in {} of account {ACCOUNT}\n  run \
             `fanggen apply --env dev`\n",
            emulator::REGION
        ),
    );
    site.run(&["destroy"]).assert_stderr(0, "nothing to do: nothing is left of environment `dev` in us-east-1\n");
    let named = site.run(&["apply", "--yes", "--no-run", "--replace", "Nothing"]);
    let note = "\nnote: `--replace Nothing` has no effect: no data of `Nothing` would be lost\n";
    assert!(named.code == 0 && named.stderr.contains(note), "{named:?}");
    // What is remembered of the items is no longer what fanggen wrote.
    let s3 = aws_sdk_s3::Client::new(&Emulator::shared().root_sdk());
    let put = s3.put_object().bucket(artifacts()).key("state/wrong-dev.json").body(b"{".to_vec().into());
    block_on(put.send()).expect("put");
    site.run(&APPLY).assert_stderr(
        1,
        &format!(
            "error: `s3://{}/state/wrong-dev.json`: the saved state of the items cannot be read: \
             EOF while parsing an object at line 1 column 1\n  delete that object to start again; rows that differ from the file are then left unchanged\n",
            artifacts()
        ),
    );
    assert_eq!(site.run(&["destroy", "--yes"]).code, 0);
    let toml = site.deployed.project.read("pipeline.toml");
    let accountless: String =
        toml.lines().filter(|line| !line.starts_with("account")).map(|line| format!("{line}\n")).collect();
    site.deployed.project.write("pipeline.toml", &accountless);
    site.run(&["iam", "--deployer"]).assert_stderr(
        1,
        "error: the policy names exact resources, and environment `dev` names no account\n  set `[aws] account` in the file, or add `--account` (`aws sts get-caller-identity` shows yours)\n",
    );
}

#[test]
fn a_runtime_that_lambda_could_not_run_is_not_deployed() {
    let proxy = Proxy::before(Emulator::shared());
    let site = SmallPipeline::new("garbage").through(&proxy);
    let artifact = ".fanggen/x86_64/bootstrap.zip";
    let write = |bytes: &[u8]| std::fs::write(site.path().join(artifact), bytes).expect("written");
    let next = "\n  run `fanggen build`, or `fanggen build --runtime FILE` with a prebuilt one\n";
    let refused = |flaw: &str| {
        for arguments in [&APPLY[..], &["plan"]] {
            proxy.clear();
            site.run(arguments)
                .assert_stderr(1, &format!("error: there is no binary to deploy: `{artifact}` {flaw}{next}"));
            assert_eq!(proxy.operations(), ["sts:GetCallerIdentity", "cloudformation:DescribeStacks"]);
        }
    };
    write(b"garbage");
    refused("is neither a Linux program (ELF) nor a zip: it starts with `garb`");
    write(&elf::elf(elf::ARM64, "/lib/ld-linux-aarch64.so.1", "GLIBC_2.34"));
    refused("is for arm64, and the functions are x86_64; build it for x86_64, or set `[functions] architecture`");
    std::fs::remove_file(site.path().join(artifact)).expect("removed");
    let output = site.run(&APPLY);
    let error = "error: there is no binary to deploy: fanggen's source, which the functions' binary is compiled from, was \
                 not found above `";
    assert!(output.code == 1 && output.stderr.contains(error) && output.stderr.ends_with(next), "{output:?}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let site = SmallPipeline::new("piped");
    let mut command = site.command(&["status", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}

/// A pipeline in a region of its own, where no other test has created the artifact bucket; and that bucket's name.
fn elsewhere(name: &str, region: &str) -> (SmallPipeline, String) {
    let site = SmallPipeline::new(name);
    site.edit(&format!("region = \"{}\"", emulator::REGION), &format!("region = \"{region}\""));
    site.deployed.renew();
    (site, format!("fanggen-artifacts-{ACCOUNT}-{region}"))
}

#[test]
fn a_bucket_of_another_account_is_not_written_to() {
    let theirs = |bucket: &str| {
        format!(
            "error: the bucket `{bucket}` belongs to another account: nothing was written to it\n  bucket names are global, \
             and this one consists of account and region; deploy to another region, or ask the owner of the bucket, or AWS \
             support, to delete it\n"
        )
    };
    // Asked for its tags, with the owner that is expected, S3 says no more than no.
    let proxy = answering("s3", "GetBucketTagging", 403, "AccessDenied", "Access Denied");
    let site = SmallPipeline::new("theirs").through(&proxy);
    site.run(&APPLY).assert_stderr(1, &theirs(&artifacts()));
    assert!(!proxy.operations().iter().any(|call| call.starts_with("s3:Put") || call.contains("ChangeSet")));
    // Made by somebody in this very moment.
    let (site, bucket) = elsewhere("theirs-now", "eu-west-2");
    let proxy =
        answering("s3", "CreateBucket", 409, "BucketAlreadyExists", "The requested bucket name is not available.");
    site.through(&proxy).run(&APPLY).assert_stderr(1, &theirs(&bucket));
    assert!(!proxy.operations().iter().any(|call| call.starts_with("s3:Put") || call.contains("ChangeSet")));
}

#[test]
fn an_untagged_bucket_is_set_up_if_it_is_empty_and_otherwise_left_alone() {
    let (site, bucket) = elsewhere("unmarked", "eu-west-3");
    let there = Emulator::shared().root_sdk().into_builder().region(aws_config::Region::new("eu-west-3")).build();
    let s3 = aws_sdk_s3::Client::new(&there);
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-west-3".into()).build();
    block_on(s3.create_bucket().bucket(&bucket).create_bucket_configuration(place).send()).expect("made");
    block_on(s3.put_object().bucket(&bucket).key("a").body(b"x".to_vec().into()).send()).expect("put");
    for arguments in [&APPLY[..], &["apply", "--only", "bucket"]] {
        site.run(arguments).assert_stderr(
            1,
            &format!(
                "error: the bucket `{bucket}` in this account has objects but no tag `fanggen:artifacts`, so fanggen did not create it: nothing was written to it\n  if nobody needs these objects, delete it: `aws s3 rb s3://{bucket} --force`; if fanggen created it and its tag was removed, tag it: `aws s3api put-bucket-tagging --bucket {bucket} --tagging 'TagSet=[{{Key=fanggen:artifacts,Value=1}}]'`\n"
            ),
        );
    }
    assert!(block_on(s3.get_bucket_tagging().bucket(&bucket).send()).is_err(), "nothing was written to it");
    // As it is where a making was interrupted.
    block_on(s3.delete_object().bucket(&bucket).key("a").send()).expect("deleted");
    let output = site.run(&["apply", "--only", "bucket"]);
    output.assert_stderr(0, &format!("ready: artifact bucket `{bucket}`\n"));
    let tags = block_on(s3.get_bucket_tagging().bucket(&bucket).send()).expect("tags");
    assert_eq!(tags.tag_set()[0].key(), "fanggen:artifacts");
}
