//! The stand-ins for AWS themselves: the emulator, its permissions, the proxy, and the scripted CloudFormation.

use crate::harness::{aws, tools};

use std::process::Command;
use std::time::Duration;

use aws::deployer::deployer;
use aws::emulator::{self, ACCOUNT, Emulator, block_on};
use aws::faults::{Fault, Faults};
use aws::permissions::{handlers, refused};
use aws::proxy::{Cut, Proxy};
use aws::scripted_cloudformation::Script;
use aws::scripted_cloudformation::steps::{NO_CHANGES, Outcome, step};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::error::ProvideErrorMetadata as _;

const TABLE: &str = "AWS::DynamoDB::Table";

/// What a client of the root needs to come here, without retries: the test looks at each single answer.
fn once(emulator: &Emulator, endpoint: &str) -> SdkConfig {
    emulator.sdk(endpoint, &emulator.root()).into_builder().retry_config(RetryConfig::disabled()).build()
}

#[test]
fn the_emulator_separates_accounts_and_can_be_reset() {
    // With TLS and permissions the shared one of all other tests is started.
    let emulator = Emulator::plain();
    let config = emulator.sdk(&emulator.endpoint(), &emulator.root());
    let client = aws_sdk_sts::Client::new(&config);
    assert_eq!(block_on(client.get_caller_identity().send()).expect("an identity").account(), Some(ACCOUNT));
    let stranger = emulator.sdk(&emulator.endpoint(), &emulator.account(emulator::STRANGER));
    let client = aws_sdk_sts::Client::new(&stranger);
    assert_eq!(block_on(client.get_caller_identity().send()).expect("one").account(), Some(emulator::STRANGER));

    block_on(aws_sdk_s3::Client::new(&config).create_bucket().bucket("taken-by-the-first").send()).expect("made");
    let taken = block_on(aws_sdk_s3::Client::new(&stranger).create_bucket().bucket("taken-by-the-first").send());
    assert_eq!(taken.expect_err("taken").code(), Some("BucketAlreadyExists"));
    emulator.reset();
    block_on(aws_sdk_s3::Client::new(&stranger).create_bucket().bucket("taken-by-the-first").send()).expect("free");
}

