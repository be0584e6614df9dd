//! How `fanggen logs` prints a line: for people, as JSON, or as it was logged.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::output::{Style, message};
use crate::control_characters::without_controls;
use crate::deploy::aws::logs::events::LogEvent;
use crate::operate::logs::FunctionLog;
use crate::operate::logs::line::{LogLevel, LogLine};

/// How lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormatArg {
    /// For people.
    Lines,
    /// One JSON object per line.
    Json,
    /// As they were logged.
    Raw,
}

/// A line as JSON.
#[derive(Serialize)]
struct LogRecord<'a> {
    time: String,
    function: &'a str,
    level: LogLevel,
    message: &'a str,
    run: Option<&'a str>,
    chunk: Option<&'a str>,
    /// The line as it was logged.
    event: Value,
}

/// Writes lines to stdout, until nobody reads them any more.
pub struct LogWriter {
    format: LogFormatArg,
    out: BufWriter<StdoutLock<'static>>,
    /// The width of the longest function's name.
    width: usize,
    colour: bool,
    is_terminal: bool,
    closed: bool,
}

impl LogWriter {
    /// Writes lines of these functions.
    pub fn new(format: LogFormatArg, logs: &[FunctionLog]) -> Self {
        let stdout = io::stdout();
        Self {
            format,
            colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
            is_terminal: stdout.is_terminal(),
            out: BufWriter::new(stdout.lock()),
            width: logs.iter().map(|log| log.function.len()).max().unwrap_or_default(),
            closed: false,
        }
    }

    /// Whether whoever reads has read enough.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes a line.
    pub fn write(&mut self, function: &str, event: &LogEvent, line: &LogLine) {
        let text = match self.format {
            LogFormatArg::Raw if self.is_terminal => without_controls(&event.message).into_owned(),
            LogFormatArg::Raw => event.message.clone(),
            LogFormatArg::Json => {
                let record = LogRecord {
                    time: format!("{:.3}", event.time),
                    function,
                    level: line.level,
                    message: &line.message,
                    run: line.run.as_deref(),
                    chunk: line.chunk.as_deref(),
                    event: serde_json::from_str(&event.message)
                        .ok()
                        .filter(Value::is_object)
                        .unwrap_or_else(|| Value::String(event.message.clone())),
                };
                serde_json::to_string(&record).unwrap_or_default()
            }
            LogFormatArg::Lines => self.line(function, event, line),
        };
        let written = writeln!(self.out, "{text}");
        self.check(written);
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) {
        let flushed = self.out.flush();
        self.check(flushed);
    }

    fn line(&self, function: &str, event: &LogEvent, line: &LogLine) -> String {
        let named = [("run", &line.run), ("chunk", &line.chunk)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let more = line.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<String> = named.chain(more).map(|(name, value)| format!("{name}={value}")).collect();
        // A message of several lines stays together, indented.
        let text = |words: &str| without_controls(words.trim_end()).replace('\n', "\n    ");
        let (words, fields) = (text(&line.message), text(&fields.join(" ")));
        let gap = if fields.is_empty() { "" } else { "  " };
        let (time, level, width) = (format!("{:.3}", event.time), line.level.as_str(), self.width);
        let style = match line.level {
            LogLevel::Error => Style::ERROR,
            LogLevel::Warn => Style::WARNING,
            LogLevel::Debug => Style::DIM,
            LogLevel::Info => "",
        };
        if !self.colour {
            let words = anstream::adapter::strip_str(&words).to_string();
            return format!("{time}  {function:<width$}  {level:<5}  {words}{gap}{fields}");
        }
        let (dim, end) = (Style::DIM, Style::END);
        format!(
            "{dim}{time}{end}  {function:<width$}  {style}{level:<5}{end}  {}{words}{end}{gap}{dim}{fields}{end}",
            if line.level == LogLevel::Debug { dim } else { "" }
        )
    }

    fn check(&mut self, written: io::Result<()>) {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => {
                message(&format!("{}error{}: cannot write the result: {error}", Style::ERROR, Style::END));
                std::process::exit(1);
            }
            Ok(()) => {}
        }
    }
}
