//! Edits the rows of a CSV or JSON Lines file in memory: all other rows stay as they are, byte for byte. Pure.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use fanggen_runtime::model::file_format::ItemFileFormat;
use fanggen_runtime::model::items::{Cells, from_json, to_cells};
use fanggen_runtime::model::tree::quoted_list;
use fanggen_runtime::sources::ItemReader;
use serde_json::{Map, Value};

use super::edit::{EditOutcome, RowEdit};
use super::error::ItemsEditError;

/// What an edit did to a row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdit {
    /// The item's key.
    pub key: String,
    /// What was done.
    pub outcome: EditOutcome,
    /// The row before.
    pub before: Option<Cells>,
    /// The row afterwards.
    pub after: Option<Cells>,
}

/// A row of the file.
struct FileRecord {
    /// Its bytes, with the end of its line.
    range: Range<usize>,
    /// Its cells, blank ones left out.
    cells: Cells,
}

/// A file, its rows, and how a row is written.
struct EditedFile<'a> {
    format: &'a ItemFileFormat,
    text: &'a str,
    records: Vec<FileRecord>,
    /// The columns of a CSV file, in their order.
    header: Option<Vec<String>>,
    line_end: &'static str,
}

/// What is asked of a file.
#[derive(Clone, Copy, Debug)]
pub enum RowsChange<'a> {
    /// Edits of rows.
    Rows(&'a [RowEdit]),
    /// Another key for a row, which stays in its place.
    Rename {
        /// The old key.
        old: &'a str,
        /// The new key.
        new: &'a str,
    },
}

/// Edits a file; gives its new content, and what each edit did. An edit of a key that the file has twice concerns the first
/// row, which is the one that counts; a removal concerns all of them.
///
/// # Errors
/// A file whose rows cannot all be read, and an attribute without a column: nothing is changed then.
pub fn edit_file(
    content: &[u8],
    format: &ItemFileFormat,
    change: RowsChange<'_>,
) -> Result<(Vec<u8>, Vec<FileEdit>), ItemsEditError> {
    check(content, format)?;
    let text = std::str::from_utf8(content).map_err(|error| not_editable(format, &error))?;
    let file = EditedFile::of(text, format)?;
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, record) in file.records.iter().enumerate() {
        places.entry(record.cells.get(&format.key).map_or("", |key| key.trim())).or_default().push(place);
    }
    let (mut replaced, mut added, mut done) = (BTreeMap::new(), String::new(), Vec::new());
    let found = |key: &str| places.get(key).map(Vec::as_slice).unwrap_or_default();
    let mut edit_one = |key: &str, outcome: EditOutcome, after: Option<Cells>| -> Result<(), ItemsEditError> {
        let first = found(key).first().map(|place| &file.records[*place]);
        match outcome {
            EditOutcome::Added => added.push_str(&file.row(after.as_ref(), None)?),
            EditOutcome::Removed => replaced.extend(found(key).iter().map(|place| (*place, String::new()))),
            EditOutcome::Replaced | EditOutcome::Changed | EditOutcome::Renamed => {
                let row = file.row(after.as_ref(), first)?;
                replaced.extend(found(key).first().map(|place| (*place, row)));
            }
            EditOutcome::Unchanged | EditOutcome::Exists | EditOutcome::Missing => {}
        }
        done.push(FileEdit { key: key.to_owned(), outcome, before: first.map(|own| own.cells.clone()), after });
        Ok(())
    };
    match change {
        RowsChange::Rows(edits) => {
            for edit in edits {
                let there = found(edit.key()).first().map(|place| &file.records[*place].cells);
                let (outcome, after) = edit.outcome(there);
                edit_one(edit.key(), outcome, after)?;
            }
        }
        RowsChange::Rename { old, new } => {
            let there = found(old).first().map(|place| file.records[*place].cells.clone());
            let (outcome, after) = match there {
                None => (EditOutcome::Missing, None),
                Some(_) if !found(new).is_empty() => (EditOutcome::Exists, None),
                Some(mut row) => {
                    row.insert(format.key.clone(), new.to_owned());
                    (EditOutcome::Renamed, Some(row))
                }
            };
            edit_one(old, outcome, after)?;
        }
    }
    let mut text = String::with_capacity(file.text.len() + added.len());
    let mut at = 0;
    for (place, row) in replaced {
        let range = &file.records[place].range;
        text.push_str(&file.text[at..range.start]);
        text.push_str(&row);
        at = range.end;
    }
    text.push_str(&file.text[at..]);
    if !added.is_empty() {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(file.line_end);
        }
        text.push_str(&added);
    }
    Ok((text.into_bytes(), done))
}

