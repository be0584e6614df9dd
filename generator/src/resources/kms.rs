//! AWS KMS: the customer key and its alias.

use super::card::{GrantCondition, HandlerGrant, Lookup, NameLimit, ResourceType, Target};
use super::logs::LOG_GROUP;

/// A customer key. `destroy` finds it by its alias.
pub static KEY: ResourceType = ResourceType {
    holds: Some("key"),
    handler: &[
        HandlerGrant::new(Target::Everything("KeysAreMadeWithoutAResource"), &["kms:CreateKey"]),
        // Includes what the encrypted resources need: their services call KMS on behalf of whoever creates or fills them.
        HandlerGrant::new(
            Target::Keys,
            &[
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:DisableKey",
                "kms:DisableKeyRotation",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:ListResourceTags",
                "kms:PutKeyPolicy",
                "kms:RevokeGrant",
                "kms:ScheduleKeyDeletion",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:UpdateKeyDescription",
            ],
        ),
        // Items in the tables, files of items in the buckets.
        HandlerGrant::new(
            Target::Keys,
            &[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
        )
        .only(GrantCondition::ViaServices(&["dynamodb", "s3"])),
        HandlerGrant::new(Target::Each(&LOG_GROUP), &["logs:AssociateKmsKey", "logs:DisassociateKmsKey"]),
    ],
    ..ResourceType::new("AWS::KMS::Key", "encryption key", "encryption keys", "Key")
};

/// The alias of the customer key; its name begins with `alias/`.
pub static ALIAS: ResourceType = ResourceType {
    name_limit: NameLimit::new(256, "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html"),
    identity: &["AliasName"],
    arns: &["arn:{partition}:kms:{region}:{account}:{name}"],
    handler: &[
        HandlerGrant::new(Target::Each(&ALIAS), &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]),
        HandlerGrant::new(Target::Keys, &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]),
        HandlerGrant::new(Target::Everything("AliasesAreListedWithoutAResource"), &["kms:ListAliases"]),
    ],
    lookup: Some(Lookup::KeyOfAlias),
    ..ResourceType::new("AWS::KMS::Alias", "name of the encryption key", "names of encryption keys", "KeyAlias")
};
