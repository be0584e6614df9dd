//! The items that a command was given: on the command line, in a file, or on standard input.
//!
//! All of them are checked before the first one is written, so what is read is read twice: memory does not grow with the rows.

use std::collections::{BTreeSet, HashMap, hash_map::DefaultHasher};
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use fanggen_runtime::model::file_format::{FileFormat, ItemFileFormat};
use fanggen_runtime::model::items::{ATTRIBUTES, Cells, Columns, invalid_key};
use fanggen_runtime::model::record::Item;
use fanggen_runtime::sources::ItemReader;

use super::edit::RowEdit;
use super::error::ItemsEditError;
use super::given_item::{GivenItem, InputPlace, argument};
use super::mistakes::row;

/// The name of standard input in messages.
const STDIN: &str = "standard input";
/// The most bytes of a line in a list of names.
const LINE: u64 = 64 * 1024;

/// The format of a list of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ItemListFormat {
    /// One name per line.
    Text,
    /// CSV with a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

/// What is done with the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditVerb {
    /// Added; existing ones are replaced if asked for.
    Add {
        /// Whether they are.
        replace: bool,
    },
    /// Changed.
    Update,
    /// Removed; only their keys matter.
    Remove,
}

/// The items of a command.
pub struct ItemInput {
    arguments: Vec<Vec<String>>,
    file: Option<InputFile>,
    key: String,
    columns: Columns,
}

/// A file, or what was read from standard input.
struct InputFile {
    name: String,
    content: File,
    format: ItemListFormat,
}

/// An edit or the mistake in it, with its place; or why the input cannot be read any further.
type PlacedEdit = Result<(InputPlace, Result<RowEdit, String>), ItemsEditError>;

/// The rows of a file.
type GivenRows = Box<dyn Iterator<Item = Result<GivenItem, ItemsEditError>>>;

impl ItemInput {
    /// Takes the arguments, and opens the file. Rows go to a source with this key and these columns.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(
        arguments: Vec<Vec<String>>,
        from: Option<&Path>,
        format: Option<ItemListFormat>,
        key: &str,
        columns: &Columns,
    ) -> Result<Self, ItemsEditError> {
        let file = from.map(|path| InputFile::open(path, format, key)).transpose()?;
        Ok(Self { arguments, file, key: key.to_owned(), columns: columns.clone() })
    }

    /// Checks all items, and counts them and those that were given again.
    ///
    /// # Errors
    /// All mistakes, and a file that cannot be read.
    pub fn check(&mut self, verb: EditVerb) -> Result<(usize, usize), ItemsEditError> {
        let (mut mistakes, mut seen, mut repeated) = (Vec::new(), HashMap::new(), 0);
        let rows = self.edits(verb)?;
        for given in rows {
            let (place, edit) = given?;
            match edit {
                Err(mistake) => mistakes.push(format!("{place}: {mistake}")),
                Ok(edit) => match seen.insert(hash(edit.key()), hash(&format!("{edit:?}"))) {
                    None => {}
                    Some(before) if before == hash(&format!("{edit:?}")) => repeated += 1,
                    Some(_) => {
                        mistakes.push(format!(
                            "{place}: the item `{}` was given before, with other attributes",
                            edit.key()
                        ));
                    }
                },
            }
        }
        if mistakes.is_empty() { Ok((seen.len(), repeated)) } else { Err(ItemsEditError::Invalid(mistakes)) }
    }

    /// The edits, each item once. They were checked before.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn checked_edits(
        &mut self,
        verb: EditVerb,
    ) -> Result<impl Iterator<Item = Result<RowEdit, ItemsEditError>>, ItemsEditError> {
        let name = self.file.as_ref().map(|file| file.name.clone()).unwrap_or_default();
        let mut seen = std::collections::HashSet::new();
        Ok(self.edits(verb)?.filter_map(move |given| match given {
            Err(error) => Some(Err(error)),
            Ok((_, Ok(edit))) => seen.insert(hash(edit.key())).then_some(Ok(edit)),
            Ok((_, Err(_))) => Some(Err(ItemsEditError::InputChanged(name.clone()))),
        }))
    }

    /// All edits in the order in which they were given.
    fn edits(&mut self, verb: EditVerb) -> Result<impl Iterator<Item = PlacedEdit>, ItemsEditError> {
        let (key, columns) = (self.key.clone(), self.columns.clone());
        let arguments: Vec<GivenItem> = self.arguments.iter().map(|words| argument(words)).collect();
        let rows = self.file.as_mut().map(|file| file.rows(&key)).transpose()?;
        let rows = rows.into_iter().flatten();
        let all = arguments.into_iter().map(Ok).chain(rows);
        Ok(all.map(move |given| {
            let GivenItem { place, item, clear } = given?;
            let edit = item.and_then(|item| edit(verb, item, clear, &key, &columns));
            Ok((place, edit))
        }))
    }
}

