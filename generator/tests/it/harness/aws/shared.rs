//! One emulator for each module of tests, so that modules share no account, bucket, queue or count of calls.
//!
//! The test harness of Rust names the thread of a test after it: `kms::rotates`. The module's emulator is started by the
//! first test that needs it, and ended when a test of another module starts one while none of this module is running.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use super::emulator::Emulator;
use super::sweep;
use super::target_account::TargetAccount;

/// What the tests of a module share.
#[derive(Default)]
pub struct Shared {
    /// Threads of tests that are running and have asked for it.
    users: AtomicUsize,
    emulator: OnceLock<Emulator>,
    pub target_account: OnceLock<TargetAccount>,
}

impl Shared {
    pub fn emulator(&self) -> &Emulator {
        self.emulator.get_or_init(Emulator::start)
    }
}

/// A thread's share, given back when the thread ends.
struct Share(&'static Shared);

impl Drop for Share {
    fn drop(&mut self) {
        let is_last = self.0.users.fetch_sub(1, Ordering::SeqCst) == 1;
        let refused = self.0.emulator.get().map(|emulator| emulator.refusals().take(|_| true)).unwrap_or_default();
        if is_last && !refused.is_empty() {
            // Sent by a function whose pipeline is not known, after its test. A panic here would say less.
            refused.iter().for_each(|refusal| sweep::print(&refusal.to_string()));
            std::process::abort();
        }
    }
}

/// What the module of the running test shares.
pub fn of_this_module() -> &'static Shared {
    thread_local!(static SHARE: OnceCell<Share> = const { OnceCell::new() });
    SHARE.with(|share| share.get_or_init(take).0)
}

fn take() -> Share {
    static MODULES: Mutex<BTreeMap<String, &'static Shared>> = Mutex::new(BTreeMap::new());
    let thread = thread::current();
    let Some((module, _)) = thread.name().and_then(|name| name.split_once("::")) else {
        panic!("not the thread of a test: start it with `scoped`");
    };
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if !modules.contains_key(module) {
        modules.retain(|_, shared| {
            let is_used = shared.users.load(Ordering::SeqCst) > 0;
            if !is_used && let Some(emulator) = shared.emulator.get() {
                emulator.stop();
            }
            is_used
        });
    }
    let shared = *modules.entry(module.to_owned()).or_insert_with(|| Box::leak(Box::default()));
    shared.users.fetch_add(1, Ordering::SeqCst);
    Share(shared)
}

/// Starts a thread that belongs to the test which starts it.
pub fn scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let name = thread::current().name().unwrap_or_default().to_owned();
    Builder::new().name(name).spawn_scoped(scope, work).expect("a thread")
}
