//! Every status of a stack, from a scripted CloudFormation in the real wire format: what apply, plan and destroy do.

use crate::harness::aws;
use crate::harness::process_output::ProcessOutputExt as _;

use aws::emulator::Emulator;
use aws::proxy::Proxy;
use aws::scripted_cloudformation::Script;
use aws::scripted_cloudformation::steps::{GONE, NO_CHANGES, NO_UPDATES, Outcome, step};
use aws::small_pipeline::SmallPipeline;
use fanggen_runtime::testing::process::ProcessOutput;

const TABLE: &str = "AWS::DynamoDB::Table";
const ROLE: &str = "AWS::IAM::Role";
const FUNCTION: &str = "AWS::Lambda::Function";
const BUCKET: &str = "AWS::S3::Bucket";
const APPLY: [&str; 3] = ["apply", "--yes", "--no-items"];
/// What such an apply says last of a new stack.
const NOT_ENABLED: &str =
    "the schedule is not enabled yet: `fanggen apply --env dev` writes the items and enables it\n";
const DESTROY: [&str; 2] = ["destroy", "--yes"];

/// The calls of an apply that makes a change set, carries it out and looks at what came of it.
const CARRIED_OUT: [&str; 6] = [
    "CreateChangeSet",
    "DescribeChangeSet",
    "DescribeStackEvents",
    "ExecuteChangeSet",
    "DescribeStackEvents",
    "DescribeStacks",
];

/// A pipeline whose stack is the scripted CloudFormation's.
struct ScriptedStack {
    site: SmallPipeline,
    proxy: Proxy,
}

impl ScriptedStack {
    /// One whose stack of `dev` does not exist yet.
    fn new(name: &str, extend: impl FnOnce(Script) -> Script) -> Self {
        Self::of(SmallPipeline::new(name), |_, script| extend(script))
    }

    /// One whose stack exists, is ours, and has this status.
    fn at(name: &str, state: &str, extend: impl FnOnce(Script) -> Script) -> Self {
        Self::of(SmallPipeline::new(name), |site, script| {
            let template = site.deployed.project.read("generated/dev/template.yaml");
            let script = script.at(state).template(&template).tag("fanggen:environment", "dev");
            extend(script.tag("fanggen:pipeline", &site.deployed.name))
        })
    }

    fn of(site: SmallPipeline, extend: impl FnOnce(&SmallPipeline, Script) -> Script) -> Self {
        let script = extend(&site, Script::of(&format!("{}-dev", site.deployed.name)));
        let proxy = Proxy::with(Emulator::shared(), script.stand_in());
        Self { site: site.through(&proxy), proxy }
    }

    /// Runs a command, and gives its calls of CloudFormation; repeated calls in a row are listed once.
    fn run(&self, arguments: &[&str]) -> (ProcessOutput, Vec<String>) {
        self.proxy.clear();
        let output = self.site.run(arguments);
        let mut calls: Vec<String> = self.proxy.operations();
        calls.retain(|call| call.starts_with("cloudformation:"));
        calls.iter_mut().for_each(|call| *call = call.replace("cloudformation:", ""));
        calls.dedup();
        (output, calls)
    }

    /// Runs a command, asserts its exit code and its whole stderr, and gives its calls.
    #[track_caller]
    fn assert_stderr(&self, arguments: &[&str], code: i32, words: &str) -> Vec<String> {
        let (output, calls) = self.run(arguments);
        output.assert_stderr(code, words);
        calls
    }

    /// Runs a command, asserts that it fails with this error, and gives its calls.
    #[track_caller]
    fn assert_error(&self, arguments: &[&str], error: &str) -> Vec<String> {
        let (output, calls) = self.run(arguments);
        output.assert_error(1, error);
        calls
    }
}

/// A table is made.
fn made() -> Outcome {
    Outcome::default().change("Add", "CompaniesTable", TABLE, "")
}

/// A function gets another setting.
fn changed() -> Outcome {
    Outcome::default().change("Modify", "WorkerFunction", FUNCTION, "False")
}

