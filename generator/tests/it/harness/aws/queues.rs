//! The queues of the emulator: all their messages, those that are hidden too, and who reads them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::emulator::{Emulator, block_on};
use super::target_account::target_account;

/// A message as the emulator has it.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    pub id: String,
    pub body: String,
    pub is_visible: bool,
    pub attributes: Value,
    pub system: Value,
}

/// The URL of a queue.
pub fn url(name: &str) -> String {
    let address = target_account().emulator.map(Emulator::address).unwrap_or_default();
    format!("{address}/{}/{name}", target_account().account)
}

/// All messages of a queue, whether they are visible or not; nothing is changed.
pub fn peek(name: &str) -> Vec<StoredMessage> {
    let emulator = target_account().emulator.expect("an emulator");
    let address = format!("{}/_ministack/sqs/messages?QueueUrl={}", emulator.address(), url(name));
    let answer = block_on(async { emulator.client().get(address).send().await?.text().await }).expect("an answer");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let regions = answer["messages"].as_object().into_iter().flatten().map(|(_, regions)| regions);
    let queues = regions.filter_map(Value::as_object).flatten().map(|(_, queues)| queues);
    let messages = queues.filter_map(Value::as_object).flatten().filter_map(|(_, messages)| messages.as_array());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    messages
        .flatten()
        .map(|message| StoredMessage {
            id: text(&message["MessageId"]),
            body: text(&message["Body"]),
            is_visible: message["IsVisible"] == true,
            attributes: message["MessageAttributes"].clone(),
            system: message["Attributes"].clone(),
        })
        .collect()
}

/// The bodies of a queue.
pub fn bodies(name: &str) -> BTreeSet<String> {
    peek(name).into_iter().map(|message| message.body).collect()
}

/// Deletes all messages.
pub fn purge(name: &str) {
    let client = aws_sdk_sqs::Client::new(&target_account().sdk);
    block_on(client.purge_queue().queue_url(url(name)).send()).unwrap_or_else(|error| panic!("not purged: {error:?}"));
}

/// Stops a function from reading its queue.
pub fn stop_reading(function: &str) {
    let lambda = aws_sdk_lambda::Client::new(&target_account().sdk);
    let mappings = block_on(lambda.list_event_source_mappings().function_name(function).send());
    for mapping in mappings.expect("mappings").event_source_mappings.unwrap_or_default() {
        let off = lambda.update_event_source_mapping().uuid(mapping.uuid.unwrap_or_default()).enabled(false);
        block_on(off.send()).expect("switched off");
    }
}
