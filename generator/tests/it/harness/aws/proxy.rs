//! A proxy between `fanggen` and the emulator: it counts the calls, stops the world at one of them, and makes faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Response;
use tokio::sync::Notify;

use super::call_server::CallServer;
use super::emulator::Emulator;
use super::faults::{Fault, Faults};
use super::wire::{Answer, Call};

/// Answers some calls in the emulator's place.
pub type StandIn = dyn Fn(&Call) -> Option<Answer> + Send + Sync;

/// Where the world stops: the calls are counted from 1, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The call never reaches AWS.
    Before(usize),
    /// AWS does what the call asks, and nobody hears of it.
    After(usize),
}

/// One call that came, and what was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub operation: String,
    pub fault: Option<Fault>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    cut: Option<Cut>,
    /// Nothing goes on: neither the call of the cut, nor those after it.
    stopped: bool,
    faults: Option<Faults>,
}

struct Shared {
    state: Mutex<State>,
    stops: Condvar,
    goes_on: Notify,
    upstream: String,
    client: reqwest::Client,
    stand_in: Option<Arc<StandIn>>,
}

/// Listens on plain HTTP until it is dropped.
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
        let (upstream, client) = (emulator.endpoint(), emulator.client());
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            stops: Condvar::new(),
            goes_on: Notify::new(),
            upstream,
            client,
            stand_in,
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

    /// All calls so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// The operations of all calls so far.
    pub fn operations(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.operation).collect()
    }

    /// How many calls of each operation came.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.operations().into_iter().for_each(|operation| *counts.entry(operation).or_default() += 1);
        counts
    }

    /// Forgets the calls, the cut and the faults, and lets everything pass again.
    pub fn clear(&self) {
        *self.shared.state() = State::default();
    }

    pub fn faults(&self, faults: Faults) {
        self.shared.state().faults = Some(faults);
    }

    /// Counts from now on, and stops the world at this call.
    pub fn cut(&self, cut: Cut) {
        *self.shared.state() = State { cut: Some(cut), ..State::default() };
    }

    /// Waits a moment for the cut, and says whether it came.
    pub fn has_stopped(&self, patience: Duration) -> bool {
        let waiting = self.shared.stops.wait_timeout_while(self.shared.state(), patience, |state| !state.stopped);
        waiting.is_ok_and(|(state, _)| state.stopped)
    }

    /// Lets the world go on after the cut: what waits there is done now.
    pub fn go_on(&self) {
        let mut state = self.shared.state();
        (state.cut, state.stopped) = (None, false);
        drop(state);
        self.shared.goes_on.notify_waiters();
    }

    /// Runs a program until it comes to the cut and is killed there with SIGKILL, or until its own end.
    ///
    /// Says what the operation of the cut was, or nothing where the program ended before it.
    pub fn killed_at(&self, cut: Cut, command: &mut std::process::Command, limit: Duration) -> Option<String> {
        self.cut(cut);
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
        // It hangs in the call of the cut, so there is no race: it cannot have gone on.
        let _ = child.kill();
        child.wait().expect("ended");
        let (Cut::Before(number) | Cut::After(number)) = cut;
        let operation = stopped.then(|| self.operations()[number - 1].clone());
        self.clear();
        operation
    }
}

/// An error ends the connection without an answer.
async fn answer(call: Call, shared: &Shared) -> Result<Answer, String> {
    let (number, fault, cut) = shared.note(&call);
    shared.stop(cut == Some(Cut::Before(number))).await;
    match fault {
        Some(Fault::Throttled) => return Ok(call.throttled()),
        Some(Fault::Broken) => return Ok(call.broken()),
        Some(Fault::Lost) => return Err("lost".to_owned()),
        Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::Unheard) | None => {}
    }
    let answer = shared.ask(&call).await?;
    shared.stop(cut == Some(Cut::After(number))).await;
    if fault == Some(Fault::Unheard) { Err("unheard".to_owned()) } else { Ok(answer) }
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
        state.seen.push(Seen { operation, fault });
        (state.seen.len(), fault, state.cut)
    }

    /// Here the world stops, or has stopped: the caller waits until it dies, or until the world goes on.
    async fn stop(&self, here: bool) {
        let mut goes_on = std::pin::pin!(self.goes_on.notified());
        goes_on.as_mut().enable();
        {
            let mut state = self.state();
            state.stopped |= here;
            if !state.stopped {
                return;
            }
        }
        self.stops.notify_all();
        goes_on.await;
    }

    async fn ask(&self, call: &Call) -> Result<Answer, String> {
        if let Some(answer) = self.stand_in.as_ref().and_then(|stand_in| stand_in(call)) {
            return Ok(answer);
        }
        let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
        // All headers stay as they came, `Host` among them, for the signature covers them.
        let mut headers = call.head.headers.clone();
        for own in ["connection", "transfer-encoding"] {
            headers.remove(own);
        }
        let request = self.client.request(call.head.method.clone(), format!("{}{path}", self.upstream));
        let request = request.headers(headers).body(call.body.clone());
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let mut reply = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            if !["connection", "transfer-encoding"].contains(&name.as_str()) {
                reply = reply.header(name, value);
            }
        }
        let body = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
        reply.body(Full::new(body)).map_err(|error| error.to_string())
    }
}
