//! The budget of AWS Budgets for what an environment costs, where the file has one and an address to write to.

use fanggen_runtime::model::hash::sha256_hex;
use serde::Serialize;

use super::reasons::Reasons;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames, Tag};
use crate::config::budget_refused;
use crate::config::pipeline::Pipeline;
use crate::resources::budgets;

/// The section that asks for it.
const PATH: &str = "budget";

/// When somebody is told: what is compared with the budget, and at how many percent of it.
const NOTIFICATIONS: [(&str, u64); 3] = [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)];

/// A budget of costs per month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// US dollars a month.
    pub usd: u64,
    /// The cost allocation tags of what it counts, each as `user:KEY$VALUE`. Values of different keys must all apply.
    pub tags: Vec<String>,
    /// When somebody is told.
    pub notifications: Vec<BudgetNotification>,
    /// Who is told.
    pub email: TemplateValue,
    /// What asked for it.
    pub path: &'static str,
}

/// A threshold of a budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetNotification {
    /// What is compared: `ACTUAL` or `FORECASTED` costs.
    pub kind: &'static str,
    /// The threshold, in percent.
    pub percent: u64,
}

impl BudgetPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&budgets::BUDGET, &self.id, &self.name, self.path)]
    }
}

/// The budget, where there is one.
pub fn plan(pipeline: &Pipeline, names: &ResourceNames, tags: &[Tag], reasons: &mut Reasons) -> Option<BudgetPlan> {
    let usd = pipeline.budget.monthly_usd?.get();
    let missing = match &pipeline.alarms.email {
        None => Some("`alarms.email` is not set, and AWS Budgets writes e-mails".to_owned()),
        Some(_) => budget_refused(pipeline.aws.region.as_str()),
    };
    let (what, page) = (
        "budget of AWS Budgets",
        "https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html",
    );
    let email = pipeline.alarms.email.as_ref().map(ToString::to_string).filter(|_| missing.is_none());
    let (Some(email), None) = (email, missing.as_ref()) else {
        reasons.derive(PATH, what, "none", missing.unwrap_or_default(), page);
        return None;
    };
    let percents = NOTIFICATIONS.map(|(kind, percent)| format!("{percent}% {}", kind.to_lowercase()));
    reasons.derive(
        PATH,
        "messages of AWS Budgets",
        percents.join(", "),
        "in time to act, at the limit, and when the month is forecast to exceed it; AWS updates costs up to three times a day",
        page,
    );
    // CloudFormation cannot replace a named budget in place, and who is told, and when, belongs to its identity.
    let hash = sha256_hex(format!("{NOTIFICATIONS:?}\0{email}"));
    let name = reasons.derive(
        PATH,
        what,
        format!("{}-{}", names.stack(), &hash[..6]),
        "ends in a hash of the e-mail address: a new address needs a new budget",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html",
    );
    let tags: Vec<String> = tags.iter().map(|tag| format!("user:{}${}", tag.key, tag.value)).collect();
    reasons.derive(
        PATH,
        "tags whose costs it counts",
        tags.join(", "),
        "activate them once as cost allocation tags in the billing console of the paying account; costs are counted from then on",
        "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html",
    );
    Some(BudgetPlan {
        id: LogicalId::of("", "Budget"),
        name: TemplateValue::physical(name),
        usd,
        tags,
        notifications: NOTIFICATIONS.map(|(kind, percent)| BudgetNotification { kind, percent }).into(),
        email: TemplateValue::Literal(email),
        path: PATH,
    })
}