#[test]
fn a_new_stack_is_created_and_a_plan_leaves_nothing_behind() {
    let stack =
        ScriptedStack::new("told-none", |script| script.change_set(made()).change_set(made()).change_set(made()));
    let shown = "told-none-dev in us-east-1 is new: 1 table; its roles have 11 permissions\n\n  + table companies  \
                 sources.companies  CompaniesTable (AWS::DynamoDB::Table)\n";
    let looked = [
        "DescribeStacks",
        "CreateChangeSet",
        "DescribeChangeSet",
        "DeleteChangeSet",
        "DescribeStacks",
        "ListChangeSets",
        "DescribeStackEvents",
        "DeleteStack",
        "DescribeStackEvents",
    ];
    let (output, calls) = stack.run(&["plan"]);
    let items = "\nitems of table `told-none-dev-companies-182da4`: 2 new\n  + Apple\n  + Netflix\n";
    assert_eq!((output.code, output.stdout), (2, format!("{shown}{items}")));
    let fires = "the schedule fires every hour after it is enabled\n";
    assert_eq!(output.stderr, format!("{fires}apply with `fanggen apply --env dev`\n"));
    assert_eq!(calls, looked);
    // Nobody is there to say yes.
    let nobody =
        "error: there is no terminal to ask on: nothing was changed\n  add `--yes` to go on without a prompt\n";
    assert_eq!(stack.assert_stderr(&["apply", "--no-items"], 1, &format!("{shown}{nobody}")), looked);
    let calls = stack.assert_stderr(&APPLY, 0, &format!("{shown}created: stack `told-none-dev`\n{NOT_ENABLED}"));
    assert_eq!(calls[1..], CARRIED_OUT);
}

#[test]
fn an_express_deployment_rolls_back_if_it_fails() {
    let stack = ScriptedStack::new("told-express", |script| script.change_set(made()));
    let (output, calls) = stack.run(&["apply", "--yes", "--no-items", "--express"]);
    assert!(output.code == 0 && calls.contains(&"ExecuteChangeSet".to_owned()), "{output:?} {calls:?}");
}

#[test]
fn our_empty_stack_is_used_and_a_foreign_one_is_not_changed() {
    let stack = ScriptedStack::new("told-shell", |script| {
        script.at("REVIEW_IN_PROGRESS").with_set("fanggen-plan-0").change_set(made())
    });
    let (output, calls) = stack.run(&APPLY);
    assert_eq!(
        (output.code, &calls[..2]),
        (0, &["DescribeStacks".to_owned(), "ListChangeSets".to_owned()][..]),
        "{output:?}"
    );
    let foreign =
        ScriptedStack::new("told-theirs", |script| script.at("REVIEW_IN_PROGRESS").with_set("awscli-cloudformation-1"));
    for arguments in [&["plan"][..], &APPLY, &DESTROY] {
        let calls = foreign.assert_stderr(
            arguments,
            1,
            "error: stack `told-theirs-dev` exists in this account and region but belongs to another pipeline or environment, as its tags `fanggen:pipeline` and `fanggen:environment` show: it was not changed\n  rename the \
             pipeline or the environment\n",
        );
        assert_eq!(calls, ["DescribeStacks", "ListChangeSets"]);
    }
}

#[test]
fn a_foreign_stack_is_not_changed_in_any_status() {
    for state in
        ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_IN_PROGRESS"]
    {
        let foreign = ScriptedStack::new(&format!("told-foreign-{}", state.len()), |script| {
            script.at(state).tag("fanggen:pipeline", "another").tag("fanggen:environment", "dev")
        });
        for arguments in [&["plan"][..], &APPLY, &DESTROY] {
            let (output, calls) = foreign.run(arguments);
            assert_eq!(
                (output.code, calls),
                (1, vec!["DescribeStacks".to_owned()]),
                "{state} {arguments:?} {output:?}"
            );
            assert!(
                output.stderr.ends_with("it was not changed\n  rename the pipeline or the environment\n"),
                "{output:?}"
            );
        }
    }
}

