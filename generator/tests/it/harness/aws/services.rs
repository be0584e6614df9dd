//! The resources of a plan as their services describe them, in the properties of its template.

use std::collections::BTreeMap;
use std::fmt::Debug;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Map, Value, json};

use super::catalog;
use super::emulator::block_on;
use super::target_account::target_account;
use super::template::{Asked, plain};

/// Error codes for a resource that does not exist.
const ABSENT: [&str; 9] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
];

/// The response, or `None` where the resource does not exist; panics on any other failure.
fn got<T, E: ProvideErrorMetadata + Debug, R: Debug>(answer: Result<T, SdkError<E, R>>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) if error.as_service_error().and_then(E::code).is_some_and(|code| ABSENT.contains(&code)) => None,
        Err(error) => panic!("a service does not answer: {error:?}"),
    }
}

/// The properties of all these resources; `None` where one does not exist.
pub fn look(asked: &BTreeMap<String, Asked>) -> BTreeMap<String, Option<Value>> {
    asked.iter().map(|(id, asked)| (id.clone(), find(asked))).collect()
}

/// The names of those that exist.
pub fn there(asked: &BTreeMap<String, Asked>) -> Vec<String> {
    look(asked).into_iter().filter_map(|(id, found)| found.map(|_| id)).collect()
}

fn find(asked: &Asked) -> Option<Value> {
    let name = asked.name.as_str();
    let found = match asked.kind.as_str() {
        "AWS::DynamoDB::Table" => table(name),
        "AWS::Glue::Database" => database(name),
        "AWS::Glue::Table" => catalog_table(name),
        "AWS::IAM::Role" => role(name),
        "AWS::Lambda::EventInvokeConfig" => invoke(name),
        "AWS::Lambda::EventSourceMapping" => mapping(name),
        "AWS::Lambda::Function" => function(name),
        "AWS::Logs::LogGroup" => logs(name),
        "AWS::S3::Bucket" => bucket(name),
        "AWS::S3::BucketPolicy" => bucket_policy(name),
        "AWS::SNS::Subscription" => subscription(name),
        "AWS::SNS::Topic" => topic(name),
        "AWS::SNS::TopicPolicy" => topic_policy(name),
        "AWS::SQS::Queue" => queue(name),
        "AWS::SQS::QueuePolicy" => queue_policy(name),
        "AWS::Scheduler::Schedule" => schedule(name),
        other => panic!("nobody here knows whom to ask for {other}"),
    };
    found.map(|value| plain(&value))
}

fn table(name: &str) -> Option<Value> {
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let table = got(block_on(client.describe_table().table_name(name).send()))?.table?;
    let key = |one: &aws_sdk_dynamodb::types::KeySchemaElement| json!({ "AttributeName": one.attribute_name(), "KeyType": one.key_type().as_str() });
    let attribute = |one: &aws_sdk_dynamodb::types::AttributeDefinition| json!({ "AttributeName": one.attribute_name(), "AttributeType": one.attribute_type().as_str() });
    Some(json!({
        "AttributeDefinitions": table.attribute_definitions().iter().map(attribute).collect::<Vec<_>>(),
        "BillingMode": table.billing_mode_summary().and_then(|mode| mode.billing_mode()).map(|mode| mode.as_str()),
        "DeletionProtectionEnabled": table.deletion_protection_enabled().unwrap_or_default(),
        "KeySchema": table.key_schema().iter().map(key).collect::<Vec<_>>(),
        "SSESpecification": encryption(table.sse_description()),
    }))
}

/// The encryption of a table, as its template says it; AWS describes only one that is not its own.
fn encryption(found: Option<&aws_sdk_dynamodb::types::SseDescription>) -> Value {
    match found.filter(|sse| sse.status() == Some(&aws_sdk_dynamodb::types::SseStatus::Enabled)) {
        None => json!({ "SSEEnabled": false }),
        Some(sse) => json!({
            "SSEEnabled": true,
            "SSEType": sse.sse_type().map(|kind| kind.as_str()),
            "KMSMasterKeyId": sse.kms_master_key_arn(),
        }),
    }
}

/// All rows of a table; all values are strings.
pub fn rows(name: &str) -> Vec<BTreeMap<String, String>> {
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let scan = client.scan().table_name(name).consistent_read(true).into_paginator().items().send();
    let all = block_on(scan.collect::<Result<Vec<_>, _>>()).unwrap_or_else(|error| panic!("no rows: {error:?}"));
    let mut rows: Vec<BTreeMap<String, String>> = all
        .into_iter()
        .map(|row| row.into_iter().map(|(name, cell)| (name, cell.as_s().expect("a text").clone())).collect())
        .collect();
    rows.sort();
    rows
}

fn document(text: &str) -> Value {
    let decoded = url::form_urlencoded::parse(format!("d={text}").as_bytes()).next().expect("a text").1.into_owned();
    let text = if text.starts_with('{') { text } else { &decoded };
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no policy: {error}: {text}"))
}

