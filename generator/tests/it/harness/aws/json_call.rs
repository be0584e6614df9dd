//! A signed call to a service with the protocol JSON 1.1, without the SDK of the service.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_sts::config::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use serde_json::Value;

/// The answer to a call with this `X-Amz-Target`, or nothing where the error is `absent`.
pub async fn json_call(sdk: &SdkConfig, service: &str, target: &str, body: &Value, absent: &str) -> Option<Value> {
    let region = sdk.region().expect("a region").as_ref();
    let url = sdk.endpoint_url().map_or_else(|| format!("https://{service}.{region}.amazonaws.com/"), str::to_owned);
    let credentials = sdk.credentials_provider().expect("credentials").provide_credentials().await.expect("a key");
    let body = body.to_string();
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let identity = credentials.into();
    let settings = SigningSettings::default();
    let parameters = SigningParams::builder().identity(&identity).region(region).name(service);
    let parameters = parameters.time(SystemTime::now()).settings(settings).build().expect("parameters").into();
    let request = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
    let (signed, _) = sign(request.expect("a request"), &parameters).expect("signed").into_parts();
    let client = match sdk.endpoint_url() {
        // An emulator on this machine, whose certificate nobody else would sign.
        Some(_) => {
            let _ = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().expect("a client")
        }
        None => reqwest::Client::new(),
    };
    let mut request = client.post(&url);
    for (name, value) in headers.into_iter().chain(signed.headers()) {
        request = request.header(name, value);
    }
    let answer = request.body(body).send().await.unwrap_or_else(|error| panic!("{service} does not answer: {error}"));
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    if text.contains(absent) {
        return None;
    }
    assert!(status.is_success(), "{target}: {status} {text}");
    Some(serde_json::from_str(&text).expect("JSON"))
}
