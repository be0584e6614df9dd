//! Somebody with exactly the permissions of a policy: an IAM user of the emulator, and the key to act as that user.

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
    let client = Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    block_on(async {
        client.create_user().user_name(name).send().await.unwrap_or_else(|error| panic!("no user {name}: {error:?}"));
        for (index, part) in parts(policy).into_iter().enumerate() {
            let policy = client.create_policy().policy_name(format!("{name}-{index}")).policy_document(part);
            let made = policy.send().await.unwrap_or_else(|error| panic!("no policy: {error:?}"));
            let arn = made.policy().and_then(|policy| policy.arn()).expect("an ARN");
            client.attach_user_policy().user_name(name).policy_arn(arn).send().await.expect("attached");
        }
        let made = client.create_access_key().user_name(name).send().await.expect("a key");
        let key = made.access_key().expect("a key");
        Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "deployer")
    })
}

/// The statements of a policy in as many documents as IAM's limits ask for.
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
