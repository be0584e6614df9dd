//! Pages of AWS that several derived values cite.

/// Queues as event sources.
pub const SQS_LAMBDA: &str = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html";
/// Partial batch responses and dead-letter queues.
pub const SQS_ERRORS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html";
/// Limits of Lambda.
pub const LAMBDA_LIMITS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
/// Asynchronous invocation and its destinations.
pub const LAMBDA_ASYNC: &str = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html";
/// Physical names and replacement.
pub const STACK_NAMES: &str = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html";
/// Attempts of asynchronous invocations.
pub const LAMBDA_RETRIES: &str = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html";
/// Visibility of messages.
pub const SQS_VISIBILITY: &str =
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html";
/// Limits of queues and messages.
pub const SQS_LIMITS: &str =
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html";
/// Attempts of a schedule.
pub const SCHEDULER_RETRY: &str = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html";
/// How long logs are kept.
pub const LOG_RETENTION: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html";
/// Expiry of object versions and unfinished uploads.
pub const S3_LIFECYCLE: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html";
/// Names of databases, tables and columns.
pub const ATHENA_NAMES: &str = "https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html";
/// Partition projection.
pub const ATHENA_DAYS: &str = "https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html";
/// How keys are rotated.
pub const KMS_ROTATION: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html";
/// How keys are deleted.
pub const KMS_DELETION: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html";
/// Least privilege.
pub const LEAST: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege";
/// Scheduled times in a schedule's input.
pub const SCHEDULER_INPUT: &str =
    "https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html";