/// All rows of a file, in its order.
///
/// # Errors
/// A file that cannot be read.
pub fn read_rows(content: Vec<u8>, format: &ItemFileFormat) -> Result<Vec<Cells>, ItemsEditError> {
    let unreadable = |error: fanggen_runtime::model::error::Error| ItemsEditError::Unreadable {
        name: format.path.clone(),
        reason: error.message,
    };
    let mut reader = ItemReader::open(format, Box::new(Cursor::new(content))).map_err(unreadable)?;
    let mut rows = Vec::new();
    while let Some((_, item)) = reader.next_row().map_err(unreadable)? {
        // A row that cannot be read is shown by a run, with its reason.
        if let Ok(item) = item
            && let Ok(row) = to_cells(&item, &format.key, &format.columns)
        {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Refuses a file with rows that cannot be read: where they end is not certain.
fn check(content: &[u8], format: &ItemFileFormat) -> Result<(), ItemsEditError> {
    if !format.file.encoding.is_utf_8() {
        let reason =
            format!("its encoding is {}; save it as UTF-8 and remove `encoding`", format.file.encoding.as_str());
        return Err(not_editable(format, &reason));
    }
    let failed = |error: fanggen_runtime::model::error::Error| not_editable(format, &error.message);
    let mut reader = ItemReader::open(format, Box::new(Cursor::new(content.to_vec()))).map_err(failed)?;
    let mut wrong = Vec::new();
    while let Some((line, item)) = reader.next_row().map_err(failed)? {
        if let Err(error) = item {
            let own = format!("`{}`: ", format.path);
            wrong.push(format!("line {line}: {}", error.message.strip_prefix(&own).unwrap_or(&error.message)));
        }
    }
    let list: String = wrong.iter().take(20).map(|line| format!("\n  {line}")).collect();
    if wrong.is_empty() { Ok(()) } else { Err(not_editable(format, &format!("correct these rows first:{list}"))) }
}

fn not_editable(format: &ItemFileFormat, reason: &dyn std::fmt::Display) -> ItemsEditError {
    ItemsEditError::NotEditable { name: format.path.clone(), reason: reason.to_string() }
}

impl<'a> EditedFile<'a> {
    fn of(text: &'a str, format: &'a ItemFileFormat) -> Result<Self, ItemsEditError> {
        let first = text.find('\n').map_or("", |end| &text[..end]);
        let line_end = if first.ends_with('\r') { "\r\n" } else { "\n" };
        let mut file = Self { format, text, records: Vec::new(), header: None, line_end };
        if format.path.to_lowercase().ends_with(".csv") {
            file.read_csv()?
        } else {
            file.read_jsonl()?
        }
        Ok(file)
    }

    fn read_csv(&mut self) -> Result<(), ItemsEditError> {
        let start = if self.text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).flexible(true).delimiter(self.format.file.delimiter.byte());
        let mut reader = reader.from_reader(&self.text.as_bytes()[start..]);
        let mut found: Vec<(usize, csv::StringRecord)> = Vec::new();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| not_editable(self.format, &error))? {
            let at = record.position().map_or(0, csv::Position::byte);
            let at = start + usize::try_from(at).unwrap_or(usize::MAX - start);
            // The end of the line before may be counted as the beginning of this one.
            let skipped = self.text[at..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            found.push((at + skipped, record.clone()));
        }
        let ends: Vec<usize> = found.iter().skip(1).map(|(at, _)| *at).chain([self.text.len()]).collect();
        let mut found = found.into_iter().zip(ends);
        let header: Vec<String> = match found.next() {
            Some(((_, header), _)) => header.iter().map(|name| name.trim().to_owned()).collect(),
            None => return Ok(()),
        };
        for ((at, record), end) in found {
            let cells = header.iter().zip(&record).filter(|(_, cell)| !cell.trim().is_empty());
            let cells = cells.map(|(name, cell)| (name.clone(), cell.to_owned())).collect();
            // Blank lines after it are not part of it.
            let own = self.text[at..end].trim_end_matches(['\r', '\n']).len();
            let rest = &self.text[at + own..end];
            let line_end = if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) };
            self.records.push(FileRecord { range: at..at + own + line_end, cells });
        }
        self.header = Some(header);
        Ok(())
    }

    fn read_jsonl(&mut self) -> Result<(), ItemsEditError> {
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            let range = at..at + line.len();
            at = range.end;
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() {
                continue;
            }
            let row: Value = serde_json::from_str(line).map_err(|error| not_editable(self.format, &error))?;
            let item = from_json(row, &self.format.key, &self.format.columns);
            let item = item.map_err(|error| not_editable(self.format, &error.message))?;
            let cells = to_cells(&item, &self.format.key, &self.format.columns);
            let cells = cells.map_err(|label| not_editable(self.format, &format!("two values for `{label}`")))?;
            self.records.push(FileRecord { range, cells });
        }
        Ok(())
    }

    /// A row as it is written, with the end of its line.
    fn row(&self, cells: Option<&Cells>, own: Option<&FileRecord>) -> Result<String, ItemsEditError> {
        let Some(cells) = cells else { return Ok(String::new()) };
        match &self.header {
            Some(header) => self.csv_row(cells, header),
            None => Ok(self.json_row(cells, own)),
        }
    }

    fn csv_row(&self, cells: &Cells, header: &[String]) -> Result<String, ItemsEditError> {
        if let Some(column) = cells.keys().find(|column| !header.contains(column)) {
            return Err(ItemsEditError::NoColumn {
                name: self.format.path.clone(),
                column: column.clone(),
                header: quoted_list(header),
                item: cells.get(&self.format.key).cloned().unwrap_or_default(),
            });
        }
        let mut writer = csv::WriterBuilder::new();
        writer.delimiter(self.format.file.delimiter.byte());
        if self.line_end == "\r\n" {
            writer.terminator(csv::Terminator::CRLF);
        }
        let mut writer = writer.from_writer(Vec::new());
        let row = header.iter().map(|column| cells.get(column).map_or("", String::as_str));
        writer.write_record(row).map_err(|error| not_editable(self.format, &error))?;
        let bytes = writer.into_inner().map_err(|error| not_editable(self.format, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A row of JSON: members that are not items' attributes keep their place and type.
    fn json_row(&self, cells: &Cells, own: Option<&FileRecord>) -> String {
        let text = own.map_or("", |own| self.text[own.range.clone()].trim_start_matches('\u{feff}').trim());
        let mut row = match serde_json::from_str(text) {
            Ok(Value::Object(row)) => row,
            _ => Map::new(),
        };
        let before = own.map(|own| own.cells.clone()).unwrap_or_default();
        for name in before.keys().filter(|name| !cells.contains_key(*name)) {
            row.remove(name);
            if let Some(Value::Object(labels)) = row.get_mut("labels") {
                labels.remove(name);
            }
        }
        for (name, cell) in cells.iter().filter(|(name, cell)| before.get(*name) != Some(*cell)) {
            match row.get_mut("labels") {
                Some(Value::Object(labels)) if labels.contains_key(name) => {
                    labels.insert(name.clone(), cell.clone().into())
                }
                _ => row.insert(name.clone(), cell.clone().into()),
            };
        }
        format!("{}{}", Value::Object(row), self.line_end)
    }
}
