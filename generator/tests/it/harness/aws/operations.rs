//! How a call is named: by its service, and by what it asks of it.

use hyper::Method;
use hyper::http::request::Parts;

use super::wire::form;

/// From `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
pub fn service(head: &Parts) -> Option<&str> {
    let signed = head.headers.get("authorization")?.to_str().ok()?;
    signed.split_once("Credential=")?.1.split('/').nth(3)
}

pub fn name(service: &str, head: &Parts, body: &[u8]) -> Option<String> {
    if let Some(target) = head.headers.get("x-amz-target") {
        return Some(target.to_str().ok()?.rsplit('.').next()?.to_owned());
    }
    let path: Vec<&str> = head.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    match (service, path.as_slice()) {
        ("s3", path) => s3(head, path).map(str::to_owned),
        ("lambda", [_, path @ ..]) => lambda(&head.method, path).map(str::to_owned),
        ("scheduler", path) => scheduler(&head.method, path).map(str::to_owned),
        (_, ["service", _, "operation", name]) => Some((*name).to_owned()),
        _ => form(body).remove("Action"),
    }
}

fn s3(head: &Parts, path: &[&str]) -> Option<&'static str> {
    let query = form(head.uri.query().unwrap_or_default().as_bytes());
    // `Get`, `Put` and `Delete` are the same for all of these.
    const PARTS: [(&str, [&str; 3]); 9] = [
        ("versioning", ["GetBucketVersioning", "PutBucketVersioning", ""]),
        ("encryption", ["GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"]),
        ("lifecycle", ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"]),
        ("policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"]),
        ("policyStatus", ["GetBucketPolicyStatus", "", ""]),
        ("publicAccessBlock", ["GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"]),
        (
            "ownershipControls",
            ["GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"],
        ),
        ("tagging", ["GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"]),
        ("location", ["GetBucketLocation", "", ""]),
    ];
    let method = |get, put, delete| match head.method {
        Method::GET => Some(get),
        Method::PUT => Some(put),
        Method::DELETE => Some(delete),
        _ => None,
    };
    match path {
        [] => Some("ListBuckets"),
        [_] => match PARTS.iter().find(|(part, _)| query.contains_key(*part)) {
            Some((_, [get, put, delete])) => method(*get, *put, *delete),
            None if head.method == Method::HEAD => Some("HeadBucket"),
            None if head.method == Method::POST => Some("DeleteObjects"),
            None if query.contains_key("versions") => Some("ListObjectVersions"),
            None if query.contains_key("uploads") => Some("ListMultipartUploads"),
            None => method("ListObjectsV2", "CreateBucket", "DeleteBucket"),
        },
        _ if query.contains_key("uploadId") => match head.method {
            Method::POST => Some("CompleteMultipartUpload"),
            _ => method("ListParts", "UploadPart", "AbortMultipartUpload"),
        },
        _ if query.contains_key("tagging") => method("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"),
        _ => match head.method {
            Method::HEAD => Some("HeadObject"),
            Method::POST => Some("CreateMultipartUpload"),
            Method::PUT if head.headers.contains_key("x-amz-copy-source") => Some("CopyObject"),
            _ => method("GetObject", "PutObject", "DeleteObject"),
        },
    }
}

/// The paths begin with the version of the API, which says nothing.
fn lambda(method: &Method, path: &[&str]) -> Option<&'static str> {
    Some(match (method.as_str(), path) {
        ("GET", ["functions"]) => "ListFunctions",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("POST", ["functions", _, "invocations"]) => "Invoke",
        ("GET", ["event-source-mappings"]) => "ListEventSourceMappings",
        ("GET", ["event-source-mappings", _]) => "GetEventSourceMapping",
        ("GET", ["tags", ..]) => "ListTags",
        _ => return None,
    })
}

fn scheduler(method: &Method, path: &[&str]) -> Option<&'static str> {
    Some(match (method.as_str(), path) {
        ("GET", ["schedules"]) => "ListSchedules",
        ("GET", ["schedules", _]) => "GetSchedule",
        ("PUT", ["schedules", _]) => "UpdateSchedule",
        ("DELETE", ["schedules", _]) => "DeleteSchedule",
        ("GET", ["schedule-groups"]) => "ListScheduleGroups",
        ("GET", ["schedule-groups", _]) => "GetScheduleGroup",
        _ => return None,
    })
}
