//! The deployer's policy against what CloudFormation's own handlers of our resource types may call on its behalf.
//!
//! The emulator does not check its caller for each resource, so its policy simulator is asked, action by action.

use crate::harness::aws;

use std::collections::{BTreeMap, BTreeSet};

use aws::deployed::Deployed;
use aws::permissions::handlers;
use serde_json::Value;

/// What handlers may call and a deployer is not given: the type, the start of the action, and why.
pub const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("AWS::DynamoDB::Table", "dynamodb:AssociateTableReplica", "no global tables"),
    ("AWS::DynamoDB::Table", "dynamodb:CreateTableReplica", "no global tables"),
    ("AWS::DynamoDB::Table", "iam:CreateServiceLinkedRole", "no global tables"),
    ("AWS::DynamoDB::Table", "dynamodb:BatchWriteItem", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:DeleteItem", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:GetItem", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:PutItem", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:Query", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:UpdateItem", "no global tables, whose backfill writes rows"),
    ("AWS::DynamoDB::Table", "dynamodb:DeleteResourcePolicy", "no `ResourcePolicy`"),
    ("AWS::DynamoDB::Table", "dynamodb:PutResourcePolicy", "no `ResourcePolicy`"),
    ("AWS::DynamoDB::Table", "dynamodb:DescribeImport", "no `ImportSourceSpecification`"),
    ("AWS::DynamoDB::Table", "dynamodb:ImportTable", "no `ImportSourceSpecification`"),
    ("AWS::DynamoDB::Table", "logs:", "no `ImportSourceSpecification`"),
    ("AWS::DynamoDB::Table", "s3:GetObjectMetadata", "no `ImportSourceSpecification`"),
    ("AWS::DynamoDB::Table", "dynamodb:DisableKinesisStreamingDestination", "no `KinesisStreamSpecification`"),
    ("AWS::DynamoDB::Table", "dynamodb:EnableKinesisStreamingDestination", "no `KinesisStreamSpecification`"),
    ("AWS::DynamoDB::Table", "dynamodb:UpdateKinesisStreamingDestination", "no `KinesisStreamSpecification`"),
    ("AWS::DynamoDB::Table", "kinesis:", "no `KinesisStreamSpecification`"),
    ("AWS::DynamoDB::Table", "dynamodb:UpdateContributorInsights", "no `ContributorInsightsSpecification`"),
    ("AWS::Glue::Database", "glue:CreateConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Database", "glue:DeleteConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Database", "glue:GetConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Database", "glue:PassConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Database", "glue:UpdateConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Table", "glue:PassConnection", "no database of somebody else's behind a connection"),
    ("AWS::Glue::Table", "glue:GetSchemaVersion", "no `SchemaReference`"),
    ("AWS::Glue::Table", "s3:PutObject", "no `OpenTableFormatInput`"),
    ("AWS::Glue::Table", "s3:GetObject", "no `OpenTableFormatInput`"),
    ("AWS::Glue::Table", "lakeformation:CreateTable", "where Lake Formation guards the catalog, its own grant decides"),
    ("AWS::Glue::Table", "lakeformation:GetDataAccess", "no place that is registered with Lake Formation"),
    ("AWS::SNS::Topic", "sns:PutDataProtectionPolicy", "no `DataProtectionPolicy`"),
    ("AWS::IAM::Role", "iam:AttachRolePolicy", "no `ManagedPolicyArns`"),
    ("AWS::IAM::Role", "iam:DetachRolePolicy", "no `ManagedPolicyArns`"),
    ("AWS::IAM::Role", "iam:DeleteRolePermissionsBoundary", "who must keep the boundary may not remove it"),
    ("AWS::Lambda::Function", "ec2:", "no `VpcConfig`"),
    ("AWS::Lambda::Function", "elasticfilesystem:", "no `FileSystemConfigs`"),
    ("AWS::Lambda::Function", "s3files:", "no `FileSystemConfigs`"),
    ("AWS::Lambda::Function", "lambda:AssociateRuntimeAlias", "no `RuntimeManagementConfig`"),
    ("AWS::Lambda::Function", "lambda:PutRuntimeManagementConfig", "no `RuntimeManagementConfig`"),
    ("AWS::Lambda::Function", "lambda:DeleteFunctionCodeSigningConfig", "no `CodeSigningConfigArn`"),
    ("AWS::Lambda::Function", "lambda:GetCodeSigningConfig", "no `CodeSigningConfigArn`"),
    ("AWS::Lambda::Function", "lambda:PutFunctionCodeSigningConfig", "no `CodeSigningConfigArn`"),
    ("AWS::Lambda::Function", "lambda:DeleteFunctionConcurrency", "never reserved concurrency"),
    ("AWS::Lambda::Function", "lambda:PutFunctionConcurrency", "never reserved concurrency"),
    ("AWS::Lambda::Function", "lambda:PutFunctionScalingConfig", "no `FunctionScalingConfig`"),
    ("AWS::Lambda::Function", "lambda:PassCapacityProvider", "no `CapacityProviderConfig`"),
    ("AWS::Lambda::Function", "lambda:GetLayerVersion", "no `Layers`"),
    ("AWS::Lambda::Function", "lambda:PublishVersion", "no `PublishToLatestPublished`"),
    ("AWS::Lambda::Function", "lambda:PutFunctionRecursionConfig", "no `RecursiveLoop`"),
    ("AWS::Lambda::Function", "s3:GetObjectVersion", "no `S3ObjectVersion`: a key is a hash"),
    ("AWS::Logs::LogGroup", "firehose:", "no delivery"),
    ("AWS::Logs::LogGroup", "logs:CreateLogDelivery", "no delivery"),
    ("AWS::Logs::LogGroup", "s3:REST.PUT.OBJECT", "no delivery"),
    ("AWS::Logs::LogGroup", "logs:DeleteDataProtectionPolicy", "no `DataProtectionPolicy`"),
    ("AWS::Logs::LogGroup", "logs:PutDataProtectionPolicy", "no `DataProtectionPolicy`"),
    ("AWS::Logs::LogGroup", "logs:DeleteIndexPolicy", "no `FieldIndexPolicies`"),
    ("AWS::Logs::LogGroup", "logs:PutIndexPolicy", "no `FieldIndexPolicies`"),
    ("AWS::Logs::LogGroup", "logs:DeleteResourcePolicy", "no `ResourcePolicyDocument`"),
    ("AWS::Logs::LogGroup", "logs:PutResourcePolicy", "no `ResourcePolicyDocument`"),
    ("AWS::Logs::LogGroup", "logs:PutBearerTokenAuthentication", "no `BearerTokenAuthenticationEnabled`"),
    ("AWS::Logs::LogGroup", "logs:PutLogGroupDeletionProtection", "no `DeletionProtectionEnabled`"),
    ("AWS::S3::Bucket", "s3tables:", "no `MetadataTableConfiguration`"),
    ("AWS::S3::Bucket", "s3:CreateBucketMetadata", "no `MetadataTableConfiguration`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketMetadata", "no `MetadataTableConfiguration`"),
    ("AWS::S3::Bucket", "s3:GetBucketMetadata", "no `MetadataTableConfiguration`"),
    ("AWS::S3::Bucket", "s3:UpdateBucketMetadata", "no `MetadataTableConfiguration`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketAnalytics", "no `AnalyticsConfigurations`"),
    ("AWS::S3::Bucket", "s3:PutAnalytics", "no `AnalyticsConfigurations`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketCors", "no `CorsConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketCORS", "no `CorsConfiguration`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketEncryption", "a bucket never loses its encryption"),
    ("AWS::S3::Bucket", "s3:DeleteBucketLifecycle", "a bucket never loses its lifecycle"),
    ("AWS::S3::Bucket", "s3:DeleteBucketMetrics", "no `MetricsConfigurations`"),
    ("AWS::S3::Bucket", "s3:PutMetrics", "no `MetricsConfigurations`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketReplication", "no `ReplicationConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketReplication", "no `ReplicationConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutReplication", "no `ReplicationConfiguration`"),
    ("AWS::S3::Bucket", "s3:DeleteBucketWebsite", "no `WebsiteConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketWebsite", "no `WebsiteConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketAbac", "no `AbacStatus`"),
    ("AWS::S3::Bucket", "s3:PutAccelerate", "no `AccelerateConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketAcl", "no `AccessControl`"),
    ("AWS::S3::Bucket", "s3:PutObjectAcl", "no `AccessControl`"),
    ("AWS::S3::Bucket", "s3:PutBucketLogging", "no `LoggingConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketNotification", "no `NotificationConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutBucketObjectLock", "no `ObjectLockConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutObjectLock", "no `ObjectLockConfiguration`"),
    ("AWS::S3::Bucket", "s3:PutIntelligent", "no `IntelligentTieringConfigurations`"),
    ("AWS::S3::Bucket", "s3:PutInventory", "no `InventoryConfigurations`"),
];

