//! A deployed pipeline whose functions are started and invoked by the harness instead of Lambda, behind a proxy that counts
//! their calls and injects faults.
#![allow(dead_code, reason = "each test crate uses its own part of the harness")]

use std::collections::BTreeMap;
use std::ffi::OsString;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde_json::{Value, json};

use crate::harness::aws::comprehend::Comprehend;
use crate::harness::aws::deployed::bootstrap;
use crate::harness::aws::emulator::block_on;
use crate::harness::aws::proxy::Proxy;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::{DeployedPipeline, PATIENCE};
use fanggen_runtime::testing::lambda_api::{LambdaCommand, LambdaProcess};

/// A deployed pipeline whose queue is read only by the harness.
pub struct LocalLambda {
    pub live: DeployedPipeline,
    pub proxy: Proxy,
    pub comprehend: Comprehend,
}

impl LocalLambda {
    pub fn of(live: DeployedPipeline) -> Self {
        Self::behind(live, Proxy::before(target_account().emulator.expect("an emulator")))
    }

    /// With a proxy of the test, which the functions take for AWS.
    pub fn behind(live: DeployedPipeline, proxy: Proxy) -> Self {
        let lambda = aws_sdk_lambda::Client::new(&target_account().sdk);
        let mappings = block_on(lambda.list_event_source_mappings().function_name(live.name("WorkerFunction")).send());
        for mapping in mappings.expect("mappings").event_source_mappings.unwrap_or_default() {
            let off = lambda.update_event_source_mapping().uuid(mapping.uuid.unwrap_or_default()).enabled(false);
            block_on(off.send()).expect("switched off");
        }
        Self { live, proxy, comprehend: Comprehend::start() }
    }

    /// A function as it is deployed, but for where it finds AWS.
    pub fn start(&self, id: &str) -> LambdaProcess {
        let lambda = aws_sdk_lambda::Client::new(&target_account().sdk);
        let told = block_on(lambda.get_function_configuration().function_name(self.live.name(id)).send());
        let own = told.expect("a function").environment.and_then(|it| it.variables).unwrap_or_default();
        let emulator = target_account().emulator.expect("an emulator");
        let mut all: BTreeMap<String, String> = own.into_iter().collect();
        let way = emulator.environment_of(&self.proxy.endpoint(), &emulator.root());
        all.extend(way.into_iter().map(|(name, value)| (name.to_owned(), value)));
        all.insert("AWS_ENDPOINT_URL_COMPREHEND".into(), self.comprehend.endpoint());
        let variables = all.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        LambdaCommand::new(&bootstrap().display().to_string(), variables).timeout(PATIENCE).start()
    }

    /// Takes a message from the worker's queue, which shows it again after so many seconds unless it is deleted.
    pub fn receive(&self, seconds: i32) -> Option<Message> {
        let receive =
            aws_sdk_sqs::Client::new(&target_account().sdk).receive_message().queue_url(self.live.queue("WorkerQueue"));
        let receive = receive.max_number_of_messages(1).visibility_timeout(seconds);
        let got = block_on(receive.message_system_attribute_names(MessageSystemAttributeName::All).send());
        got.expect("received").messages.unwrap_or_default().into_iter().next()
    }

    /// Deletes a processed message.
    pub fn delete(&self, message: Message) {
        let delete =
            aws_sdk_sqs::Client::new(&target_account().sdk).delete_message().queue_url(self.live.queue("WorkerQueue"));
        // A receipt that is too old is no fault: somebody else has the message.
        let _ = block_on(delete.receipt_handle(message.receipt_handle.unwrap_or_default()).send());
    }
}

/// Lambda's event for a message.
pub fn event(message: &Message) -> Value {
    let attributes: BTreeMap<&str, &String> =
        message.attributes.iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
    json!({ "Records": [{
        "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
        "attributes": attributes, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:x",
    }] })
}
