//! Proof of least privilege: each permission of each role is revoked alone, and what needs it fails and names it; nothing
//! else is allowed. The proofs are in `docs/privileges.md`.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use crate::harness::{aws, deployed_pipeline, invoke, privileges, roles};

use std::collections::{BTreeMap, BTreeSet};

use aws::emulator::Emulator;
use aws::target_account::target_account;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use invoke::{ForeignResources, Invoker, redelivered};
use privileges::{Proof, Proofs};
use roles::{Grant, Roles};
use serde_json::{Value, json};

const STATE: &str = "StateTable";

fn pipeline(secret: &str, slack: &str, hook: &HttpServer) -> String {
    format!(
        r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 30
tracing = true

[sources.companies]
type = "dynamodb"
items = ["Sony"]

[sources.reviews]
type = "file"
path = "items.csv"

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "sentiment"
type = "comprehend"
isolate = true
detect = ["sentiment", "targeted_sentiment", "entities", "key_phrases", "pii"]

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"

[sinks.events]
type = "sqs"

[sinks.news]
type = "sns"
when = 'sentiment == "NEGATIVE"'

[sinks.hook]
type = "webhook"
url = "{}"
allow = ["{}"]
secret = "{secret}"

[alarms]
slack_url_secret = "{slack}"
"#,
        hook.url("/hook"),
        hook.host_port()
    )
}

/// A function and its role, by what their names in the template begin with.
#[derive(Clone, Copy)]
struct Place {
    role: &'static str,
    function: &'static str,
}

const PRODUCER: Place = Place { role: "ProducerRole", function: "ProducerFunction" };
/// It only fetches.
const FIRST: Place = Place { role: "WorkerRole", function: "WorkerFunction" };
/// It analyses and writes.
const SECOND: Place = Place { role: "WorkerSentimentRole", function: "WorkerSentimentFunction" };

/// It posts alarms.
const NOTIFIER: Place = Place { role: "NotifierRole", function: "NotifierFunction" };

struct Trial<'a> {
    hand: Invoker<'a>,
    roles: Roles<'a>,
    proofs: Proofs,
}

#[test]
fn every_permission_is_needed_and_no_other_is_given() {
    assert!(target_account().emulator.is_some(), "roles are changed here: this is for the emulator only");
    let hook = HttpServer::start(|_| CannedResponse::text(200, ""));
    let others = invoke::others(&hook.url("/slack"));
    let items = [("items.csv", "name\nNokia AG\nBayer\n")];
    let live = deployed_pipeline::DeployedPipeline::new(
        &pipeline(&others.secret, &others.slack_url, &hook),
        &items,
        "least",
        "dev",
    );
    let mut trial = Trial { hand: Invoker::of(&live), roles: Roles::of(&live), proofs: Proofs::default() };
    trial.produce();
    trial.fetch();
    trial.analyse();
    trial.notify(&others.slack_url, &hook);
    trial.ask();
    trial.leave_to_services();
    assert!(!hook.requests().is_empty(), "the webhook was called");
    let Trial { hand, roles, proofs } = trial;
    proofs.cover(&roles);
    let (questions, allowed) = nothing_else(&hand, &roles, &others);
    elsewhere(&hand, &others);
    proofs.compare(questions, allowed);
}