/// The edit that an item means.
fn edit(verb: EditVerb, item: Item, clear: BTreeSet<String>, key: &str, columns: &Columns) -> Result<RowEdit, String> {
    if let Some(reason) = invalid_key(&item.key) {
        return Err(format!("cannot use the item's key: {reason}"));
    }
    let name = item.key.clone();
    match verb {
        EditVerb::Remove => Ok(RowEdit::Remove { key: name }),
        EditVerb::Add { replace } => Ok(RowEdit::Add { row: row(&item, key, columns)?, key: name, replace }),
        EditVerb::Update => {
            let mut set: Cells = row(&item, key, columns)?;
            set.remove(key);
            let column = |name: String| {
                let place = ATTRIBUTES.iter().position(|attribute| *attribute == name);
                // The columns are in the order of the attributes, after the key.
                place.filter(|place| *place < 5).map_or(name, |place| columns.all(key)[place + 1].to_owned())
            };
            let clear: BTreeSet<String> = clear.into_iter().map(column).collect();
            if set.is_empty() && clear.is_empty() {
                return Err("no attribute was given to change".to_owned());
            }
            Ok(RowEdit::Change { key: name, set, clear })
        }
    }
}

impl InputFile {
    fn open(path: &Path, format: Option<ItemListFormat>, key: &str) -> Result<Self, ItemsEditError> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { STDIN.to_owned() } else { path.display().to_string() };
        let unreadable =
            |error: io::Error| ItemsEditError::Unreadable { name: name.clone(), reason: error.to_string() };
        let content = if is_stdin { spooled(&mut io::stdin().lock()) } else { open_file(path) };
        let mut content = content.map_err(unreadable)?;
        let format = match format.or_else(|| by_extension(path)) {
            Some(format) => format,
            None => by_content(&mut content, key).map_err(unreadable)?,
        };
        // A spooled copy of standard input has no extension.
        if format == ItemListFormat::Text && is_json_array(&mut content).map_err(unreadable)? {
            let reason = "it is a JSON array; write one object per line, as `jq -c '.[]'` does".to_owned();
            return Err(ItemsEditError::Unreadable { name, reason });
        }
        Ok(Self { name, content, format })
    }

    /// Its rows, from the beginning.
    fn rows(&mut self, key: &str) -> Result<GivenRows, ItemsEditError> {
        let name = self.name.clone();
        let unreadable =
            |error: io::Error| ItemsEditError::Unreadable { name: name.clone(), reason: error.to_string() };
        self.content.rewind().map_err(unreadable)?;
        let content = self.content.try_clone().map_err(unreadable)?;
        let extension = match self.format {
            ItemListFormat::Text => return Ok(Box::new(names(name, content))),
            ItemListFormat::Csv => "csv",
            ItemListFormat::Jsonl => "jsonl",
        };
        // The reader takes the format from the extension; messages show the name.
        let shown = if name.to_lowercase().ends_with(extension) { name.clone() } else { format!("{name}.{extension}") };
        let format = ItemFileFormat {
            path: shown.clone(),
            key: key.to_owned(),
            columns: Columns::default(),
            file: FileFormat::default(),
        };
        let failed = {
            let name = name.clone();
            move |error: fanggen_runtime::model::error::Error| ItemsEditError::Unreadable {
                name: name.clone(),
                reason: error.message,
            }
        };
        let mut reader = ItemReader::open(&format, Box::new(content)).map_err(&failed)?;
        let prefix = format!("`{shown}`: ");
        Ok(Box::new(std::iter::from_fn(move || match reader.next_row() {
            Err(error) => Some(Err(failed(error))),
            Ok(None) => None,
            Ok(Some((line, item))) => {
                let words = |error: fanggen_runtime::model::error::Error| {
                    error.message.strip_prefix(&prefix).unwrap_or(&error.message).to_owned()
                };
                let place = InputPlace::Line(name.clone(), line);
                Some(Ok(GivenItem { place, item: item.map_err(words), clear: BTreeSet::new() }))
            }
        })))
    }
}

