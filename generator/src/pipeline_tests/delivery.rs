//! Runs the functions of a pipeline as AWS would: the schedule invokes the producer, and SQS the workers, until no message is
//! left.

use std::sync::Arc;
use std::time::Duration;

use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::lambda::handler::{Handler, Invocation};
use fanggen_runtime::lambda::log::Log;
use fanggen_runtime::model::error::Error;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::components::TestedComponent;
use super::queues::WaitingMessage;
use super::services::{DEAD, TestServices};
use crate::config::pipeline::Pipeline;
use crate::config::shape;
use crate::config::test_faults::{TestFault, TestFaultKind};
use crate::local::{self, LocalServices};
use crate::plan::{MAX_RECEIVES, PRODUCER_TIMEOUT_S, VISIBILITY_FACTOR};

/// A message that no function can read.
const POISON: &str = "{\"hello\": \"this is no message of a pipeline\"}";

/// The functions of a pipeline.
pub struct TestFunctions {
    handlers: Vec<(String, Handler<TestServices>)>,
    services: TestServices,
    timeout: Duration,
}

impl TestFunctions {
    /// The functions that would be deployed, with components that are observed.
    pub fn of(pipeline: &Pipeline, services: TestServices, here: LocalServices) -> Self {
        let here = Arc::new(here);
        let tested = |part: FunctionComponent| {
            let source = pipeline.sources.iter().find(|source| source.name == part.name);
            let given = source.map(|source| here.given(source)).unwrap_or_default();
            let settings =
                TestedComponent { part: part.clone(), services: services.clone(), here: Arc::clone(&here), given };
            FunctionComponent { settings: Box::new(settings), ..part }
        };
        let all = |parts: Vec<FunctionComponent>| parts.into_iter().map(tested).collect();
        let handler = |function: Function| {
            let name = function.name.clone();
            let function = Function {
                state: Some("state".into()),
                trigger: match function.trigger {
                    Trigger::Schedule(sources) => Trigger::Schedule(all(sources)),
                    Trigger::Queue(_) => Trigger::Queue(InputQueue {
                        queue: Some(name.clone()),
                        dead_letter_queue: Some(format!("{name}{DEAD}")),
                        max_receives: Some(MAX_RECEIVES),
                    }),
                    // No pipeline test raises an alarm.
                    Trigger::Alarms(settings) => Trigger::Alarms(settings),
                },
                stages: all(function.stages),
                output: match function.output {
                    FunctionOutput::Sinks(sinks) => FunctionOutput::Sinks(all(sinks)),
                    queue => queue,
                },
                ..function
            };
            let log = Log::quiet(&function);
            (name, Handler::with_log(function, services.clone(), log))
        };
        let handlers = local::functions(pipeline).into_iter().map(handler).collect();
        Self { handlers, services: services.clone(), timeout: Duration::from_secs(pipeline.functions.timeout_s.get()) }
    }

    /// Runs a scheduled time to its end: every message is done, or in the dead-letter queue.
    ///
    /// # Errors
    /// Why a function cannot run at all.
    pub async fn run(&self, time: &str, faults: &[TestFault]) -> Result<(), Error> {
        let count = |kind| faults.iter().filter(|fault| fault.kind == kind).map(|fault| fault.times.unwrap_or(1)).sum();
        let (twice, poison): (u64, u64) =
            (count(TestFaultKind::DuplicateDelivery), count(TestFaultKind::PoisonMessage));
        let producer = self.handler(shape::PRODUCER);
        let invocation = Self::invocation("schedule", Duration::from_secs(PRODUCER_TIMEOUT_S));
        if let Some(producer) = producer {
            producer.handle(json!({ "scheduled_time": time }), &invocation).await?;
        }
        if let Some((worker, _)) = self.handlers.iter().find(|(name, _)| name != shape::PRODUCER) {
            (0..poison).for_each(|_| self.services.bench.queues.put(worker, POISON.to_owned()));
        }
        while let Some(message) = self.services.bench.queues.next() {
            sleep_until(message.visible_at).await;
            self.deliver(message, twice).await?;
        }
        Ok(())
    }

    /// Delivers a message once, and `again` more times after it was done.
    async fn deliver(&self, message: WaitingMessage, again: u64) -> Result<(), Error> {
        let queues = &self.services.bench.queues;
        let hidden = Instant::now() + self.timeout * VISIBILITY_FACTOR;
        let Some(message) = queues.receive(message.number, hidden) else { return Ok(()) };
        if message.receives > MAX_RECEIVES {
            queues.delete(message.number);
            self.services.bench.observed().dead_letters.push(None);
            return Ok(());
        }
        let Some(handler) = self.handler(&message.function) else { return Ok(()) };
        let invocation = Self::invocation(&message.number.to_string(), self.timeout);
        let reply = handler.handle(message.event(), &invocation).await?;
        let failed = reply["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
        if !failed && message.receives <= again {
            queues.show(message.number);
        } else if !failed {
            queues.delete(message.number);
        }
        Ok(())
    }

    fn handler(&self, function: &str) -> Option<&Handler<TestServices>> {
        self.handlers.iter().find(|(name, _)| name == function).map(|(_, handler)| handler)
    }

    fn invocation(id: &str, timeout: Duration) -> Invocation {
        Invocation { id: id.to_owned(), deadline: Instant::now() + timeout, trace: None }
    }
}
