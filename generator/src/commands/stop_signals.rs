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
    /// `None` if it is ignored, as under `nohup`: the command then outlives its terminal on purpose.
    hangup: Option<Signal>,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next signal, and returns the exit code of a process that it ends: 128 and its number.
    async fn next(&mut self) -> Option<i32> {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(()) = self.interrupt.recv() => Some(128 + SignalKind::interrupt().as_raw_value()),
            Some(()) = self.terminate.recv() => Some(128 + SignalKind::terminate().as_raw_value()),
            Some(()) = hangup => Some(128 + SignalKind::hangup().as_raw_value()),
            else => None,
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Only Linux says so in a file; elsewhere it is taken for granted
/// that it is not.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    ignores(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), SignalKind::hangup().as_raw_value())
}

/// Whether a process with this status ignores a signal
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
#[cfg(unix)]
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_that_is_ignored_stays_so() {
        assert!(ignores("Name:\tx\nSigIgn:\t0000000000001001\n", 1));
        assert!(!ignores("SigIgn:\t0000000000001000\n", 1) && !ignores("", 1));
        // `nohup` starts a program in this way.
        let script = "trap '' HUP; exec cat /proc/self/status";
        let Ok(out) = std::process::Command::new("sh").args(["-c", script]).output() else { return };
        if cfg!(target_os = "linux") {
            assert!(ignores(&String::from_utf8_lossy(&out.stdout), 1), "{out:?}");
        }
    }
}