/// The names of a text: one per line, without the space around it; blank lines are skipped.
fn names(name: String, content: File) -> impl Iterator<Item = Result<GivenItem, ItemsEditError>> {
    let (mut reader, mut line) = (BufReader::new(content), 0);
    std::iter::from_fn(move || {
        loop {
            line += 1;
            let mut bytes = Vec::new();
            let unreadable =
                |error: io::Error| ItemsEditError::Unreadable { name: name.clone(), reason: error.to_string() };
            match reader.by_ref().take(LINE).read_until(b'\n', &mut bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(unreadable(error))),
            }
            let is_cut = bytes.len() as u64 == LINE && !bytes.ends_with(b"\n");
            if is_cut && let Err(error) = reader.skip_until(b'\n') {
                return Some(Err(unreadable(error)));
            }
            let bytes = if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
            let item = match std::str::from_utf8(bytes) {
                _ if is_cut => Err(format!("the line is longer than {LINE} bytes")),
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => Ok(Item::named(text.trim())),
                Err(_) => Err("the line is not UTF-8; save the file as UTF-8".to_owned()),
            };
            let place = InputPlace::Line(name.clone(), line);
            return Some(Ok(GivenItem { place, item, clear: BTreeSet::new() }));
        }
    })
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut file = File::open(path)?;
    match file.metadata()? {
        metadata if metadata.is_file() => Ok(file),
        metadata if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // A pipe, as of `<(..)`, can be read only once.
        _ => spooled(&mut file),
    }
}

/// A copy on the disk, which can be read twice.
fn spooled(from: &mut dyn Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

fn by_extension(path: &Path) -> Option<ItemListFormat> {
    match path.extension()?.to_string_lossy().to_lowercase().as_str() {
        "csv" => Some(ItemListFormat::Csv),
        "jsonl" | "ndjson" => Some(ItemListFormat::Jsonl),
        "txt" | "text" | "list" => Some(ItemListFormat::Text),
        _ => None,
    }
}

/// The format that the first line shows: an object, a header with the key's column, or else a name.
fn by_content(file: &mut File, key: &str) -> io::Result<ItemListFormat> {
    let mut first = Vec::new();
    BufReader::new(file.try_clone()?).take(LINE).read_until(b'\n', &mut first)?;
    file.rewind()?;
    let first = String::from_utf8_lossy(&first);
    let first = first.trim_start_matches('\u{feff}').trim();
    let is_header = first.split(',').any(|column| column.trim().trim_matches('"') == key);
    Ok(match first {
        _ if first.starts_with('{') => ItemListFormat::Jsonl,
        _ if is_header => ItemListFormat::Csv,
        _ => ItemListFormat::Text,
    })
}

/// Whether a file is a JSON array of items, which would be read as strange names.
fn is_json_array(file: &mut File) -> io::Result<bool> {
    let mut first = Vec::new();
    BufReader::new(file.try_clone()?).take(LINE).read_to_end(&mut first)?;
    file.rewind()?;
    let first = String::from_utf8_lossy(&first);
    let inner = first.trim_start_matches('\u{feff}').trim_start().strip_prefix('[').map(str::trim_start);
    Ok(inner.is_some_and(|inner| inner.starts_with(['{', '"'])))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Whether a path looks like a list of items, and not like a pipeline's file: the options are easily mixed up.
#[must_use]
pub fn looks_like_items(path: &Path) -> bool {
    by_extension(path).is_some() || path == Path::new("-")
}
