//! The AWS implementation of our services on the emulator: the contracts of `State` and `Services`, and what AWS adds.

use crate::harness::aws;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::deployer;
use aws::emulator::{Emulator, block_on};
use aws::faults::{Fault, Faults};
use aws::proxy::Proxy;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use fanggen_runtime::aws::AwsServices;
use fanggen_runtime::component::services::{OutboundMessage, Services, TableRow, TableScan};
use fanggen_runtime::component::state::{Claim, Counts, State};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::{Item, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::testing::contracts;
use fanggen_runtime::testing::contracts::state::{self as contract, chunk, progress, run};
use serde_json::{Value, json};

/// The services by this key at this endpoint.
fn cloud(endpoint: &str, key: &aws_sdk_sts::config::Credentials) -> AwsServices {
    let variables = Emulator::shared().environment_of(endpoint, key);
    AwsServices::new(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn services() -> AwsServices {
    let emulator = Emulator::shared();
    cloud(&emulator.endpoint(), &emulator.root())
}

/// The services behind a proxy that makes every third call go wrong.
fn shaken(kinds: &[Fault]) -> (Proxy, AwsServices) {
    let emulator = Emulator::shared();
    let proxy = Proxy::before(emulator);
    proxy.faults(Faults { kinds: kinds.to_vec(), ..Faults::all(7, 30) });
    let cloud = cloud(&proxy.endpoint(), &emulator.root());
    (proxy, cloud)
}

fn sdk() -> aws_config::SdkConfig {
    let emulator = Emulator::shared();
    emulator.sdk(&emulator.endpoint(), &emulator.root())
}

fn dynamodb() -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&sdk())
}

fn table(name: &str, keys: &[&str]) -> String {
    let kinds = [KeyType::Hash, KeyType::Range];
    let mut call = dynamodb().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in keys.iter().zip(kinds) {
        let attribute = AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind);
        call = call.attribute_definitions(attribute.build().expect("whole"));
        call = call.key_schema(element.build().expect("whole"));
    }
    block_on(call.send()).expect("a table");
    name.to_owned()
}

fn queue(name: &str) -> String {
    let made = block_on(aws_sdk_sqs::Client::new(&sdk()).create_queue().queue_name(name).send()).expect("a queue");
    made.queue_url.expect("its URL")
}

/// All messages of a queue: bodies, with their attributes.
fn received(url: &str) -> Vec<(String, BTreeMap<String, String>)> {
    block_on(receive_all(url))
}

async fn receive_all(url: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let client = aws_sdk_sqs::Client::new(&sdk());
    let mut all = Vec::new();
    loop {
        let call = client.receive_message().queue_url(url).max_number_of_messages(10).message_attribute_names("All");
        let messages = call.send().await.expect("an answer").messages.unwrap_or_default();
        if messages.is_empty() {
            return all;
        }
        for message in messages {
            let gone = client.delete_message().queue_url(url).set_receipt_handle(message.receipt_handle);
            gone.send().await.expect("deleted");
            let attributes = message.message_attributes.unwrap_or_default();
            let attributes = attributes.into_iter().map(|(name, value)| (name, value.string_value.unwrap_or_default()));
            all.push((message.body.unwrap_or_default(), attributes.collect()));
        }
    }
}

/// The implementation of `State` on a table of this name.
fn state(name: &str) -> Arc<dyn State> {
    services().state(&table(name, &["pk", "sk"])).expect("a state table")
}

/// Ends the lease of a run's producer.
async fn expire_lease(table: &str, run: &RunId) {
    let update = dynamodb().update_item().table_name(table).update_expression("SET #until = :past");
    let update = update.key("pk", AttributeValue::S("runs".into())).key("sk", AttributeValue::S(run.to_string()));
    let update = update.expression_attribute_names("#until", "until");
    update.expression_attribute_values(":past", AttributeValue::N("1".into())).send().await.expect("updated");
}

