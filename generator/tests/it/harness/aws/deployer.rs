//! IAM users of the emulator with exactly the permissions of a policy, and their access keys.

use aws_sdk_iam::Client;
use aws_sdk_sts::config::Credentials;
use serde_json::{Value, json};

use super::emulator::{Emulator, block_on};

/// Characters without white space in a managed policy, and such policies on one user.
///
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const POLICY_SIZE: usize = 6_144;
const POLICIES: usize = 10;

/// A new user of this name with a policy, given as its JSON, and the key of that user.
pub fn deployer(emulator: &Emulator, name: &str, policy: &str) -> Credentials {
    key(emulator, name, &parts(policy))
}

/// A new user of this name with exactly these documents, each a managed policy, and the key of that user.
pub fn key(emulator: &Emulator, name: &str, documents: &[String]) -> Credentials {
    let client = Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    block_on(client.create_user().user_name(name).send()).unwrap_or_else(|error| panic!("no user {name}: {error:?}"));
    renew(emulator, name, documents);
    let made = block_on(client.create_access_key().user_name(name).send()).expect("a key");
    let key = made.access_key().expect("a key");
    Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "deployer")
}

/// Replaces all documents of a user.
pub fn renew(emulator: &Emulator, name: &str, documents: &[String]) {
    assert!(documents.len() <= POLICIES, "{} policies, and a user has {POLICIES} at most", documents.len());
    let client = Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    block_on(async {
        let had = client.list_attached_user_policies().user_name(name).send().await.expect("a list");
        for arn in had.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
            // What is not there is gone: the answer to an earlier attempt was lost, as when the emulator closes an idle connection.
            match client.detach_user_policy().user_name(name).policy_arn(arn).send().await {
                Err(error) if error.as_service_error().is_some_and(|it| it.is_no_such_entity_exception()) => {}
                detached => drop(detached.expect("detached")),
            }
            match client.delete_policy().policy_arn(arn).send().await {
                Err(error) if error.as_service_error().is_some_and(|it| it.is_no_such_entity_exception()) => {}
                deleted => drop(deleted.expect("deleted")),
            }
        }
        for (index, document) in documents.iter().enumerate() {
            let size = document.chars().filter(|one| !one.is_whitespace()).count();
            assert!(size <= POLICY_SIZE, "a policy of {size} characters");
            let policy_name = format!("{name}-{index}");
            let arn = format!("arn:aws:iam::{}:policy/{policy_name}", super::emulator::ACCOUNT);
            match client.create_policy().policy_name(policy_name).policy_document(document).send().await {
                // As above.
                Err(error) if error.as_service_error().is_some_and(|it| it.is_entity_already_exists_exception()) => {}
                made => drop(made.unwrap_or_else(|error| panic!("no policy: {error:?}"))),
            }
            client.attach_user_policy().user_name(name).policy_arn(arn).send().await.expect("attached");
        }
    });
}

/// Splits the statements of a policy into documents within IAM's limits.
fn parts(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_else(|error| panic!("no JSON: {error}\n{policy}"));
    let Some(statements) = policy["Statement"].as_array() else { panic!("no statements in {policy}") };
    let document = |of: &[Value]| json!({"Version": "2012-10-17", "Statement": of}).to_string();
    let size = |text: &str| text.chars().filter(|one| !one.is_whitespace()).count();
    let mut parts: Vec<Vec<Value>> = Vec::new();
    for statement in statements {
        if let Some(last) = parts.last_mut() {
            last.push(statement.clone());
            if size(&document(last)) <= POLICY_SIZE {
                continue;
            }
            last.pop();
        }
        let alone = vec![statement.clone()];
        assert!(size(&document(&alone)) <= POLICY_SIZE, "no policy is large enough for this statement: {statement}");
        parts.push(alone);
    }
    assert!(parts.len() <= POLICIES, "{} policies, and a user has {POLICIES} at most", parts.len());
    parts.iter().map(|part| document(part)).collect()
}
