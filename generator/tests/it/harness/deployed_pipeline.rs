//! A deployed pipeline, a server in the place of Wikipedia, and access to the results.
#![allow(clippy::panic, reason = "a test without its harness has nothing to judge")]
#![allow(dead_code, reason = "each test crate uses its own part of the harness")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::harness::aws::deployed::{Deployed, Program};
use crate::harness::aws::emulator::{Emulator, block_on};
use crate::harness::aws::target_account::target_account;
use crate::harness::aws::template;
use crate::harness::project::Project;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};

/// Nothing here takes longer, redelivery included.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A deployed pipeline, and the encyclopedia that it reads.
pub struct DeployedPipeline {
    pub deployed: Deployed,
    pub environment: &'static str,
    pub wiki: HttpServer,
    plan: Value,
}

/// A page for every title but those that begin with `Unknown`; its text depends only on its title.
pub fn pages(asked: &ReceivedRequest) -> CannedResponse {
    let page = |title: &&str| {
        if title.starts_with("Unknown") {
            return json!({ "title": title, "ns": 0, "missing": true });
        }
        let mood = match title.len() % 3 {
            0 => "is loved by its customers, and had a great and happy year",
            1 => "is hated for its terrible, broken products and awful crimes",
            _ => "is a company in a town",
        };
        json!({ "pageid": 1, "ns": 0, "title": title, "lastrevid": 7, "extract": format!("{title} {mood}.") })
    };
    let pages: Vec<Value> = asked.titles().iter().map(page).collect();
    CannedResponse::json(&json!({ "batchcomplete": true, "query": { "pages": pages } }))
}

impl DeployedPipeline {
    /// A pipeline of this file with others beside it, deployed without a first run; its stage of type `wikipedia` asks an
    /// encyclopedia of ours.
    pub fn new(toml: &str, files: &[(&str, &str)], name: &str, environment: &'static str) -> Self {
        let project = Project::with(toml);
        for (path, text) in files {
            project.write(path, text);
        }
        Self::of(project, name, environment)
    }

    /// The root's pipeline.
    pub fn root(name: &str, environment: &'static str) -> Self {
        Self::root_with("", name, environment)
    }

    /// The root's pipeline with a customer key.
    pub fn with_customer_key(name: &str, environment: &'static str) -> Self {
        Self::root_with("\n[data]\nkms = true\n", name, environment)
    }

    fn root_with(more: &str, name: &str, environment: &'static str) -> Self {
        let project = Project::root();
        // A timeout of seconds, so that redelivery is quick.
        let toml = project.read("pipeline.toml");
        project.write("pipeline.toml", &format!("{toml}{more}\n[functions]\ntimeout_s = 10\n"));
        Self::of(project, name, environment)
    }

    fn of(project: Project, name: &str, environment: &'static str) -> Self {
        let live = Self::rendered(project, name, environment);
        live.deployed.good(&["apply", "--env", environment, "--yes", "--no-run"]);
        live.allow_send_batches();
        live
    }

    /// A project's pipeline with an encyclopedia of ours, rendered and not deployed yet.
    pub fn rendered(project: Project, name: &str, environment: &'static str) -> Self {
        let wiki = HttpServer::start(pages);
        let own = format!(
            "type = \"wikipedia\"\nendpoint = \"{}\"\nallow = [\"{}\"]\nrequests_per_minute = 100000\nat_once = 100\n\
             patience_s = 3\n",
            wiki.url("/{language}/w/api.php"),
            wiki.host_port()
        );
        let toml = project.read("pipeline.toml").replace("type = \"wikipedia\"\n", &own);
        // Limits of ours would only stretch the time.
        let toml = toml.replace("type = \"comprehend\"\n", "type = \"comprehend\"\ncalls_per_second = 10000\n");
        project.write("pipeline.toml", &toml);
        let deployed = Deployed::new(project, name, Program::Real);
        let plan = deployed.plan(environment);
        Self { deployed, environment, wiki, plan }
    }

    /// The emulator asks for a permission `sqs:SendMessageBatch`, which AWS has not: there, `sqs:SendMessage` admits both.
    /// Whoever may send gets the one that goes with it here, on the same queues and no others.
    pub fn allow_send_batches(&self) {
        self.roles().for_each(|id| self.allow_send_batches_of(&id, &self.policy(&id)));
    }

    /// Removes what `allow_send_batches` added, so that the roles are as they were deployed.
    pub fn revoke_send_batches(&self) {
        if target_account().emulator.is_none() {
            return;
        }
        let client = aws_sdk_iam::Client::new(&target_account().sdk);
        for id in self.roles() {
            let delete = client.delete_role_policy().role_name(self.name(&id)).policy_name("batches");
            block_on(delete.send()).unwrap_or_else(|error| panic!("not deleted: {error:?}"));
        }
    }

