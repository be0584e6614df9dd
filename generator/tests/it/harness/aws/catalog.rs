//! The Glue Data Catalog, asked without its SDK, which would take longer to compile than all tests take to run.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_sts::config::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use serde_json::{Value, json};

/// The answer to a call, or nothing where the thing is not there.
async fn call(sdk: &SdkConfig, operation: &str, body: &Value) -> Option<Value> {
    let region = sdk.region().expect("a region").as_ref();
    let url = sdk.endpoint_url().map_or_else(|| format!("https://glue.{region}.amazonaws.com/"), str::to_owned);
    let credentials = sdk.credentials_provider().expect("credentials").provide_credentials().await.expect("a key");
    let body = body.to_string();
    let target = format!("AWSGlue.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let identity = credentials.into();
    let settings = SigningSettings::default();
    let parameters = SigningParams::builder().identity(&identity).region(region).name("glue");
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
    let answer = request.body(body).send().await.unwrap_or_else(|error| panic!("Glue does not answer: {error}"));
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    if text.contains("EntityNotFoundException") {
        return None;
    }
    assert!(status.is_success(), "{operation}: {status} {text}");
    Some(serde_json::from_str(&text).expect("JSON"))
}

/// A database as it was asked for.
pub async fn database(sdk: &SdkConfig, name: &str) -> Option<Value> {
    Some(call(sdk, "GetDatabase", &json!({ "Name": name })).await?["Database"].clone())
}

/// A table, by the names of its database and its own with a dot between them.
pub async fn table(sdk: &SdkConfig, name: &str) -> Option<Value> {
    let (database, table) = name.split_once('.').expect("two names");
    Some(call(sdk, "GetTable", &json!({ "DatabaseName": database, "Name": table })).await?["Table"].clone())
}

/// The names of all databases and of their tables.
pub async fn all(sdk: &SdkConfig) -> Vec<String> {
    let names = |answer: Value, list: &str| -> Vec<String> {
        let all = answer[list].as_array().into_iter().flatten();
        all.map(|one| one["Name"].as_str().expect("a name").to_owned()).collect()
    };
    let mut found = Vec::new();
    for database in names(call(sdk, "GetDatabases", &json!({})).await.expect("databases"), "DatabaseList") {
        let tables = call(sdk, "GetTables", &json!({ "DatabaseName": database })).await;
        found.extend(names(tables.unwrap_or_default(), "TableList").iter().map(|table| format!("{database}.{table}")));
        found.push(database);
    }
    found
}
