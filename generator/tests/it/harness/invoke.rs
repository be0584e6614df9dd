//! Invokes the functions of a deployed pipeline with real messages of its queues.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LogType};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use fanggen_runtime::model::message::Message;
use serde_json::{Value, json};

use crate::harness::aws::emulator::block_on;
use crate::harness::aws::secrets::secrets;
use crate::harness::aws::target_account::target_account;
use crate::harness::aws::template;
use crate::harness::deployed_pipeline::DeployedPipeline;
use crate::harness::roles::{Grant, SLACK_URL};

/// Resources outside of the pipeline.
pub struct ForeignResources {
    pub secret: String,
    pub slack_url: String,
    pub secret_of_others: String,
    pub bucket: String,
    pub table: String,
}

/// The start of the message about a missing permission.
const LACKS_PERMISSION: &str = "the function's role lacks the permission `";

/// The outcome of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub answer: Value,
    /// Whether the response is an error.
    pub broken: bool,
    pub log: String,
}

impl Invocation {
    /// Whether every message of the event was processed, and no permission was missing.
    pub fn is_success(&self) -> bool {
        !self.broken && self.answer == json!({ "batchItemFailures": [] }) && self.denials().is_empty()
    }

    /// Whether the message of this event is returned to its queue.
    pub fn is_redelivered(&self, event: &Value) -> bool {
        let id = &event["Records"][0]["messageId"];
        !self.broken && self.answer == json!({ "batchItemFailures": [{ "itemIdentifier": id }] })
    }

    /// Whether this permission was missing.
    pub fn was_denied(&self, grant: &Grant) -> bool {
        Self::names(&self.log, grant) || Self::names(&self.answer.to_string(), grant)
    }

    /// Whether a text reports that this permission was missing.
    pub fn names(words: &str, grant: &Grant) -> bool {
        // S3's door says where an object should have been; the others the table, the queue, the topic, the secret.
        let last = grant.arn.rsplit([':', '/']).next().unwrap_or_default();
        let bucket = grant.arn.strip_prefix("arn:aws:s3:::").and_then(|rest| rest.split('/').next());
        let name = if grant.arn.contains(":secret:") { &grant.arn } else { bucket.unwrap_or(last) };
        denials(words).iter().any(|(action, on)| *action == grant.action && on.contains(name))
    }

    /// Every denied action, with its resource.
    pub fn denials(&self) -> Vec<(String, String)> {
        let mut all = denials(&self.log);
        all.extend(denials(&self.answer.to_string()));
        all
    }
}

fn denials(words: &str) -> Vec<(String, String)> {
    let parts = words.split(LACKS_PERMISSION).skip(1);
    let refusal = |part: &str| {
        let mut quoted = part.split('`');
        Some((quoted.next()?.to_owned(), quoted.nth(1)?.to_owned()))
    };
    parts.filter_map(refusal).collect()
}

/// The same event, delivered by SQS for the second time.
pub fn redelivered(event: &Value) -> Value {
    let mut event = event.clone();
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = json!("2");
    event
}

/// Creates the resources outside of the pipeline; one of the secrets is this URL.
pub fn others(slack: &str) -> ForeignResources {
    const KEY: &str = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let sdk = &target_account().sdk;
    let [secret, slack_url, secret_of_others] =
        secrets("others", [("least", KEY), (SLACK_URL, slack), ("of-others", KEY)]);
    let (bucket, table) = ("another-archive".to_owned(), "another-table".to_owned());
    block_on(aws_sdk_s3::Client::new(sdk).create_bucket().bucket(&bucket).send()).expect("a bucket");
    let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
    let mut call = dynamodb.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("item", KeyType::Hash), ("run", KeyType::Range)] {
        let column = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        call = call.attribute_definitions(column.build().expect("a column"));
        call = call.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key"));
    }
    block_on(call.send()).expect("a table");
    ForeignResources { secret, slack_url, secret_of_others, bucket, table }
}

