//! A proxy between `fanggen` and the emulator: it counts calls, can stop at one of them, and injects faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::call_server::CallServer;
use super::emulator::Emulator;
use super::faults::{Fault, Faults};
use super::gate::{Gate, Refusal, Refusals};
use super::strict::operation_aborted;
use super::upstream::Upstream;
use super::wire::{Answer, Call};

/// Answers some calls in the emulator's place.
pub type StandIn = dyn Fn(&Call) -> Option<Answer> + Send + Sync;

/// The call at which the proxy stops; calls are counted from 1, in the order of their arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The call never reaches AWS.
    Before(usize),
    /// AWS executes the call, and its response is held back.
    After(usize),
}

/// A call that arrived, and the fault that it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    pub operation: String,
    pub fault: Option<Fault>,
}

#[derive(Default)]
struct State {
    seen: Vec<RecordedCall>,
    cut: Option<Cut>,
    /// All calls are held: that of the cut, and those after it.
    stopped: bool,
    faults: Option<Faults>,
    /// By how many seconds the clock of AWS is ahead, and by how many of objects' times.
    ahead: (i64, i64),
}

struct Shared {
    state: Mutex<State>,
    stops: Condvar,
    resumed: Notify,
    upstream: Upstream,
    stand_in: Option<Arc<StandIn>>,
    gate: Arc<Gate>,
    refusals: Refusals,
}

/// Listens on plain HTTP until it is dropped; then it fails its test if AWS would not have taken one of the requests.
pub struct Proxy {
    server: CallServer,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn before(emulator: &Emulator) -> Self {
        Self::start(emulator, None)
    }

    /// Asks the stand-in first, and the emulator for what it does not answer.
    pub fn with(emulator: &Emulator, stand_in: Arc<StandIn>) -> Self {
        Self::start(emulator, Some(stand_in))
    }

    fn start(emulator: &Emulator, stand_in: Option<Arc<StandIn>>) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            stops: Condvar::new(),
            resumed: Notify::new(),
            upstream: emulator.upstream(),
            stand_in,
            gate: emulator.gate(),
            refusals: Refusals::default(),
        });
        let served = Arc::clone(&shared);
        let server = CallServer::start(move |call| {
            let shared = Arc::clone(&served);
            async move { answer(call, &shared).await }
        });
        Self { server, shared }
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// All calls so far, in the order of their arrival.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.shared.state().seen.clone()
    }

    /// The requests so far that AWS would not have taken, for a test that sends such ones: it does not fail for them.
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.shared.refusals.take(|_| true)
    }

    /// The operations of all calls so far.
    pub fn operations(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.operation).collect()
    }

    /// The number of calls of each operation.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.operations().into_iter().for_each(|operation| *counts.entry(operation).or_default() += 1);
        counts
    }

    /// Clears the calls, the cut and the faults; all calls pass again.
    pub fn clear(&self) {
        *self.shared.state() = State::default();
    }

    pub fn faults(&self, faults: Faults) {
        self.shared.state().faults = Some(faults);
    }

    /// Sets the clock of AWS ahead of this machine's by so many seconds, and what it says of the times of objects.
    pub fn set_clock(&self, now: i64, written: i64) {
        self.shared.state().ahead = (now, written);
    }

    /// Counts calls from now on, and stops at this one.
    pub fn stop_at(&self, cut: Cut) {
        *self.shared.state() = State { cut: Some(cut), ..State::default() };
    }

    /// Waits for the cut, and returns whether it was reached.
    pub fn has_stopped(&self, patience: Duration) -> bool {
        let waiting = self.shared.stops.wait_timeout_while(self.shared.state(), patience, |state| !state.stopped);
        waiting.is_ok_and(|(state, _)| state.stopped)
    }

    /// Resumes after the cut: held calls are executed now.
    pub fn resume(&self) {
        let mut state = self.shared.state();
        (state.cut, state.stopped) = (None, false);
        drop(state);
        self.shared.resumed.notify_waiters();
    }

    /// Runs a program and kills it with SIGKILL at the cut, unless it ends before.
    ///
    /// Returns the operation of the cut, or `None` if the program ended before it.
    pub fn kill_at(&self, cut: Cut, command: &mut std::process::Command, limit: Duration) -> Option<String> {
        self.stop_at(cut);
        let begin = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stopped = loop {
            if self.has_stopped(Duration::from_millis(10)) {
                break true;
            }
            if child.try_wait().expect("asked").is_some() {
                break false;
            }
            if begin.elapsed() > limit {
                let _ = child.kill();
                panic!("{command:?} neither ended nor came to {cut:?} within {limit:?}: {:?}", self.operations());
            }
        };
        // There is no race: the program is blocked in the call of the cut.
        let _ = child.kill();
        child.wait().expect("ended");
        let (Cut::Before(number) | Cut::After(number)) = cut;
        let operation = stopped.then(|| self.operations()[number - 1].clone());
        self.clear();
        operation
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.refusals.fail(|_| true);
    }
}

/// An error ends the connection without an answer.
async fn answer(call: Call, shared: &Shared) -> Result<Answer, String> {
    let (number, fault, cut) = shared.note(&call);
    shared.stop(cut == Some(Cut::Before(number))).await;
    match fault {
        Some(Fault::Throttled) => return Ok(call.throttled()),
        Some(Fault::Broken) => return Ok(call.broken()),
        Some(Fault::Conflict) => return Ok(operation_aborted()),
        Some(Fault::Unprocessed) => return Ok(call.unprocessed()),
        Some(Fault::Lost) => return Err("lost".to_owned()),
        Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::Unheard) | None => {}
    }
    let mut answer = shared.ask(&call).await?;
    let (now, written) = shared.state().ahead;
    set_ahead(&mut answer, "date", now);
    set_ahead(&mut answer, "last-modified", written);
    shared.stop(cut == Some(Cut::After(number))).await;
    if fault == Some(Fault::Unheard) { Err("unheard".to_owned()) } else { Ok(answer) }
}

/// Changes the time in a header.
fn set_ahead(answer: &mut Answer, header: &'static str, seconds: i64) {
    let Some(value) = answer.headers().get(header).and_then(|value| value.to_str().ok()) else { return };
    let time = jiff::fmt::rfc2822::parse(value).expect("a time").checked_add(jiff::SignedDuration::from_secs(seconds));
    let time = time.expect("a time").timestamp();
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).expect("a time");
    answer.headers_mut().insert(header, text.parse().expect("a header"));
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn note(&self, call: &Call) -> (usize, Option<Fault>, Option<Cut>) {
        let operation = call.operation();
        let mut state = self.state();
        let nth = state.seen.iter().filter(|seen| seen.operation == operation).count();
        let fault = state.faults.as_ref().and_then(|faults| faults.meets(&operation, nth));
        state.seen.push(RecordedCall { operation, fault });
        (state.seen.len(), fault, state.cut)
    }

    /// Holds the caller if the proxy stops here or has stopped, until the proxy resumes or the caller dies.
    async fn stop(&self, here: bool) {
        let mut resumed = std::pin::pin!(self.resumed.notified());
        resumed.as_mut().enable();
        {
            let mut state = self.state();
            state.stopped |= here;
            if !state.stopped {
                return;
            }
        }
        self.stops.notify_all();
        resumed.await;
    }

    async fn ask(&self, call: &Call) -> Result<Answer, String> {
        let stand_in = |call: &Call| self.stand_in.as_ref().and_then(|stand_in| stand_in(call));
        self.gate.pass(call, &self.refusals, stand_in, &self.upstream).await
    }
}