    fn roles(&self) -> impl Iterator<Item = String> {
        template::names(&self.plan).into_keys().filter(|id| id.ends_with("Role"))
    }

    /// The same for one role, which has this policy.
    pub fn allow_send_batches_of(&self, role: &str, policy: &Value) {
        if target_account().emulator.is_none() {
            return;
        }
        let may = |statement: &&Value| {
            let actions = statement["Action"].as_array().into_iter().flatten();
            actions.into_iter().any(|action| action == "sqs:SendMessage")
        };
        let statements = policy["Statement"].as_array().into_iter().flatten().filter(may);
        let queues: Vec<&Value> = statements.map(|statement| &statement["Resource"]).collect();
        let batch = |queue| json!({ "Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": queue });
        let statements: Vec<Value> = queues.into_iter().map(batch).collect();
        let client = aws_sdk_iam::Client::new(&target_account().sdk);
        if statements.is_empty() {
            // It may have had some before. IAM takes no policy without a statement.
            let _ = block_on(client.delete_role_policy().role_name(self.name(role)).policy_name("batches").send());
            return;
        }
        let put = client.put_role_policy().role_name(self.name(role)).policy_name("batches");
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        block_on(put.policy_document(document).send()).unwrap_or_else(|error| panic!("not put: {error:?}"));
    }

    /// The policy of a role, as it was deployed or changed since.
    pub fn policy(&self, role: &str) -> Value {
        let client = aws_sdk_iam::Client::new(&target_account().sdk);
        let got = client.get_role_policy().role_name(self.name(role)).policy_name("derived");
        let text = block_on(got.send()).unwrap_or_else(|error| panic!("no policy: {error:?}")).policy_document;
        let text = url::form_urlencoded::parse(format!("d={}", text.replace('+', "%2B")).as_bytes())
            .next()
            .expect("a text")
            .1
            .into_owned();
        serde_json::from_str(&text).expect("JSON")
    }

    /// The physical name of a resource, by its name within the template.
    pub fn name(&self, id: &str) -> String {
        template::names(&self.plan).remove(id).unwrap_or_else(|| panic!("no `{id}` in {}", self.plan))
    }

    /// The URL of a queue.
    pub fn queue(&self, id: &str) -> String {
        let address = target_account().emulator.map(Emulator::address).unwrap_or_default();
        format!("{address}/{}/{}", target_account().account, self.name(id))
    }

    /// Invokes the producer for this scheduled time, and waits for its response.
    pub fn start_run(&self, time: &str) -> Result<Value, Value> {
        self.invoke("ProducerFunction", &json!({ "scheduled_time": time }))
    }

    /// Invokes a function and waits for its response, or its error.
    pub fn invoke(&self, id: &str, event: &Value) -> Result<Value, Value> {
        let client = aws_sdk_lambda::Client::new(&target_account().sdk);
        let call = client.invoke().function_name(self.name(id)).payload(Blob::new(event.to_string()));
        let answer = block_on(call.send()).unwrap_or_else(|error| panic!("not invoked: {error:?}"));
        let said = answer.payload().map(|payload| serde_json::from_slice(payload.as_ref()).expect("JSON"));
        let said = said.unwrap_or(Value::Null);
        if answer.function_error().is_some() { Err(said) } else { Ok(said) }
    }

    /// Waits until `look` finds something.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the bucket of a sink has so many records, and returns all its objects.
    #[track_caller]
    pub fn written(&self, bucket: &str, records: usize) -> BTreeMap<String, Vec<Value>> {
        self.wait_until("the records", || {
            let objects = self.objects(bucket);
            (objects.values().map(Vec::len).sum::<usize>() >= records).then_some(objects)
        })
    }