/// A pipeline whose functions are invoked by the test.
pub struct Invoker<'a> {
    pub live: &'a DeployedPipeline,
    lambda: aws_sdk_lambda::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    /// The messages that were received, by queue, run and chunk.
    events: RefCell<BTreeMap<(String, String, u64), Value>>,
}

impl<'a> Invoker<'a> {
    /// Lambda no longer polls the queues from now on.
    pub fn of(live: &'a DeployedPipeline) -> Self {
        let sdk = &target_account().sdk;
        let (lambda, dynamodb) = (aws_sdk_lambda::Client::new(sdk), aws_sdk_dynamodb::Client::new(sdk));
        let hand = Self { live, lambda, dynamodb, events: RefCell::default() };
        hand.set_polling(false);
        hand
    }

    /// Switches all event source mappings on or off.
    pub fn set_polling(&self, on: bool) {
        let all = block_on(self.lambda.list_event_source_mappings().send()).expect("mappings");
        let mappings = all.event_source_mappings.unwrap_or_default();
        assert!(!mappings.is_empty());
        for mapping in mappings {
            let switch = self.lambda.update_event_source_mapping().uuid(mapping.uuid.unwrap_or_default()).enabled(on);
            block_on(switch.send()).expect("switched");
        }
    }

    /// Invokes a function and waits for its response.
    pub fn invoke(&self, id: &str, event: &Value) -> Invocation {
        let call = self.lambda.invoke().function_name(self.live.name(id)).log_type(LogType::Tail);
        let told = block_on(call.payload(Blob::new(event.to_string())).send());
        let told = told.unwrap_or_else(|error| panic!("not invoked: {error:?}"));
        let answer = told.payload().map(|payload| serde_json::from_slice(payload.as_ref()).expect("JSON"));
        let log = told.log_result().map(|log| aws_smithy_types::base64::decode(log).expect("base64"));
        Invocation {
            answer: answer.unwrap_or_default(),
            broken: told.function_error().is_some(),
            log: String::from_utf8_lossy(&log.unwrap_or_default()).into_owned(),
        }
    }

    /// Lambda's event for a chunk, which waits in a queue.
    #[track_caller]
    pub fn message(&self, queue: &str, run: &str, number: u64) -> Value {
        let key = (queue.to_owned(), run.to_owned(), number);
        if !self.events.borrow().contains_key(&key) {
            self.receive(queue);
        }
        let events = self.events.borrow();
        events.get(&key).unwrap_or_else(|| panic!("no {key:?} in {:?}", events.keys())).clone()
    }

    fn receive(&self, queue: &str) {
        let client = aws_sdk_sqs::Client::new(&target_account().sdk);
        loop {
            let receive = client.receive_message().queue_url(self.live.queue(queue)).max_number_of_messages(10);
            let receive = receive.visibility_timeout(900);
            let got = block_on(receive.message_system_attribute_names(MessageSystemAttributeName::All).send());
            let got = got.unwrap_or_else(|error| panic!("not received: {error:?}")).messages.unwrap_or_default();
            if got.is_empty() {
                return;
            }
            for message in got {
                let body = message.body.as_deref().expect("a body");
                let chunk = Message::from_wire(body).expect("one of ours").chunk;
                let event = json!({ "Records": [{
                    "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": body,
                    "attributes": { "ApproximateReceiveCount": "1" }, "eventSource": "aws:sqs",
                    "awsRegion": target_account().region,
                }] });
                let key = (queue.to_owned(), chunk.run.to_string(), chunk.number);
                self.events.borrow_mut().entry(key).or_insert(event);
            }
        }
    }

