//! A failed call to AWS, with a message that says what to do next.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Error codes for expired credentials.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
/// Error codes for a wrong clock.
const CLOCK: [&str; 3] = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
/// How messages about a wrong clock start that have a code of [`UNKNOWN`].
const CLOCK_WORDS: [&str; 2] = ["Signature expired", "Signature not yet current"];
/// Error codes for invalid credentials.
const UNKNOWN: [&str; 6] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidSignatureException",
];
/// Error codes for missing permissions.
const DENIED: [&str; 5] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized"];

/// The reason when the SDK found credentials nowhere.
const NOWHERE: &str = "neither in the environment, nor in a profile, nor from this machine's own role";

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No credentials.
    #[error(
        "no AWS credentials were found: {0}\n  log in (`aws sso login`), or set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or name a profile with `[aws] profile` or AWS_PROFILE"
    )]
    NoCredentials(String),
    /// The profile that the file names has no usable credentials.
    #[error(
        "the profile `{profile}` named in `[aws] profile` has no AWS credentials: {reason}\n  set it up with `aws configure --profile \
         {profile}`, log in with `aws sso login --profile {profile}`, or remove it from the file"
    )]
    Profile {
        /// The profile.
        profile: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Expired credentials.
    #[error(
        "the AWS credentials have expired ({action} returned {code})\n  log in again, for example with `aws sso login`"
    )]
    Expired {
        /// The call, as `service:Operation`.
        action: &'static str,
        /// The error code.
        code: String,
    },
    /// Invalid credentials.
    #[error(
        "AWS rejected these credentials ({action} returned {code}: {message})\n  check the profile, AWS_ACCESS_KEY_ID, and whether \
         the region is enabled for the account"
    )]
    Unknown {
        /// The call, as `service:Operation`.
        action: &'static str,
        /// The error code.
        code: String,
        /// The error message.
        message: String,
    },
    /// A wrong clock.
    #[error(
        "the clock of this machine is wrong ({action} returned {code}: {message})\n  set the clock, then run the same command again"
    )]
    Clock {
        /// The call, as `service:Operation`.
        action: &'static str,
        /// The error code.
        code: String,
        /// The error message.
        message: String,
    },
    /// Missing permissions.
    #[error(
        "missing permission: {action} on {resource}\n  {message}\n  `fanggen iam {policy}{}` prints a policy that includes it",
        shared(action, resource)
    )]
    Denied {
        /// The missing action.
        action: String,
        /// The resource that it is missing on.
        resource: String,
        /// What the service said.
        message: String,
        /// The option of `fanggen iam` that includes it.
        policy: &'static str,
    },
    /// No response.
    #[error(
        "no response from AWS to {action}: {reason}\n  check the network and the region, then run the same command again"
    )]
    Unreachable {
        /// The call.
        action: &'static str,
        /// The reason.
        reason: String,
    },
    /// An object that is not what fanggen writes.
    #[error(
        "the object `{key}` in the bucket `{bucket}` is not text, so it is not what fanggen wrote\n  restore an earlier version of \
         it: `aws s3api list-object-versions --bucket {bucket} --prefix {key}` lists them"
    )]
    NotText {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// An error response.
    #[error("{action} failed: {message} ({code})")]
    Refused {
        /// The call.
        action: &'static str,
        /// The error code.
        code: String,
        /// The error message.
        message: String,
        /// The HTTP status.
        status: u16,
    },
}

/// Where a service does not say what an action is missing on.
const UNNAMED: &str = "a resource that the service does not name";

/// The option with which a policy includes an action on the artifact bucket itself, which many pipelines share.
fn shared(action: &str, resource: &str) -> &'static str {
    const OWN: [&str; 5] = ["s3:DeleteObject", "s3:GetBucketTagging", "s3:GetObject", "s3:ListBucket", "s3:PutObject"];
    if resource.contains(":::fanggen-artifacts-") && !OWN.contains(&action) { " --artifacts" } else { "" }
}

/// The option of `fanggen iam` for whoever deploys.
pub(super) const DEPLOYER: &str = "--deployer";

impl CallError {
    /// The same, of a call that only whoever looks after a running pipeline makes.
    #[must_use]
    pub fn by_operator(mut self) -> Self {
        if let Self::Denied { policy, .. } = &mut self {
            *policy = "--operator";
        }
        self
    }

    /// The same, with the resource that the call was about, if the service does not name it.
    #[must_use]
    pub fn on(mut self, arn: &str) -> Self {
        if let Self::Denied { resource, .. } = &mut self
            && resource == UNNAMED
        {
            arn.clone_into(resource);
        }
        self
    }

