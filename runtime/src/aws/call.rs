//! Converts failed AWS calls to [`Error`]s that name the action and its target, and whether a retry may help.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use jiff::Timestamp;

use super::throttle::is_throttling;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::retry_after;

/// Error codes for missing permissions.
const ACCESS_DENIED: [&str; 5] =
    ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "KMS.AccessDenied"];
/// Error codes for invalid or expired credentials.
const INVALID_CREDENTIALS: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
/// Maximum characters of a service's message that are quoted.
const MAX_MESSAGE: usize = 400;

/// The error of a failed call: `action` is an IAM action, `target` the resource.
///
/// The service's message is quoted if it names a permission or a parameter. Bodies, rows and texts are never quoted.
pub fn call_error<E>(action: &str, target: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let timed_out = || Error::transient(ErrorCode::TimedOut, format!("`{action}` on `{target}` timed out"));
    let retry_after = error.raw_response().and_then(retry_after_header);
    match &error {
        SdkError::TimeoutError(_) => timed_out(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(),
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            let message = format!("`{action}` on `{target}` got no complete response ({})", root_cause(&error));
            Error::transient(ErrorCode::Unreachable, message)
        }
        SdkError::ServiceError(response) => {
            let (code, message) = (response.err().code(), response.err().message());
            service_error(action, target, response.raw().status().as_u16(), code, message).retry_after(retry_after)
        }
        // The SDK could not construct the request, for example because of an invalid name.
        _ => Error::permanent(
            ErrorCode::AwsRefused,
            format!("`{action}` on `{target}` could not be sent: {}", root_cause(&error)),
        ),
    }
}

/// The error of a request that the SDK cannot build, for example because a required value is missing.
pub fn build_error(action: &str, error: &BuildError) -> Error {
    Error::permanent(ErrorCode::AwsRefused, format!("cannot build the request for `{action}`: {error}"))
}

/// The error of a call, or of one entry of a batch, that the service answered with an error.
pub fn service_error(action: &str, target: &str, status: u16, code: Option<&str>, message: Option<&str>) -> Error {
    let code = code.unwrap_or(match status {
        403 => "AccessDenied",
        404 => "NotFound",
        429 | 503 => "SlowDown",
        _ => "Unknown",
    });
    let detail = match one_line(message.unwrap_or_default()) {
        message if message.is_empty() => code.to_owned(),
        message => format!("{code}: {message}"),
    };
    if is_throttling(code) || status == 429 {
        return Error::transient(ErrorCode::Throttled, format!("`{action}` on `{target}` was throttled ({code})"));
    }
    if INVALID_CREDENTIALS.contains(&code) {
        // Transient: a new execution environment of the function gets new credentials.
        let message = format!("`{action}` on `{target}`: AWS rejected the function's credentials ({code})");
        return Error::transient(ErrorCode::CredentialsUnknown, message);
    }
    if ACCESS_DENIED.contains(&code) || status == 403 {
        let message = format!(
            "the function's role lacks the permission `{action}` on `{target}` ({detail}); `fanggen plan` shows its \
             permissions, and `[[iam.scopes]]` adds one"
        );
        return Error::permanent(ErrorCode::AccessDenied, message);
    }
    if code.contains("Conflict") {
        let message = format!("`{action}` on `{target}` conflicted with another request ({code})");
        return Error::transient(ErrorCode::Conflict, message);
    }
    if status >= 500 {
        let message = format!("`{action}` on `{target}`: AWS is having problems (HTTP {status}, {code})");
        return Error::transient(ErrorCode::AwsUnavailable, message);
    }
    if is_not_found(status, code) {
        let message = format!(
            "`{action}`: `{target}` does not exist ({code}); check whether it was deleted or is in another region"
        );
        return Error::permanent(ErrorCode::NotFound, message);
    }
    Error::permanent(ErrorCode::AwsRefused, format!("`{action}` on `{target}` was refused ({detail})"))
}

/// Whether an error says that a resource does not exist.
fn is_not_found(status: u16, code: &str) -> bool {
    let parts = ["NotFound", "NoSuch", "NonExistent", "DoesNotExist"];
    status == 404 || parts.iter().any(|part| code.contains(part))
}

/// The wait that a response asks for: `Retry-After`, or AWS's own header in milliseconds.
fn retry_after_header(response: &HttpResponse) -> Option<Duration> {
    let header = |name: &str| response.headers().get(name);
    let milliseconds = || header("x-amz-retry-after")?.trim().parse().ok().map(Duration::from_millis);
    header("retry-after").and_then(|value| retry_after(value.trim(), Timestamp::now())).or_else(milliseconds)
}

/// A message on one line, truncated to [`MAX_MESSAGE`] characters.
fn one_line(message: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    message.chars().take(MAX_MESSAGE).map(clean).collect::<String>().trim().to_owned()
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::error::ErrorMetadata;
    use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn error(status: u16, code: &str, message: &str, header: Option<(&'static str, &'static str)>) -> Error {
        let mut response = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from("a body"));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        call_error("sqs:SendMessage", "chunks", SdkError::service_error(SendMessageBatchError::generic(meta), response))
    }

    #[test]
    fn service_errors_are_classified_by_code_and_transience() {
        let cases = [
            (400, "ThrottlingException", "throttled", true),
            (400, "RequestThrottled", "throttled", true),
            (503, "SlowDown", "throttled", true),
            (503, "ServiceUnavailable", "aws_unavailable", true),
            (400, "TransactionConflictException", "conflict", true),
            (500, "InternalFailure", "aws_unavailable", true),
            (400, "AccessDeniedException", "access_denied", false),
            (403, "Forbidden", "access_denied", false),
            (403, "ExpiredTokenException", "credentials_unknown", true),
            (400, "AWS.SimpleQueueService.NonExistentQueue", "not_found", false),
            (400, "ResourceNotFoundException", "not_found", false),
            (404, "NoSuchBucket", "not_found", false),
            (400, "ValidationException", "aws_refused", false),
        ];
        for (status, code, expected, transient) in cases {
            let error = error(status, code, "", None);
            assert_eq!((error.code.as_str(), error.transient), (expected, transient), "{status} {code}");
        }
    }

    #[test]
    fn the_message_names_the_action_and_its_target() {
        assert_eq!(
            error(400, "AccessDenied", "no policy\nallows it", None).message,
            "the function's role lacks the permission `sqs:SendMessage` on `chunks` (AccessDenied: no policy allows it); \
             `fanggen plan` shows its permissions, and `[[iam.scopes]]` adds one"
        );
        assert_eq!(
            error(400, "InvalidMessageContents", "", None).message,
            "`sqs:SendMessage` on `chunks` was refused (InvalidMessageContents)"
        );
    }

    #[test]
    fn retry_after_headers_are_kept() {
        assert_eq!(error(503, "SlowDown", "", Some(("retry-after", "7"))).retry_after_s, Some(7));
        assert_eq!(error(400, "Throttling", "", Some(("x-amz-retry-after", "2500"))).retry_after_s, Some(2));
        assert_eq!(error(400, "Throttling", "", None).retry_after_s, None);
    }
}