#[test]
fn a_failed_creation_names_its_first_cause_is_deleted_and_can_be_repeated() {
    let stack = ScriptedStack::new("told-broken", |script| {
        script.change_set(made()).change_set(made()).events_a_page(2).on(
            "ExecuteChangeSet",
            [
                step("CREATE_IN_PROGRESS").event("CompaniesTable", TABLE, "CREATE_IN_PROGRESS", ""),
                step("ROLLBACK_IN_PROGRESS")
                    .event("ProducerRole", ROLE, "CREATE_FAILED", "Resource creation cancelled")
                    .event("CompaniesTable", TABLE, "CREATE_FAILED", "Table companies already exists")
                    .event("WorkerFunction", FUNCTION, "CREATE_FAILED", "Its role cannot be assumed")
                    .because("The following resource(s) failed to create: [ProducerRole, CompaniesTable]. "),
                step("ROLLBACK_COMPLETE").event("ProducerRole", ROLE, "DELETE_COMPLETE", "").polls(2),
            ],
        )
    });
    let calls = stack.assert_error(
        &APPLY,
        &format!(
            "error: stack `told-broken-dev` is in ROLLBACK_COMPLETE\n  cause: CompaniesTable (AWS::DynamoDB::Table): \
             Table companies already exists\n  declared by `sources.companies` (pipeline.toml:{})\n  what was created is deleted again; fix the cause, then run `fanggen apply --env dev` again\n",
            stack.site.line("[sources.companies]")
        ),
    );
    assert_eq!(calls[calls.len() - 2..], ["DeleteStack", "DescribeStackEvents"]);
    let (output, calls) = stack.run(&APPLY);
    assert!(output.stderr.ends_with(&format!("created: stack `told-broken-dev`\n{NOT_ENABLED}")), "{output:?}");
    assert_eq!((output.code, &calls[1..]), (0, &CARRIED_OUT.map(str::to_owned)[..]));
}

#[test]
fn a_failure_without_a_failed_resource_gives_the_reason_of_the_stack() {
    let stack = ScriptedStack::new("told-alone", |script| {
        let steps = [
            step("CREATE_IN_PROGRESS"),
            step("ROLLBACK_IN_PROGRESS").because("Stack creation time exceeded the specified timeout"),
            step("ROLLBACK_FAILED").polls(2),
        ];
        script.change_set(made()).on("ExecuteChangeSet", steps)
    });
    stack.assert_error(
        &APPLY,
        "error: stack `told-alone-dev` is in ROLLBACK_FAILED\n  cause: told-alone-dev (AWS::CloudFormation::Stack): \
         Stack creation time exceeded the specified timeout\n  what was created is deleted again; fix the cause, then run \
         `fanggen apply --env dev` again\n",
    );
}

#[test]
fn the_remains_of_a_failed_creation_are_deleted_and_the_stack_is_created() {
    for state in ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"] {
        let name = format!("told-{}", state.to_lowercase().replace('_', "-"));
        let stack = ScriptedStack::at(&name, state, |script| script.after(&["CREATE_IN_PROGRESS"]).change_set(made()));
        let (output, calls) = stack.run(&["plan"]);
        assert_eq!(
            (output.code, calls),
            (2, vec!["DescribeStacks".to_owned(), "DescribeStackEvents".to_owned()]),
            "{output:?}"
        );
        assert_eq!(
            output.stderr,
            format!(
                "stack `{name}-dev` is in {state}: its creation failed; apply deletes what is left and creates it again\nthe schedule fires every hour after it is enabled\napply with `fanggen apply --env dev`\n"
            )
        );
        assert!(output.stdout.contains("+ table companies"), "{output:?}");
        let (output, calls) = stack.run(&APPLY);
        let begins = format!("stack `{name}-dev` is in {state}: its creation failed, deleting what is left\n");
        assert!(
            output.stderr.starts_with(&begins)
                && output.stderr.ends_with(&format!("created: stack `{name}-dev`\n{NOT_ENABLED}")),
            "{output:?}"
        );
        let cleaned = ["DescribeStacks", "DescribeStackEvents", "DeleteStack", "DescribeStackEvents", "DescribeStacks"];
        assert_eq!(
            (output.code, &calls[..5], &calls[5..]),
            (0, &cleaned.map(str::to_owned)[..], &CARRIED_OUT.map(str::to_owned)[..])
        );
    }
}

