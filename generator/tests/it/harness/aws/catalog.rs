//! The Glue Data Catalog, asked without its SDK, which would take longer to compile than all tests take to run.

use aws_config::SdkConfig;
use serde_json::{Value, json};

use super::json_call::json_call;

/// The answer to a call, or nothing where the thing is not there.
async fn call(sdk: &SdkConfig, operation: &str, body: &Value) -> Option<Value> {
    json_call(sdk, "glue", &format!("AWSGlue.{operation}"), body, "EntityNotFoundException").await
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