impl Trial<'_> {
    /// The producer: each firing fails without its permission, and is gone on with when it is back.
    fn produce(&mut self) {
        let cases = [
            ("dynamodb:UpdateItem", STATE, "the run cannot begin"),
            ("dynamodb:Scan", "CompaniesTable", "the items of `companies` cannot be read"),
            ("s3:GetObject", "ReviewsBucket/items.csv", "the items of `reviews` cannot be read"),
            ("sqs:SendMessage", "WorkerQueue", "no chunk is sent"),
        ];
        for (hour, (action, resource, seen)) in cases.into_iter().enumerate() {
            let firing = json!({ "scheduled_time": format!("2026-11-22T{hour:02}:00:00Z") });
            let grant = self.roles.grant(PRODUCER.role, action, resource);
            self.roles.revoke(PRODUCER.role, &[&grant]);
            let outcome = self.hand.invoke(PRODUCER.function, &firing);
            assert!(outcome.broken && outcome.was_denied(&grant), "without {grant:?}: {outcome:?}");
            self.roles.restore(PRODUCER.role);
            self.hand.expire_lease(&format!("20261122T{hour:02}0000Z"));
            let outcome = self.hand.invoke(PRODUCER.function, &firing);
            assert!(
                !outcome.broken && outcome.answer == json!({ "items": 3, "chunks": 2 }),
                "with {grant:?}: {outcome:?}"
            );
            self.proofs.enforced(PRODUCER.role, &grant, format!("the producer returns an error: {seen}"));
        }
    }

    /// The worker that fetches: a chunk, a message that nobody can read, a chunk that is handed back.
    fn fetch(&mut self) {
        let event = self.hand.message("WorkerQueue", "20261122T000000Z", 0);
        let onward = self.roles.grant(FIRST.role, "sqs:SendMessage", "WorkerSentimentQueue");
        self.back_and_poison(FIRST, &event, &onward);
        self.without(FIRST, &event, &onward, "the chunk cannot be forwarded");
    }

    /// The worker that analyses and writes: every store, what it remembers, and the digest of a run.
    fn analyse(&mut self) {
        let (run, other) = ("20261122T000000Z", "20261122T010000Z");
        for (run, chunk) in [(run, 0), (run, 1), (other, 0), (other, 1)] {
            let outcome = self.hand.invoke(FIRST.function, &self.hand.message("WorkerQueue", run, chunk));
            assert!(outcome.is_success(), "{outcome:?}");
        }
        let event = self.hand.message("WorkerSentimentQueue", run, 0);
        let cases = [
            // First of all: the process keeps the secret, once it has read it.
            ("secretsmanager:GetSecretValue", "the secret of `sinks.hook`", "the webhook cannot be signed"),
            ("s3:PutObject", "ArchiveBucket/archive/*", "the object cannot be written"),
            ("dynamodb:BatchWriteItem", "LatestTable", "the rows cannot be written"),
            ("sqs:SendMessage", "EventsQueue", "the records cannot be sent"),
            ("dynamodb:PutItem", STATE, "what the digest will say cannot be noted"),
            ("dynamodb:UpdateItem", STATE, "the chunk cannot be marked as done"),
        ];
        for (action, resource, seen) in cases {
            self.without(SECOND, &event, &self.roles.grant(SECOND.role, action, resource), seen);
        }
        let seen = "on redelivery, nobody knows whether the chunk is done";
        self.without(SECOND, &redelivered(&event), &self.roles.grant(SECOND.role, "dynamodb:GetItem", STATE), seen);
        let put = self.roles.grant(SECOND.role, "s3:PutObject", "ArchiveBucket/archive/*");
        self.back_and_poison(SECOND, &event, &put);
        self.remember(&event);

        // The other chunk completes the run.
        let last = self.hand.message("WorkerSentimentQueue", run, 1);
        let seen = "the run is complete, and its digest cannot be put together";
        self.without(SECOND, &last, &self.roles.grant(SECOND.role, "dynamodb:Query", STATE), seen);
        let outcome = self.hand.invoke(SECOND.function, &self.hand.message("WorkerSentimentQueue", other, 0));
        assert!(outcome.is_success(), "{outcome:?}");
        let last = self.hand.message("WorkerSentimentQueue", other, 1);
        let seen = "the run is complete, and its digest cannot be published";
        self.without(SECOND, &last, &self.roles.grant(SECOND.role, "sns:Publish", "NewsTopic"), seen);
    }

    /// Findings that cannot be looked up keep their chunk back; those that cannot be kept are only paid for again.
    fn remember(&mut self, event: &Value) {
        let grant = self.roles.grant(SECOND.role, "dynamodb:BatchGetItem", STATE);
        self.without(SECOND, event, &grant, "cached findings cannot be read");

        let grant = self.roles.grant(SECOND.role, "dynamodb:BatchWriteItem", STATE);
        self.hand.delete_cached_findings();
        self.roles.revoke(SECOND.role, &[&grant]);
        let outcome = self.hand.invoke(SECOND.function, event);
        assert!(outcome.log.contains("findings could not be cached") && outcome.was_denied(&grant), "{outcome:?}");
        self.roles.restore(SECOND.role);
        let outcome = self.hand.invoke(SECOND.function, event);
        assert!(outcome.is_success(), "{outcome:?}");
        self.proofs.enforced(SECOND.role, &grant, "a warning in the log: findings will be paid for again".to_owned());
    }

    /// Without a permission the message of an event is to come again, and the log has the reason; with it, all is well.
    #[track_caller]
    fn without(&mut self, place: Place, event: &Value, grant: &Grant, seen: &str) {
        self.roles.revoke(place.role, &[grant]);
        let outcome = self.hand.invoke(place.function, event);
        assert!(outcome.is_redelivered(event) && outcome.was_denied(grant), "without {grant:?}: {outcome:?}");
        self.roles.restore(place.role);
        let outcome = self.hand.invoke(place.function, event);
        assert!(outcome.is_success(), "with {grant:?}: {outcome:?}");
        self.proofs.enforced(place.role, grant, format!("the message is redelivered: {seen}"));
    }

    /// What every worker may do to its own queues: hand a chunk back, here one that cannot pass `wall`, and set a message
    /// aside that nobody can read.
    fn back_and_poison(&mut self, place: Place, event: &Value, wall: &Grant) {
        let part = place.role.trim_end_matches("Role");
        let hide = self.roles.grant(place.role, "sqs:ChangeMessageVisibility", &format!("{part}Queue"));
        self.roles.revoke(place.role, &[wall, &hide]);
        let outcome = self.hand.invoke(place.function, event);
        assert!(outcome.is_redelivered(event) && outcome.was_denied(wall) && outcome.was_denied(&hide), "{outcome:?}");
        self.roles.revoke(place.role, &[wall]);
        let outcome = self.hand.invoke(place.function, event);
        assert!(outcome.is_redelivered(event) && outcome.was_denied(wall) && !outcome.was_denied(&hide), "{outcome:?}");
        self.roles.restore(place.role);
        let outcome = self.hand.invoke(place.function, event);
        assert!(outcome.is_success(), "{outcome:?}");
        let seen = format!(
            "an error in the log where a chunk is returned to the queue, here because `{}` is missing too",
            wall.action
        );
        self.proofs.enforced(place.role, &hide, seen);

        let dead = self.roles.grant(place.role, "sqs:SendMessage", &format!("{part}DeadQueue"));
        let mut poison = event.clone();
        poison["Records"][0]["body"] = json!("no JSON");
        self.without(place, &poison, &dead, "an unreadable message cannot be moved to the dead-letter queue");
    }

    /// The notifier: an alarm cannot be posted without the URL.
    fn notify(&mut self, secret: &str, hook: &HttpServer) {
        let settings = json!({ "url_secret": secret, "allow": [hook.host_port()] });
        self.hand.redirect(NOTIFIER.function, "FANG_SLACK", &settings.to_string());
        let alarm = json!({ "AlarmName": "least-dev-no-run", "NewStateValue": "ALARM" }).to_string();
        let event = json!({ "Records": [{ "Sns": { "MessageId": "m", "Message": alarm } }] });
        let grant =
            self.roles.grant(NOTIFIER.role, "secretsmanager:GetSecretValue", "the secret of `alarms.slack_url_secret`");
        self.roles.revoke(NOTIFIER.role, &[&grant]);
        let outcome = self.hand.invoke(NOTIFIER.function, &event);
        assert!(outcome.broken && outcome.was_denied(&grant), "without {grant:?}: {outcome:?}");
        self.roles.restore(NOTIFIER.role);
        let outcome = self.hand.invoke(NOTIFIER.function, &event);
        assert!(!outcome.broken && outcome.answer == json!({ "posted": 1 }), "with {grant:?}: {outcome:?}");
        self.proofs.enforced(
            NOTIFIER.role,
            &grant,
            "the notifier returns an error: the alarm is not posted".to_owned(),
        );
    }

    /// What the emulator has not: the account is asked, about exactly the calls that were made.
    fn ask(&mut self) {
        let role = SECOND.role;
        let asked: BTreeSet<String> = Emulator::shared()
            .comprehend()
            .counts()
            .keys()
            .map(|operation| format!("comprehend:{operation}"))
            .collect();
        let own = self.roles.all[role].iter().filter(|grant| grant.action.starts_with("comprehend:"));
        let own: Vec<Grant> = own.cloned().collect();
        assert_eq!(
            own.iter().map(|grant| grant.action.clone()).collect::<BTreeSet<_>>(),
            asked,
            "asked for, and asked"
        );
        for grant in own {
            let only = BTreeSet::from([grant.action.clone()]);
            assert_eq!(self.roles.simulate(role, &only, "*"), only);
            self.roles.revoke(role, &[&grant]);
            assert_eq!(self.roles.simulate(role, &asked, "*"), &asked - &only);
            self.roles.restore(role);
            self.proofs.add(role, &grant, Proof::Simulated, "the run called it; denied without it".to_owned());
        }
    }

    /// What the services do themselves by a role, which the emulator does without looking at it: that it does is seen
    /// here, and where one day it looks, this fails, and the permission can be proved.
    fn leave_to_services(&mut self) {
        let mut taken: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        for (role, grants) in &self.roles.all {
            for grant in grants {
                if let Some((why, page)) = privileges::documented(role, grant) {
                    self.proofs.documented(role, grant, why, page);
                    taken.entry(role.clone()).or_default().push(grant.clone());
                }
            }
        }
        // The Scheduler's role has nothing else, and is not used here.
        taken.remove("ScheduleRole");
        for (role, grants) in &taken {
            self.roles.revoke(role, &grants.iter().collect::<Vec<_>>());
        }
        // On its way from the first queue to the archive, none of them was needed here.
        self.hand.set_polling(true);
        let outcome = self.hand.invoke(PRODUCER.function, &json!({ "scheduled_time": "2026-11-22T09:00:00Z" }));
        assert!(!outcome.broken && !outcome.log.is_empty(), "{outcome:?}");
        self.hand.written("20261122T090000Z", 2);
        self.hand.set_polling(false);
        taken.keys().for_each(|role| self.roles.restore(role));
    }
}