#[test]
fn a_stack_that_was_once_complete_is_never_deleted() {
    let stack = ScriptedStack::at("told-whole", "ROLLBACK_COMPLETE", |script| {
        script.after(&["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]).events_a_page(1)
    });
    for arguments in [&["plan"][..], &APPLY] {
        let calls = stack.assert_stderr(
            arguments,
            1,
            "error: stack `told-whole-dev` is in ROLLBACK_COMPLETE but was complete before, so it is not cleaned up automatically\n  look at it in the CloudFormation console, or run `fanggen destroy --env dev`\n",
        );
        assert_eq!(calls, ["DescribeStacks", "DescribeStackEvents"]);
    }
}

#[test]
fn an_operation_in_progress_is_awaited_before_the_apply() {
    for (number, (state, before, after)) in [
        ("CREATE_IN_PROGRESS", &[][..], &["CREATE_COMPLETE"][..]),
        ("UPDATE_IN_PROGRESS", &[], &["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", &["UPDATE_IN_PROGRESS"], &["UPDATE_COMPLETE"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", &["UPDATE_IN_PROGRESS"], &["UPDATE_ROLLBACK_COMPLETE"]),
        // Somebody else has continued it.
        (
            "UPDATE_ROLLBACK_IN_PROGRESS",
            &["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"],
            &["UPDATE_ROLLBACK_COMPLETE"],
        ),
        ("IMPORT_IN_PROGRESS", &["CREATE_COMPLETE"], &["IMPORT_COMPLETE"]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("told-work-{number}");
        let stack = ScriptedStack::at(&name, state, |script| {
            script.after(before).then(after.iter().map(|state| step(state))).change_set(changed())
        });
        stack.assert_stderr(
            &["plan"],
            1,
            &format!(
                "error: stack `{name}-dev` is in {state}: changes to it cannot be planned\n  run `fanggen apply --env dev`, which resolves that first\n"
            ),
        );
        let (output, calls) = stack.run(&APPLY);
        let end = after[after.len() - 1];
        let begins = format!("stack `{name}-dev` is in {state}: waiting\nstack `{name}-dev` is in {end}\n");
        assert!(output.stderr.starts_with(&begins), "{output:?}");
        assert!(output.stderr.ends_with(&format!("updated: stack `{name}-dev`\n")), "{output:?}");
        assert_eq!(
            calls[..4],
            ["DescribeStacks", "DescribeStackEvents", "DescribeStacks", "CreateChangeSet"],
            "{state}"
        );
    }
}

#[test]
fn a_failing_creation_and_a_deletion_in_progress_are_awaited_and_the_stack_is_created() {
    let stack = ScriptedStack::at("told-falls", "CREATE_IN_PROGRESS", |script| {
        script.then([step("ROLLBACK_IN_PROGRESS"), step("ROLLBACK_COMPLETE").polls(3)]).change_set(made())
    });
    let (output, _) = stack.run(&APPLY);
    let begins = "stack `told-falls-dev` is in CREATE_IN_PROGRESS: waiting\nstack `told-falls-dev` is in \
                  ROLLBACK_COMPLETE\nstack `told-falls-dev` is in ROLLBACK_COMPLETE: its creation failed, deleting what is left\n";
    assert!(
        output.stderr.starts_with(begins)
            && output.stderr.ends_with(&format!("created: stack `told-falls-dev`\n{NOT_ENABLED}")),
        "{output:?}"
    );
    let stack =
        ScriptedStack::at("told-goes", "DELETE_IN_PROGRESS", |script| script.then([step(GONE)]).change_set(made()));
    let (output, _) = stack.run(&APPLY);
    let begins =
        "stack `told-goes-dev` is in DELETE_IN_PROGRESS: waiting\nstack `told-goes-dev` is in DELETE_COMPLETE\n";
    assert!(
        output.stderr.starts_with(begins)
            && output.stderr.ends_with(&format!("created: stack `told-goes-dev`\n{NOT_ENABLED}")),
        "{output:?}"
    );
}

#[test]
fn a_failed_update_is_rolled_back_and_can_be_repeated() {
    let stack = ScriptedStack::at("told-update", "CREATE_COMPLETE", |script| {
        script.change_set(changed()).change_set(changed()).on(
            "ExecuteChangeSet",
            [
                step("UPDATE_IN_PROGRESS"),
                step("UPDATE_ROLLBACK_IN_PROGRESS")
                    .event(
                        "WorkerFunction",
                        FUNCTION,
                        "UPDATE_FAILED",
                        "Resource handler returned message: \"no such layer\"",
                    )
                    .because("The following resource(s) failed to update: [WorkerFunction]. "),
                step("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
                step("UPDATE_ROLLBACK_COMPLETE"),
            ],
        )
    });
    stack.assert_error(
        &APPLY,
        &format!(
            "error: stack `told-update-dev` is in UPDATE_ROLLBACK_COMPLETE\n  cause: WorkerFunction \
             (AWS::Lambda::Function): Resource handler returned message: \"no such layer\"\n  declared by `stages.text` \
             (pipeline.toml:{})\n  the stack was rolled back; fix the cause, then run `fanggen apply --env dev` \
             again\n",
            stack.site.line("name = \"text\"")
        ),
    );
    let (output, _) = stack.run(&APPLY);
    assert!(output.code == 0 && output.stderr.ends_with("updated: stack `told-update-dev`\n"), "{output:?}");
}

#[test]
fn a_failed_rollback_is_reported_continued_and_may_fail_again() {
    let stuck = |name: &str, extend: fn(Script) -> Script| {
        ScriptedStack::at(name, "UPDATE_ROLLBACK_FAILED", |script| {
            let reason = "The following resource(s) failed to update: [WorkerRole]. ";
            extend(script.after(&["UPDATE_IN_PROGRESS"]).because(reason).change_set(changed()))
        })
    };
    let stack = stuck("told-stuck", |script| script);
    let calls = stack.assert_stderr(
        &["apply"],
        1,
        "error: the rollback of stack `told-stuck-dev` failed (The following resource(s) failed to update: [WorkerRole].): \
         the stack is unchanged\n  fix the cause, then continue it with `fanggen apply --env dev --yes`\n",
    );
    assert_eq!(calls, ["DescribeStacks"]);
    stack.assert_stderr(
        &["plan"],
        1,
        "error: stack `told-stuck-dev` is in UPDATE_ROLLBACK_FAILED: changes to it cannot be planned\n  run `fanggen apply \
         --env dev`, which resolves that first\n",
    );
    let (output, calls) = stack.run(&APPLY);
    assert!(output.code == 0 && output.stderr.ends_with("updated: stack `told-stuck-dev`\n"), "{output:?}");
    assert_eq!(calls[1..4], ["DescribeStackEvents", "ContinueUpdateRollback", "DescribeStackEvents"]);

    let stack = stuck("told-stuck-again", |script| {
        let failed =
            step("UPDATE_ROLLBACK_FAILED").event("WorkerRole", ROLE, "UPDATE_FAILED", "Access denied").polls(9);
        script.on("ContinueUpdateRollback", [step("UPDATE_ROLLBACK_IN_PROGRESS"), failed])
    });
    stack.assert_error(
        &APPLY,
        &format!(
            "error: stack `told-stuck-again-dev` is in UPDATE_ROLLBACK_FAILED\n  cause: WorkerRole (AWS::IAM::Role): \
             Access denied\n  declared by `stages.text` (pipeline.toml:{})\n  fix the cause, then run `fanggen apply \
             --env dev` again\n",
            stack.site.line("name = \"text\"")
        ),
    );
}

#[test]
fn a_failed_update_that_was_not_rolled_back_is_rolled_back_first() {
    let stack = ScriptedStack::at("told-half", "UPDATE_FAILED", |script| {
        script.because("The following resource(s) failed to update: [WorkerRole]. ").change_set(changed())
    });
    stack.assert_stderr(
        &["apply"],
        1,
        "error: an update of stack `told-half-dev` failed (The following resource(s) failed to update: [WorkerRole].) and \
         was not rolled back: the stack is partly updated\n  fix the cause, then roll it back with `fanggen apply --env dev \
         --yes`\n",
    );
    stack.assert_stderr(
        &["plan"],
        1,
        "error: stack `told-half-dev` is in UPDATE_FAILED: changes to it cannot be planned\n  run `fanggen apply --env \
         dev`, which resolves that first\n",
    );
    let (output, calls) = stack.run(&APPLY);
    assert!(output.code == 0 && output.stderr.ends_with("updated: stack `told-half-dev`\n"), "{output:?}");
    assert_eq!(calls[1..4], ["DescribeStackEvents", "RollbackStack", "DescribeStackEvents"]);
}

#[test]
fn a_failed_deletion_is_retried_by_destroy_which_names_the_cause() {
    let stack = ScriptedStack::at("told-blocked", "DELETE_FAILED", |script| {
        let failed = || {
            let blocked = "The bucket you tried to delete is not empty";
            let bucket = "told-blocked-dev-archive-123456789012-us-east-1";
            step("DELETE_FAILED").event("ArchiveBucket", BUCKET, "DELETE_FAILED", blocked).named(bucket).polls(2)
        };
        let script = script.because("The following resource(s) failed to delete: [ArchiveBucket]. ");
        (0..3).fold(script, |script, _| script.on("DeleteStack", [step("DELETE_IN_PROGRESS"), failed()]))
    });
    for arguments in [&["plan"][..], &APPLY] {
        let calls = stack.assert_stderr(
            arguments,
            1,
            "error: the last deletion of stack `told-blocked-dev` failed: The following resource(s) failed to \
             delete: [ArchiveBucket].\n  run `fanggen destroy --env dev` first\n",
        );
        assert_eq!(calls, ["DescribeStacks"]);
    }
    let calls = stack.assert_error(
        &DESTROY,
        &format!(
            "error: stack `told-blocked-dev` is in DELETE_FAILED\n  cause: ArchiveBucket (AWS::S3::Bucket): The bucket \
             you tried to delete is not empty\n  declared by `sinks.archive` (pipeline.toml:{})\n  fix the cause, then \
             run `fanggen destroy --env dev` again\n",
            stack.site.line("[sinks.archive]")
        ),
    );
    assert_eq!(calls.iter().filter(|call| *call == "DeleteStack").count(), 3);
    let (output, _) = stack.run(&DESTROY);
    assert!(
        output.code == 0 && output.stderr.ends_with("deleted: nothing is left of environment `dev` in us-east-1\n"),
        "{output:?}"
    );
}

#[test]
fn a_status_that_allows_no_changes_comes_with_advice() {
    let console = "see its events in the CloudFormation console, resolve that there, then run the same command again";
    for (name, state, help) in [
        ("told-rest-2", "IMPORT_ROLLBACK_FAILED", console),
        // A word that CloudFormation has yet to invent.
        ("told-rest-3", "REPAIR_PAUSED", console),
    ] {
        let stack = ScriptedStack::at(name, state, |script| script.because("Something failed. "));
        for arguments in [&["plan"][..], &APPLY] {
            let calls = stack.assert_stderr(
                arguments,
                1,
                &format!(
                    "error: stack `{name}-dev` is in {state}: CloudFormation accepts no changes to it: Something \
                     failed.\n  {help}\n"
                ),
            );
            assert_eq!(calls, ["DescribeStacks", "CreateChangeSet"]);
        }
    }
}

#[test]
fn both_messages_for_no_changes_are_a_success() {
    for (name, reason) in [("told-same-1", NO_CHANGES), ("told-same-2", NO_UPDATES)] {
        let stack = ScriptedStack::at(name, "UPDATE_ROLLBACK_COMPLETE", |script| {
            script.change_set(Outcome::fails(reason).waits(3)).change_set(Outcome::fails(reason))
        });
        let nothing = format!("nothing to do: stack `{name}-dev` is up to date\n");
        let calls = stack.assert_stderr(&APPLY, 0, &nothing);
        assert_eq!(
            calls,
            ["DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "DescribeStacks"]
        );
        // The items are not in the table yet.
        let (output, _) = stack.run(&["plan"]);
        let items = format!("\nitems of table `{name}-dev-companies-182da4`: 2 new\n  + Apple\n  + Netflix\n");
        assert!(output.code == 2 && items.ends_with(&output.stdout), "{output:?}");
    }
}

#[test]
fn a_change_set_that_cannot_be_made_says_why_and_is_removed() {
    let import = "CloudFormation is attempting to import some resources because they already exist in your account. The \
                  resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template \
                  for successful import. The affected resources are CompaniesTable ({TableName=companies})";
    let checks = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early \
                  Validation errors, use the DescribeEvents API for detailed failure information.";
    let stack = ScriptedStack::new("told-refused", |script| {
        let check = "AWS::EarlyValidation::PropertyValidation";
        let validated = Outcome::fails(checks).finding(
            "WorkerFunction",
            check,
            "/Resources/WorkerFunction/Properties/Layers",
            "Unsupported property [Layers]",
        );
        script.change_set(Outcome::fails(import)).change_set(validated).change_set(Outcome::fails("Quota exceeded"))
    });
    let removed = ["DeleteChangeSet", "DescribeStacks", "ListChangeSets", "DescribeStackEvents", "DeleteStack"];
    for (error, before) in [
        (
            format!(
                "{import}\n  resources with these names exist already: if an earlier deployment of this environment left them, `fanggen destroy \
                 --env dev --delete-data` deletes them; `[data] retain = true` imports them"
            ),
            3,
        ),
        (
            format!(
                "{checks}\n  - WorkerFunction, declared by `stages.text`: /Resources/WorkerFunction/Properties/Layers: \
                 Unsupported property [Layers]\n  fix that, then run `fanggen apply --env dev` again"
            ),
            4,
        ),
        ("Quota exceeded".to_owned(), 3),
    ] {
        let calls =
            stack.assert_stderr(&APPLY, 1, &format!("error: CloudFormation cannot make these changes: {error}\n"));
        assert_eq!(calls[before..before + 5], removed, "{calls:?}");
    }
}

#[test]
fn a_change_set_that_cannot_be_explained_is_removed() {
    let stack = ScriptedStack::at("told-blind", "CREATE_COMPLETE", |script| {
        let denied = "User: arn:aws:iam::123456789012:user/d is not authorized to perform: cloudformation:GetTemplate on \
                      resource: arn:aws:cloudformation:us-east-1:123456789012:stack/told-blind-dev/1 because no \
                      identity-based policy allows the cloudformation:GetTemplate action";
        script.change_set(changed()).refuse("GetTemplate", 403, "AccessDenied", denied)
    });
    let calls = stack.assert_stderr(
        &APPLY,
        1,
        "error: missing permission: cloudformation:GetTemplate on \
         arn:aws:cloudformation:us-east-1:123456789012:stack/told-blind-dev/1\n  User: arn:aws:iam::123456789012:user/d is \
         not authorized to perform: cloudformation:GetTemplate on resource: \
         arn:aws:cloudformation:us-east-1:123456789012:stack/told-blind-dev/1 because no identity-based policy allows the \
         cloudformation:GetTemplate action\n  `fanggen iam --deployer` prints a policy that includes it\n",
    );
    assert_eq!(calls[3..], ["GetTemplate", "DeleteChangeSet", "DescribeStacks"]);
}

#[test]
fn throttled_polls_and_events_on_many_pages_are_handled() {
    let stack = ScriptedStack::at("told-busy", "CREATE_COMPLETE", |script| {
        let many = (0..30).fold(step("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), |step, number| {
            step.event(&format!("Part{number}"), ROLE, "UPDATE_COMPLETE", "")
        });
        let script = script
            .change_set(changed())
            .events_a_page(4)
            .on("ExecuteChangeSet", [step("UPDATE_IN_PROGRESS"), many, step("UPDATE_COMPLETE")]);
        let script = script.refuse("DescribeStackEvents", 400, "Throttling", "Rate exceeded");
        script.refuse("DescribeStackEvents", 400, "Throttling", "Rate exceeded")
    });
    let (output, _) = stack.run(&APPLY);
    assert!(output.code == 0 && output.stderr.ends_with("updated: stack `told-busy-dev`\n"), "{output:?}");
    for number in 0..30 {
        let line = format!("update complete  Part{number} AWS::IAM::Role\n");
        assert_eq!(output.stderr.matches(&line).count(), 1, "each event once, and this one: {line}{}", output.stderr);
    }
}