fn role(name: &str) -> Option<Value> {
    let client = aws_sdk_iam::Client::new(&target_account().sdk);
    let role = got(block_on(client.get_role().role_name(name).send()))?.role?;
    let names = block_on(client.list_role_policies().role_name(name).send()).expect("names").policy_names;
    let policies: Vec<Value> = names
        .into_iter()
        .map(|policy| {
            let found =
                block_on(client.get_role_policy().role_name(name).policy_name(&policy).send()).expect("a policy");
            json!({ "PolicyName": policy, "PolicyDocument": document(found.policy_document()) })
        })
        .collect();
    let mut found = json!({
        "AssumeRolePolicyDocument": document(role.assume_role_policy_document().unwrap_or_default()),
        "Policies": policies,
    });
    if let Some(arn) = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()) {
        found["PermissionsBoundary"] = arn.into();
    }
    Some(found)
}

fn function(name: &str) -> Option<Value> {
    let client = aws_sdk_lambda::Client::new(&target_account().sdk);
    let found = got(block_on(client.get_function().function_name(name).send()))?.configuration?;
    let environment = found.environment.and_then(|environment| environment.variables).unwrap_or_default();
    let logging = found.logging_config.as_ref();
    Some(json!({
        "Architectures": found.architectures.iter().flatten().map(|one| one.as_str()).collect::<Vec<_>>(),
        "CodeSha256": found.code_sha256,
        "Description": found.description,
        "Environment": { "Variables": environment },
        "Handler": found.handler,
        "LoggingConfig": {
            "LogGroup": logging.and_then(|logging| logging.log_group()),
            "LogFormat": logging.and_then(|logging| logging.log_format()).map(|format| format.as_str()),
        },
        "MemorySize": found.memory_size,
        "Role": found.role,
        "Runtime": found.runtime.map(|runtime| runtime.as_str().to_owned()),
        "Timeout": found.timeout,
        "TracingConfig": { "Mode": found.tracing_config.and_then(|tracing| tracing.mode).map(|mode| mode.as_str().to_owned()) },
    }))
}

fn invoke(function: &str) -> Option<Value> {
    let client = aws_sdk_lambda::Client::new(&target_account().sdk);
    let ask = client.get_function_event_invoke_config().function_name(function).qualifier("$LATEST");
    let found = got(block_on(ask.send()))?;
    let failure = found.destination_config().and_then(|all| all.on_failure()).and_then(|one| one.destination());
    Some(json!({
        "DestinationConfig": { "OnFailure": { "Destination": failure } },
        "MaximumRetryAttempts": found.maximum_retry_attempts(),
    }))
}

fn mapping(function: &str) -> Option<Value> {
    let client = aws_sdk_lambda::Client::new(&target_account().sdk);
    let found = got(block_on(client.list_event_source_mappings().function_name(function).send()))?;
    let all = found.event_source_mappings();
    assert!(all.len() < 2, "{function} has {} mappings", all.len());
    let one = all.first()?;
    Some(json!({
        "BatchSize": one.batch_size(),
        "EventSourceArn": one.event_source_arn(),
        "FunctionResponseTypes": one.function_response_types().iter().map(|one| one.as_str()).collect::<Vec<_>>(),
        "ScalingConfig": { "MaximumConcurrency": one.scaling_config().and_then(|it| it.maximum_concurrency()) },
    }))
}

fn logs(name: &str) -> Option<Value> {
    let client = aws_sdk_cloudwatchlogs::Client::new(&target_account().sdk);
    let found = got(block_on(client.describe_log_groups().log_group_name_prefix(name).send()))?;
    let group = found.log_groups().iter().find(|group| group.log_group_name() == Some(name))?;
    Some(json!({ "RetentionInDays": group.retention_in_days() }))
}

fn bucket(name: &str) -> Option<Value> {
    let client = aws_sdk_s3::Client::new(&target_account().sdk);
    let versioning = got(block_on(client.get_bucket_versioning().bucket(name).send()))?;
    let block = got(block_on(client.get_public_access_block().bucket(name).send()));
    let block = block.and_then(|block| block.public_access_block_configuration);
    let owned = got(block_on(client.get_bucket_ownership_controls().bucket(name).send()));
    let owned = owned.and_then(|owned| owned.ownership_controls);
    let rules: Vec<Value> = owned
        .iter()
        .flat_map(|owned| owned.rules())
        .map(|rule| json!({ "ObjectOwnership": rule.object_ownership().as_str() }))
        .collect();
    Some(json!({
        "OwnershipControls": { "Rules": rules },
        "PublicAccessBlockConfiguration": block.map(|block| json!({
            "BlockPublicAcls": block.block_public_acls(),
            "BlockPublicPolicy": block.block_public_policy(),
            "IgnorePublicAcls": block.ignore_public_acls(),
            "RestrictPublicBuckets": block.restrict_public_buckets(),
        })),
        "VersioningConfiguration": { "Status": versioning.status().map(|status| status.as_str()) },
    }))
}

