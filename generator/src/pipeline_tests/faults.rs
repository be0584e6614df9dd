//! The faults of a test: which call fails, and how.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fanggen_runtime::model::error::{Error, ErrorCode};
use tokio::time::sleep;

use crate::config::pipeline::Pipeline;
use crate::config::test_faults::{FaultPlace, TestFault, TestFaultKind};

/// How long the runtime's SDK waits for an answer: six attempts of 10 s (`runtime/src/aws/clients.rs`).
const SDK_PATIENCE: Duration = Duration::from_secs(60);

/// The faults of one test, with how often each can still happen.
pub struct Faults {
    planned: Mutex<Vec<PlannedFault>>,
    /// Whether none happens for now.
    held: AtomicBool,
}

struct PlannedFault {
    kind: TestFaultKind,
    at: String,
    left: u64,
}

impl Faults {
    /// The faults, each at its component: the first stage or sink that can meet it, where none is named.
    pub fn of(pipeline: &Pipeline, faults: &[TestFault]) -> Self {
        let planned = faults.iter().filter(|fault| fault.kind.place() != FaultPlace::Run).filter_map(|fault| {
            let mut able = pipeline.stages.iter().chain(&pipeline.sinks);
            let mut first = || able.find(|component| fault.kind.place().is_called_by(&component.kind.card));
            let at = fault.at.clone().or_else(|| Some(first()?.name.clone()))?;
            Some(PlannedFault { kind: fault.kind, at, left: fault.times.unwrap_or(u64::MAX) })
        });
        Self { planned: Mutex::new(planned.collect()), held: AtomicBool::new(false) }
    }

    /// Keeps the faults from happening, or lets them happen.
    pub fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// The next fault of a call that this component makes to this place, if there is one.
    pub fn next(&self, component: Option<&str>, fits: impl Fn(TestFaultKind) -> bool) -> Option<TestFaultKind> {
        if self.held.load(Ordering::Relaxed) {
            return None;
        }
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let here =
            |fault: &&mut PlannedFault| fault.left > 0 && Some(fault.at.as_str()) == component && fits(fault.kind);
        let fault = planned.iter_mut().find(here)?;
        fault.left -= 1;
        Some(fault.kind)
    }

    /// Lets a call to AWS fail, if a fault says so, as the SDK does once its own retries are used up.
    ///
    /// # Errors
    /// `throttled`; `timed_out` after a minute, or earlier if the function has less time.
    pub async fn call_aws(&self, component: Option<&str>, call: &str) -> Result<(), Error> {
        match self.next(component, |kind| matches!(kind, TestFaultKind::Throttle | TestFaultKind::Timeout)) {
            Some(TestFaultKind::Throttle) => {
                let message = format!("{call} was throttled (ThrottlingException)");
                Err(Error::transient(ErrorCode::Throttled, message))
            }
            Some(_) => {
                sleep(SDK_PATIENCE).await;
                Err(Error::transient(ErrorCode::TimedOut, format!("{call} timed out")))
            }
            None => Ok(()),
        }
    }
}