#[test]
fn a_deployer_does_what_the_policy_says_and_nothing_else() {
    let emulator = Emulator::shared();
    // Too long for one managed policy: each statement names the bucket of its own number.
    let statements: Vec<String> = (0..60)
        .map(|number| {
            let arn = format!("arn:aws:s3:::deployer-{number}-{}", "x".repeat(40));
            format!(r#"{{"Effect":"Allow","Action":["s3:CreateBucket","s3:ListBucket"],"Resource":"{arn}"}}"#)
        })
        .collect();
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let key = deployer(emulator, "narrow", &policy);
    let config = emulator.sdk(&emulator.endpoint(), &key);
    let s3 = aws_sdk_s3::Client::new(&config);
    for number in [0, 59] {
        let bucket = format!("deployer-{number}-{}", "x".repeat(40));
        block_on(s3.create_bucket().bucket(bucket).send()).expect("allowed");
    }
    let denied = block_on(s3.create_bucket().bucket("deployer-other").send()).expect_err("denied");
    assert_eq!(denied.code(), Some("AccessDenied"));
    let denied = block_on(aws_sdk_cloudformation::Client::new(&config).describe_stacks().stack_name("x").send());
    assert_eq!(
        denied.expect_err("denied").message(),
        Some(
            "User: arn:aws:iam::123456789012:user/narrow is not authorized to perform: cloudformation:DescribeStacks \
             because no identity-based policy allows the cloudformation:DescribeStacks action"
        )
    );
    let denied = block_on(aws_sdk_dynamodb::Client::new(&config).list_tables().send()).expect_err("denied");
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let denied = block_on(aws_sdk_scheduler::Client::new(&config).list_schedules().send()).expect_err("denied");
    assert_eq!(denied.code(), Some("AccessDeniedException"));
}

#[test]
fn the_proxy_passes_on_what_is_signed_and_names_every_call() {
    let emulator = Emulator::shared();
    let proxy = Proxy::before(emulator);
    // Signatures of a user are checked, those of the root are not.
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let key = deployer(emulator, "mighty", all);
    let config = emulator.sdk(&proxy.endpoint(), &key);
    let s3 = aws_sdk_s3::Client::new(&config);
    let big = vec![7_u8; 6_000_000];
    block_on(async {
        s3.create_bucket().bucket("proxied").send().await.expect("made");
        s3.put_object().bucket("proxied").key("a/b c+ü.zip").body(big.clone().into()).send().await.expect("put");
        let streamed = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&streamed, &big).expect("written");
        let body = aws_sdk_s3::primitives::ByteStream::from_path(streamed.path()).await.expect("a body");
        s3.put_object().bucket("proxied").key("streamed").body(body).send().await.expect("put");
        s3.head_object().bucket("proxied").key("streamed").send().await.expect("there");
        let got = s3.get_object().bucket("proxied").key("a/b c+ü.zip").send().await.expect("got");
        assert_eq!(got.body.collect().await.expect("all").into_bytes(), big);
        s3.list_objects_v2().bucket("proxied").send().await.expect("listed");
        s3.list_object_versions().bucket("proxied").send().await.expect("listed");
        let stack = aws_sdk_cloudformation::Client::new(&config).describe_stacks().stack_name("none").send().await;
        assert_eq!(stack.expect_err("none").message(), Some("Stack with id none does not exist"));
        aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.expect("listed");
        aws_sdk_lambda::Client::new(&config).list_functions().send().await.expect("listed");
        aws_sdk_scheduler::Client::new(&config).list_schedules().send().await.expect("listed");
        aws_sdk_sqs::Client::new(&config).list_queues().send().await.expect("listed");
        aws_sdk_cloudwatchlogs::Client::new(&config).describe_log_groups().send().await.expect("listed");
        aws_sdk_iam::Client::new(&config).list_roles().send().await.expect("listed");
        aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.expect("known");
    });
    let expected = [
        "s3:CreateBucket",
        "s3:PutObject",
        "s3:PutObject",
        "s3:HeadObject",
        "s3:GetObject",
        "s3:ListObjectsV2",
        "s3:ListObjectVersions",
        "cloudformation:DescribeStacks",
        "dynamodb:ListTables",
        "lambda:ListFunctions",
        "scheduler:ListSchedules",
        "sqs:ListQueues",
        "logs:DescribeLogGroups",
        "iam:ListRoles",
        "sts:GetCallerIdentity",
    ];
    assert_eq!(proxy.operations(), expected);
    assert_eq!(proxy.counts()["s3:PutObject"], 2);
}

