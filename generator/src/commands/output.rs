//! What commands print: data on stdout, messages on stderr, colour only on a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write};

use serde::Serialize;

use crate::control_characters::without_controls;
use crate::log;

/// ANSI styles; anstream removes them where the output is not a terminal.
pub struct Style;

impl Style {
    pub const ERROR: &str = "\x1b[1;31m";
    pub const WARNING: &str = "\x1b[1;33m";
    pub const SUCCESS: &str = "\x1b[1;32m";
    #[cfg(feature = "aws")]
    pub const DIM: &str = "\x1b[2m";
    pub const END: &str = "\x1b[0m";
}

/// Prints data to stdout. A closed pipe is fine, since its reader has read enough; a full disk is an error.
pub fn print(data: &str) {
    print_with(|out| out.write_all(data.as_bytes()));
}

/// As [`print`], with data that is written piece by piece.
pub fn print_with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    match write(&mut out).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            message(&format!("{}error{}: cannot write the result: {error}", Style::ERROR, Style::END));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Prints a message to stderr.
pub fn message(text: &str) {
    if log::is_json() {
        return log::message(&anstream::adapter::strip_str(text).to_string());
    }
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{}", without_controls(text));
}

/// A result as indented JSON.
pub fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A count with its noun: `1 file`, `2 files`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Whether messages go to a terminal.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Asks a yes-or-no question; nothing where there is no terminal to ask on.
pub fn ask(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !stderr_is_terminal() {
        return None;
    }
    let mut out = anstream::stderr();
    let _ = write!(out, "{} [y/N] ", without_controls(question)).and_then(|()| out.flush());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    Some(read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}