#[test]
fn a_lease_has_one_owner() {
    let state = state("contract-lease");
    block_on(contract::a_lease_has_one_owner(state.as_ref(), async |run| expire_lease("contract-lease", run).await));
}

#[test]
fn a_lease_lasts_45_seconds_and_its_loss_is_explained() {
    let state = state("contract-lease-time");
    let run = run(9);
    block_on(async {
        assert_eq!(state.claim_run(&run, "one").await, Ok(Claim::New));
        let begun = state.claim_run(&run, "two").await.expect("an answer");
        assert!(matches!(begun, Claim::Held(wait) if (40_000..=45_000).contains(&wait)), "{begun:?}");
        state.save_progress(&run, "one", &progress(1, false), None).await.expect("its own lease");
        expire_lease("contract-lease-time", &run).await;
        assert_eq!(state.claim_run(&run, "two").await, Ok(Claim::Resumed(progress(1, false))));
        let error = state.save_progress(&run, "one", &progress(2, false), None).await.expect_err("taken over");
        let message = "another producer has taken over run 20261122T090000Z";
        assert_eq!(error, Error::permanent(ErrorCode::LeaseLost, message));
    });
}

#[test]
fn a_run_is_complete_with_its_last_chunk() {
    block_on(contract::a_run_is_complete_with_its_last_chunk(state("contract-chunks").as_ref()));
}

#[test]
fn no_run_is_complete_before_its_chunks_are_counted() {
    block_on(contract::no_run_is_complete_before_its_chunks_are_counted(state("contract-unknown").as_ref()));
}

#[test]
fn sinks_of_a_chunk_add_up() {
    block_on(contract::sinks_of_a_chunk_add_up(state("contract-sinks").as_ref()));
}

#[test]
fn compare_and_set_has_one_winner() {
    block_on(contract::compare_and_set_has_one_winner(state("contract-compare").as_ref()));
}

#[test]
fn values_are_found_again() {
    block_on(contract::values_are_found_again(state("contract-values").as_ref()));
}

#[test]
fn notes_are_read_in_the_order_of_chunks() {
    block_on(contract::notes_are_read_in_the_order_of_chunks(state("contract-notes").as_ref()));
}

#[test]
fn outcomes_of_a_replay_are_those_of_its_chunks() {
    block_on(contract::outcomes_of_a_replay_are_those_of_its_chunks(state("contract-replays").as_ref()));
}

#[test]
fn a_value_that_fits_no_row_is_left_out() {
    let state = state("contract-long");
    block_on(async {
        let values = vec![("short".to_owned(), "value".to_owned()), ("long".to_owned(), "x".repeat(500_000))];
        state.put_cached(values, 90).await.expect("written");
        // The same key twice in one request is one row of the answer.
        let keys = ["short", "long", "short"].map(str::to_owned);
        assert_eq!(state.get_cached(&keys).await, Ok(BTreeMap::from([("short".to_owned(), "value".to_owned())])));
    });
}

#[test]
fn values_and_notes_expire() {
    let name = "contract-expiry";
    let state = state(name);
    block_on(async {
        state.put_cached(vec![("finding#001".to_owned(), "value".to_owned())], 90).await.expect("written");
        state.add_note(&chunk(&run(1), 2), "digest", "a note".into()).await.expect("written");
    });
    let row = |pk: &str, sk: &str| {
        let call = dynamodb().get_item().table_name(name).key("pk", AttributeValue::S(pk.into()));
        block_on(call.key("sk", AttributeValue::S(sk.into())).send()).expect("an answer").item.expect("a row")
    };
    let days = |row: &std::collections::HashMap<String, AttributeValue>| {
        let end: i64 = row["expires"].as_n().expect("a number").parse().expect("a number");
        (end - jiff::Timestamp::now().as_second() + 3_600) / 86_400
    };
    assert_eq!(days(&row("finding#001", "-")), 90);
    assert_eq!(days(&row("run#20261122T010000Z", "note#digest#000002")), 30);
}

fn object(value: Value) -> TableRow {
    value.as_object().cloned().expect("an object")
}

