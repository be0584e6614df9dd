//! The signals that ask a command to stop: Ctrl-C, and on Unix also those of `kill`, `timeout` and a closed terminal.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::message;
use crate::deploy::interrupt::Interrupt;

/// The signals. From its creation on, none of them ends the process by itself.
#[cfg(unix)]
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal, and returns the exit code of a process that it ends: 128 and its number.
    async fn next(&mut self) -> Option<i32> {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Some(128 + SignalKind::interrupt().as_raw_value()),
            Some(()) = self.terminate.recv() => Some(128 + SignalKind::terminate().as_raw_value()),
            Some(()) = self.hangup.recv() => Some(128 + SignalKind::hangup().as_raw_value()),
            else => None,
        }
    }
}

#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<i32> {
        tokio::signal::ctrl_c().await.is_ok().then_some(130)
    }
}

/// An interrupt that the first signal raises; the second one ends the process at once.
pub fn interrupt_on_signal() -> Interrupt {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    // Where there can be no handler, signals keep their own effect.
    let Ok(mut signals) = StopSignals::new() else { return interrupt };
    tokio::spawn(async move {
        while let Some(code) = signals.next().await {
            if raised.raised() {
                std::process::exit(code);
            }
            message("interrupted: stopping at the next safe point; press Ctrl-C again to stop at once");
            raised.raise();
        }
    });
    interrupt
}
