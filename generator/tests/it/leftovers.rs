//! Resources left by an earlier deployment of an environment: imported where data is retained, otherwise reported.

use crate::harness::aws;
use crate::harness::process_output::ProcessOutputExt as _;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::emulator::{Emulator, block_on};
use aws::proxy::Proxy;
use aws::small_pipeline::SmallPipeline;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, Tag,
};

/// Creates a table as a pipeline would name it.
fn create_table(tables: &aws_sdk_dynamodb::Client, table: &str, tags: &[(&str, &str)]) {
    let name = AttributeDefinition::builder().attribute_name("name").attribute_type(ScalarAttributeType::S).build();
    let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash).build();
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("one")).collect();
    let made = tables.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest).set_tags(Some(tags));
    let made = made.attribute_definitions(name.expect("one")).key_schema(key.expect("one")).send();
    block_on(made).expect("made");
}

#[test]
fn retained_resources_are_imported_with_their_rows() {
    // By root's key: the emulator knows no table in `ListTagsOfResource`, and so allows it only on everything.
    let site = SmallPipeline::new("earlier").by(Emulator::shared().root());
    let sdk = Emulator::shared().root_sdk();
    let (cloud, tables) = (aws_sdk_cloudformation::Client::new(&sdk), aws_sdk_dynamodb::Client::new(&sdk));
    let apply = ["apply", "--env", "prod", "--yes", "--no-run"];
    let output = site.run(&apply);
    assert_eq!(output.code, 0, "{output:?}");
    let s3 = aws_sdk_s3::Client::new(&sdk);
    let bucket = format!("earlier-prod-archive-{}-{}", aws::emulator::ACCOUNT, aws::emulator::REGION);
    // AWS gives the tags of a stack to its buckets, and the emulator does not.
    let tag = |key: &str, value: &str| aws_sdk_s3::types::Tag::builder().key(key).value(value).build().expect("one");
    let tags = [tag("fanggen:pipeline", "earlier"), tag("fanggen:environment", "prod")];
    let tags = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(tags.to_vec())).build().expect("tags");
    block_on(s3.put_bucket_tagging().bucket(&bucket).tagging(tags).send()).expect("tagged");
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
    block_on(s3.delete_bucket().bucket(bucket).send()).expect("deleted");
    let output = site.run(&apply);
    assert!(output.code == 0 && output.stderr.contains("← log group of worker "), "{output:?}");
    assert!(output.stderr.contains("! Netflix: deleted from the table, not put back\n"), "{output:?}");
    assert_eq!(rows(), left, "what somebody deleted and added is as they left it");
    let output = site.run(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert!(
        output.code == 0 && output.stderr.ends_with("deleted: nothing is left of environment `prod` in us-east-1\n"),
        "{output:?}"
    );
}

#[test]
fn an_existing_table_is_reported_with_the_command_that_helps() {
    let site = SmallPipeline::new("in-the-way");
    let sdk = Emulator::shared().root_sdk();
    let tables = aws_sdk_dynamodb::Client::new(&sdk);
    let table = "in-the-way-dev-companies-182da4";
    create_table(&tables, table, &[]);
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

#[test]
fn a_table_with_somebody_elses_tags_is_neither_imported_nor_deleted() {
    let site = SmallPipeline::new("taken").by(Emulator::shared().root());
    let tables = aws_sdk_dynamodb::Client::new(&Emulator::shared().root_sdk());
    let table = "taken-prod-companies-182da4";
    create_table(&tables, table, &[("fanggen:environment", "prod"), ("fanggen:pipeline", "theirs"), ("team", "data")]);
    let refused = format!(
        "error: these resources exist already and do not belong to this environment:\n  - table {table} \
         (sources.companies): it is tagged `fanggen:environment` = `prod`, `fanggen:pipeline` = `theirs`, `team` = \
         `data`\n  the stack is unchanged: rename the pipeline or the environment; or, if an earlier deployment of this \
         environment left them, tag them with `fanggen:environment` = `prod` and `fanggen:pipeline` = `taken`\n"
    );
    site.run(&["apply", "--env", "prod", "--yes", "--no-run"]).assert_error(1, &refused);
    site.run(&["plan", "--env", "prod"]).assert_error(1, &refused);
    let output = site.run(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    let kept = format!(
        "note: table {table} (sources.companies) is kept: its tags say that it does not belong to this environment\n"
    );
    assert!(output.code == 0 && output.stderr.contains(&kept), "{output:?}");
    block_on(tables.describe_table().table_name(table).send()).expect("it is still there");
}

#[test]
fn a_queue_and_a_bucket_of_somebody_else_stop_no_destroy() {
    let denied = |call: &aws::wire::Call| {
        let is_its = call.service == "s3" && call.head.uri.path().starts_with("/namesake-dev-archive-");
        // S3 does not say within one account why it denies access to a bucket of another.
        is_its.then(|| call.error(403, "AccessDenied", "Access Denied"))
    };
    let proxy = Proxy::with(Emulator::shared(), Arc::new(denied));
    let site = SmallPipeline::new("namesake").through(&proxy);
    let plan = site.deployed.plan("dev");
    let resources = plan["resources"].as_object().expect("resources");
    let queue = resources.values().find(|one| one["type"] == "AWS::SQS::Queue").expect("a queue");
    let queue = queue["name"].as_str().expect("a name");
    let queues = aws_sdk_sqs::Client::new(&Emulator::shared().root_sdk());
    block_on(queues.create_queue().queue_name(queue).send()).expect("made");
    let begin = Instant::now();
    let output = site.run(&["destroy", "--yes"]);
    assert!(begin.elapsed() < Duration::from_secs(60), "what is not ours is not waited for");
    let notes = [
        "(sinks.archive) is kept: it belongs to another account\n".to_owned(),
        format!("note: queue {queue} "),
        "is kept: it does not belong to the stack\n".to_owned(),
    ];
    for note in notes {
        assert!(output.code == 0 && output.stderr.contains(&note), "{note}: {output:?}");
    }
    block_on(queues.get_queue_url().queue_name(queue).send()).expect("it is still there");
}
