//! AWS Glue: the databases and tables of the Data Catalog, which Athena reads.

use super::card::{HandlerGrant, NameLimit, ResourceType, Target};

/// A database of the Data Catalog. It holds nothing: CloudFormation deletes it, or says that it cannot.
pub static DATABASE: ResourceType = ResourceType {
    name_limit: NameLimit::new(255, "https://docs.aws.amazon.com/glue/latest/webapi/API_DatabaseInput.html"),
    identity: &["DatabaseInput/Name"],
    // An action on something in the catalog needs the same permission on all that contains it:
    // https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
    arns: &[
        "arn:{partition}:glue:{region}:{account}:database/{name}",
        "arn:{partition}:glue:{region}:{account}:catalog",
    ],
    handler: &[
        HandlerGrant::new(
            Target::Each(&DATABASE),
            &["glue:CreateDatabase", "glue:DeleteDatabase", "glue:GetDatabase", "glue:UpdateDatabase"],
        ),
        HandlerGrant::new(Target::CatalogContents, &["glue:DeleteDatabase"]),
        // Whether the account leaves the catalog to Lake Formation.
        HandlerGrant::new(
            Target::Everything("LakeFormationIsAskedWithoutAResource"),
            &[
                "lakeformation:DescribeLakeFormationIdentityCenterConfiguration",
                "lakeformation:DescribeResource",
                "lakeformation:ListResources",
            ],
        ),
    ],
    ..ResourceType::new("AWS::Glue::Database", "catalog database", "catalog databases", "Database")
};

/// A table of the Data Catalog; its name here is `database.table`.
pub static TABLE: ResourceType = ResourceType {
    identity: &["DatabaseName", "TableInput/Name"],
    arns: &[
        "arn:{partition}:glue:{region}:{account}:table/{parent}/{child}",
        "arn:{partition}:glue:{region}:{account}:database/{parent}",
        "arn:{partition}:glue:{region}:{account}:catalog",
    ],
    handler: &[
        HandlerGrant::new(
            Target::Each(&TABLE),
            &["glue:CreateTable", "glue:DeleteTable", "glue:GetTable", "glue:UpdateTable"],
        ),
        HandlerGrant::new(Target::Each(&DATABASE), &["glue:GetDatabase"]),
    ],
    ..ResourceType::new("AWS::Glue::Table", "catalog table", "catalog tables", "Catalog")
};
