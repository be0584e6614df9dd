//! The calls that a run of a thousand companies makes: their number is what it costs.

use crate::harness::{deployed_pipeline, local_lambda};

use std::collections::BTreeMap;
use std::time::Duration;

use deployed_pipeline::DeployedPipeline;
use local_lambda::{LocalLambda, event};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn a_thousand_companies_take_few_calls_and_unchanged_texts_fewer() {
    let live = DeployedPipeline::root("calls", "prod");
    live.put("CompaniesTable", (0..995).map(|number| format!("Company {number:03}")));
    let ground = LocalLambda::of(live);
    let worker = ground.start("WorkerFunction");
    for (hour, comprehend, remembered) in [("12", 40, 40), ("13", 0, 0)] {
        ground.proxy.clear();
        ground.comprehend.clear();
        ground.live.wiki.requests().clear();
        let firing = json!({ "scheduled_time": format!("2026-11-22T{hour}:00:00Z") });
        let produced = ground.start("ProducerFunction").invoke_as("firing", MINUTE, &firing).expect("produced");
        assert_eq!(produced, json!({ "items": 1_000, "chunks": 10 }));
        let expected = counts(&[
            ("dynamodb:Scan", 1),
            ("sqs:SendMessageBatch", 1),
            // The lease, and the end.
            ("dynamodb:UpdateItem", 2),
            // What is about to be sent, with how many chunks the run has.
            ("dynamodb:TransactWriteItems", 1),
        ]);
        assert_eq!(ground.proxy.counts(), expected);
        ground.proxy.clear();
        let mut chunks = 0;
        while let Some(message) = ground.receive(60) {
            let answer = worker.invoke_as(&format!("chunk-{chunks}"), MINUTE, &event(&message)).expect("an answer");
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
            ground.delete(message);
            chunks += 1;
        }
        assert_eq!(chunks, 10);
        let expected = counts(&[
            ("dynamodb:BatchGetItem", 10),
            ("dynamodb:BatchWriteItem", 40 + remembered),
            ("dynamodb:UpdateItem", 10),
            ("s3:PutObject", 10),
        ]);
        assert_eq!(ground.proxy.counts(), expected);
        let asked = match comprehend {
            0 => BTreeMap::new(),
            each => counts(&[("BatchDetectEntities", each), ("BatchDetectSentiment", each)]),
        };
        assert_eq!(ground.comprehend.counts(), asked);
        assert_eq!(ground.live.wiki.requests().len(), 50);
    }
}
