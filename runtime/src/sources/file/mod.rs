//! Source `file`: items in a CSV or JSON Lines file, read row by row.

pub(super) mod columns;
mod csv;
mod json_row;
mod jsonl;
pub(super) mod reader;
mod seen_keys;
mod splitter;

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::seen_keys::SeenKeys;
use crate::component::services::{PipelineFile, Services};
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, FileColumns, Instance, PermissionTarget,
    RequiredPermission, Source, SourceItem, Store,
};
use crate::model::error::{Error, ErrorCode};
use crate::model::file_format::{Delimiter, FileEncoding, FileFormat, ItemFileFormat};
use crate::model::items::{self, Cells, Columns};
use crate::model::record::Item;
use crate::model::values::{Attribute, RelativePath, is_policy_key};

/// Maximum size of a row; a longer one fails alone, so that memory is bounded.
const MAX_ROW_BYTES: usize = 1024 * 1024;

/// Reads items from a file next to `pipeline.toml`. `fanggen apply` uploads it to a bucket of the pipeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The path of the file: `.csv` with a header, or `.jsonl` with one object per line.
    pub path: RelativePath,
    /// The column with the key of an item.
    #[serde(default = "default_key")]
    pub key: Attribute,
    /// The columns of the other attributes. All remaining columns become labels.
    #[serde(default)]
    pub columns: Columns,
    /// The character between the cells of a CSV file: a comma, a semicolon, a tab or a vertical bar.
    #[serde(default, skip_serializing_if = "Delimiter::is_comma")]
    pub delimiter: Delimiter,
    /// The encoding of the file. UTF-16 may have a byte order mark; `latin1` is read as Windows-1252.
    #[serde(default, skip_serializing_if = "FileEncoding::is_utf_8")]
    pub encoding: FileEncoding,
}

impl FileSettings {
    fn format(&self) -> FileFormat {
        FileFormat { delimiter: self.delimiter, encoding: self.encoding }
    }
}

fn default_key() -> Attribute {
    super::default_key()
}

impl Described for FileSettings {
    const CARD: Card = Card::new(
        ComponentRole::Source,
        "file",
        "items in a CSV or JSON Lines file, optionally with their texts",
        "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\nkey = \"id\"\ncolumns = { text = \"review\" }\n",
    );
}

impl Component for FileSettings {
    fn store(&self, name: &str) -> Option<Store> {
        Some(Store::Bucket { name: name.into(), expire_days: None, catalog: None })
    }

    fn item_file(&self) -> Option<ItemFileFormat> {
        Some(ItemFileFormat {
            path: self.path.to_string(),
            key: self.key.to_string(),
            columns: self.columns.clone(),
            file: self.format(),
        })
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        vec![RequiredPermission {
            actions: vec!["s3:GetObject"],
            target: PermissionTarget::Objects(self.path.to_string()),
            reason: "the producer reads the file of items",
        }]
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit { name: "s3_get", per_record: 0.0, reason: "one GET per run, whatever the number of records" }]
    }

    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        vec![("path", &self.path)]
    }

    fn columns(&self) -> FileColumns<'_> {
        let key = std::iter::once(("key", self.key.as_str()));
        FileColumns {
            named: key.chain(self.columns.configured()).collect(),
            implied: self.columns.implied().collect(),
            format: self.format(),
        }
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        // On AWS the path is an object key, and part of the IAM statement that permits reading it.
        if !is_policy_key(self.path.as_str()) {
            let allowed = "up to 900 bytes, of characters up to `ÿ` without `*`, `?` and `$`".into();
            return Some(("path", format!("the path `{}`", self.path), allowed));
        }
        if !self.delimiter.is_comma() && super::extension(self.path.as_str()) != "csv" {
            let allowed = "no `delimiter`: only a file ending in `.csv` has one".into();
            return Some(("delimiter", format!("a delimiter for `{}`", self.path), allowed));
        }
        super::unsupported_file(self.path.as_str()).map(|(found, allowed)| ("path", found, allowed))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let file = services.file(binding.store.as_deref(), self.path.as_str())?;
        let format = RowFormat {
            path: self.path.to_string(),
            key: self.key.to_string(),
            columns: self.columns.clone(),
            file: self.format(),
        };
        Ok(Instance::Source(Box::new(FileSource::new(file, format))))
    }
}

/// How rows become items.
struct RowFormat {
    path: String,
    key: String,
    columns: Columns,
    file: FileFormat,
}

impl RowFormat {
    /// The item of a row of cells.
    fn item(&self, mut cells: Cells) -> Result<Item, Error> {
        // Whitespace around a key is an accident, and would make a different item.
        if let Some(key) = cells.get_mut(&self.key) {
            *key = key.trim().to_owned();
        }
        items::from_cells(cells, &self.key, &self.columns)
    }