/// All items of a scan in so many segments, each with the place behind it.
async fn scanned(
    services: &AwsServices,
    table: &str,
    segments: u64,
    from: Option<(u64, &str)>,
) -> Vec<(u64, Item, String)> {
    let rows = services.table(table).expect("a client");
    let mut all = Vec::new();
    let first = from.map_or(0, |(segment, _)| segment);
    for segment in first..segments {
        let mut after = from.filter(|(at, _)| *at == segment).map(|(_, place)| place.to_owned());
        loop {
            let scan = TableScan { key: "name", attributes: &[], segment, segments, after: after.as_deref() };
            let page = rows.scan(scan).await.expect("a page");
            all.extend(page.items.into_iter().map(|found| (segment, found.item, found.cursor)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    all
}

#[test]
fn a_scan_resumes_after_any_item() {
    let name = table("contract-scan", &["name"]);
    let keys: BTreeSet<String> = (0..40).map(|number| format!("Item {number:02}")).collect();
    let rows = keys.iter().map(|key| object(json!({ "name": key, "text": "x".repeat(60_000) }))).collect();
    let table = services().table(&name).expect("a table");
    block_on(async {
        table.put(rows).await.expect("put");
        contracts::services::a_scan_resumes_after_any_item(table.as_ref(), "name", &keys).await;
    });
}

#[test]
fn a_bucket_stores_objects_by_key() {
    let client = aws_sdk_s3::Client::new(&sdk());
    block_on(client.create_bucket().bucket("contract-objects").send()).expect("a bucket");
    let bucket = services().bucket("contract-objects").expect("a bucket");
    let read = async |key: &str| {
        let object = client.get_object().bucket("contract-objects").key(key).send().await.ok()?;
        Some(object.body.collect().await.expect("a body").to_vec())
    };
    block_on(contracts::services::a_bucket_stores_objects_by_key(bucket.as_ref(), read));
}

#[test]
fn a_publisher_delivers_every_message() {
    let url = queue("contract-outbox");
    let outbox = services().queue_publisher(&url).expect("a queue");
    let arrived = async || {
        let own = |(body, attributes): (String, BTreeMap<String, String>)| (body, attributes.into_iter().collect());
        receive_all(&url).await.into_iter().map(own).collect()
    };
    block_on(contracts::services::a_publisher_delivers_every_message(outbox.as_ref(), arrived));
}

#[test]
fn a_scan_reads_what_is_asked_for_and_a_row_that_cannot_be_read_fails_alone() {
    let name = table("services-read", &["name"]);
    let services = services();
    block_on(async {
        let rows = services.table(&name).expect("a client");
        let put = rows.put(vec![
            // `status` and `language` are words of DynamoDB's own.
            object(json!({ "name": "Apple", "language": "en", "status": "new", "employees": 164_000, "text": "good" })),
            object(json!({ "name": "Odd\tOne", "text": "good" })),
            object(json!({ "name": "Wrong", "url": ["a", "b"] })),
        ]);
        assert_eq!(put.await, Ok(name.clone()));
        let attributes = ["language".to_owned(), "status".to_owned(), "url".to_owned(), "language".to_owned()];
        let scan = TableScan { key: "name", attributes: &attributes, segment: 0, segments: 1, after: None };
        let page = rows.scan(scan).await.expect("a page");
        let mut items: Vec<_> = page.items.iter().map(|found| (found.item.clone(), found.error.clone())).collect();
        items.sort_by(|one, other| one.0.key.cmp(&other.0.key));
        let labels = BTreeMap::from([("status".to_owned(), "new".to_owned())]);
        let apple = Item { language: Some("en".into()), labels, ..Item::named("Apple") };
        assert_eq!(items[0], (apple, None));
        let codes: Vec<_> =
            items[1..].iter().map(|(_, error)| error.as_ref().map(|error| error.code.as_str())).collect();
        assert_eq!(codes, [Some("key_unfit"), Some("row_unreadable")]);
        assert!(items[1].0.key.starts_with("Odd\u{fffd}One row "), "{}", items[1].0.key);
        assert_eq!(items[2].0, Item::named("Wrong"));

        let scan = TableScan { after: Some("nowhere"), ..scan };
        assert_eq!(rows.scan(scan).await.expect_err("no place").code, ErrorCode::CursorUnreadable);
        let all = scanned(&services, &name, 1, None).await;
        let apple = &all.iter().find(|(_, item, _)| item.key == "Apple").expect("it").1;
        assert_eq!((apple.text.as_deref(), apple.labels["employees"].as_str()), (Some("good"), "164000"));
    });
}

#[test]
fn many_rows_are_put_and_one_that_is_too_long_says_what_it_lost() {
    let name = table("services-rows", &["item", "run"]);
    let rows = services().table(&name).expect("a client");
    let row = |number: usize, findings: usize| {
        let entity = json!({ "text": "Apple", "type": "ORGANIZATION", "score": 0.99 });
        object(json!({ "item": number.to_string(), "run": "r", "score": -0.5, "findings": vec![entity; findings] }))
    };
    let all: Vec<TableRow> = (0..103).map(|number| row(number, if number == 7 { 20_000 } else { 1 })).collect();
    block_on(async {
        // The same again changes nothing.
        for _ in 0..2 {
            assert_eq!(rows.put(all.clone()).await, Ok(name.clone()));
        }
    });
    let mut pages = dynamodb().scan().table_name(&name).into_paginator().items().send();
    let mut seen = BTreeMap::new();
    while let Some(row) = block_on(pages.next()) {
        let row = row.expect("a row");
        seen.insert(row["item"].as_s().expect("a text").clone(), row);
    }
    assert_eq!(seen.len(), 103);
    assert_eq!(seen["8"]["score"], AttributeValue::N("-0.5".into()));
    assert!(seen["8"].contains_key("findings") && !seen["8"].contains_key("left_out"));
    assert!(!seen["7"].contains_key("findings"));
    assert_eq!(seen["7"]["left_out"], AttributeValue::L(vec![AttributeValue::S("findings".into())]));
}

/// A message with a text of so many bytes.
fn message(number: u64, bytes: usize) -> Message {
    let run = run(9);
    let item = Item { text: Some("A fine year for \u{ffff}. ".repeat(bytes / 20)), ..Item::named(number.to_string()) };
    let records = vec![Record::new(run.as_str(), "s", item)];
    Message::new(Chunk::new(&run, number, &records), records)
}

#[test]
fn messages_arrive_as_they_were_sent_however_long() {
    let emulator = Emulator::shared();
    let url = queue("services-chunks");
    let proxy = Proxy::before(emulator);
    let queue = cloud(&proxy.endpoint(), &emulator.root()).queue(&url).expect("a client");
    let sent: Vec<Message> =
        (0..23).map(|number| message(number, if number % 5 == 0 { 900_000 } else { 200_000 })).collect();
    block_on(queue.send(sent.clone())).expect("sent");
    // Those of 900,000 bytes are packed to a few thousand; five of the others fit into a call.
    assert_eq!(proxy.counts(), BTreeMap::from([("sqs:SendMessageBatch".to_owned(), 5)]));
    let mut read: Vec<Message> =
        received(&url).iter().map(|(body, _)| Message::from_wire(body).expect("one of ours")).collect();
    read.sort_by_key(|message| message.chunk.number);
    assert_eq!(read, sent);
}

#[test]
fn a_hidden_message_becomes_visible_in_time() {
    let url = queue("services-hide");
    let queue = services().queue(&url).expect("a client");
    block_on(queue.send(vec![message(0, 100)])).expect("sent");
    let client = aws_sdk_sqs::Client::new(&sdk());
    let receive = || {
        let messages = block_on(client.receive_message().queue_url(&url).send()).expect("an answer").messages;
        messages.unwrap_or_default().pop().and_then(|message| message.receipt_handle)
    };
    let receipt = receive().expect("a message");
    assert_eq!(receive(), None);
    block_on(queue.hide(&receipt, Duration::ZERO)).expect("shown");
    let receipt = receive().expect("the message again");
    block_on(queue.hide(&receipt, Duration::from_secs(600))).expect("hidden");
    assert_eq!(receive(), None);
    let error = block_on(queue.hide("no receipt", Duration::from_millis(1))).expect_err("no such receipt");
    assert_eq!((error.code.as_str(), error.transient), ("aws_refused", false), "{error}");
}

#[test]
fn dead_letters_are_sent_with_their_reason() {
    let url = queue("services-dead");
    let outbox = services().queue_publisher(&url).expect("a client");
    let post = |body: &str, key: &str| OutboundMessage {
        key: key.into(),
        subject: None,
        body: body.into(),
        attributes: vec![
            ("reason", "message_unreadable".into()),
            ("detail", "not \u{1} JSON".into()),
            ("none", String::new()),
        ],
    };
    block_on(outbox.publish(vec![post("{", ""), post("[", "k-1")])).expect("posted");
    let reason = [("detail", "not \u{fffd} JSON"), ("reason", "message_unreadable")];
    let attributes = |more: &[(&str, &str)]| -> BTreeMap<String, String> {
        reason.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut all = received(&url);
    all.sort();
    assert_eq!(all, [("[".to_owned(), attributes(&[("key", "k-1")])), ("{".to_owned(), attributes(&[]))]);
    let error = block_on(outbox.publish(vec![post(&"x".repeat(1 << 20), "")])).expect_err("too long");
    assert_eq!((error.code.as_str(), error.transient), ("message_too_long", false));
}

#[test]
fn an_object_is_put_with_its_kind_and_a_file_is_read_from_memory_or_disk() {
    let name = "services-objects";
    let client = aws_sdk_s3::Client::new(&sdk());
    block_on(client.create_bucket().bucket(name).send()).expect("a bucket");
    let services = services();
    let bucket = services.bucket(name).expect("a client");
    let key = "archive/dt=2026-11-22/20261122T090000Z-0123456789abcdef.jsonl.gz";
    for body in ["first", "again"] {
        let place = block_on(bucket.put(key, body.into()));
        assert_eq!(place, Ok(format!("s3://{name}/{key}")));
    }
    let answer = block_on(client.get_object().bucket(name).key(key).send()).expect("an object");
    assert_eq!((answer.content_type(), answer.content_encoding()), (Some("application/x-ndjson"), Some("gzip")));
    assert_eq!(block_on(answer.body.collect()).expect("a body").to_vec(), b"again");

    for megabytes in [1, 20] {
        let body: Vec<u8> = (0..megabytes << 20).map(|place: u32| (place % 251) as u8).collect();
        block_on(bucket.put("items/all.csv", body.clone())).expect("put");
        let document = services.file(Some(name), "items/all.csv").expect("a client");
        // Twice: each opening starts at the start.
        for _ in 0..2 {
            let mut read = Vec::new();
            block_on(document.open()).expect("opened").reader.read_to_end(&mut read).expect("read");
            assert!(read == body, "{megabytes} MiB differ");
        }
    }
    let error = block_on(services.file(Some(name), "none.csv").expect("a client").open()).err().expect("no file");
    assert_eq!((error.code.as_str(), error.transient), ("not_found", false), "{error}");
}

#[test]
fn a_topic_notifies_its_subscribers_and_a_secret_is_read() {
    let template = json!({
        "Resources": {
            "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "services-told" } },
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": "services-digest" } },
            "Subscription": { "Type": "AWS::SNS::Subscription", "Properties": {
                "TopicArn": { "Ref": "Topic" }, "Protocol": "sqs", "Endpoint": { "Fn::GetAtt": ["Queue", "Arn"] },
            } },
            "Policy": { "Type": "AWS::SQS::QueuePolicy", "Properties": {
                "Queues": [{ "Ref": "Queue" }],
                "PolicyDocument": { "Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
                    "Resource": { "Fn::GetAtt": ["Queue", "Arn"] },
                }] },
            } },
            "Secret": { "Type": "AWS::SecretsManager::Secret", "Properties": { "Name": "services", "SecretString": "s3cr3t" } },
        },
        "Outputs": {
            "Queue": { "Value": { "Ref": "Queue" } },
            "Topic": { "Value": { "Ref": "Topic" } },
            "Secret": { "Value": { "Ref": "Secret" } },
        },
    });
    let client = aws_sdk_cloudformation::Client::new(&sdk());
    let made = client.create_stack().stack_name("services").template_body(template.to_string());
    block_on(made.send()).expect("a stack");
    let begin = Instant::now();
    let outputs: BTreeMap<String, String> = loop {
        let answer = block_on(client.describe_stacks().stack_name("services").send()).expect("an answer");
        let stack = answer.stacks().first().expect("the stack");
        if stack.stack_status().is_some_and(|status| status.as_str() == "CREATE_COMPLETE") {
            let pair = |one: &aws_sdk_cloudformation::types::Output| {
                Some((one.output_key()?.to_owned(), one.output_value()?.to_owned()))
            };
            break stack.outputs().iter().filter_map(pair).collect();
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{stack:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let services = services();
    let topic = services.topic_publisher(&outputs["Topic"]).expect("a client");
    let post = OutboundMessage {
        key: "k-1".into(),
        subject: Some("5 of 5 \u{fc}ber\nhere".into()),
        body: "all is well".into(),
        attributes: vec![("run", "r".into()), ("none", String::new())],
    };
    block_on(topic.publish(vec![post.clone()])).expect("told");
    let mut told: Vec<Value> = Vec::new();
    while told.is_empty() && begin.elapsed() < Duration::from_secs(60) {
        told = received(&outputs["Queue"]).iter().map(|(body, _)| serde_json::from_str(body).expect("JSON")).collect();
    }
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["Message"], &told[0]["Subject"]), (&json!("all is well"), &json!("5 of 5 ?ber here")));
    let string = |value: &str| json!({ "Type": "String", "Value": value });
    assert_eq!(told[0]["MessageAttributes"], json!({ "key": string("k-1"), "run": string("r") }));
    let error =
        block_on(topic.publish(vec![OutboundMessage { body: "x".repeat(300_000), ..post }])).expect_err("too long");
    assert_eq!(error.code, ErrorCode::MessageTooLong);

    assert_eq!(block_on(services.secret(&outputs["Secret"]).expect("a client").read()), Ok("s3cr3t".to_owned()));
    let absent = format!("{}x", outputs["Secret"]);
    let error = block_on(services.secret(&absent).expect("a client").read()).expect_err("no such secret");
    assert_eq!((error.code.as_str(), error.transient), ("not_found", false), "{error}");
}

#[test]
fn missing_and_forbidden_resources_are_named() {
    let emulator = Emulator::shared();
    let nobody = deployer::key(
        emulator,
        "services-nobody",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}]}"#
            .to_owned()],
    );
    let there = table("services-there", &["pk", "sk"]);
    block_on(aws_sdk_s3::Client::new(&sdk()).create_bucket().bucket("services-forbidden").send()).expect("a bucket");
    let url = queue("services-there");
    let (services, nobody) = (services(), cloud(&emulator.endpoint(), &nobody));
    let scan = TableScan { key: "name", attributes: &[], segment: 0, segments: 1, after: None };
    let row = || vec![object(json!({ "pk": "a", "sk": "b" }))];
    block_on(async {
        for (code, cloud, table, url) in [
            ("not_found", &services, "services-absent", url.replace("services-there", "services-absent")),
            ("access_denied", &nobody, there.as_str(), url.clone()),
        ] {
            let rows = cloud.table(table).expect("a client");
            let state = cloud.state(table).expect("a client");
            let bucket = if code == "not_found" { "services-no-bucket" } else { "services-forbidden" };
            let errors = [
                rows.put(row()).await.err(),
                rows.scan(scan).await.err(),
                state.claim_run(&run(1), "me").await.err(),
                state.save_progress(&run(1), "me", &progress(1, false), None).await.err(),
                state.save_progress(&run(1), "me", &progress(1, false), Some(150)).await.err(),
                state.complete_chunk(&chunk(&run(1), 0), &Counts::default()).await.err(),
                state.chunk_status(&chunk(&run(1), 0)).await.err(),
                state.record_sinks(&chunk(&run(1), 0), &BTreeSet::from(["s".into()])).await.err(),
                state.get_cached(&["k".into()]).await.err(),
                state.put_cached(vec![("k".into(), "v".into())], 1).await.err(),
                state.compare_and_set("k", None, "v", 1).await.err(),
                state.add_note(&chunk(&run(1), 0), "s", String::new()).await.err(),
                state.for_each_note(&run(1), "s", &mut |_| Ok(())).await.err(),
                cloud.queue(&url).expect("a client").send(vec![message(0, 10)]).await.err(),
                cloud.bucket(bucket).expect("a client").put("k", vec![1]).await.err(),
            ];
            for (place, error) in errors.into_iter().enumerate() {
                let error = error.unwrap_or_else(|| panic!("call {place} should be {code}"));
                assert_eq!((error.code.as_str(), error.transient), (code, false), "call {place}: {error}");
            }
        }
        let said = nobody.queue(&url).expect("a client").send(vec![message(0, 10)]).await.expect_err("denied").message;
        assert!(
            said.starts_with(
                "the function's role lacks the permission `sqs:SendMessage` on `services-there` (AccessDenied"
            ),
            "{said}"
        );
    });
    let closed = cloud("http://127.0.0.1:1", &emulator.root());
    let error = block_on(closed.table("t").expect("a client").scan(scan)).expect_err("nobody there");
    assert_eq!((error.code.as_str(), error.transient), ("unreachable", true), "{error}");
}

