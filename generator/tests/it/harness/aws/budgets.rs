//! AWS Budgets, asked without its SDK.

use serde_json::{Value, json};

use super::emulator::block_on;
use super::json_call::json_call;
use super::target_account::target_account;

fn call(operation: &str, name: &str) -> Option<Value> {
    let target = format!("AWSBudgetServiceGateway.{operation}");
    let body = json!({ "AccountId": target_account().account, "BudgetName": name });
    block_on(json_call(&target_account().sdk, "budgets", &target, &body, "NotFoundException"))
}

/// A budget with this name.
pub fn budget(name: &str) -> Option<Value> {
    Some(call("DescribeBudget", name)?["Budget"].clone())
}

/// When it tells somebody.
pub fn notifications(name: &str) -> Value {
    call("DescribeNotificationsForBudget", name).unwrap_or_default()["Notifications"].clone()
}