fn bucket_policy(bucket: &str) -> Option<Value> {
    let client = aws_sdk_s3::Client::new(&target_account().sdk);
    let found = got(block_on(client.get_bucket_policy().bucket(bucket).send()))?;
    Some(json!({ "PolicyDocument": document(found.policy()?) }))
}

/// All attributes of a queue.
fn attributes(name: &str) -> Option<BTreeMap<String, String>> {
    let client = aws_sdk_sqs::Client::new(&target_account().sdk);
    let address = got(block_on(client.get_queue_url().queue_name(name).send()))?.queue_url?;
    let ask = client.get_queue_attributes().queue_url(address);
    let found = got(block_on(ask.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All).send()))?;
    let all = found.attributes.unwrap_or_default();
    Some(all.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
}

fn queue(name: &str) -> Option<Value> {
    let attributes = attributes(name)?;
    let mut found = Map::new();
    for name in ["MaximumMessageSize", "MessageRetentionPeriod", "SqsManagedSseEnabled", "VisibilityTimeout"] {
        found.extend(attributes.get(name).map(|value| (name.to_owned(), value.as_str().into())));
    }
    for name in ["RedriveAllowPolicy", "RedrivePolicy"] {
        found.extend(attributes.get(name).map(|value| (name.to_owned(), document(value))));
    }
    Some(Value::Object(found))
}

fn queue_policy(queue: &str) -> Option<Value> {
    let policy = attributes(queue)?.remove("Policy").filter(|policy| !policy.is_empty())?;
    Some(json!({ "PolicyDocument": document(&policy) }))
}

fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{}:{}:{name}", target_account().region, target_account().account)
}

/// The attributes of a topic.
fn topic_attributes(name: &str) -> Option<std::collections::HashMap<String, String>> {
    let client = aws_sdk_sns::Client::new(&target_account().sdk);
    got(block_on(client.get_topic_attributes().topic_arn(topic_arn(name)).send()))?.attributes
}

fn topic(name: &str) -> Option<Value> {
    let mut found = topic_attributes(name)?;
    let key = found.remove("KmsMasterKeyId").filter(|key| !key.is_empty());
    Some(key.map_or_else(|| json!({}), |key| json!({ "KmsMasterKeyId": key })))
}

fn topic_policy(topic: &str) -> Option<Value> {
    Some(json!({ "PolicyDocument": document(&topic_attributes(topic)?.remove("Policy")?) }))
}

fn subscription(topic: &str) -> Option<Value> {
    let client = aws_sdk_sns::Client::new(&target_account().sdk);
    let found = got(block_on(client.list_subscriptions_by_topic().topic_arn(topic_arn(topic)).send()))?;
    let one = found.subscriptions().first()?;
    Some(json!({ "TopicArn": one.topic_arn(), "Protocol": one.protocol(), "Endpoint": one.endpoint() }))
}

fn database(name: &str) -> Option<Value> {
    let found = block_on(catalog::database(&target_account().sdk, name))?;
    let input = json!({ "Name": found["Name"], "Description": found["Description"] });
    Some(json!({ "CatalogId": found["CatalogId"], "DatabaseInput": input }))
}

fn catalog_table(name: &str) -> Option<Value> {
    let found = block_on(catalog::table(&target_account().sdk, name))?;
    let mut input = Map::new();
    for name in ["Name", "TableType", "Parameters", "PartitionKeys"] {
        input.insert(name.into(), found[name].clone());
    }
    let mut storage = Map::new();
    for name in ["Location", "InputFormat", "OutputFormat", "SerdeInfo", "Columns"] {
        storage.insert(name.into(), found["StorageDescriptor"][name].clone());
    }
    input.insert("StorageDescriptor".into(), storage.into());
    Some(json!({ "CatalogId": found["CatalogId"], "DatabaseName": found["DatabaseName"], "TableInput": input }))
}

fn schedule(name: &str) -> Option<Value> {
    let client = aws_sdk_scheduler::Client::new(&target_account().sdk);
    let found = got(block_on(client.get_schedule().name(name).send()))?;
    let target = found.target()?;
    let mut kept = json!({
        "FlexibleTimeWindow": { "Mode": found.flexible_time_window().map(|window| window.mode().as_str()) },
        "ScheduleExpression": found.schedule_expression(),
        "State": found.state().map(|state| state.as_str()),
        "Target": {
            "Arn": target.arn(),
            "DeadLetterConfig": { "Arn": target.dead_letter_config().and_then(|config| config.arn()) },
            "Input": target.input(),
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": target.retry_policy().and_then(|it| it.maximum_event_age_in_seconds()),
                "MaximumRetryAttempts": target.retry_policy().and_then(|it| it.maximum_retry_attempts()),
            },
            "RoleArn": target.role_arn(),
        },
    });
    if target_account().emulator.is_none() {
        kept["ScheduleExpressionTimezone"] = found.schedule_expression_timezone().into();
    }
    Some(kept)
}