#[test]
fn faults_of_the_network_change_no_result() {
    let name = table("services-faults", &["pk", "sk"]);
    let url = queue("services-faults");
    let (proxy, services) = shaken(&[Fault::Throttled, Fault::Throttled, Fault::Broken, Fault::Lost, Fault::Unheard]);
    let state = services.state(&name).expect("a client");
    let run = run(8);
    block_on(async {
        assert_eq!(state.claim_run(&run, "me").await, Ok(Claim::New));
        state.save_progress(&run, "me", &progress(0, false), Some(101)).await.expect("its lease");
        let all = contract::finish_chunks(state.as_ref(), &run, 101).await;
        assert!(!all.is_empty() && all.iter().all(|counts| counts.records == 5_050), "{all:?}");
        state.save_progress(&run, "me", &progress(101, true), Some(101)).await.expect("its lease");
        assert_eq!(state.claim_run(&run, "other").await, Ok(Claim::Finished(progress(101, true))));
        let values: BTreeMap<_, _> = (0..250).map(|number| (number.to_string(), "v".to_owned())).collect();
        state.put_cached(values.clone().into_iter().collect(), 1).await.expect("kept");
        assert_eq!(state.get_cached(&values.keys().cloned().collect::<Vec<_>>()).await, Ok(values));
        for number in 0..30 {
            services.queue(&url).expect("a client").send(vec![message(number, 100)]).await.expect("sent");
        }
    });
    // A message that SQS took without our hearing of it is sent again: at least once.
    let read: BTreeSet<u64> =
        received(&url).iter().map(|(body, _)| Message::from_wire(body).expect("ours").chunk.number).collect();
    assert_eq!(read, (0..30).collect());
    let throttled = proxy.calls().iter().filter(|seen| seen.fault == Some(Fault::Throttled)).count() as u64;
    assert!(throttled > 20, "{throttled}");
    assert_eq!(services.meter().take().throttled, throttled);
}
