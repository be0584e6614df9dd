//! A call to AWS that failed, as one of our errors: what was done to what, why not, and whether another try may help.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;

use super::throttle::is_throttling;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::retry_after;

/// Codes by which a service says no.
const DENIED: [&str; 5] =
    ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "KMS.AccessDenied"];
/// Codes by which a service says that it knows nobody by these credentials, or no longer.
const UNKNOWN: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
/// The longest part of a service's own sentence that is handed on.
const WORDS: usize = 400;

/// What became of a call: `action` is what it needs in IAM's words, `on` what it was about.
///
/// The service's own sentence is part of it where it says which permission or which parameter; bodies, rows and texts
/// never are.
pub fn failed<E>(action: &str, on: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let wait = error.raw_response().and_then(patience);
    match &error {
        SdkError::TimeoutError(_) => {
            Error::transient(ErrorCode::TimedOut, format!("`{action}` on `{on}`: no answer within its time"))
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Error::transient(ErrorCode::TimedOut, format!("`{action}` on `{on}`: no answer within its time"))
        }
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            let words = format!("`{action}` on `{on}`: no whole answer ({})", innermost(&error));
            Error::transient(ErrorCode::Unreachable, words)
        }
        SdkError::ServiceError(answer) => {
            let (code, words) = (answer.err().code(), answer.err().message());
            refused(action, on, answer.raw().status().as_u16(), code, words).retry_after(wait)
        }
        // The request could not be made at all: a name or a value that the SDK itself refuses.
        _ => Error::permanent(
            ErrorCode::AwsRefused,
            format!("`{action}` on `{on}` cannot be asked: {}", innermost(&error)),
        ),
    }
}

/// An answer by which a service says no, to a call as a whole or to one of the entries of a batch.
pub fn refused(action: &str, on: &str, status: u16, code: Option<&str>, words: Option<&str>) -> Error {
    let code = code.unwrap_or(match status {
        403 => "AccessDenied",
        404 => "NotFound",
        429 | 503 => "SlowDown",
        _ => "Unknown",
    });
    let said = sentence(words.unwrap_or_default());
    let colon = if said.is_empty() { "" } else { ": " };
    if is_throttling(code) || status == 429 {
        let words = format!("`{action}` on `{on}` is asked for too often ({code})");
        return Error::transient(ErrorCode::Throttled, words);
    }
    if UNKNOWN.contains(&code) {
        // Lambda gives a new process new ones.
        let words =
            format!("`{action}` on `{on}`: AWS does not know the function's credentials, or no longer ({code})");
        return Error::transient(ErrorCode::CredentialsUnknown, words);
    }
    if DENIED.contains(&code) || status == 403 {
        let words = format!(
            "the function's role may not `{action}` on `{on}` ({code}{colon}{said}); `fanggen plan` shows its permissions, \
             `[[iam.scopes]]` adds one"
        );
        return Error::permanent(ErrorCode::AccessDenied, words);
    }
    if code.contains("Conflict") {
        return Error::transient(
            ErrorCode::Conflict,
            format!("`{action}` on `{on}`: somebody else was at it ({code})"),
        );
    }
    if status >= 500 {
        let words = format!("`{action}` on `{on}`: AWS is having problems (HTTP status {status}, {code})");
        return Error::transient(ErrorCode::AwsUnavailable, words);
    }
    if is_absent(status, code) {
        let words = format!("`{action}`: there is no `{on}` ({code}); was it deleted, or is it in another region?");
        return Error::permanent(ErrorCode::NotFound, words);
    }
    Error::permanent(ErrorCode::AwsRefused, format!("`{action}` on `{on}` was refused ({code}{colon}{said})"))
}

/// Whether a code says that what was asked for is not there.
fn is_absent(status: u16, code: &str) -> bool {
    let parts = ["NotFound", "NoSuch", "NonExistent", "DoesNotExist"];
    status == 404 || parts.iter().any(|part| code.contains(part))
}

/// How long an answer asks to wait: `Retry-After` in seconds, or AWS's own in milliseconds.
fn patience(response: &HttpResponse) -> Option<Duration> {
    let header = |name: &str| response.headers().get(name);
    let own = || header("x-amz-retry-after")?.trim().parse().ok().map(Duration::from_millis);
    header("retry-after").and_then(|text| retry_after(text.trim(), Timestamp::now())).or_else(own)
}

/// A service's sentence on one line, and not without end.
fn sentence(words: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().take(WORDS).map(clean).collect::<String>().trim().to_owned()
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    sentence(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::error::ErrorMetadata;
    use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn error(status: u16, code: &str, words: &str, header: Option<(&'static str, &'static str)>) -> Error {
        let mut response = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from("a body"));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        let meta = ErrorMetadata::builder().code(code).message(words).build();
        failed("sqs:SendMessage", "chunks", SdkError::service_error(SendMessageBatchError::generic(meta), response))
    }

    #[test]
    fn each_answer_has_its_code_and_says_whether_to_try_again() {
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
        for (status, code, ours, transient) in cases {
            let error = error(status, code, "", None);
            assert_eq!((error.code.as_str(), error.transient), (ours, transient), "{status} {code}");
        }
    }

    #[test]
    fn the_words_say_what_was_done_to_what() {
        assert_eq!(
            error(400, "AccessDenied", "no policy\nallows it", None).message,
            "the function's role may not `sqs:SendMessage` on `chunks` (AccessDenied: no policy allows it); `fanggen plan` \
             shows its permissions, `[[iam.scopes]]` adds one"
        );
        assert_eq!(
            error(400, "InvalidMessageContents", "", None).message,
            "`sqs:SendMessage` on `chunks` was refused (InvalidMessageContents)"
        );
    }

    #[test]
    fn what_the_service_asks_to_wait_is_kept() {
        assert_eq!(error(503, "SlowDown", "", Some(("retry-after", "7"))).retry_after_s, Some(7));
        assert_eq!(error(400, "Throttling", "", Some(("x-amz-retry-after", "2500"))).retry_after_s, Some(2));
        assert_eq!(error(400, "Throttling", "", None).retry_after_s, None);
    }
}
