//! Handles the events of a Lambda function: a schedule starts a run, SQS delivers chunks, SNS delivers alarms.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Once;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::component::services::Services;
use crate::function::notifier::{Notifier, NotifierSettings};
use crate::function::{Delivery, Function, InputQueue, OpenFunction, Trigger};
use crate::lambda::log::Log;
use crate::lambda::redelivery::{Redelivery, backoff};
use crate::lambda::trace::Trace;
use crate::model::error::{Error, ErrorCode};
use crate::model::items::InlineItem;
use crate::model::message::Message;
use crate::model::record::Item;
use crate::model::run::RunId;

/// The placeholder that EventBridge Scheduler replaces by the scheduled time, and emulators do not.
const UNRESOLVED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// What is known of an invocation besides its event.
pub struct Invocation {
    /// Its request id. A retry of the same event has the same one.
    pub id: String,
    /// When Lambda ends it.
    pub deadline: Instant,
    /// Its trace, if it is traced.
    pub trace: Option<Trace>,
}

/// The `detail-type` of the events of a scheduled EventBridge rule
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>).
const SCHEDULED_EVENT: &str = "Scheduled Event";

/// An event of EventBridge Scheduler, whose input the plan defines, or of a scheduled EventBridge rule.
#[derive(Debug, Deserialize)]
struct ScheduleEvent {
    scheduled_time: Option<String>,
    /// The time of an EventBridge event.
    time: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    /// When the environment's first run was due, in the input of a rate schedule.
    first_run: Option<String>,
    /// Items in the input of the schedule, by source.
    #[serde(default, rename = "given")]
    items: BTreeMap<String, ScheduledItems>,
}

impl ScheduleEvent {
    /// The scheduled time. Other EventBridge events, such as alarms, have a time but do not start a run.
    fn time(&self) -> Option<&str> {
        let is_scheduled = self.detail_type.as_deref() == Some(SCHEDULED_EVENT);
        self.scheduled_time.as_deref().or(self.time.as_deref().filter(|_| is_scheduled))
    }
}

/// The items of one source in the input of the schedule.
#[derive(Debug, Deserialize)]
struct ScheduledItems {
    key: String,
    items: Vec<InlineItem>,
}

impl ScheduledItems {
    fn items(&self) -> Result<Vec<Item>, Error> {
        self.items.iter().map(|item| item.to_item(&self.key)).collect()
    }
}

/// An event of an SQS event source mapping.
#[derive(Debug, Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    messages: Vec<SqsMessage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsMessage {
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// The attributes from the sender. A message that was moved back from the dead-letter queue has a `reason`.
    #[serde(default)]
    message_attributes: BTreeMap<String, Value>,
}

