//! The state of stacks in CloudFormation and in the artifact bucket, read as the account's root.

use aws_sdk_sts::error::ProvideErrorMetadata as _;

use super::emulator::block_on;
use super::target_account::target_account;

fn described(stack: &str) -> Option<aws_sdk_cloudformation::types::Stack> {
    let client = aws_sdk_cloudformation::Client::new(&target_account().sdk);
    match block_on(client.describe_stacks().stack_name(stack).send()) {
        Ok(found) => found.stacks?.pop(),
        Err(error) if error.message().is_some_and(|text| text.ends_with("does not exist")) => None,
        Err(error) => panic!("no stacks: {error:?}"),
    }
}

/// The status of a stack; `None` where it does not exist.
pub fn status(stack: &str) -> Option<String> {
    Some(described(stack)?.stack_status?.as_str().to_owned())
}

/// Whether a stack is protected from deletion.
pub fn protected(stack: &str) -> bool {
    described(stack).and_then(|stack| stack.enable_termination_protection).unwrap_or_default()
}

/// The change sets of a stack that can still be executed.
pub fn change_sets(stack: &str) -> Vec<String> {
    let client = aws_sdk_cloudformation::Client::new(&target_account().sdk);
    let all = block_on(client.list_change_sets().stack_name(stack).send());
    let all = all.unwrap_or_else(|error| panic!("no change sets: {error:?}")).summaries.unwrap_or_default();
    let open = all.into_iter().filter(|set| set.execution_status().is_some_and(|it| it.as_str() == "AVAILABLE"));
    open.filter_map(|set| set.change_set_name).collect()
}

/// The name of the artifact bucket.
pub fn artifacts() -> String {
    format!("fanggen-artifacts-{}-{}", target_account().account, target_account().region)
}

/// The keys in the artifact bucket below a prefix.
pub fn keys(prefix: &str) -> Vec<String> {
    let client = aws_sdk_s3::Client::new(&target_account().sdk);
    let all = block_on(client.list_objects_v2().bucket(artifacts()).prefix(prefix).send());
    let all = all.unwrap_or_else(|error| panic!("no keys: {error:?}"));
    all.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
}

/// The stacks that are registered as users of the artifact bucket.
pub fn users() -> Vec<String> {
    let name = |key: String| key.trim_start_matches("stacks/").trim_end_matches(".json").to_owned();
    keys("stacks/").into_iter().map(name).collect()
}

/// A parameter of a stack; nothing if there is no such stack or parameter.
pub fn parameter(stack: &str, name: &str) -> Option<String> {
    let parameters = described(stack)?.parameters.unwrap_or_default();
    parameters.into_iter().find(|one| one.parameter_key() == Some(name))?.parameter_value
}
