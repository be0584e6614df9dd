//! The Lambda's side: the events that it is sent, and what it answers to each.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Once;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::component::services::Services;
use crate::function::{self, ChunkOutcome, OpenFunction};
use crate::function::{Function, InputQueue, Trigger};
use crate::lambda::log::Log;
use crate::lambda::redelivery::{self, Redelivery};
use crate::lambda::trace::Trace;
use crate::model::error::{Error, ErrorCode};
use crate::model::items::InlineItem;
use crate::model::message::Message;
use crate::model::record::Item;
use crate::model::run::RunId;

/// What an emulator of the Scheduler leaves in the input, and the Scheduler itself never.
const PLACE: &str = "<aws.scheduler.scheduled-time>";

/// What is known of an invocation beside its event.
pub struct Invocation {
    /// Its id, which another attempt at the same event has too.
    pub id: String,
    /// When Lambda ends it.
    pub deadline: Instant,
    /// Its trace, where it has one.
    pub trace: Option<Trace>,
}

/// The kind of event by which a scheduled rule of EventBridge fires
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>).
const SCHEDULED: &str = "Scheduled Event";

/// What EventBridge Scheduler sends: the plan puts its scheduled time into the input.
#[derive(Debug, Deserialize)]
struct ScheduleEvent {
    scheduled_time: Option<String>,
    /// A scheduled rule of EventBridge says it in its own words, as every event does that passes there.
    time: Option<String>,
    #[serde(rename = "detail-type")]
    kind: Option<String>,
    #[serde(default)]
    given: BTreeMap<String, ScheduledItems>,
}

impl ScheduleEvent {
    /// The scheduled time. When something else happened is none: an alarm does not start a run.
    fn time(&self) -> Option<&str> {
        let ruled = self.kind.as_deref() == Some(SCHEDULED);
        self.scheduled_time.as_deref().or(self.time.as_deref().filter(|_| ruled))
    }
}

/// The items of a source that travel in the schedule's input.
#[derive(Debug, Deserialize)]
struct ScheduledItems {
    key: String,
    items: Vec<InlineItem>,
}

impl ScheduledItems {
    fn items(&self) -> Result<Vec<Item>, Error> {
        self.items.iter().map(|written| written.to_item(&self.key)).collect()
    }
}

/// What an event source mapping sends.
#[derive(Debug, Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsMessage>,
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
    /// What was said of it by whoever sent it: by us, where it was set aside and is played again.
    #[serde(default)]
    message_attributes: BTreeMap<String, Value>,
}