#[test]
fn faults_are_those_that_the_sdk_knows() {
    let emulator = Emulator::shared();
    let proxy = Proxy::before(emulator);
    let config = once(emulator, &proxy.endpoint());
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let codes = || {
        block_on(async {
            let call = |error: Option<&str>| error.unwrap_or("none").to_owned();
            [
                call(cloudformation.list_stacks().send().await.expect_err("a fault").code()),
                call(dynamodb.list_tables().send().await.expect_err("a fault").code()),
                call(aws_sdk_sqs::Client::new(&config).list_queues().send().await.expect_err("a fault").code()),
                call(aws_sdk_s3::Client::new(&config).list_buckets().send().await.expect_err("a fault").code()),
                call(aws_sdk_lambda::Client::new(&config).list_functions().send().await.expect_err("a fault").code()),
                call(aws_sdk_scheduler::Client::new(&config).list_schedules().send().await.expect_err("one").code()),
            ]
        })
    };
    proxy.faults(Faults::every(Fault::Throttled));
    let throttled = ["Throttling", "ThrottlingException", "RequestThrottled", "SlowDown"];
    assert_eq!(codes(), [&throttled[..], &["TooManyRequestsException", "ThrottlingException"]].concat()[..]);
    proxy.faults(Faults::every(Fault::Broken));
    let broken = ["InternalFailure", "InternalServerError", "InternalFailure", "InternalError", "ServiceException"];
    assert_eq!(codes(), [&broken[..], &["InternalServerException"]].concat()[..]);
    proxy.faults(Faults::every(Fault::Lost));
    assert_eq!(codes(), ["none"; 6]);

    // What nobody heard of was done all the same.
    let makes = |name: &str| block_on(aws_sdk_s3::Client::new(&config).create_bucket().bucket(name).send()).is_ok();
    assert!(!makes("lost-for-ever"));
    proxy.faults(Faults::every(Fault::Unheard));
    assert!(!makes("unheard-of"));
    proxy.clear();
    let all = block_on(aws_sdk_s3::Client::new(&config).list_buckets().send()).expect("a list");
    let names: Vec<_> = all.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert!(names.contains(&"unheard-of") && !names.contains(&"lost-for-ever"), "{names:?}");

    // A share of calls, the same ones for the same seed.
    let sts = aws_sdk_sts::Client::new(&config);
    let run = |seed| {
        proxy.clear();
        proxy.faults(Faults::all(seed, 20));
        let good = (0..40).filter(|_| block_on(sts.get_caller_identity().send()).is_ok()).count();
        assert!((20..40).contains(&good), "{good} of 40");
        proxy.calls()
    };
    let seen = run(3);
    let faults = seen.iter().filter(|seen| seen.fault.is_some()).count();
    assert!((4..20).contains(&faults), "{faults} of {}", seen.len());
    assert_eq!(run(3), seen);
    assert_ne!(run(4), seen);
}

#[test]
fn a_program_is_killed_at_a_call() {
    let emulator = Emulator::shared();
    let proxy = Proxy::before(emulator);
    let make = |name: &str| {
        // Any program will do that speaks to AWS: Python's own client puts two objects, one after the other.
        let script = format!(
            "import sys, botocore.session\n\
             s3 = botocore.session.get_session().create_client('s3', endpoint_url='{}')\n\
             s3.create_bucket(Bucket='{name}')\n\
             s3.put_object(Bucket='{name}', Key='one', Body=b'1')\n\
             s3.put_object(Bucket='{name}', Key='two', Body=b'2')",
            proxy.endpoint()
        );
        let mut command = Command::new(tools::ministack_python());
        command.args(["-c", &script]).env_clear().envs(emulator.environment_of(&proxy.endpoint(), &emulator.root()));
        command.env("AWS_DEFAULT_REGION", emulator::REGION);
        command
    };
    let s3 = aws_sdk_s3::Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    let keys = |name: &str| {
        let list = block_on(s3.list_objects_v2().bucket(name).send()).expect("a list");
        list.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect::<Vec<_>>()
    };
    let limit = Duration::from_secs(60);
    let at = proxy.kill_at(Cut::Before(2), &mut make("cut-before"), limit);
    assert_eq!((at.as_deref(), keys("cut-before")), (Some("s3:PutObject"), vec![]));
    let at = proxy.kill_at(Cut::After(2), &mut make("cut-after"), limit);
    assert_eq!((at.as_deref(), keys("cut-after")), (Some("s3:PutObject"), vec!["one".to_owned()]));
    let at = proxy.kill_at(Cut::After(4), &mut make("cut-never"), limit);
    assert_eq!((at, keys("cut-never")), (None, vec!["one".to_owned(), "two".to_owned()]));
}