    /// Expires the lease of a run's producer, as 45 seconds after a failure.
    pub fn expire_lease(&self, run: &str) {
        let call = self.dynamodb.update_item().table_name(self.live.name("StateTable"));
        let call = call
            .key("pk", AttributeValue::S("runs".into()))
            .key("sk", AttributeValue::S(run.to_owned()))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET #until = :then")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":then", AttributeValue::N("0".into()));
        if let Err(error) = block_on(call.send()) {
            let none = error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception());
            assert!(none, "{error:?}");
        }
    }

    /// Deletes all cached findings.
    pub fn delete_cached_findings(&self) {
        let mut forgotten = 0;
        for mut row in self.live.rows("StateTable") {
            if row["pk"].as_s().is_ok_and(|pk| pk.starts_with("finding#")) {
                let delete = self.dynamodb.delete_item().table_name(self.live.name("StateTable"));
                let key = ["pk", "sk"].map(|name| (name.to_owned(), row.remove(name).expect("a key")));
                block_on(delete.set_key(Some(key.into())).send()).expect("deleted");
                forgotten += 1;
            }
        }
        assert!(forgotten > 0, "something was remembered");
    }

    /// Waits until so many chunks of a run are in the archive.
    #[track_caller]
    pub fn written(&self, run: &str, chunks: usize) {
        let of_run = |key: &&String| key.contains(run);
        let all = || self.live.objects("ArchiveBucket").keys().filter(of_run).count();
        self.live.wait_until("the chunks", || (all() == chunks).then_some(()));
    }

    /// Points a variable of a function, or the store of a component of this name, to another resource. Returns the variables
    /// as they were.
    pub fn redirect(&self, function: &str, variable: &str, to: &str) -> HashMap<String, String> {
        let told = block_on(self.lambda.get_function_configuration().function_name(self.live.name(function)).send());
        let before = told.expect("a function").environment.and_then(|it| it.variables).unwrap_or_default();
        let own = format!("\"name\":\"{variable}\"");
        let place = match before.iter().find(|(_, value)| value.contains(&own)) {
            Some((name, _)) => format!("{name}_ON"),
            None => variable.to_owned(),
        };
        assert!(before.contains_key(&place), "{place} is not in {before:?}");
        let mut changed = before.clone();
        changed.insert(place, to.to_owned());
        self.set_variables(function, changed);
        before
    }

    /// Sets the environment variables of a function.
    pub fn set_variables(&self, function: &str, variables: HashMap<String, String>) {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let call = self.lambda.update_function_configuration().function_name(self.live.name(function));
        block_on(call.environment(environment).send()).unwrap_or_else(|error| panic!("not given: {error:?}"));
    }

    /// The ARNs of all resources of the stack.
    pub fn all_arns(&self) -> BTreeSet<String> {
        let (region, account) = (&target_account().region, &target_account().account);
        let arn = |(id, name): (String, String)| {
            let kinds = ["Bucket", "Table", "Queue", "Topic", "Function", "Role"];
            Some(match kinds.into_iter().find(|kind| id.ends_with(kind))? {
                "Bucket" => format!("arn:aws:s3:::{name}/x"),
                "Table" => format!("arn:aws:dynamodb:{region}:{account}:table/{name}"),
                "Queue" => format!("arn:aws:sqs:{region}:{account}:{name}"),
                "Topic" => format!("arn:aws:sns:{region}:{account}:{name}"),
                "Function" => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
                _ => format!("arn:aws:iam::{account}:role/{name}"),
            })
        };
        template::names(&self.live.deployed.plan(self.live.environment)).into_iter().filter_map(arn).collect()
    }

    /// The number of objects and rows outside of the pipeline.
    pub fn count_written_to(&self, others: &ForeignResources) -> usize {
        let listed = aws_sdk_s3::Client::new(&target_account().sdk).list_objects_v2().bucket(&others.bucket).send();
        let objects = block_on(listed).expect("a list").contents.unwrap_or_default().len();
        let rows = block_on(self.dynamodb.scan().table_name(&others.table).send()).expect("rows");
        objects + rows.items.unwrap_or_default().len()
    }
}
