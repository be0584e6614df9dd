//! Answers that AWS gives and the emulator does not, which a caller has to bear.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyper::http::HeaderValue;
use serde_json::{Value, json};

use super::Sent;
use crate::harness::aws::wire::{Answer, s3_error, sqs_error};

/// The name of a deleted queue is free after this time.
///
/// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html, read on 2026-11-29
const QUEUE_NAME_FREE: Duration = Duration::from_secs(60);

/// What happened before, on a clock that a test can put forward.
#[derive(Default)]
pub struct Memory {
    ahead: Duration,
    /// When messages were received, by their receipt handles.
    receipts: BTreeMap<String, Instant>,
    /// When queues were deleted, by account and name.
    deleted: BTreeMap<String, Instant>,
    /// Buckets that are being changed, and functions that run.
    busy: BTreeMap<String, usize>,
    concurrency: Option<usize>,
}

impl Memory {
    fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    pub fn advance(&mut self, time: Duration) {
        self.ahead += time;
    }

    pub fn set_concurrency(&mut self, functions: usize) {
        self.concurrency = Some(functions);
    }

    /// How long ago a message was received; nothing for one that Lambda received.
    pub fn since_receipt(&self, handle: &str) -> Option<Duration> {
        self.receipts.get(handle).map(|then| self.now() - *then)
    }

    /// The answer that AWS has for a request now, or what the request keeps busy.
    pub fn enter(&mut self, sent: &Sent<'_>) -> Result<Option<String>, Box<Answer>> {
        self.recently_deleted(sent)?;
        if let Some(bucket) = bucket_set_up(sent) {
            return self.only_one(bucket);
        }
        if sent.is("lambda:Invoke") && sent.parameters["InvocationType"] != "Event" {
            return self.one_of_all(sent);
        }
        Ok(None)
    }

    pub fn leave(&mut self, busy: &str) {
        if let Some(count) = self.busy.get_mut(busy) {
            *count = count.saturating_sub(1);
        }
    }

    /// "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    ///
    /// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html, read on 2026-11-29
    fn recently_deleted(&self, sent: &Sent<'_>) -> Result<(), Box<Answer>> {
        let queue = format!("{}/{}", sent.account, sent.text("QueueName"));
        let deleted = self.deleted.get(&queue).filter(|_| sent.is("sqs:CreateQueue"));
        if deleted.is_some_and(|then| self.now() - *then < QUEUE_NAME_FREE) {
            let words =
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
            let mut answer = sqs_error(400, "QueueDeletedRecently", words);
            let code = HeaderValue::from_static("AWS.SimpleQueueService.QueueDeletedRecently;Sender");
            answer.headers_mut().insert("x-amzn-query-error", code);
            return Err(Box::new(answer));
        }
        Ok(())
    }

    /// While one request changes a bucket's settings, another one is refused.
    ///
    /// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and
    /// https://github.com/hashicorp/terraform-provider-aws/issues/12949, read on 2026-11-29
    fn only_one(&mut self, bucket: String) -> Result<Option<String>, Box<Answer>> {
        let busy = self.busy.entry(bucket.clone()).or_default();
        if *busy > 0 {
            return Err(Box::new(operation_aborted()));
        }
        *busy += 1;
        Ok(Some(bucket))
    }

    /// New accounts run few functions at once.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read on 2026-11-29
    fn one_of_all(&mut self, sent: &Sent<'_>) -> Result<Option<String>, Box<Answer>> {
        let functions = format!("functions of {}", sent.account);
        let running = self.busy.entry(functions.clone()).or_default();
        if self.concurrency.is_some_and(|most| *running >= most) {
            return Err(Box::new(sent.call.error(429, "TooManyRequestsException", "Rate Exceeded.")));
        }
        *running += 1;
        Ok(Some(functions))
    }

    /// Learns from a request that succeeded, and that deleted these queues.
    pub fn observe(&mut self, sent: &Sent<'_>, answer: &[u8], queues: Vec<String>) {
        let now = self.now();
        let mut gone = |name: &str| self.deleted.insert(format!("{}/{name}", sent.account), now);
        queues.iter().for_each(|name| {
            gone(name);
        });
        if sent.is("sqs:DeleteQueue") {
            gone(sent.text("QueueUrl").rsplit('/').next().unwrap_or_default());
        }
        if sent.is("sqs:ReceiveMessage") {
            let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
            let messages = answer["Messages"].as_array().into_iter().flatten();
            let handles = messages.filter_map(|message| message["ReceiptHandle"].as_str());
            self.receipts.extend(handles.map(|handle| (handle.to_owned(), now)));
        }
    }

    /// The body of an answer, where it is to say that the account is new.
    pub fn rewritten(&self, sent: &Sent<'_>, answer: &[u8]) -> Option<Vec<u8>> {
        let most = self.concurrency.filter(|_| sent.is("lambda:GetAccountSettings"))?;
        let mut answer: Value = serde_json::from_slice(answer).ok()?;
        answer["AccountLimit"]["ConcurrentExecutions"] = json!(most);
        answer["AccountLimit"]["UnreservedConcurrentExecutions"] = json!(most);
        Some(answer.to_string().into_bytes())
    }
}

/// The bucket whose existence or settings a request changes.
fn bucket_set_up(sent: &Sent<'_>) -> Option<String> {
    let name = sent.call.name.as_str();
    let changes = ["CreateBucket", "DeleteBucket", "PutPublicAccessBlock", "DeletePublicAccessBlock"].contains(&name)
        || name.starts_with("PutBucket")
        || name.starts_with("DeleteBucket");
    (sent.call.service == "s3" && changes).then(|| format!("bucket {}", sent.text("Bucket")))
}

/// The answer of a bucket that another request is changing.
pub fn operation_aborted() -> Answer {
    let words = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    s3_error(409, "OperationAborted", words)
}
