//! The table of all permissions with their proofs, in `docs/privileges.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::harness::project::workspace;
use crate::harness::roles::{Grant, Roles};

/// What no function needs, beside what other roles of the pipeline may do.
pub const DANGEROUS: [&str; 14] = [
    "dynamodb:DeleteItem",
    "dynamodb:DeleteTable",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "kms:Decrypt",
    "lambda:InvokeFunction",
    "lambda:UpdateFunctionCode",
    "s3:DeleteObject",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "sns:Subscribe",
    "sqs:PurgeQueue",
    "sts:AssumeRole",
];

/// What a service does itself by a role, with AWS's page on it; nothing where a function calls.
pub fn documented(role: &str, grant: &Grant) -> Option<(&'static str, &'static str)> {
    const POLLED: &str = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/\
                          sqs-configure-lambda-function-trigger.html";
    const LOGS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html";
    const TRACES: &str = "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html";
    const FAILED: &str = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html";
    const SCHEDULE: &str = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html";
    const UNREACHED: &str = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html";
    Some(match (role, grant.action.as_str(), grant.resource.as_str()) {
        (_, "sqs:ReceiveMessage", _) => ("the event source mapping polls the queue", POLLED),
        (_, "sqs:DeleteMessage", _) => ("the event source mapping deletes what is done", POLLED),
        (_, "sqs:GetQueueAttributes", _) => ("the event source mapping looks how much waits", POLLED),
        (_, "logs:CreateLogStream" | "logs:PutLogEvents", _) => ("Lambda writes the log", LOGS),
        (_, "xray:PutTelemetryRecords" | "xray:PutTraceSegments", _) => ("Lambda's daemon sends the traces", TRACES),
        ("ProducerRole", "sqs:SendMessage", "ProducerDeadQueue") => ("Lambda keeps the event of a failed run", FAILED),
        ("NotifierRole", "sqs:SendMessage", "NotifierDeadQueue") => {
            ("Lambda keeps an alarm that was not posted", FAILED)
        }
        ("ScheduleRole", "lambda:InvokeFunction", _) => ("the Scheduler invokes its target", SCHEDULE),
        ("ScheduleRole", "sqs:SendMessage", _) => ("the Scheduler keeps a firing that reached no function", UNREACHED),
        _ => return None,
    })
}

/// How it is known that a permission is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Without it a function fails, and says so; with it, it passes.
    Enforced,
    /// IAM's own simulation says so.
    Simulated,
    /// AWS says so.
    Documented,
}

impl Proof {
    fn word(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Simulated => "simulated",
            Self::Documented => "documented",
        }
    }
}

/// What has been proved so far, by role and permission.
#[derive(Default)]
pub struct Proofs(BTreeMap<(String, Grant), (Proof, String)>);

impl Proofs {
    /// A proof, and what was seen; one a permission.
    #[track_caller]
    pub fn add(&mut self, role: &str, grant: &Grant, proof: Proof, seen: String) {
        let before = self.0.insert((role.to_owned(), grant.clone()), (proof, seen));
        assert!(before.is_none(), "proved twice: {role} {grant:?}");
    }

    pub fn enforced(&mut self, role: &str, grant: &Grant, seen: String) {
        self.add(role, grant, Proof::Enforced, seen);
    }

    pub fn documented(&mut self, role: &str, grant: &Grant, why: &str, page: &str) {
        self.add(role, grant, Proof::Documented, format!("[{why}]({page})"));
    }

    /// Every permission that was deployed has its proof.
    pub fn cover(&self, roles: &Roles<'_>) {
        let deployed = roles.all.iter().flat_map(|(role, grants)| grants.iter().map(move |grant| (role, grant)));
        let unproved: BTreeSet<String> = deployed
            .filter(|(role, grant)| !self.0.contains_key(&((*role).clone(), (*grant).clone())))
            .map(|(role, grant)| format!("{role}: {} on {}", grant.action, grant.resource))
            .collect();
        assert_eq!(unproved, BTreeSet::new(), "permissions that nothing was seen to need");
    }

    /// Compares the table with the one that is written down; `UPDATE_SNAPSHOTS=1` writes it.
    pub fn compare(&self, questions: usize, allowed: usize) {
        let now = self.page(questions, allowed);
        let path = workspace().join("docs/privileges.md");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() && std::env::var_os("CI").is_none() {
            fs::write(&path, &now).expect("written");
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert!(known == now, "UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it privileges accepts:\n{now}");
    }

    fn page(&self, questions: usize, allowed: usize) -> String {
        let count = |proof| self.0.values().filter(|(one, _)| *one == proof).count();
        let (enforced, simulated) = (count(Proof::Enforced), count(Proof::Simulated));
        let mut text = format!(
            "# What each role may do, and how each permission is proved\n\n\
             Generated by `generator/tests/it/privileges.rs`, which fails if this page is out of date: \
             `UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it privileges` regenerates it. The pipeline has the \
             sources `dynamodb` and `file`, a stage that fetches, Comprehend in a function of its own (asked for all \
             but the dominant language, since its texts state their language), all sinks that run in AWS, alarms for Slack, and traces; it is \
             deployed by `fanggen apply` on an emulator that checks permissions, and runs the real \
             `bootstrap`.\n\n\
             Of {} permissions, **{enforced} are enforced, and only these are proved**: without exactly \
             this permission, an event fails or logs a warning that names the action; with it, the same event \
             succeeds. {simulated} are simulated: the emulator has no Comprehend, a stand-in received exactly \
             these calls, and `iam:SimulatePrincipalPolicy` allows each with the policy, and denies it \
             without. {} are documented: AWS itself uses them through the role, which the emulator does not check \
             (the test sees that for queues; it looks at neither log groups nor traces, and tries neither an invocation \
             by the Scheduler nor an on-failure destination), so AWS's documentation is the evidence.\n\n\
             Names are those of the template.\n\n\
             | role | action | resource | proof | what is seen without it |\n| --- | --- | --- | --- | --- |\n",
            self.0.len(),
            count(Proof::Documented),
        );
        for ((role, grant), (proof, seen)) in &self.0 {
            let (action, resource) = (&grant.action, &grant.resource);
            let resource = if resource.contains(' ') { resource.clone() } else { format!("`{resource}`") };
            let _ = writeln!(text, "| `{role}` | `{action}` | {resource} | {} | {seen} |", proof.word());
        }
        let _ = write!(
            text,
            "\n## Nothing else\n\n\
             Each role is checked with `iam:SimulatePrincipalPolicy` for every action of all roles, and for {}, on \
             everything in the stack and on a bucket, a table and a secret of others. Of {questions} checks, {allowed} \
             are allowed, and these are the permissions above and no others (those on `*` are allowed on every \
             resource).\n\n\
             In practice, too, functions whose variables point to a table, a bucket or a queue that is not theirs \
             return `access_denied`, and write nothing there.\n",
            DANGEROUS.map(|action| format!("`{action}`")).join(", "),
        );
        text
    }
}
