//! AWS Lambda: functions, what invokes them, and where failed invocations go.

use super::card::{
    AcceptedFinding, AcceptedWhen, GrantCondition, HandlerGrant, KeyUse, Lookup, NameLimit, ResourceType, Target,
};
use super::iam::ROLE;

/// A function.
pub static FUNCTION: ResourceType = ResourceType {
    name_limit: NameLimit::new(64, "https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"),
    identity: &["FunctionName"],
    // The handler also reads the function's versions, as `function:NAME:QUALIFIER`.
    arns: &[
        "arn:{partition}:lambda:{region}:{account}:function:{name}",
        "arn:{partition}:lambda:{region}:{account}:function:{name}:*",
    ],
    handler: &[
        HandlerGrant::new(
            Target::Each(&FUNCTION),
            &[
                "lambda:CreateFunction",
                "lambda:DeleteFunction",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionConfiguration",
                "lambda:GetFunctionRecursionConfig",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListTags",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ],
        ),
        HandlerGrant::new(Target::ArtifactObjects, &["s3:GetObject"]),
        HandlerGrant::new(Target::Each(&ROLE), &["iam:PassRole"]).only(GrantCondition::PassedToService),
    ],
    key_use: Some(KeyUse::ByRole {
        via: Some("lambda"),
        actions: &["kms:Decrypt"],
        why: "Lambda decrypts the function's settings",
    }),
    accepted: &[
        AcceptedFinding {
            check: "CKV_AWS_115",
            wants: "reserved concurrency for the function",
            when: AcceptedWhen::Always,
            reason: "Reserved concurrency throttles consumers of SQS, whose messages then end as dead letters, and cannot \
                     be had in new accounts; MaximumConcurrency of the event source bounds the function instead",
        },
        AcceptedFinding {
            check: "CKV_AWS_116",
            wants: "a dead-letter queue of the function itself",
            when: AcceptedWhen::Always,
            reason: "It receives failures of asynchronous invocations only: the producer and the notifier have an on-failure \
                     destination, which keeps the cause as well, and the queue of each worker has a dead-letter queue",
        },
        AcceptedFinding {
            check: "CKV_AWS_117",
            wants: "the function inside a VPC",
            when: AcceptedWhen::Always,
            reason: "Nothing in a VPC is used and nothing listens: the function calls public endpoints over TLS, each \
                     allowed by its role, and a VPC would need a route to the internet to maintain",
        },
        AcceptedFinding {
            check: "CKV_AWS_173",
            wants: "a customer key for environment variables",
            when: AcceptedWhen::WithoutKey,
            reason: "Lambda encrypts the variables with its own key, and none is a secret: those are named by ARN and read \
                     at the start; [data] kms = true uses a customer managed key",
        },
        AcceptedFinding {
            check: "CKV_AWS_45",
            wants: "no secret in environment variables",
            when: AcceptedWhen::NameLikeSecret,
            reason: "The match is the name of a component or of a key attribute in the file, of 40 or more letters and \
                     digits; without these names nothing is found",
        },
    ],
    lookup: Some(Lookup::Function),
    ..ResourceType::new("AWS::Lambda::Function", "function", "functions", "Function")
};

/// What feeds a function from a queue. It has no name: it is known by its function's.
pub static EVENT_SOURCE_MAPPING: ResourceType = ResourceType {
    identity: &["EventSourceArn"],
    arns: &["arn:{partition}:lambda:{region}:{account}:function:{name}"],
    named_after: Some(&FUNCTION),
    handler: &[
        HandlerGrant::new(Target::Everything("MappingsAreMadeWithoutAResource"), &["lambda:CreateEventSourceMapping"])
            .only(GrantCondition::ForFunctions),
        HandlerGrant::new(
            Target::Mappings,
            &["lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
        )
        .only(GrantCondition::ForFunctions),
        // For these actions Lambda has no condition that names the function.
        HandlerGrant::new(Target::Mappings, &["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"]),
    ],
    lookup: Some(Lookup::MappingsOfFunction),
    ..ResourceType::new("AWS::Lambda::EventSourceMapping", "mapping", "mappings", "Mapping")
};

/// Where the failed asynchronous invocations of a function go; it goes with the function.
pub static EVENT_INVOKE_CONFIG: ResourceType = ResourceType {
    identity: &["FunctionName", "Qualifier"],
    // It is set on the unpublished version.
    arns: &[
        "arn:{partition}:lambda:{region}:{account}:function:{name}:$LATEST",
        "arn:{partition}:lambda:{region}:{account}:function:{name}",
    ],
    named_after: Some(&FUNCTION),
    handler: &[HandlerGrant::new(
        Target::Each(&EVENT_INVOKE_CONFIG),
        &[
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:UpdateFunctionEventInvokeConfig",
        ],
    )],
    ..ResourceType::new("AWS::Lambda::EventInvokeConfig", "failure destination", "failure destinations", "Invoke")
};

/// What allows a topic to invoke a function; it goes with the function.
pub static PERMISSION: ResourceType = ResourceType {
    identity: &["FunctionName", "Action", "Principal", "SourceArn"],
    arns: &["arn:{partition}:lambda:{region}:{account}:function:{name}"],
    named_after: Some(&FUNCTION),
    handler: &[HandlerGrant::new(
        Target::Each(&PERMISSION),
        &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"],
    )],
    ..ResourceType::new("AWS::Lambda::Permission", "permission", "permissions", "Permission")
};