#[test]
fn a_failed_creation_is_reported_as_on_aws() {
    let emulator = Emulator::shared();
    let script = Script::of("fang-dev").change_set(Outcome::default().change("Add", "Items", TABLE, "")).on(
        "ExecuteChangeSet",
        [
            step("CREATE_IN_PROGRESS").event("Items", TABLE, "CREATE_IN_PROGRESS", ""),
            step("ROLLBACK_IN_PROGRESS")
                .event("Items", TABLE, "CREATE_FAILED", "Table <fang> already exists")
                .event("Role", "AWS::IAM::Role", "CREATE_FAILED", "Resource creation cancelled")
                .because("The following resource(s) failed to create: [Items, Role]. "),
            step("ROLLBACK_COMPLETE").polls(2),
        ],
    );
    let proxy = Proxy::with(emulator, script.stand_in());
    let client = aws_sdk_cloudformation::Client::new(&once(emulator, &proxy.endpoint()));
    block_on(async {
        let status = async || {
            let answer = client.describe_stacks().stack_name("fang-dev").send().await;
            answer.map(|answer| answer.stacks()[0].stack_status().expect("a status").clone()).ok()
        };
        assert_eq!(status().await, None);
        let set = client.create_change_set().stack_name("fang-dev").change_set_name("one");
        let set = set.change_set_type(ChangeSetType::Create).template_body("{}").send().await.expect("a change set");
        let describe = || client.describe_change_set().change_set_name(set.id().expect("an id")).send();
        assert_eq!(describe().await.expect("a set").status().expect("one").as_str(), "CREATE_IN_PROGRESS");
        let done = describe().await.expect("a set");
        assert_eq!(done.execution_status().expect("a status").as_str(), "AVAILABLE");
        let change = done.changes()[0].resource_change().expect("a change");
        assert_eq!((change.logical_resource_id(), change.resource_type()), (Some("Items"), Some(TABLE)));
        assert_eq!(status().await, Some(StackStatus::ReviewInProgress));

        let execute = client.execute_change_set().stack_name("fang-dev").change_set_name("one");
        execute.client_request_token("token-1").send().await.expect("executed");
        assert_eq!(status().await, Some(StackStatus::CreateInProgress));
        assert_eq!(status().await, Some(StackStatus::RollbackInProgress));
        assert_eq!(status().await, Some(StackStatus::RollbackComplete));
        let events = client.describe_stack_events().stack_name("fang-dev").send().await.expect("events");
        let failed: Vec<_> = events
            .stack_events()
            .iter()
            .rev()
            .filter(|event| event.resource_status().is_some_and(|status| status.as_str() == "CREATE_FAILED"))
            .filter_map(|event| event.resource_status_reason())
            .collect();
        assert_eq!(failed, ["Table <fang> already exists", "Resource creation cancelled"]);
        assert!(events.stack_events().is_sorted_by_key(|event| std::cmp::Reverse(event.timestamp().cloned())));
        assert_eq!(events.stack_events()[0].client_request_token(), Some("token-1"));

        let again = client.create_change_set().stack_name("fang-dev").change_set_name("two").template_body("{}");
        let said = again.send().await.expect_err("refused");
        let said = said.message().expect("a message").to_owned();
        assert!(said.ends_with("is in ROLLBACK_COMPLETE state and can not be updated."), "{said}");
        client.delete_stack().stack_name("fang-dev").send().await.expect("deleted");
        assert_eq!(status().await, Some(StackStatus::DeleteInProgress));
        assert_eq!(status().await, None);
        // Everything else is the emulator's.
        let who = aws_sdk_sts::Client::new(&once(emulator, &proxy.endpoint())).get_caller_identity().send().await;
        assert_eq!(who.expect("an identity").account(), Some(ACCOUNT));
    });
}