impl SqsMessage {
    /// How often it was received, including this time.
    fn receives(&self) -> u64 {
        self.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

/// Handles the events of a function.
pub struct Handler<S> {
    function: Function,
    services: S,
    log: Log,
    /// A worker stays open between events, which preserves its connections and its rate limits.
    worker: OnceCell<OpenFunction>,
    /// A notifier stays open too, with its connection and the secret that it has read.
    notifier: OnceCell<Notifier>,
    /// Logs the error of opening the worker only once.
    log_open_error: Once,
}

impl<S: Services> Handler<S> {
    /// A handler for this function. Its components are opened by the first event.
    pub fn new(function: Function, services: S) -> Self {
        let log = Log::new(&function);
        Self::with_log(function, services, log)
    }

    /// A handler that logs to this log.
    pub fn with_log(function: Function, services: S, log: Log) -> Self {
        Self {
            function,
            services,
            log,
            worker: OnceCell::const_new(),
            notifier: OnceCell::const_new(),
            log_open_error: Once::new(),
        }
    }

    /// Handles an event and returns the response that Lambda expects.
    ///
    /// # Errors
    /// Why the event as a whole failed. A single message that failed is reported in the response instead.
    pub async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, Error> {
        match &self.function.trigger {
            Trigger::Schedule(_) => {
                let event = serde_json::from_value(event).map_err(unexpected_event)?;
                self.handle_schedule(event, invocation).await
            }
            Trigger::Queue(input) => {
                let event: SqsEvent = serde_json::from_value(event).map_err(unexpected_event)?;
                let open = || async { self.function.open(&self.services, &BTreeMap::new()) };
                let worker = self.worker.get_or_try_init(open).await.inspect_err(|error| {
                    // Every event fails with the same error.
                    self.log_open_error.call_once(|| self.log.error(error, None, None));
                })?;
                let mut failures = Vec::new();
                for message in event.messages {
                    if !self.handle_message(worker, input, &message, invocation).await {
                        failures.push(json!({ "itemIdentifier": message.message_id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failures }))
            }
            Trigger::Alarms(settings) => self.handle_alarms(settings, event).await,
        }
    }

    /// Produces the run of a scheduled time.
    async fn handle_schedule(&self, event: ScheduleEvent, invocation: &Invocation) -> Result<Value, Error> {
        let time = event.time().ok_or_else(|| unexpected_event("missing field `scheduled_time`"))?;
        let run = if time == UNRESOLVED_TIME {
            self.log.warn(
                ErrorCode::RunUnnamed,
                "the schedule did not send its scheduled time, as in an emulator: using the current time",
            );
            RunId::at(Timestamp::now())
        } else {
            RunId::of_firing(time, event.first_run.as_deref())?
        };
        let items = |(source, items): (String, ScheduledItems)| Ok((source, items.items()?));
        let items = event.items.into_iter().map(items).collect::<Result<_, Error>>()?;
        // Opened for every run, so that its sources start from the beginning.
        let mut producer = self.function.open(&self.services, &items)?;
        // The request id alone is not unique: a retry has the same id, and so has a duplicate delivery. With a random part,
        // the later invocation waits until the lease of the earlier one has expired.
        let owner = format!("{}#{:016x}", invocation.id, RandomState::new().hash_one(&invocation.id));
        match producer.produce(&run, &owner, invocation.deadline).await {
            Ok(outcome) => {
                self.log.run_produced(&run, &outcome, producer.sent, self.services.meter().take());
                Ok(json!(outcome))
            }
            Err(error) => {
                self.log.run_failed(&run, &error, producer.sent, self.services.meter().take());
                Err(error)
            }
        }
    }

    /// Posts the alarms of an event. If one cannot be posted, the whole event fails: Lambda tries it again, and keeps it in the
    /// end as a dead letter.
    async fn handle_alarms(&self, settings: &NotifierSettings, event: Value) -> Result<Value, Error> {
        let posting = async {
            let open = || async { Notifier::open(settings, &self.function, &self.services) };
            self.notifier.get_or_try_init(open).await?.notify(event).await
        };
        let outcomes = posting.await.inspect_err(|error| self.log.error(error, None, None))?;
        let mut result = Ok(());
        let mut posted = 0;
        for outcome in outcomes {
            match outcome {
                Ok(alarm) => {
                    posted += 1;
                    self.log.alarm_posted(&alarm);
                }
                Err(error) => {
                    self.log.error(&error, None, None);
                    result = result.and(Err(error));
                }
            }
        }
        result.map(|()| json!({ "posted": posted }))
    }

    /// Processes a message, and returns whether it can be deleted from the queue. If not, the reasons are in the log.
    async fn handle_message(
        &self,
        worker: &OpenFunction,
        input: &InputQueue,
        sqs_message: &SqsMessage,
        invocation: &Invocation,
    ) -> bool {
        let receives = sqs_message.receives();
        let message_id = Some(sqs_message.message_id.as_str());
        let start = Instant::now();
        let timeout = invocation.deadline.saturating_duration_since(start);
        let redelivery = Redelivery { services: &self.services, input };
        let message = match Message::from_wire(&sqs_message.body) {
            Ok(message) => message,
            Err(error) => {
                self.log.error(&error, None, message_id);
                return match redelivery.send_to_dead_letter_queue(&sqs_message.body, &error).await {
                    Ok(sent) => sent,
                    Err(error) => {
                        self.log.error(&error, None, message_id);
                        false
                    }
                };
            }
        };
        let chunk = message.chunk.clone();
        let delivery = Delivery {
            deadline: invocation.deadline,
            last: input.max_receives.is_some_and(|max| receives + 1 >= max),
            redelivered: receives > 1 || sqs_message.message_attributes.contains_key("reason"),
        };
        let outcome = worker.process(message, delivery).await;
        for failure in &outcome.failures {
            self.log.error(&failure.error, Some(&chunk), message_id);
        }
        if let Some(error) = &outcome.cache_error {
            let message = format!("findings could not be cached and will be paid for again: {}", error.message);
            self.log.warn(error.code, &message);
        }
        if let Some(trace) = &invocation.trace {
            trace.send(&outcome.timings);
        }
        self.log.chunk_processed(&chunk, &outcome, self.services.meter().take());
        if outcome.failures.is_empty() {
            return true;
        }
        // SQS would not deliver it again: move it to the dead-letter queue here, where the reason can be added.
        if let Some(failure) =
            outcome.failures.first().filter(|_| input.max_receives.is_some_and(|max| receives >= max))
        {
            match redelivery.send_to_dead_letter_queue(&sqs_message.body, &failure.error).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => self.log.error(&error, Some(&chunk), message_id),
            }
        }
        let wait = backoff(outcome.retry_after, receives, timeout, start.elapsed());
        if let Err(error) = redelivery.delay(&sqs_message.receipt_handle, wait).await {
            // The visibility timeout of the queue applies instead.
            self.log.error(&error, Some(&chunk), message_id);
        }
        false
    }
}

fn unexpected_event(why: impl std::fmt::Display) -> Error {
    Error::permanent(ErrorCode::EventUnreadable, format!("unexpected event: {why}"))
}