impl SqsMessage {
    /// How often it has been received, this time included.
    fn receives(&self) -> u64 {
        self.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

/// A function that answers events for as long as its process lives.
pub struct Handler<D> {
    function: Function,
    services: D,
    log: Log,
    /// A worker stays open between events: its connections stay warm, and its pace holds from chunk to chunk.
    worker: OnceCell<OpenFunction>,
    /// Whether the log has the reason why it does not open.
    told: Once,
}

impl<D: Services> Handler<D> {
    /// A function behind these doors; nothing is opened yet.
    pub fn new(function: Function, services: D) -> Self {
        let log = Log::of(&function);
        Self { function, services, log, worker: OnceCell::const_new(), told: Once::new() }
    }

    /// Does what an event asks for, and answers in the form that Lambda expects.
    ///
    /// # Errors
    /// What kept the whole event from being dealt with; a single message that failed is named in the answer instead.
    pub async fn answer(&self, event: Value, invocation: &Invocation) -> Result<Value, Error> {
        let unreadable =
            |error| Error::permanent(ErrorCode::EventUnreadable, format!("the event is not one of ours: {error}"));
        match &self.function.trigger {
            Trigger::Schedule(_) => self.fire(serde_json::from_value(event).map_err(unreadable)?, invocation).await,
            Trigger::Queue(intake) => {
                let delivery: SqsEvent = serde_json::from_value(event).map_err(unreadable)?;
                let open = || async { self.function.open(&self.services, &BTreeMap::new()) };
                let worker = self.worker.get_or_try_init(open).await.inspect_err(|error| {
                    // Every event meets the same reason: the log has it once.
                    self.told.call_once(|| self.log.error(error, None, None));
                })?;
                let mut failures = Vec::new();
                for delivered in delivery.records {
                    if !self.deliver(worker, intake, &delivered, invocation).await {
                        failures.push(json!({ "itemIdentifier": delivered.message_id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failures }))
            }
        }
    }

    /// Produces the run of a firing.
    async fn fire(&self, firing: ScheduleEvent, invocation: &Invocation) -> Result<Value, Error> {
        let unsaid = || {
            Error::permanent(ErrorCode::EventUnreadable, "the event is not one of ours: missing field `scheduled_time`")
        };
        let time = firing.time().ok_or_else(unsaid)?;
        let run = if time == PLACE {
            self.log.warn(
                ErrorCode::RunUnnamed,
                "the schedule did not say its time, as an emulator does: the clock says it",
            );
            RunId::at(Timestamp::now())
        } else {
            RunId::scheduled(time)?
        };
        // The sources of every run start from their beginning.
        let items = |(source, given): (String, ScheduledItems)| Ok((source, given.items()?));
        let given = firing.given.into_iter().map(items).collect::<Result<_, Error>>()?;
        let mut producer = self.function.open(&self.services, &given)?;
        // Another attempt at an event has its id, and so has the same event that Lambda delivers twice: each is an owner of
        // its own, and the later one waits until the lease of the other is over.
        let owner = format!("{}#{:016x}", invocation.id, RandomState::new().hash_one(&invocation.id));
        match producer.produce(&run, &owner, invocation.deadline).await {
            Ok(produced) => {
                self.log.produced(&run, &produced, producer.sent, self.services.meter().take());
                Ok(json!(produced))
            }
            Err(error) => {
                self.log.broke_off(&run, &error, producer.sent, self.services.meter().take());
                Err(error)
            }
        }
    }

    /// Works on one message, and says whether it is dealt with. Where it is to come again, the log has every reason.
    async fn deliver(
        &self,
        worker: &OpenFunction,
        own: &InputQueue,
        delivered: &SqsMessage,
        invocation: &Invocation,
    ) -> bool {
        let receives = delivered.receives();
        let timeout = invocation.deadline.saturating_duration_since(Instant::now());
        let back = Redelivery { services: &self.services, intake: own };
        let message = match Message::from_wire(&delivered.body) {
            Ok(message) => message,
            Err(error) => {
                self.log.error(&error, None, Some(&delivered.message_id));
                return match back.set_aside(&delivered.body, &error).await {
                    Ok(set) => set,
                    Err(error) => {
                        self.log.error(&error, None, Some(&delivered.message_id));
                        false
                    }
                };
            }
        };
        let chunk = message.chunk.clone();
        let delivery = function::Delivery {
            deadline: invocation.deadline,
            last: own.receives.is_some_and(|most| receives + 1 >= most),
            again: receives > 1 || delivered.message_attributes.contains_key("reason"),
        };
        let worked: ChunkOutcome = worker.work(message, delivery).await;
        for failure in &worked.failures {
            self.log.error(&failure.error, Some(&chunk), Some(&delivered.message_id));
        }
        if let Some(error) = &worked.forgotten {
            let words = format!("findings could not be remembered, and will be paid for again: {}", error.message);
            self.log.warn(error.code, &words);
        }
        if let Some(trace) = &invocation.trace {
            trace.tell(&worked.spans);
        }
        self.log.worked(&chunk, &worked, self.services.meter().take());
        if worked.failures.is_empty() {
            return true;
        }
        // It would come no more: it goes where it can be played again from, with its reason, and not without a word.
        if let Some(failure) = worked.failures.first().filter(|_| own.receives.is_some_and(|most| receives >= most)) {
            match back.set_aside(&delivered.body, &failure.error).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => self.log.error(&error, Some(&chunk), Some(&delivered.message_id)),
            }
        }
        let wait = redelivery::wait(worked.wait, receives, timeout);
        if let Err(error) = back.hand_back(&delivered.receipt_handle, wait).await {
            // The queue's own visibility timeout brings it back, only later.
            self.log.error(&error, Some(&chunk), Some(&delivered.message_id));
        }
        false
    }
}
