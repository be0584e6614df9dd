//! Resources left by an earlier deployment of an environment: imported where data is retained, otherwise reported.

use crate::harness::aws;
use crate::harness::process_output::ProcessOutputExt as _;

use std::collections::BTreeSet;

use aws::emulator::{Emulator, block_on};
use aws::small_pipeline::SmallPipeline;
use aws_sdk_dynamodb::types::AttributeValue;

#[test]
fn retained_resources_are_imported_with_their_rows() {
    let site = SmallPipeline::new("earlier");
    let sdk = Emulator::shared().root_sdk();
    let (cloud, tables) = (aws_sdk_cloudformation::Client::new(&sdk), aws_sdk_dynamodb::Client::new(&sdk));
    let apply = ["apply", "--env", "prod", "--yes", "--no-run"];
    let output = site.run(&apply);
    assert_eq!(output.code, 0, "{output:?}");
    let table = "earlier-prod-companies-182da4";
    let rows = || {
        let all = block_on(tables.scan().table_name(table).send()).expect("rows");
        let names = all.items().iter().map(|row| row["name"].as_s().expect("text").clone());
        names.collect::<BTreeSet<_>>()
    };
    let put = tables.put_item().table_name(table).item("name", AttributeValue::S("Somebody".into()));
    block_on(put.send()).expect("put");
    let delete = tables.delete_item().table_name(table).key("name", AttributeValue::S("Netflix".into()));
    block_on(delete.send()).expect("deleted");
    // The stack goes, and not through fanggen.
    let free = cloud.update_termination_protection().stack_name("earlier-prod").enable_termination_protection(false);
    block_on(free.send()).expect("free");
    block_on(cloud.delete_stack().stack_name("earlier-prod").send()).expect("deleted");
    while block_on(cloud.describe_stacks().stack_name("earlier-prod").send()).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let left = BTreeSet::from(["Apple".to_owned(), "Somebody".to_owned()]);
    assert_eq!(rows(), left);
    let output = site.run(&["plan", "--env", "prod"]);
    for taken in ["← table companies ", "← bucket archive ", "← log group of producer ", "← log group of worker "]
    {
        assert!(output.code == 2 && output.stdout.contains(taken), "{taken}: {output:?}");
    }
    // The emulator means to take the bucket over, too, and then refuses to make it a second time.
    let line = site.line("[sinks.archive]");
    site.run(&apply).assert_error(
        1,
        &format!(
            "error: stack `earlier-prod` is in ROLLBACK_COMPLETE\n  cause: ArchiveBucket (AWS::S3::Bucket): \
             /Resources/ArchiveBucket: Resource of type 'AWS::S3::Bucket' with identifier \
             'earlier-prod-archive-123456789012-us-east-1' already exists.\n  declared by `sinks.archive` \
             (pipeline.toml:{line})\n  what was created is deleted again; fix the cause, then run `fanggen apply --env prod` \
             again\n"
        ),
    );
    assert_eq!(rows(), left);
    let s3 = aws_sdk_s3::Client::new(&sdk);
    let bucket = format!("earlier-prod-archive-{}-{}", aws::emulator::ACCOUNT, aws::emulator::REGION);
    block_on(s3.delete_bucket().bucket(bucket).send()).expect("deleted");
    let output = site.run(&apply);
    assert!(output.code == 0 && output.stderr.contains("← log group of worker "), "{output:?}");
    assert!(output.stderr.contains("! Netflix: deleted from the table, not put back\n"), "{output:?}");
    assert_eq!(rows(), left, "what somebody deleted and added is as they left it");
    let output = site.run(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert!(
        output.code == 0 && output.stderr.ends_with("deleted: nothing is left of environment `prod`\n"),
        "{output:?}"
    );
}

#[test]
fn an_existing_table_is_reported_with_the_command_that_helps() {
    let site = SmallPipeline::new("in-the-way");
    let sdk = Emulator::shared().root_sdk();
    let tables = aws_sdk_dynamodb::Client::new(&sdk);
    let table = "in-the-way-dev-companies-182da4";
    use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
    let name = AttributeDefinition::builder().attribute_name("name").attribute_type(ScalarAttributeType::S).build();
    let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash).build();
    let made = tables.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let made = made.attribute_definitions(name.expect("one")).key_schema(key.expect("one")).send();
    block_on(made).expect("made");
    site.run(&["apply", "--yes", "--no-run"]).assert_stderr(
        1,
        &format!(
            "error: CloudFormation cannot make these changes: CloudFormation is attempting to import some resources because \
             they already exist in your account. The resources must have the DeletionPolicy attribute set to 'Retain' or \
             'RetainExceptOnCreate' in the template for successful import. The affected resources are CompaniesTable \
             ({{TableName={table}}})\n  resources with these names exist already: if an earlier deployment of this environment left them, \
             `fanggen destroy --env dev --delete-data` deletes them; `[data] retain = true` imports them\n"
        ),
    );
    // By root's key: the emulator knows no table in `ListTagsOfResource`, and so allows it only on everything.
    let destroy = || {
        let emulator = Emulator::shared();
        let arguments = ["destroy", "--yes", "--delete-data"];
        let ran =
            aws::fanggen(site.deployed.project.path(), &emulator.environment(), &arguments).output().expect("ran");
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let output = destroy();
    let left = format!(
        "note: table {table} (sources.companies) is kept: its tags say that it does not belong to this environment"
    );
    assert!(output.0 == Some(0) && output.1.contains(&left), "what nobody marked as ours is not deleted: {output:?}");
    let arn =
        block_on(tables.describe_table().table_name(table).send()).expect("there").table.and_then(|it| it.table_arn);
    let tag =
        |key: &str, value: &str| aws_sdk_dynamodb::types::Tag::builder().key(key).value(value).build().expect("one");
    let tags = [tag("fanggen:pipeline", "in-the-way"), tag("fanggen:environment", "dev")];
    block_on(tables.tag_resource().set_resource_arn(arn).set_tags(Some(tags.to_vec())).send()).expect("marked");
    let output = destroy();
    assert!(output.0 == Some(0) && output.1.contains(&format!("deleted table {table} ")), "{output:?}");
    assert_eq!(site.run(&["apply", "--yes", "--no-run"]).code, 0);
}
