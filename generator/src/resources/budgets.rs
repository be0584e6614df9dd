//! AWS Budgets: budgets of costs.

use super::card::{HandlerGrant, NameLimit, ResourceType, Target};

/// A budget. Nothing is lost with it, and one that a stack left behind would cost nothing: so `destroy` does not look for it.
pub static BUDGET: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        100,
        "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html",
    ),
    identity: &["Budget/BudgetName", "NotificationsWithSubscribers"],
    // It has no region, so that its name is unique in the account.
    arns: &["arn:{partition}:budgets::{account}:budget/{name}"],
    handler: &[
        HandlerGrant::new(
            Target::Each(&BUDGET),
            &[
                "budgets:ListTagsForResource",
                "budgets:ModifyBudget",
                "budgets:TagResource",
                "budgets:UntagResource",
                "budgets:ViewBudget",
            ],
        ),
        // The costs that a budget counts are those of the account's own view.
        HandlerGrant::new(Target::BillingView, &["billing:GetBillingViewData"]),
    ],
    ..ResourceType::new("AWS::Budgets::Budget", "budget", "budgets", "Budget")
};
