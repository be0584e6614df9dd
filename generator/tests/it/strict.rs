//! The gate before the emulator: requests that AWS would not take fail the test that sends them, by the models of AWS and
//! by the rules of the strict layer.

use crate::harness::aws;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aws::botocore::{self, patterns};
use aws::comprehend::Comprehend;
use aws::emulator::{Emulator, REGION, block_on};
use aws::faults::{Fault, Faults};
use aws::fresh_account::{FreshAccount, Pipelines};
use aws::proxy::Proxy;
use aws::wire::Call;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::types as cfn;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use hyper::Request;
use serde_json::{Value, json};

/// The services whose requests our commands, functions and tests send.
const SERVICES: [&str; 13] = [
    "cloudformation",
    "comprehend",
    "dynamodb",
    "glue",
    "iam",
    "kms",
    "lambda",
    "logs",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
];

/// A proxy whose refusals the test looks at, and a client's settings for it.
fn watched() -> (Proxy, SdkConfig) {
    let emulator = Emulator::shared();
    let proxy = Proxy::before(emulator);
    let config = emulator.sdk(&proxy.endpoint(), &emulator.root());
    let config = config.into_builder().retry_config(RetryConfig::disabled()).build();
    (proxy, config)
}

/// What in the requests so far AWS would not have taken.
fn mistakes(proxy: &Proxy) -> Vec<String> {
    proxy.take_refusals().into_iter().flat_map(|refusal| refusal.mistakes).collect()
}