    /// The item of a row that is a JSON object.
    fn object(&self, mut row: Value) -> Result<Item, Error> {
        if let Some(Value::String(key)) = row.get_mut(&self.key) {
            *key = key.trim().to_owned();
        }
        items::from_json(row, &self.key, &self.columns)
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Error {
        Error::permanent(ErrorCode::RowUnreadable, format!("`{}`: {error}", self.path))
    }

    /// The failure to read the file. A reader may say itself what it means.
    fn read_error(&self, error: &std::io::Error) -> Error {
        let own = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        own.cloned().unwrap_or_else(|| self.unreadable(error))
    }

    /// A file whose first bytes show another encoding than that of the settings.
    fn check_head(&self, head: &[u8]) -> Result<(), Error> {
        let Some(other) = self.file.encoding.other_in_head(head) else { return Ok(()) };
        let name = other.as_str();
        Err(self.unreadable(&format!(
            "it looks like {}: save it as UTF-8, or set `encoding = \"{name}\"` in a `file` source",
            name.to_uppercase()
        )))
    }

    /// A row that is not valid in the encoding of the settings.
    fn invalid(&self, line: u64, row: &[u8]) -> Error {
        let help = match self.file.encoding.other_in_row(row) {
            Some(other) => {
                let name = other.as_str();
                format!("save the file as UTF-8, or set `encoding` in a `file` source; it looks like `{name}`")
            }
            None if self.file.encoding.is_utf_8() => "save the file as UTF-8".to_owned(),
            None => "correct `encoding`, or save the file as UTF-8 and remove `encoding`".to_owned(),
        };
        self.unreadable(&format!("line {line} is not {}: {help}", self.file.encoding.as_str().to_uppercase()))
    }

    fn too_long(&self, line: u64) -> Error {
        let words = format!("`{}`: line {line} exceeds the limit of {MAX_ROW_BYTES} bytes", self.path);
        Error::permanent(ErrorCode::RowTooLong, words)
    }
}

/// A row: its first line, and its item or the error.
type FileRow = (u64, Result<Item, Error>);

/// The rows of a file, one at a time.
enum FileRows {
    Csv(csv::CsvReader),
    Jsonl(jsonl::JsonlReader),
}

impl FileRows {
    fn of(format: &RowFormat, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        match super::extension(&format.path).as_str() {
            "csv" => Ok(Self::Csv(csv::CsvReader::open(format, file)?)),
            "jsonl" | "ndjson" => Ok(Self::Jsonl(jsonl::JsonlReader::open(format, file)?)),
            _ => Err(Error::permanent(
                ErrorCode::FileKindUnknown,
                format!("`{}` is neither a `.csv` nor a `.jsonl` file", format.path),
            )),
        }
    }

    /// The next row, or none at the end.
    ///
    /// # Errors
    /// An error of the file as a whole.
    fn next(&mut self, format: &RowFormat) -> Result<Option<FileRow>, Error> {
        match self {
            Self::Csv(sheet) => sheet.next(format),
            Self::Jsonl(lines) => lines.next(format),
        }
    }
}

struct FileSource {
    file: Arc<dyn PipelineFile>,
    /// The rows, once the file is open: it may be in S3, so it is opened for the first row.
    rows: Option<FileRows>,
    format: RowFormat,
    /// Number of rows to skip.
    skip: usize,
    /// Number of rows that were read.
    read: usize,
    /// The edition of the file that the count refers to, once it is known.
    edition: Option<String>,
    /// The keys of the rows that were read.
    seen: SeenKeys,
}

impl FileSource {
    fn new(file: Arc<dyn PipelineFile>, format: RowFormat) -> Self {
        Self { file, rows: None, format, skip: 0, read: 0, edition: None, seen: SeenKeys::default() }
    }

    /// Opens the file. If the run started with another edition, the row count does not apply: continuing would lose items, or
    /// send some twice.
    async fn open(&mut self) -> Result<FileRows, Error> {
        let content = self.file.open().await?;
        if self.edition.as_ref().is_some_and(|edition| *edition != content.version) {
            return Err(Error::source_changed(&self.format.path));
        }
        self.edition = Some(content.version);
        FileRows::of(&self.format, content.reader)
    }
}

#[async_trait]
impl Source for FileSource {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        if self.rows.is_none() {
            self.rows = Some(self.open().await?);
        }
        let Some(rows) = &mut self.rows else { return Ok(None) };
        loop {
            let Some((line, row)) = rows.next(&self.format)? else { return Ok(None) };
            self.read += 1;
            // Of two rows with the same key, the first one counts, also if the run goes on behind it.
            let first = row.as_ref().is_ok_and(|item| self.seen.is_new(&item.key));
            if self.read <= self.skip {
                continue;
            }
            // An invalid row is still an item, named by its line, so that it fails alone and is not lost.
            return Ok(Some(match row {
                Ok(item) if first => (item, None),
                Ok(item) => {
                    let error = Error::item_twice(&item.key);
                    (item, Some(error))
                }
                Err(error) => (Item::named(format!("{}:{line}", self.format.path)), Some(error)),
            }));
        }
    }