#[test]
fn every_action_of_every_handler_is_given_or_left_out_for_a_reason() {
    let mut kinds = BTreeSet::new();
    let mut given: BTreeSet<String> = BTreeSet::new();
    let all = [
        Deployed::root("policy-root"),
        Deployed::example("fang", "policy-fang"),
        Deployed::example("reviews", "policy-reviews"),
        Deployed::example("tickets", "policy-tickets"),
        Deployed::of(include_str!("../pipelines/sinks.toml"), "policy-sinks"),
        Deployed::of(
            &include_str!("../pipelines/sinks.toml")
                .replace("[sources.companies]", "[data]\nkms = true\n\n[sources.companies]"),
            "policy-keys",
        ),
    ];
    for deployed in &all {
        for environment in deployed.environments() {
            let plan = deployed.plan(&environment);
            let resources = plan["resources"].as_object().expect("resources").values();
            kinds.extend(resources.map(|one| one["type"].as_str().expect("a type").to_owned()));
        }
        for document in deployed.policies() {
            let policy: Value = serde_json::from_str(&document).expect("JSON");
            for statement in policy["Statement"].as_array().expect("statements") {
                given.extend(statement["Action"].as_array().expect("a list").iter().map(|it| it.to_string()));
            }
        }
    }
    let given: BTreeSet<&str> = given.iter().map(|it| it.trim_matches('"')).collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let mut missing: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let declared = handlers(&kinds);
    for kind in &kinds {
        // No stack lists: that is for whoever browses the account.
        let handlers = declared[*kind].iter().filter(|(handler, _)| *handler != "list");
        for action in handlers.flat_map(|(_, actions)| actions) {
            let fine = LEFT_OUT.iter().any(|(of, start, _)| [kind, &"*"].contains(&of) && action.starts_with(start));
            if !given.contains(action.as_str()) && !fine {
                missing.entry(kind).or_default().insert(action.clone());
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
