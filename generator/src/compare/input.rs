//! Texts from a file: JSON Lines, CSV with a header, or one text per line.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use fanggen_runtime::model::record::Label;
use serde_json::{Map, Value};

use super::{CompareError, Sample};
use crate::config::suggestion::did_you_mean;

/// The format of a file of texts or labels, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// `.jsonl`, `.ndjson`: one object per line.
    Lines,
    /// `.csv`: a header, then rows.
    Sheet,
    /// Anything else: one text or label per line.
    Plain,
}

impl InputFormat {
    /// The format of this file.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|end| end.to_str()).map(str::to_lowercase).as_deref() {
            Some("jsonl" | "ndjson") => Self::Lines,
            Some("csv") => Self::Sheet,
            _ => Self::Plain,
        }
    }
}

/// The labels as they are written in files.
const LABELS: [(&str, Label); 4] = [
    ("positive", Label::Positive),
    ("negative", Label::Negative),
    ("neutral", Label::Neutral),
    ("mixed", Label::Mixed),
];

/// A row: the line on which it starts, and its cells by name. A plain line has one cell without a name.
pub type InputRow = (usize, BTreeMap<String, Value>);

/// The name of a plain line's only cell.
pub const ALL: &str = "";

/// A mistake at a line.
pub fn wrong(path: &Path, line: usize, what: impl Into<String>) -> CompareError {
    CompareError::Line { path: path.to_owned(), line, what: what.into() }
}

/// The texts of a file.
pub fn texts(path: &Path) -> Result<Vec<Sample>, CompareError> {
    let (format, rows) = rows(path)?;
    let plain = format == InputFormat::Plain;
    let mut lines_of = BTreeMap::new();
    let mut texts = Vec::new();
    for (line, row) in rows {
        let cell = |name: &str| cell(path, line, &row, name);
        let Some(text) = cell(if plain { ALL } else { "text" })? else {
            let known = fanggen_runtime::model::tree::quoted_list(&row.keys().collect::<Vec<_>>());
            let what = match row.is_empty() {
                true => "there is no `text`: the object is empty".to_owned(),
                false => format!("there is no `text`, only {known}: rename the column to `text`"),
            };
            return Err(wrong(path, line, what));
        };
        let mut given =
            Sample { line, text, id: cell("id")?, item: cell("item")?, language: cell("language")?, gold: None };
        if let Some(label) = cell("label")?.filter(|label| !label.is_empty()) {
            given.gold = Some(label_of(path, line, &label)?);
        }
        entity(path, line, &row, &mut given)?;
        if let Some(first) = given.id.clone().and_then(|id| lines_of.insert(id, line)) {
            let id = given.id.unwrap_or_default();
            return Err(wrong(path, line, format!("duplicate id `{id}`, first used on line {first}")));
        }
        texts.push(given);
    }
    Ok(texts)
}

/// `entities` with one entry names the item and its label; with several, the label of the text is unknown.
fn entity(path: &Path, line: usize, row: &BTreeMap<String, Value>, given: &mut Sample) -> Result<(), CompareError> {
    let Some(entities) = row.get("entities") else { return Ok(()) };
    let not =
        || wrong(path, line, format!("`entities` must be an object of names with their labels, but is `{entities}`"));
    let entities = entities.as_object().ok_or_else(not)?;
    for (name, label) in entities {
        let label = label_of(path, line, label.as_str().ok_or_else(not)?)?;
        if entities.len() == 1 {
            given.item.get_or_insert_with(|| name.clone());
            given.gold.get_or_insert(label);
        }
    }
    Ok(())
}

/// A cell as a string. Numbers are taken as they are written.
pub fn cell(
    path: &Path,
    line: usize,
    row: &BTreeMap<String, Value>,
    name: &str,
) -> Result<Option<String>, CompareError> {
    match row.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(wrong(path, line, format!("`{name}` must be a string, but is `{other}`"))),
    }
}

/// The label of this word, in any case.
pub fn label_of(path: &Path, line: usize, word: &str) -> Result<Label, CompareError> {
    let small = word.trim().to_lowercase();
    if let Some((_, label)) = LABELS.iter().find(|(known, _)| *known == small) {
        return Ok(*label);
    }
    let words = LABELS.map(|(known, _)| known);
    let help = did_you_mean(&small, &words).map(|help| format!("; {help}")).unwrap_or_default();
    let allowed = fanggen_runtime::model::tree::quoted_list(&words);
    Err(wrong(path, line, format!("unknown label `{word}`; allowed: {allowed}{help}")))
}

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// All bytes of a file, or of standard input, which is read once.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path != Path::new(STANDARD_INPUT) {
        return std::fs::read(path);
    }
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        return Err(std::io::Error::other("standard input is a terminal: pipe a file into it, or name a file"));
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The rows of a file, without blank lines, and the format in which it was written.
pub fn rows(path: &Path) -> Result<(InputFormat, Vec<InputRow>), CompareError> {
    let bytes = read(path).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".into(),
            std::io::ErrorKind::IsADirectory => "it is a folder".into(),
            _ => error.to_string(),
        };
        CompareError::Unreadable { path: path.to_owned(), reason }
    })?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        wrong(path, line, "this is not valid UTF-8: save the file as UTF-8")
    })?;
    // A file that was edited on Windows may start with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = match InputFormat::of(path) {
        // Standard input has no name that says it.
        InputFormat::Plain if path == Path::new(STANDARD_INPUT) && text.trim_start().starts_with('{') => {
            InputFormat::Lines
        }
        named => named,
    };
    let rows = match format {
        InputFormat::Sheet => sheet(path, text)?,
        kept => lines(path, text, kept)?,
    };
    if rows.is_empty() { Err(CompareError::Empty(path.to_owned())) } else { Ok((format, rows)) }
}

fn lines(path: &Path, text: &str, kept: InputFormat) -> Result<Vec<InputRow>, CompareError> {
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let row = if kept == InputFormat::Plain {
            [(ALL.to_owned(), Value::from(text.trim()))].into()
        } else {
            let object = serde_json::from_str::<Map<String, Value>>(text);
            let reason = |error: serde_json::Error| {
                let column = error.column();
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                wrong(
                    path,
                    line,
                    format!(
                        "this is not a JSON object ({words}, column {column}); expected one per line: {{\"text\": \"..\"}}"
                    ),
                )
            };
            object.map_err(reason)?.into_iter().collect()
        };
        rows.push((line, row));
    }
    Ok(rows)
}

fn sheet(path: &Path, text: &str) -> Result<Vec<InputRow>, CompareError> {
    let at = |position: Option<&csv::Position>| position.map_or(1, |position| position.line() as usize);
    let broken = |error: csv::Error| {
        let line = at(error.position());
        let what = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("this row has {len} cells, but the header has {expected_len}: quote cells that contain commas")
            }
            _ => error.to_string(),
        };
        wrong(path, line, what)
    };
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let cells = header.iter().cloned().zip(record.iter().map(Value::from));
        // An empty cell counts as absent, except for a blank text.
        let row = cells.filter(|(name, cell)| name == "text" || cell.as_str() != Some("")).collect();
        rows.push((at(record.position()), row));
    }
    Ok(rows)
}