/// A request as it is on the wire.
fn call(service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Call {
    let signed = format!("AWS4-HMAC-SHA256 Credential=test/20261129/{REGION}/{service}/aws4_request, Signature=0");
    let mut request = Request::builder().method(method).uri(path).header("authorization", signed);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    Call::new(head, body.to_owned().into())
}

fn judged(call: &Call) -> Vec<String> {
    botocore::model(&call.service).expect("a model").request(call).mistakes
}

#[test]
fn a_request_that_does_not_fit_its_model_is_refused_and_fails_its_test() {
    let (proxy, config) = watched();
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let set = cloudformation.create_change_set().stack_name("stack").change_set_name("set").template_body("{}");
    let refused = block_on(set.clone().client_token("x".repeat(129)).send()).expect_err("too long");
    assert_eq!(refused.code(), Some("RefusedByTheTests"));
    assert_eq!(mistakes(&proxy), ["`ClientToken` is 129 characters, and 128 is the most"]);
    let kind = cfn::ChangeSetType::from("REPLACE");
    block_on(set.change_set_type(kind).send()).expect_err("a bad value");
    assert_eq!(mistakes(&proxy), ["`ChangeSetType` is none of the allowed values: `REPLACE`"]);

    // The other protocols: JSON, the query protocol's lists, REST with JSON and with XML.
    let tables = aws_sdk_dynamodb::Client::new(&config);
    block_on(tables.describe_table().table_name("t".repeat(1_025)).send()).expect_err("long");
    assert_eq!(mistakes(&proxy), ["`TableName` is 1025 characters, and 1024 is the most"]);
    let tag = aws_sdk_iam::types::Tag::builder().key("k").value("x".repeat(257)).build().expect("a tag");
    block_on(aws_sdk_iam::Client::new(&config).create_user().user_name("a").tags(tag).send()).expect_err("long");
    assert_eq!(mistakes(&proxy), ["`Tags[0].Value` is 257 characters, and 256 is the most"]);
    let lambda = aws_sdk_lambda::Client::new(&config);
    block_on(lambda.update_function_configuration().function_name("f").memory_size(64).send()).expect_err("small");
    assert_eq!(mistakes(&proxy), ["`MemorySize` is 64, and 128 is the least"]);
    block_on(aws_sdk_scheduler::Client::new(&config).get_schedule().name("a b").send()).expect_err("a blank");
    assert_eq!(mistakes(&proxy), ["`Name` does not match `^[0-9a-zA-Z-_.]+$`: `a b`"]);
    let versioning = aws_sdk_s3::types::VersioningConfiguration::builder().status("On".into()).build();
    let put = aws_sdk_s3::Client::new(&config).put_bucket_versioning().bucket("bucket");
    block_on(put.versioning_configuration(versioning).send()).expect_err("a bad value");
    assert_eq!(mistakes(&proxy), ["`VersioningConfiguration.Status` is none of the allowed values: `On`"]);

    // Nobody takes the refusal of the last one: the test that drops its proxy fails for it.
    block_on(lambda.get_function().function_name("f".repeat(257)).send()).expect_err("long");
    let failed = catch_unwind(AssertUnwindSafe(|| drop(proxy))).expect_err("the test fails");
    let words = failed.downcast_ref::<String>().expect("words");
    assert!(
        words.starts_with("AWS would not take this lambda:GetFunction: `FunctionName` is 257 characters"),
        "{words}"
    );
}

#[test]
fn what_a_model_requires_and_does_not_know_is_found_in_every_protocol() {
    let target = [("x-amz-target", "DynamoDB_20120810.PutItem")];
    let put = |body: Value| judged(&call("dynamodb", "POST", "/", &target, &body.to_string()));
    assert_eq!(put(json!({ "TableName": "table", "Item": { "k": { "S": "v" } } })), [""; 0]);
    assert_eq!(put(json!({ "TableName": "table" })), ["`Item` is required"]);
    assert_eq!(put(json!({ "TableName": "table", "Item": {}, "Row": 1 })), ["`Row` is unknown"]);
    assert_eq!(put(json!({ "TableName": 7, "Item": {} })), ["`TableName` is not of the type string: 7"]);

    let form =
        |body: &str| judged(&call("sns", "POST", "/", &[], &format!("Action=Publish&Version=2010-03-31&{body}")));
    assert_eq!(
        form("Message=m&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String"),
        [""; 0]
    );
    assert_eq!(form("TopicArn=t"), ["`Message` is required"]);
    assert_eq!(form("Message=m&Color=red"), ["`Color` is unknown"]);
    assert_eq!(judged(&call("sns", "POST", "/", &[], "Action=Shout")), ["the service has no such operation"]);

    let lambda = |path: &str| judged(&call("lambda", "GET", path, &[], ""));
    assert_eq!(lambda("/2015-03-31/functions/f?Qualifier=1"), [""; 0]);
    assert_eq!(lambda("/2015-03-31/functions/f?Color=red"), ["`Color` in the query is unknown"]);
    assert_eq!(lambda("/2015-03-31/functions?MaxItems=many"), ["`MaxItems` is not of the type integer: \"many\""]);

    let s3 = |headers: &[(&str, &str)], body: &str| judged(&call("s3", "PUT", "/bucket?tagging", headers, body));
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>a &amp; b</Value></Tag></TagSet></Tagging>";
    assert_eq!(s3(&[], tags), [""; 0]);
    assert_eq!(s3(&[], "<Tagging><TagSet><Tag><Key></Key></Tag></TagSet></Tagging>").len(), 2);
    assert_eq!(s3(&[], "<Tagging><TagSet/><Color/></Tagging>"), ["`Tagging.Color` is unknown"]);
    assert_eq!(s3(&[("x-amz-color", "red")], tags), ["the header `x-amz-color` is unknown"]);
}

#[test]
fn every_pattern_of_the_models_is_understood() {
    let mut count = 0;
    for service in SERVICES {
        let model = botocore::model(service).unwrap_or_else(|| panic!("no model of {service}"));
        for pattern in model.patterns() {
            // One that cannot be compiled panics.
            patterns::matches(pattern, "");
            count += 1;
        }
    }
    assert!(count > 200, "{count} patterns");
    // Lookaheads, classes of Java, characters beyond the 65,536th; and always the whole text.
    assert!(
        patterns::matches("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "a1")
            && !patterns::matches("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "11")
    );
    assert!(patterns::matches(r"\p{Print}+", "a b") && !patterns::matches(r"\p{Print}+", "ü"));
    assert!(patterns::matches(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF]*", "😀"));
    assert!(!patterns::matches("[a-z]+|x", "ab1"));
}

#[test]
fn functions_and_commands_reach_the_emulator_through_its_gate() {
    // Not the shared one, which would fail the next test that drops a pipeline.
    let emulator = Emulator::start();
    let lambda = aws_sdk_lambda::Client::new(&emulator.root_sdk());
    block_on(lambda.get_function().function_name("f".repeat(257)).send()).expect_err("long");
    assert_ne!(emulator.endpoint(), emulator.address());
    let failed = catch_unwind(AssertUnwindSafe(|| drop(emulator))).expect_err("the test fails");
    assert!(failed.downcast_ref::<String>().is_some_and(|words| words.contains("lambda:GetFunction")));
}

#[test]
fn comprehend_is_judged_too_and_is_not_in_every_region() {
    let comprehend = Comprehend::start();
    let detect = |region: &str, body: Value| {
        let emulator = Emulator::shared();
        let mut variables = emulator.environment_of(&emulator.endpoint(), &emulator.root());
        variables.retain(|(name, _)| *name != "AWS_REGION");
        let signed = format!("Credential=test/20261129/{region}/comprehend/aws4_request");
        let request = emulator.client().post(comprehend.endpoint()).header("authorization", signed);
        let request = request.header("x-amz-target", "Comprehend_20171127.BatchDetectSentiment").body(body.to_string());
        block_on(request.send()).expect("an answer").status().as_u16()
    };
    let mistakes = || comprehend.take_refusals().into_iter().flat_map(|one| one.mistakes).collect::<Vec<_>>();
    let good = json!({ "TextList": ["good"], "LanguageCode": "en" });
    assert_eq!((detect(REGION, good.clone()), mistakes()), (200, vec![]));
    assert_eq!(detect("eu-north-1", good), 400);
    assert_eq!(mistakes(), ["Amazon Comprehend is not in eu-north-1"]);
    detect(REGION, json!({ "TextList": [""], "LanguageCode": "la" }));
    assert_eq!(
        mistakes(),
        ["`LanguageCode` is none of the allowed values: `la`", "`TextList[0]` is 0 characters, and 1 is the least"]
    );
}

/// A template with one resource.
fn template(kind: &str, properties: Value, more: Value) -> Value {
    let mut resource = json!({ "Type": kind, "Properties": properties });
    resource.as_object_mut().expect("a table").extend(more.as_object().cloned().unwrap_or_default());
    json!({
        "Parameters": { "Ready": { "Type": "String", "Default": "" } },
        "Conditions": { "IsReady": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Ready" }, ""] }] } },
        "Resources": { "One": resource },
    })
}

/// The rules that a change set breaks, on a stack of this template if there is one.
fn change_set(name: &str, before: Option<&Value>, after: &Value, parameters: &[(&str, &str)]) -> Vec<String> {
    let (proxy, config) = watched();
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let stack = format!("rules-{name}");
    if let Some(before) = before {
        block_on(cloudformation.create_stack().stack_name(&stack).template_body(before.to_string()).send())
            .expect("made");
    }
    let kind = if before.is_some() { cfn::ChangeSetType::Update } else { cfn::ChangeSetType::Create };
    let set = cloudformation.create_change_set().stack_name(&stack).change_set_name("set").change_set_type(kind);
    let parameter =
        |(key, value): &(&str, &str)| cfn::Parameter::builder().parameter_key(*key).parameter_value(*value).build();
    let set = set.set_parameters(Some(parameters.iter().map(parameter).collect()));
    // The answer of the emulator is of no interest.
    let _ = block_on(set.template_body(after.to_string()).send());
    mistakes(&proxy)
}

const SCHEDULE: &str = "AWS::Scheduler::Schedule";
const TABLE: &str = "AWS::DynamoDB::Table";

fn schedule(expression: &str, state: Value) -> Value {
    let target = json!({ "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "RoleArn": "arn:aws:iam::123456789012:role/r" });
    let properties = json!({
        "ScheduleExpression": expression, "State": state, "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": target,
    });
    template(SCHEDULE, properties, json!({}))
}

#[test]
fn a_rate_schedule_that_is_created_enabled_is_refused() {
    let fires = ["the schedule One is created ENABLED with a rate, and fires at once"];
    let rate = |state: Value| schedule("rate(1 hour)", state);
    let when_ready = json!({ "Fn::If": ["IsReady", "ENABLED", "DISABLED"] });
    assert_eq!(change_set("rate", None, &rate("ENABLED".into()), &[]), fires);
    assert_eq!(change_set("rate", None, &rate(when_ready.clone()), &[("Ready", "2026-11-29T02:00:00Z")]), fires);
    assert_eq!(change_set("rate", None, &rate(when_ready), &[]), [""; 0]);
    assert_eq!(change_set("cron", None, &schedule("cron(0 8 ? * MON-FRI *)", "ENABLED".into()), &[]), [""; 0]);
    // Enabling one that is there is how it should be done.
    let off = schedule("rate(1 hour)", "DISABLED".into());
    assert_eq!(change_set("enabled", Some(&off), &schedule("rate(1 hour)", "ENABLED".into()), &[]), [""; 0]);
}

fn table(name: &str, more: Value) -> Value {
    let mut properties = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
    });
    properties.as_object_mut().expect("a table").extend(more.as_object().cloned().unwrap_or_default());
    properties
}

#[test]
fn a_protected_table_is_neither_created_nor_deleted_with_its_stack() {
    let properties = table("rules-protected", json!({ "DeletionProtectionEnabled": true }));
    let refused = ["the table One is created protected: a rollback could not delete it"];
    for policy in ["Delete", "RetainExceptOnCreate"] {
        let template = template(TABLE, properties.clone(), json!({ "DeletionPolicy": policy }));
        assert_eq!(change_set("protected", None, &template, &[]), refused, "{policy}");
    }
    let retained = template(TABLE, properties, json!({ "DeletionPolicy": "Retain" }));
    assert_eq!(change_set("protected", None, &retained, &[]), [""; 0]);

    // Protected after its creation.
    let (proxy, config) = watched();
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let open = template(TABLE, table("rules-guarded", json!({})), json!({}));
    block_on(cloudformation.create_stack().stack_name("guarded").template_body(open.to_string()).send()).expect("made");
    let tables = aws_sdk_dynamodb::Client::new(&config);
    let protect = |on| {
        let call = tables.update_table().table_name("rules-guarded").deletion_protection_enabled(on);
        block_on(call.send()).is_ok()
    };
    while !protect(true) {
        std::thread::sleep(Duration::from_millis(50));
    }
    block_on(cloudformation.delete_stack().stack_name("guarded").send()).expect_err("refused");
    assert_eq!(mistakes(&proxy), ["the stack cannot delete its table One, which is protected"]);
    assert!(protect(false));
    block_on(cloudformation.delete_stack().stack_name("guarded").send()).expect("deleted");
    block_on(tables.update_table().table_name("rules-guarded").send()).expect_err("empty");
    assert_eq!(mistakes(&proxy), ["the update of the table is empty"]);
}

#[test]
fn a_property_that_is_dropped_between_two_templates_is_refused() {
    let encrypted = table("rules-dropped", json!({ "SSESpecification": { "SSEEnabled": true, "SSEType": "KMS" } }));
    let before = template(TABLE, encrypted, json!({}));
    let after = template(TABLE, table("rules-dropped", json!({})), json!({}));
    assert_eq!(change_set("dropped", Some(&before), &after, &[]), ["One drops `SSESpecification`, which is no change"]);
    let off = table("rules-off", json!({ "SSESpecification": { "SSEEnabled": true } }));
    let after = table("rules-off", json!({ "SSESpecification": { "SSEEnabled": false } }));
    let [before, after] = [off, after].map(|properties| template(TABLE, properties, json!({})));
    assert_eq!(change_set("off", Some(&before), &after, &[]), [""; 0]);
}

#[test]
fn unknown_and_read_only_properties_are_refused() {
    let template = template(
        TABLE,
        table("rules-unknown", json!({ "Color": "red", "Arn": "arn", "SSESpecification": { "Key": 1 } })),
        json!({}),
    );
    assert_eq!(
        change_set("unknown", None, &template, &[]),
        ["One: `/Arn` is read-only", "One: `/Color` is unknown", "One: `/SSESpecification/Key` is unknown"]
    );
}

#[test]
fn variables_of_more_than_4_kb_as_json_are_refused() {
    // Quotes count twice: 2,000 of them are 4,000 bytes.
    let variables = |quotes: usize| json!({ "A": "\"".repeat(quotes), "QUEUE": { "Fn::Sub": "${AWS::Region}" } });
    let function = |quotes| {
        let code = json!({ "S3Bucket": "b", "S3Key": "k" });
        let properties = json!({ "Code": code, "Role": "r", "Environment": { "Variables": variables(quotes) } });
        template("AWS::Lambda::Function", properties, json!({}))
    };
    assert_eq!(change_set("variables", None, &function(2_000), &[]), [""; 0]);
    assert_eq!(
        change_set("variables", None, &function(2_050), &[]),
        ["One: the variables are 4128 bytes of JSON, and 4 KB is the most"]
    );
    let (proxy, config) = watched();
    let environment = aws_sdk_lambda::types::Environment::builder().variables("AB", "\"".repeat(2_100)).build();
    let update = aws_sdk_lambda::Client::new(&config).update_function_configuration().function_name("f");
    block_on(update.environment(environment).send()).expect_err("refused");
    assert_eq!(mistakes(&proxy), ["the variables are 4209 bytes of JSON, and 4 KB is the most"]);
}

#[test]
fn an_express_deployment_has_to_roll_back() {
    let (proxy, config) = watched();
    let cloudformation = aws_sdk_cloudformation::Client::new(&config);
    let set = cloudformation.create_change_set().stack_name("express").change_set_name("set").template_body("{}");
    let mode = |rollback| {
        let config = cfn::DeploymentConfig::builder().mode(cfn::DeploymentConfigMode::Express);
        set.clone().deployment_config(config.set_disable_rollback(rollback).build())
    };
    for unsaid in [None, Some(true)] {
        block_on(mode(unsaid).send()).expect_err("refused");
        assert_eq!(mistakes(&proxy), ["an express deployment without `DisableRollback: false` does not roll back"]);
    }
    let _ = block_on(mode(Some(false)).send());
    assert_eq!(mistakes(&proxy), [""; 0]);
}

#[test]
fn a_message_is_hidden_for_at_most_12_hours_in_all() {
    // The rules' clock goes forward here.
    let emulator = Emulator::start();
    let proxy = Proxy::before(&emulator);
    let sqs = aws_sdk_sqs::Client::new(&emulator.sdk(&proxy.endpoint(), &emulator.root()));
    let queue = block_on(sqs.create_queue().queue_name("hidden").send()).expect("made").queue_url.expect("its URL");
    block_on(sqs.send_message().queue_url(&queue).message_body("m").send()).expect("sent");
    let got = block_on(sqs.receive_message().queue_url(&queue).send()).expect("received").messages.expect("one");
    let handle = got[0].receipt_handle().expect("a handle");
    let hide = |seconds| {
        let call = sqs.change_message_visibility().queue_url(&queue).receipt_handle(handle).visibility_timeout(seconds);
        let _ = block_on(call.send());
        mistakes(&proxy).len()
    };
    assert_eq!((hide(43_200), hide(43_100)), (1, 0));
    emulator.gate().strict.advance(Duration::from_secs(3_600));
    assert_eq!((hide(39_601), hide(39_500)), (1, 0));

    // The name of a deleted queue is free after a minute.
    block_on(sqs.delete_queue().queue_url(&queue).send()).expect("deleted");
    let again = || block_on(sqs.create_queue().queue_name("hidden").send()).map_err(Box::new);
    let early = again().expect_err("too early");
    assert!(early.as_service_error().is_some_and(|error| error.is_queue_deleted_recently()), "{early:?}");
    emulator.gate().strict.advance(Duration::from_secs(60));
    again().expect("made");
}

#[test]
fn a_new_account_runs_few_functions_at_once() {
    let emulator = Emulator::start();
    let gate = emulator.gate();
    gate.strict.set_concurrency(10);
    let lambda = aws_sdk_lambda::Client::new(&emulator.root_sdk());
    let limit = block_on(lambda.get_account_settings().send()).expect("settings").account_limit.expect("a limit");
    assert_eq!(limit.concurrent_executions, 10);
    let invoke = call("lambda", "POST", "/2015-03-31/functions/f/invocations", &[], "{}");
    let parameters = json!({ "FunctionName": "f" });
    let running: Vec<_> = (0..10).map(|_| gate.strict.enter(&invoke, parameters.clone()).expect("room")).collect();
    assert!(matches!(gate.strict.enter(&invoke, parameters.clone()), Err(answer) if answer.status() == 429));
    drop(running);
    assert!(gate.strict.enter(&invoke, parameters).is_ok());
}

#[test]
fn a_bucket_is_changed_by_one_request_at_a_time() {
    let emulator = Emulator::start();
    let gate = emulator.gate();
    let put = |part: &str| call("s3", "PUT", &format!("/bucket?{part}"), &[], "");
    let parameters = json!({ "Bucket": "bucket" });
    let first = gate.strict.enter(&put("policy"), parameters.clone()).expect("free");
    let second = gate.strict.enter(&put("encryption"), parameters.clone());
    assert!(matches!(second, Err(answer) if answer.status() == 409));
    drop(first);
    assert!(gate.strict.enter(&put("encryption"), parameters).is_ok());
}

#[test]
fn a_busy_bucket_is_configured_all_the_same() {
    let (scene, pipelines) = (FreshAccount::new(), Pipelines::new());
    // The first attempt of each meets another machine's.
    const SET_UP: [&str; 8] = [
        "s3:CreateBucket",
        "s3:PutBucketEncryption",
        "s3:PutBucketLifecycleConfiguration",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutPublicAccessBlock",
    ];
    scene.proxy.faults(Faults::first(&SET_UP, Fault::Conflict));
    let ran = scene.run(pipelines.before(), &["apply", "--env", "dev", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let counts = scene.proxy.counts();
    assert!(SET_UP.iter().all(|operation| counts[*operation] == 2), "{counts:?}");
}