/// Each role is asked about every action of all roles and some that nobody should have, on everything that any of them
/// may touch: what the account allows is what the policy names. Gives how many questions, and how many were allowed.
fn nothing_else(hand: &Invoker<'_>, roles: &Roles<'_>, others: &ForeignResources) -> (usize, usize) {
    let grants = || roles.all.values().flatten();
    let mut actions: BTreeSet<String> = grants().map(|grant| grant.action.clone()).collect();
    actions.extend(privileges::DANGEROUS.map(str::to_owned));
    let mut places: BTreeSet<String> = grants().map(Grant::place).collect();
    places.extend(hand.all_arns());
    places.extend([
        others.secret_of_others.clone(),
        format!("arn:aws:s3:::{}/archive/x", others.bucket),
        format!("arn:aws:dynamodb:{}:{}:table/{}", target_account().region, target_account().account, others.table),
    ]);
    let (mut questions, mut allowed) = (0, 0);
    for role in roles.all.keys() {
        for place in &places {
            let may = roles.simulate(role, &actions, place);
            assert_eq!(may, roles.named(role, &actions, place), "{role} on {place}");
            questions += actions.len();
            allowed += may.len();
        }
    }
    (questions, allowed)
}

/// Functions whose settings lead them to what is not theirs are refused there, and leave nothing.
fn elsewhere(hand: &Invoker<'_>, others: &ForeignResources) {
    let firing = json!({ "scheduled_time": "2026-11-22T10:00:00Z" });
    let stranger = |queue: &str| hand.live.queue(queue);
    let first = hand.message("WorkerQueue", "20261122T020000Z", 0);
    let second = hand.message("WorkerSentimentQueue", "20261122T010000Z", 0);
    let cases = [
        ("ProducerFunction", &firing, "companies", hand.live.name("LatestTable"), "dynamodb:Scan"),
        ("ProducerFunction", &firing, "FANG_STATE", others.table.clone(), "dynamodb:UpdateItem"),
        ("ProducerFunction", &firing, "FANG_OUT", stranger("WorkerSentimentQueue"), "sqs:SendMessage"),
        ("WorkerFunction", &first, "FANG_OUT", stranger("ScheduleDeadQueue"), "sqs:SendMessage"),
        ("WorkerSentimentFunction", &second, "FANG_STATE", others.table.clone(), "dynamodb:BatchGetItem"),
        ("WorkerSentimentFunction", &second, "archive", others.bucket.clone(), "s3:PutObject"),
        ("WorkerSentimentFunction", &second, "latest", others.table.clone(), "dynamodb:BatchWriteItem"),
        ("WorkerSentimentFunction", &second, "events", stranger("WorkerQueue"), "sqs:SendMessage"),
    ];
    for (function, event, variable, value, action) in cases {
        hand.expire_lease("20261122T100000Z");
        let before = hand.redirect(function, variable, &value);
        let outcome = hand.invoke(function, event);
        let name = value.rsplit('/').next().expect("a name");
        let refused = outcome.denials().into_iter().any(|(may_not, on)| may_not == action && on.contains(name));
        assert!((outcome.broken || outcome.is_redelivered(event)) && refused, "{function} to {value}: {outcome:?}");
        hand.set_variables(function, before);
    }
    assert_eq!(hand.count_written_to(others), 0, "nothing of ours is there");
}
