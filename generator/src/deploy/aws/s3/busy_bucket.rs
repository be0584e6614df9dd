//! A bucket that another request is changing: S3 refuses with 409, which the SDK does not retry by itself.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// Code and status. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const CODE: &[u8] = b"<Code>OperationAborted</Code>";
const STATUS: u16 = 409;

/// Retries a request that was refused because of another one, with the delays of the SDK.
#[derive(Debug)]
pub(super) struct BusyBucket;

impl ClassifyRetry for BusyBucket {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let response = context.response().filter(|response| response.status().as_u16() == STATUS);
        let body = response.and_then(|response| response.body().bytes()).unwrap_or_default();
        if body.windows(CODE.len()).any(|part| part == CODE) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "busy bucket"
    }
}
