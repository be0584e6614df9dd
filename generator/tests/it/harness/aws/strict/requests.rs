//! Rules on single requests.

use std::fs;
use std::sync::OnceLock;

use serde_json::Value;

use super::super::botocore;
use super::Sent;
use super::answers::Memory;
use super::stacks::Stacks;

type Rule = fn(&Sent<'_>, &Stacks, &Memory) -> Option<String>;

const RULES: [Rule; 5] = [
    express_rolls_back,
    a_message_is_hidden_for_12_hours_in_all,
    a_table_is_updated_with_something,
    a_stack_with_a_protected_table_is_not_deleted,
    variables_of_a_function,
];

pub fn broken(sent: &Sent<'_>, stacks: &Stacks, memory: &Memory) -> Vec<String> {
    RULES.iter().filter_map(|rule| rule(sent, stacks, memory)).collect()
}

/// Without `DisableRollback: false` an express deployment that fails stays as it is, and no call rolls it back.
///
/// https://github.com/aws/aws-cdk-cli/pull/1969, read on 2026-11-28
fn express_rolls_back(sent: &Sent<'_>, _: &Stacks, _: &Memory) -> Option<String> {
    let setting = &sent.parameters["DeploymentConfig"];
    let broken = sent.call.service == "cloudformation"
        && setting["Mode"] == "EXPRESS"
        && setting["DisableRollback"] != false
        && sent.parameters["DisableRollback"] != false;
    broken.then(|| "an express deployment without `DisableRollback: false` does not roll back".to_owned())
}

/// Seconds. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
const HIDDEN_AT_MOST: u64 = 43_200;

/// "The maximum visibility timeout is 12 hours from the time that Amazon SQS receives the `ReceiveMessage` request.
/// Extending the visibility timeout does not reset the 12-hour maximum": 12 hours are refused at any time after.
///
/// https://github.com/awsdocs/amazon-sqs-developer-guide/pull/40, and the message of the refusal in
/// https://github.com/aws/aws-sdk-net/issues/794, read on 2026-11-29
fn a_message_is_hidden_for_12_hours_in_all(sent: &Sent<'_>, _: &Stacks, memory: &Memory) -> Option<String> {
    let entries = match sent.call.operation().as_str() {
        "sqs:ChangeMessageVisibility" => std::slice::from_ref(sent.parameters),
        "sqs:ChangeMessageVisibilityBatch" => sent.parameters["Entries"].as_array()?,
        _ => return None,
    };
    let broken = |entry: &&Value| {
        let more = entry["VisibilityTimeout"].as_u64().unwrap_or_default();
        // One that Lambda received was received a moment ago at the latest.
        let since = memory.since_receipt(entry["ReceiptHandle"].as_str().unwrap_or_default());
        since.map_or(more >= HIDDEN_AT_MOST, |since| since.as_secs_f64() + more as f64 > HIDDEN_AT_MOST as f64)
    };
    entries
        .iter()
        .any(|entry| broken(&entry))
        .then(|| format!("Total VisibilityTimeout for the message is beyond the limit [{HIDDEN_AT_MOST} seconds]"))
}

/// "You can only perform one of the following operations at once": an update that names none is refused.
///
/// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html, read on 2026-11-28
fn a_table_is_updated_with_something(sent: &Sent<'_>, _: &Stacks, _: &Memory) -> Option<String> {
    let members = sent.parameters.as_object().map(serde_json::Map::len);
    (sent.is("dynamodb:UpdateTable") && members == Some(1)).then(|| "the update of the table is empty".to_owned())
}

/// A table with deletion protection cannot be deleted: the stack would stay as `DELETE_FAILED`. The emulator refuses
/// DeleteTable itself.
///
/// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html, read on 2026-11-28
fn a_stack_with_a_protected_table_is_not_deleted(sent: &Sent<'_>, stacks: &Stacks, _: &Memory) -> Option<String> {
    if !sent.is("cloudformation:DeleteStack") {
        return None;
    }
    let deleted = stacks.deleted(sent).into_iter();
    let mut tables = deleted.filter(|(_, resource)| resource.kind == "AWS::DynamoDB::Table");
    let (id, _) = tables.find(|(_, table)| stacks.is_protected(&sent.account, table))?;
    Some(format!("the stack cannot delete its table {id}, which is protected"))
}

fn variables_of_a_function(sent: &Sent<'_>, _: &Stacks, _: &Memory) -> Option<String> {
    let of_function = sent.is("lambda:CreateFunction") || sent.is("lambda:UpdateFunctionConfiguration");
    of_function.then(|| variables_are_too_long(&sent.parameters["Environment"]["Variables"])).flatten()
}

/// Bytes. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read on 2026-11-29
const VARIABLES_AT_MOST: usize = 4_096;

/// The 4 KB of a function's variables are those of the JSON of the whole map.
///
/// https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594, read on 2026-11-28
pub fn variables_are_too_long(variables: &Value) -> Option<String> {
    let length = if variables.is_null() { 0 } else { variables.to_string().len() };
    (length > VARIABLES_AT_MOST).then(|| format!("the variables are {length} bytes of JSON, and 4 KB is the most"))
}

/// Whether Amazon Comprehend is in a region, by the endpoints that botocore carries.
pub fn has_comprehend(region: &str) -> bool {
    static ENDPOINTS: OnceLock<Value> = OnceLock::new();
    let all = ENDPOINTS.get_or_init(|| {
        let text = fs::read_to_string(botocore::data().join("endpoints.json")).expect("endpoints");
        serde_json::from_str(&text).expect("JSON")
    });
    let partitions = all["partitions"].as_array().into_iter().flatten();
    partitions.into_iter().any(|one| one["services"]["comprehend"]["endpoints"].get(region).is_some())
}
