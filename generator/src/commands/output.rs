//! What commands print: data on stdout, messages on stderr, colour only on a terminal.

use std::borrow::Cow;
#[cfg(feature = "aws")]
use std::io::BufRead as _;
use std::io::{IsTerminal as _, Write};

use serde::Serialize;

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

/// A text that cannot control the terminal: names and reasons that come from elsewhere are part of messages. Line ends,
/// tabs and our colours stay.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control() && !turns(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match styled(rest) {
            Some(style) => {
                plain.push_str(style);
                style.len()
            }
            None if is_plain(c) => {
                plain.push(c);
                c.len_utf8()
            }
            None => {
                plain.extend(c.escape_default());
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(plain)
}

/// Whether a character changes the direction of the text after it.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The colour that a text starts with: `ESC [ digits m`.
fn styled(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("\x1b[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    digits[end..].starts_with('m').then(|| &text[..end + 3])
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
#[cfg(feature = "aws")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_account_cannot_control_the_terminal() {
        let text = "\x1b[1;31merror\x1b[0m: a\x1b]0;title\x07b\r\x1b[2Jc\u{9b}d\u{202e}e\n\tf";
        let plain = "\x1b[1;31merror\x1b[0m: a\\u{1b}]0;title\\u{7}b\\r\\u{1b}[2Jc\\u{9b}d\\u{202e}e\n\tf";
        assert_eq!(without_controls(text), plain);
        assert!(matches!(without_controls("günstig\n"), Cow::Borrowed(_)));
    }
}
