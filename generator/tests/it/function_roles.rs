//! The policies of the functions' roles, judged by a real evaluator of IAM policies: by what they say, and by every call of a
//! run.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::{Value, json};

use crate::evaluator::{artifacts, pipelines, recorded};
use crate::harness::aws::emulator::{ACCOUNT, REGION};
use crate::harness::deployed_pipeline::DeployedPipeline;
use crate::harness::iam_simulate::{Case, Question, judge, refused};
use crate::harness::local_lambda::{LocalLambda, event};

#[test]
fn a_function_may_do_what_its_role_says_and_nothing_to_its_neighbours() {
    let own = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
    let key = own("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let others = [
        Question::direct("sqs:SendMessage", &own("sqs", "somebody-elses")),
        Question::direct("sqs:PurgeQueue", &own("sqs", "runtime-dev-worker")),
        Question::direct("dynamodb:UpdateItem", &own("dynamodb", "table/somebody-elses")),
        Question::direct("dynamodb:DeleteTable", &own("dynamodb", "table/somebody-elses")),
        Question::direct("s3:PutObject", "arn:aws:s3:::somebody-elses/x"),
        Question::direct("s3:PutObject", &artifacts("/runtime/x")),
        Question::direct("kms:Decrypt", &key).with("kms:ViaService", "ec2.us-east-1.amazonaws.com"),
        Question::direct("lambda:UpdateFunctionCode", &own("lambda", "function:x")),
        Question::direct("iam:PassRole", &format!("arn:aws:iam::{ACCOUNT}:role/x"))
            .with("iam:PassedToService", "lambda.amazonaws.com"),
    ];
    let mut cases = Vec::new();
    let mut names = Vec::new();
    for deployed in pipelines("runtime") {
        let printed = deployed.project.fanggen(&["iam", "--runtime", "--json"]);
        assert_eq!(printed.code, 0, "{printed:?}");
        let printed = printed.stdout.replace("${Key.Arn}", &key);
        let roles: Vec<Value> = serde_json::from_str(&printed).expect("JSON");
        for role in roles {
            let mut questions = Vec::new();
            for statement in role["policy"]["Statement"].as_array().expect("statements") {
                let via = statement["Condition"]["StringEquals"]["kms:ViaService"].as_str().unwrap_or_default();
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let example = |arn: String| match arn.as_str() {
                    "*" => arn,
                    _ if arn.contains(":log-group:") => arn.replace(":*", ":log-stream:x"),
                    _ => arn.replace('*', "x"),
                };
                for arn in statement["Resource"].as_array().expect("a list").iter().map(text).map(example) {
                    for action in statement["Action"].as_array().expect("a list").iter().map(text) {
                        questions.push(Question::direct(&action, &arn).with("kms:ViaService", via));
                    }
                }
            }
            questions.extend(others.clone());
            // The schedule's role decrypts its input without a condition that AWS documents.
            if role["service"] == "scheduler.amazonaws.com" {
                questions.retain(|one| one.action != "kms:Decrypt");
            }
            names.push(format!("{} {}", deployed.name, role["name"]));
            cases.push(Case { policies: vec![role["policy"].clone()], questions });
        }
    }
    let judged: usize = cases.iter().map(|case| case.questions.len()).sum();
    let Some(all) = judge(ACCOUNT, &cases) else { return };
    for (name, refused) in names.iter().zip(all) {
        let refused: Vec<&Question> = refused.iter().map(|(question, _)| question).collect();
        let expected: Vec<&Question> =
            others.iter().filter(|one| one.action != "kms:Decrypt" || !name.contains("-schedule-")).collect();
        assert_eq!(refused, expected, "{name}");
    }
    eprintln!("{judged} requests of functions were judged");
}

/// A pipeline whose functions call every service that a sink or source can be.
const EVERY_SERVICE: &str = r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 10

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple", "Netflix", "Unknown Ltd"]

[sources.more]
type = "file"
path = "more.csv"

[[stages]]
name = "summary"
type = "wikipedia"

[[stages]]
name = "sentiment"
type = "comprehend"
detect = ["sentiment", "entities"]

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"
ttl_days = 90

[sinks.bad]
type = "sqs"
when = 'label == "NEGATIVE"'

[sinks.good]
type = "sns"
when = 'label == "POSITIVE"'
"#;

#[test]
fn every_call_of_the_functions_is_allowed_to_their_own_role_and_to_no_other() {
    const MINUTE: Duration = Duration::from_secs(60);
    let live = DeployedPipeline::new(EVERY_SERVICE, &[("more.csv", "name\nGoogle\n")], "roles", "dev");
    let (proxy, seen) = recorded();
    let ground = LocalLambda::behind(live, proxy);
    let take = || Vec::from_iter(std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner)));
    let firing = json!({ "scheduled_time": "2026-11-22T12:00:00Z" });
    let produced = ground.start("ProducerFunction").invoke_as("firing", MINUTE, &firing).expect("produced");
    assert_eq!(produced["items"], 4, "{produced}");
    let of_producer = take();
    let worker = ground.start("WorkerFunction");
    while let Some(message) = ground.receive(60) {
        let answer = worker.invoke_as("chunk", MINUTE, &event(&message)).expect("an answer");
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        ground.delete(message);
    }
    // An unreadable message goes to the dead-letter queue.
    let poison = json!({ "Records": [{
        "messageId": "m", "receiptHandle": "r", "body": "poison", "attributes": { "ApproximateReceiveCount": "1" },
        "eventSource": "aws:sqs", "awsRegion": REGION, "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:x",
    }] });
    worker.invoke_as("poison", MINUTE, &poison).expect("an answer");
    let asked = ground.comprehend.counts();
    let comprehend = asked.keys().map(|operation| Question::direct(&format!("comprehend:{operation}"), "*"));
    let of_worker: Vec<Question> = take().into_iter().chain(comprehend).collect();
    let services = |questions: &[Question]| -> BTreeSet<String> {
        questions.iter().map(|one| one.action.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(services(&of_producer), ["dynamodb", "s3", "sqs"].map(String::from).into());
    assert_eq!(services(&of_worker), ["comprehend", "dynamodb", "s3", "sns", "sqs"].map(String::from).into());
    let policies = |role: &str| vec![ground.live.policy(role)];
    let (producer, worker) = (policies("ProducerRole"), policies("WorkerRole"));
    let Some(wrong) = refused(ACCOUNT, &producer, &of_producer) else { return };
    assert!(wrong.is_empty(), "producer: {wrong:#?}");
    let wrong = refused(ACCOUNT, &worker, &of_worker).expect("judged before");
    assert!(wrong.is_empty(), "worker: {wrong:#?}");
    // What the other one does is refused, but for the table of the run that both write to.
    let state = ground.live.name("StateTable");
    let own = |questions: &[Question]| -> Vec<Question> {
        questions.iter().filter(|one| !one.resources.iter().any(|arn| arn.ends_with(&state))).cloned().collect()
    };
    for (policies, questions) in [(&producer, own(&of_worker)), (&worker, own(&of_producer))] {
        let all_refused = refused(ACCOUNT, policies, &questions).expect("judged before");
        assert!(!questions.is_empty() && all_refused.len() == questions.len(), "{all_refused:#?} of {questions:#?}");
    }
}
