//! AWS IAM: roles.

use super::card::{GrantCondition, HandlerGrant, Lookup, NameLimit, ResourceType, Target};

/// A role.
pub static ROLE: ResourceType = ResourceType {
    name_limit: NameLimit::new(64, "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"),
    identity: &["RoleName"],
    arns: &["arn:{partition}:iam::{account}:role/{name}"],
    handler: &[
        HandlerGrant::new(
            Target::Each(&ROLE),
            &[
                "iam:DeleteRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:ListRoleTags",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
        ),
        // With a boundary set, no role is created without it, and no role without it gets another policy.
        HandlerGrant::new(
            Target::Each(&ROLE),
            &["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
        )
        .only(GrantCondition::WithBoundary),
        HandlerGrant::new(Target::Each(&ROLE), &["iam:DeleteRolePermissionsBoundary"])
            .only(GrantCondition::WithoutBoundary),
    ],
    lookup: Some(Lookup::Role),
    ..ResourceType::new("AWS::IAM::Role", "role", "roles", "Role")
};