    /// All objects of a bucket of JSON lines, by key.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<Value>> {
        let unpacked = |(key, body): (String, Vec<u8>)| {
            let mut text = String::new();
            flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut text).expect("gzip of UTF-8");
            (key, text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
        };
        self.compressed_objects(bucket).into_iter().map(unpacked).collect()
    }

    /// All objects of a bucket, not decompressed, by key.
    pub fn compressed_objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let client = aws_sdk_s3::Client::new(&target_account().sdk);
        let name = self.name(bucket);
        let listed = block_on(client.list_objects_v2().bucket(&name).into_paginator().send().collect::<Vec<_>>());
        let keys = listed.into_iter().flat_map(|page| page.expect("a list").contents.unwrap_or_default());
        keys.filter_map(|object| object.key)
            .map(|key| {
                let body = block_on(async {
                    let got = client.get_object().bucket(&name).key(&key).send().await.expect("an object");
                    got.body.collect().await.expect("a body").into_bytes()
                });
                (key, body.to_vec())
            })
            .collect()
    }

    /// All rows of a table, as they are.
    pub fn rows(&self, table: &str) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
        let scan = client.scan().table_name(self.name(table)).consistent_read(true).into_paginator().items().send();
        block_on(scan.collect::<Result<Vec<_>, _>>()).unwrap_or_else(|error| panic!("no rows: {error:?}"))
    }

    /// Puts items into the source's table.
    pub fn put(&self, table: &str, keys: impl IntoIterator<Item = String>) {
        let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
        let name = self.name(table);
        let keys: Vec<String> = keys.into_iter().collect();
        for part in keys.chunks(25) {
            let put = |key: &String| {
                let row = aws_sdk_dynamodb::types::PutRequest::builder().item("name", AttributeValue::S(key.clone()));
                let row = row.build().expect("a row");
                aws_sdk_dynamodb::types::WriteRequest::builder().put_request(row).build()
            };
            let write = client.batch_write_item().request_items(&name, part.iter().map(put).collect());
            block_on(write.send()).unwrap_or_else(|error| panic!("not put: {error:?}"));
        }
    }

    /// Receives and deletes all messages of a queue.
    pub fn receive_all(&self, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
        receive_all_from(&self.queue(queue))
    }

    /// A queue that listens to a topic, by its URL.
    pub fn listener(&self, topic: &str) -> String {
        let sqs = aws_sdk_sqs::Client::new(&target_account().sdk);
        let name = format!("listener-{topic}-{}", self.deployed.name);
        let url = block_on(sqs.create_queue().queue_name(&name).send()).expect("a queue").queue_url.expect("a URL");
        let arn = |service: &str, name: &str| {
            format!("arn:aws:{service}:{}:{}:{name}", target_account().region, target_account().account)
        };
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": arn("sqs", &name), "Condition": { "ArnEquals": { "aws:SourceArn": arn("sns", &self.name(topic)) } },
        }] });
        let set = sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy.to_string());
        block_on(set.send()).expect("a policy");
        let sns = aws_sdk_sns::Client::new(&target_account().sdk);
        let subscribe = sns.subscribe().topic_arn(arn("sns", &self.name(topic))).protocol("sqs");
        block_on(subscribe.endpoint(arn("sqs", &name)).send()).expect("a subscription");
        url
    }

    /// The number of messages of a queue, those in flight included.
    pub fn message_count(&self, queue: &str) -> usize {
        use QueueAttributeName as Name;
        let client = aws_sdk_sqs::Client::new(&target_account().sdk);
        let names = [Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible];
        let ask = client.get_queue_attributes().queue_url(self.queue(queue)).set_attribute_names(Some(names.to_vec()));
        let told = block_on(ask.send()).unwrap_or_else(|error| panic!("no attributes: {error:?}"));
        let told = told.attributes.unwrap_or_default();
        names.iter().filter_map(|name| told.get(name)?.parse::<usize>().ok()).sum()
    }

    /// Sends a message to a queue.
    pub fn send(&self, queue: &str, body: &str) {
        let client = aws_sdk_sqs::Client::new(&target_account().sdk);
        let sent = client.send_message().queue_url(self.queue(queue)).message_body(body).send();
        block_on(sent).unwrap_or_else(|error| panic!("not sent: {error:?}"));
    }

    /// The logs of all functions.
    pub fn logs(&self) -> String {
        let client = aws_sdk_cloudwatchlogs::Client::new(&target_account().sdk);
        let mut all = String::new();
        for (_, name) in template::names(&self.plan).into_iter().filter(|(id, _)| id.ends_with("Logs")) {
            let Ok(told) = block_on(client.filter_log_events().log_group_name(name).send()) else { continue };
            for event in told.events.unwrap_or_default() {
                all += event.message.unwrap_or_default().trim_end();
                all.push('\n');
            }
        }
        all
    }
}

/// Receives and deletes all messages of the queue with this URL.
pub fn receive_all_from(url: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let client = aws_sdk_sqs::Client::new(&target_account().sdk);
    let mut all = Vec::new();
    loop {
        let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
        let got = block_on(receive.message_attribute_names("All").send());
        let got = got.unwrap_or_else(|error| panic!("not received: {error:?}")).messages.unwrap_or_default();
        if got.is_empty() {
            return all;
        }
        for message in &got {
            let receipt = message.receipt_handle().unwrap_or_default();
            let delete = client.delete_message().queue_url(url).receipt_handle(receipt);
            block_on(delete.send()).unwrap_or_else(|error| panic!("not deleted: {error:?}"));
        }
        all.extend(got);
    }
}