#[test]
fn a_failed_rollback_a_failed_deletion_and_no_changes_are_reported_as_on_aws() {
    let emulator = Emulator::shared();
    let script = Script::of("fang-dev")
        .at("UPDATE_ROLLBACK_FAILED")
        .because("The following resource(s) failed to update: [Worker]. ")
        .output("RenderSha", "abc")
        .resource("Worker", "AWS::Lambda::Function", "UPDATE_FAILED", "The role cannot be assumed")
        .change_set(Outcome::no_changes())
        .on(
            "DeleteStack",
            [
                step("DELETE_IN_PROGRESS"),
                step("DELETE_FAILED").event("Archive", "AWS::S3::Bucket", "DELETE_FAILED", "The bucket is not empty"),
            ],
        )
        .refuse("GetTemplate", 403, "AccessDenied", "User: x is not authorized to perform: cloudformation:GetTemplate");
    let proxy = Proxy::with(emulator, script.stand_in());
    let client = aws_sdk_cloudformation::Client::new(&once(emulator, &proxy.endpoint()));
    block_on(async {
        let status = async || {
            let answer = client.describe_stacks().stack_name("fang-dev").send().await;
            answer.map(|answer| answer.stacks()[0].stack_status().expect("a status").to_string()).ok()
        };
        let denied = client.get_template().stack_name("fang-dev").send().await.expect_err("denied");
        assert_eq!(denied.code(), Some("AccessDenied"));
        assert_eq!(status().await.as_deref(), Some("UPDATE_ROLLBACK_FAILED"));
        client.continue_update_rollback().stack_name("fang-dev").send().await.expect("goes on");
        assert_eq!(status().await.as_deref(), Some("UPDATE_ROLLBACK_IN_PROGRESS"));
        assert_eq!(status().await.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
        assert_eq!(status().await.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));

        client
            .create_change_set()
            .stack_name("fang-dev")
            .change_set_name("a")
            .template_body("{}")
            .send()
            .await
            .expect("a set");
        let describe = || client.describe_change_set().stack_name("fang-dev").change_set_name("a").send();
        describe().await.expect("in progress");
        let failed = describe().await.expect("a set");
        assert_eq!((failed.status().expect("one").as_str(), failed.status_reason()), ("FAILED", Some(NO_CHANGES)));
        let refused = client.execute_change_set().stack_name("fang-dev").change_set_name("a").send().await;
        assert_eq!(refused.expect_err("refused").code(), Some("InvalidChangeSetStatus"));

        client.delete_stack().stack_name("fang-dev").send().await.expect("begun");
        assert_eq!(status().await.as_deref(), Some("DELETE_IN_PROGRESS"));
        assert_eq!(status().await.as_deref(), Some("DELETE_FAILED"));
        let left = client.list_stack_resources().stack_name("fang-dev").send().await.expect("resources");
        let left: Vec<_> = left.stack_resource_summaries().iter().filter_map(|one| one.logical_resource_id()).collect();
        assert_eq!(left, ["Archive", "Worker"]);
        client.delete_stack().stack_name("fang-dev").send().await.expect("begun");
        assert_eq!(status().await.as_deref(), Some("DELETE_IN_PROGRESS"));
        assert_eq!(status().await, None);
    });
}

#[test]
fn what_cloudformation_needs_is_known_and_what_a_policy_lacks_is_found() {
    let needed = handlers(&["AWS::SQS::Queue", "AWS::Scheduler::Schedule"]);
    assert!(needed["AWS::SQS::Queue"]["create"].contains("sqs:CreateQueue"), "{needed:?}");
    let create: Vec<&str> = needed["AWS::Scheduler::Schedule"]["create"].iter().map(String::as_str).collect();
    assert_eq!(create, ["iam:PassRole", "scheduler:CreateSchedule", "scheduler:GetSchedule"]);

    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"scheduler:*","Resource":"arn:aws:scheduler:*:*:schedule/default/fang-*"}]}"#;
    let refused = |name: &str| {
        let arn = format!("arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{name}");
        refused(Emulator::shared(), policy, &create, &arn)
    };
    assert_eq!(refused("fang-dev").into_iter().collect::<Vec<_>>(), ["iam:PassRole"]);
    assert_eq!(refused("other").len(), 3);
}