    /// The error of a call; `action` is the IAM action that it needs.
    pub fn of<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        if status == 0 {
            return Self::unanswered(action, &error);
        }
        let code = error.code().map_or_else(|| bare(status).to_owned(), str::to_owned);
        let message = error.message().map_or_else(|| format!("HTTP status {status}"), str::to_owned);
        let is = |codes: &[&str]| codes.contains(&code.as_str());
        if is(&EXPIRED) {
            Self::Expired { action, code }
        } else if is(&CLOCK) || CLOCK_WORDS.iter().any(|words| message.starts_with(words)) {
            Self::Clock { action, code, message }
        } else if is(&UNKNOWN) {
            Self::Unknown { action, code, message }
        } else if is(&DENIED) || status == 403 {
            let (what, on) = denied(&message);
            Self::Denied {
                action: what.unwrap_or(action).to_owned(),
                resource: on.unwrap_or(UNNAMED).to_owned(),
                message,
                policy: DEPLOYER,
            }
        } else {
            Self::Refused { action, code, message, status }
        }
    }

    /// Turns missing credentials into an error about the profile that the file names.
    #[must_use]
    pub fn with_profile(self, profile: Option<&str>) -> Self {
        match (self, profile) {
            (Self::NoCredentials(reason), Some(profile)) => {
                let absent = "there is no such profile, or nothing in it, in ~/.aws/config and ~/.aws/credentials";
                let reason = if reason == NOWHERE { absent.to_owned() } else { reason };
                Self::Profile { profile: profile.to_owned(), reason }
            }
            (error, _) => error,
        }
    }

    fn unanswered<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + Send + Sync + 'static,
    {
        let mut cause: Option<&(dyn StdError + 'static)> = error.source();
        let mut last = String::new();
        let mut credentials = false;
        while let Some(inner) = cause {
            // Matched by its text: the type is in a crate that only the SDK's configuration loader depends on.
            last = inner.to_string();
            credentials |= last.contains("credential");
            cause = inner.source();
        }
        if credentials {
            let nowhere = ["no credentials found in chain", "no providers in chain", "provider was not enabled"];
            let nowhere = nowhere.iter().any(|words| last.contains(words));
            return Self::NoCredentials(if nowhere { NOWHERE.to_owned() } else { last });
        }
        let reason = if last.is_empty() { DisplayErrorContext(error).to_string() } else { last };
        Self::Unreachable { action, reason }
    }

    /// Whether the service answered with this code.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// Whether the same call may succeed later: no response, throttling, or a fault of the service.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { code, status, .. } => *status >= 500 || code.contains("Throttl"),
            _ => false,
        }
    }

    /// Whether the subject of a call exists: a "not found" response answers that too.
    ///
    /// # Errors
    /// All other errors.
    pub fn exists<T>(answer: Result<T, Self>) -> Result<bool, Self> {
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the subject of the call does not exist.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        let Self::Refused { code, message, status, .. } = self else { return false };
        *status == 404
            || code.contains("NotFound")
            || code.contains("NoSuch")
            || code.contains("NonExistent")
            || code.contains("DoesNotExist")
            || (code == "ValidationError" && message.contains("does not exist"))
    }
}

/// The code of a response without a body, as to a HEAD request.
fn bare(status: u16) -> &'static str {
    match status {
        301 => "PermanentRedirect",
        403 => "AccessDenied",
        404 => "NotFound",
        409 => "Conflict",
        412 => "PreconditionFailed",
        _ => "Unknown",
    }
}

/// The action and resource in AWS's message: `.. is not authorized to perform: ACTION on resource: RESOURCE because ..`.
fn denied(message: &str) -> (Option<&str>, Option<&str>) {
    let word = |after: &str| {
        let rest = message.split_once(after)?.1.trim_start();
        let word = rest.split_whitespace().next()?.trim_matches(|c| c == '"' || c == ',' || c == '.');
        (!word.is_empty()).then_some(word)
    };
    (word("to perform:"), word("on resource:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_action_and_resource() {
        let message = "User: arn:aws:iam::123456789012:user/d is not authorized to perform: dynamodb:CreateTable on \
                       resource: arn:aws:dynamodb:us-east-1:123456789012:table/t because no identity-based policy allows it";
        assert_eq!(
            denied(message),
            (Some("dynamodb:CreateTable"), Some("arn:aws:dynamodb:us-east-1:123456789012:table/t"))
        );
        assert_eq!(denied("Access Denied"), (None, None));
    }
}
