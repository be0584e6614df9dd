//! The permission that a recorded call needs: the IAM action, and the resource that it is about.

use std::collections::BTreeMap;

use serde_json::Value;

use super::emulator::{ACCOUNT, REGION};
use super::wire::{Call, form};
use crate::harness::iam_simulate::Question;

/// Operations whose permission has another name.
const RENAMED: &[(&str, &str)] = &[
    ("lambda:Invoke", "lambda:InvokeFunction"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3:PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    ("sqs:ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
    ("sqs:DeleteMessageBatch", "sqs:DeleteMessage"),
    ("sqs:SendMessageBatch", "sqs:SendMessage"),
    ("sns:PublishBatch", "sns:Publish"),
    ("s3:PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    // What is deleted are versions.
    ("s3:DeleteObjects", "s3:DeleteObjectVersion"),
];

/// The operations within a transaction of DynamoDB, each of which needs its own permission
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).
const IN_TRANSACTION: &[(&str, &str)] = &[
    ("ConditionCheck", "dynamodb:ConditionCheckItem"),
    ("Delete", "dynamodb:DeleteItem"),
    ("Get", "dynamodb:GetItem"),
    ("Put", "dynamodb:PutItem"),
    ("Update", "dynamodb:UpdateItem"),
];

/// The permissions that a call needs: several, where it is about several tables.
pub fn all_needed(call: &Call) -> Vec<Question> {
    let json: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    if let Some(items) = json["TransactItems"].as_array() {
        let of_item = |item: &Value| {
            let (_, action) = IN_TRANSACTION.iter().find(|(member, _)| item[member].is_object())?;
            let name = item.as_object()?.values().next()?["TableName"].as_str()?;
            Some(Question::direct(action, &table(name)))
        };
        return items.iter().map(|item| of_item(item).unwrap_or_else(|| panic!("unknown: {item}"))).collect();
    }
    match json["RequestItems"].as_object() {
        Some(tables) => tables.keys().map(|name| Question::direct(&call.operation(), &table(name))).collect(),
        None => vec![needed(call)],
    }
}

/// The permission that a call needs.
pub fn needed(call: &Call) -> Question {
    let operation = call.operation();
    // Requests to CloudWatch are signed for its former name.
    let operation = operation.replace("monitoring:", "cloudwatch:");
    let action = RENAMED.iter().find(|(one, _)| *one == operation).map_or(operation.as_str(), |(_, action)| action);
    let json: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let form: BTreeMap<String, String> = form(&call.body);
    let path: Vec<&str> = call.head.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let last = path.last().copied().unwrap_or_default();
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let own = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
    let resource = match call.service.as_str() {
        "s3" => match call.name.as_str() {
            "DeleteObjects" => format!("arn:aws:s3:::{}/any", path.join("/")),
            _ => format!("arn:aws:s3:::{}", path.join("/")),
        },
        "lambda" => match path.as_slice() {
            [_, "functions", name, ..] => own("lambda", &format!("function:{name}")),
            _ => "*".to_owned(),
        },
        "cloudformation" => {
            let stack = form.get("StackName").cloned().unwrap_or_default();
            if stack.starts_with("arn:") { stack } else { own("cloudformation", &format!("stack/{stack}/1")) }
        }
        "dynamodb" => {
            let table = json["RequestItems"].as_object().and_then(|all| all.keys().next().cloned());
            let table = table.unwrap_or_else(|| text("TableName"));
            let arn = text("ResourceArn");
            if arn.is_empty() { own("dynamodb", &format!("table/{table}")) } else { arn }
        }
        "iam" => format!("arn:aws:iam::{ACCOUNT}:role/{}", form.get("RoleName").cloned().unwrap_or_default()),
        "sqs" => {
            let url = text("QueueUrl");
            own("sqs", url.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&text("QueueName")))
        }
        "sns" => form.get("TopicArn").cloned().unwrap_or_default(),
        "logs" => {
            let (arn, group) = (text("resourceArn"), text("logGroupName"));
            if arn.is_empty() { own("logs", &format!("log-group:{group}:*")) } else { arn }
        }
        "monitoring" => {
            let request: Value = ciborium::from_reader(&*call.body).unwrap_or_default();
            let first = request["AlarmNames"][0].as_str().map(|name| own("cloudwatch", &format!("alarm:{name}")));
            let dashboard = request["DashboardName"].as_str();
            let dashboard = dashboard.map(|name| format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}"));
            first.or(dashboard).unwrap_or_else(|| "*".to_owned())
        }
        "scheduler" => own("scheduler", &format!("schedule/default/{last}")),
        _ => "*".to_owned(),
    };
    // Where the service has no resource level, the request is about everything.
    Question { resources: vec![resource, "*".to_owned()], ..Question::direct(action, "") }
}