    fn cursor(&self) -> String {
        let edition = self.edition.as_deref().unwrap_or_default();
        format!("{} {edition}", self.read.max(self.skip)).trim_end().to_owned()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        let (rows, edition) = cursor.split_once(' ').map_or((cursor, None), |(rows, edition)| (rows, Some(edition)));
        self.skip = super::offset(rows)?;
        let edition = edition.map(str::to_owned);
        let other = std::mem::replace(&mut self.edition, edition) != self.edition;
        if other || self.skip < self.read {
            // Rows before the current one are read again from the start.
            (self.rows, self.read, self.seen) = (None, 0, SeenKeys::default());
        }
        Ok(())
    }
}

/// All rows of a text, for the tests of both formats.
#[cfg(test)]
fn rows(path: &str, text: &[u8]) -> Vec<FileRow> {
    rows_in(path, FileFormat::default(), text).expect("a file with its columns")
}

/// All rows of a text in a format, or why the file cannot be read.
#[cfg(test)]
fn rows_in(path: &str, file: FileFormat, text: &[u8]) -> Result<Vec<FileRow>, Error> {
    let format = RowFormat { path: path.into(), key: "name".into(), columns: Columns::default(), file };
    let mut rows = FileRows::of(&format, Box::new(std::io::Cursor::new(text.to_vec())))?;
    Ok(std::iter::from_fn(|| rows.next(&format).expect("no fault of the disk")).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::component::services::OpenFile;

    /// A file that may change: its edition and its text.
    struct MutableFile(Mutex<(&'static str, &'static str)>);

    #[async_trait]
    impl PipelineFile for MutableFile {
        async fn open(&self) -> Result<OpenFile, Error> {
            let (edition, text) = *self.0.lock().expect("no panic");
            Ok(OpenFile { reader: Box::new(text.as_bytes()), version: edition.into() })
        }
    }

    fn reader(file: &Arc<MutableFile>) -> FileSource {
        let format = RowFormat {
            path: "a.csv".into(),
            key: "name".into(),
            columns: Columns::default(),
            file: FileFormat::default(),
        };
        let file: Arc<dyn PipelineFile> = file.clone();
        FileSource::new(file, format)
    }

    async fn next(reader: &mut FileSource) -> Result<Option<String>, String> {
        reader.next().await.map(|given| given.map(|(item, _)| item.key)).map_err(|error| error.code.to_string())
    }

    /// The keys and texts of a file, with errors by their words.
    fn found(path: &str, delimiter: Delimiter, encoding: FileEncoding, text: &[u8]) -> Result<Vec<String>, String> {
        let rows = rows_in(path, FileFormat { delimiter, encoding }, text).map_err(|error| error.message)?;
        let shown = |row: FileRow| match row.1 {
            Ok(item) => format!("{}={}", item.key, item.text.unwrap_or_default()),
            Err(error) => error.message,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    #[test]
    fn cells_are_separated_by_the_delimiter_and_texts_decoded_from_the_encoding() {
        let sheet = "name,text\r\nZürich,\"a, b; c|d\te \"\"f\"\"\r\ng\"\r\n\"Köln\",gut\r\n";
        let expected = Ok(vec!["Zürich=a, b; c|d\te \"f\"\r\ng".to_owned(), "Köln=gut".to_owned()]);
        for delimiter in Delimiter::ALL {
            let mark = char::from(delimiter.byte()).to_string();
            let text = sheet
                .replace("name,", &format!("name{mark}"))
                .replace("h,\"", &format!("h{mark}\""))
                .replace("\",g", &format!("\"{mark}g"));
            let utf_16 =
                |bytes: fn(u16) -> [u8; 2], text: &str| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
            for (encoding, bytes) in [
                (FileEncoding::Utf8, format!("\u{feff}{text}").into_bytes()),
                (FileEncoding::Utf16, utf_16(u16::to_le_bytes, &format!("\u{feff}{text}"))),
                (FileEncoding::Utf16, utf_16(u16::to_be_bytes, &format!("\u{feff}{text}"))),
                (FileEncoding::Utf16, utf_16(u16::to_le_bytes, &text)),
                (FileEncoding::Windows1252, encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()),
                (FileEncoding::Latin1, encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()),
            ] {
                assert_eq!(found("a.csv", delimiter, encoding, &bytes), expected, "{delimiter:?} {encoding:?}");
            }
        }
        let lines =
            "{\"name\":\"Zürich\",\"text\":\"schön\"}\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(
            found("a.jsonl", Delimiter::Comma, FileEncoding::Utf16, &lines),
            Ok(vec!["Zürich=schön".to_owned()])
        );
    }

    #[test]
    fn a_file_that_looks_like_another_format_says_which_setting_reads_it() {
        let csv = |text: &[u8]| found("a.csv", Delimiter::Comma, FileEncoding::Utf8, text);
        let words = "`a.csv` has no column `name`: it has `name;text`; correct `key` or `columns`, or set `delimiter = \";\"` in a \
                     `file` source";
        assert_eq!(csv(b"name;text\nA;b\n"), Err(words.to_owned()));
        let words = "it looks like UTF-16: save it as UTF-8, or set `encoding = \"utf-16\"` in a `file` source";
        assert_eq!(csv(b"\xff\xfen\0"), Err(format!("`a.csv`: {words}")));
        let lines = found("a.jsonl", Delimiter::Comma, FileEncoding::Utf8, b"{\0\"\0");
        assert_eq!(lines, Err(format!("`a.jsonl`: {words}")));
        let words = "line 2 is not UTF-8: save the file as UTF-8, or set `encoding` in a `file` source; it looks like `windows-1252`";
        assert_eq!(csv(b"name\nZ\xfcrich\nBern\n"), Ok(vec![format!("`a.csv`: {words}"), "Bern=".to_owned()]));
        let lines = found("a.jsonl", Delimiter::Comma, FileEncoding::Utf8, b"{}\n{\"name\":\"Z\xfcrich\"}\n");
        assert_eq!(lines.expect("rows")[1], format!("`a.jsonl`: {words}"));
        let lone = found("a.csv", Delimiter::Comma, FileEncoding::Utf16, b"n\0a\0m\0e\0\n\0\x3d\xd8\n\0A\0\n\0");
        let words =
            "`a.csv`: line 2 is not UTF-16: correct `encoding`, or save the file as UTF-8 and remove `encoding`";
        assert_eq!(lone, Ok(vec![words.to_owned(), "A=".to_owned()]));
    }

    #[tokio::test]
    async fn the_first_of_two_rows_with_one_key_counts_also_after_a_resume() {
        let file = Arc::new(MutableFile(Mutex::new(("\"1\"", "name\nA\nB\n A \nC\nB\n"))));
        let mut all = reader(&file);
        let mut found = Vec::new();
        while let Some((item, error)) = all.next().await.expect("a row") {
            found.push((item.key, error.map(|error| error.code), all.cursor()));
        }
        let codes = found.iter().map(|(key, code, _)| (key.as_str(), code.map(ErrorCode::as_str))).collect::<Vec<_>>();
        let twice = Some("item_twice");
        assert_eq!(codes, [("A", None), ("B", None), ("A", twice), ("C", None), ("B", twice)]);
        for (place, (.., cursor)) in found.iter().enumerate() {
            let mut rest = reader(&file);
            rest.resume(cursor).expect("a cursor");
            for (key, code, _) in &found[place + 1..] {
                let (item, error) = rest.next().await.expect("a row").expect("a row");
                assert_eq!((&item.key, error.map(|error| error.code)), (key, *code), "after {cursor}");
            }
        }
    }

    #[tokio::test]
    async fn a_run_resumes_only_in_the_edition_that_it_started_with() {
        let file = Arc::new(MutableFile(Mutex::new(("\"1\"", "name\nA\nB\nC\n"))));
        let mut first = reader(&file);
        assert_eq!(next(&mut first).await, Ok(Some("A".into())));
        let cursor = first.cursor();
        let mut other = reader(&file);
        other.resume(&cursor).expect("a cursor");
        assert_eq!(next(&mut other).await, Ok(Some("B".into())));
        other.resume(&cursor).expect("a cursor");
        assert_eq!((next(&mut other).await, other.cursor()), (Ok(Some("B".into())), "2 \"1\"".into()));

        *file.0.lock().expect("no panic") = ("\"2\"", "name\nZ\nA\nB\nC\n");
        let mut late = reader(&file);
        late.resume(&cursor).expect("a cursor");
        assert_eq!(next(&mut late).await, Err("source_changed".into()));
        // A reader that has already read the new edition does not resume in it either.
        let mut begun = reader(&file);
        assert_eq!(next(&mut begun).await, Ok(Some("Z".into())));
        begun.resume(&cursor).expect("a cursor");
        assert_eq!(next(&mut begun).await, Err("source_changed".into()));
    }
}
