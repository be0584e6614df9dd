//! Source `file`: items in a CSV or JSON Lines file, read row by row.

pub(super) mod columns;
mod csv;
mod json_row;
mod jsonl;
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
        FileColumns { named: key.chain(self.columns.configured()).collect(), implied: self.columns.implied().collect() }
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        // On AWS the path is an object key, and part of the IAM statement that permits reading it.
        if !is_policy_key(self.path.as_str()) {
            let allowed = "up to 900 bytes, of characters up to `ÿ` without `*`, `?` and `$`".into();
            return Some(("path", format!("the path `{}`", self.path), allowed));
        }
        super::unsupported_file(self.path.as_str()).map(|(found, allowed)| ("path", found, allowed))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let file = services.file(binding.store.as_deref(), self.path.as_str())?;
        let format =
            RowFormat { path: self.path.to_string(), key: self.key.to_string(), columns: self.columns.clone() };
        Ok(Instance::Source(Box::new(FileSource::new(file, format))))
    }
}

/// How rows become items.
struct RowFormat {
    path: String,
    key: String,
    columns: Columns,
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
            "jsonl" | "ndjson" => Ok(Self::Jsonl(jsonl::JsonlReader::open(file))),
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
    let format = RowFormat { path: path.into(), key: "name".into(), columns: Columns::default() };
    let mut rows =
        FileRows::of(&format, Box::new(std::io::Cursor::new(text.to_vec()))).expect("a file with its columns");
    std::iter::from_fn(|| rows.next(&format).expect("no fault of the disk")).collect()
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
        let format = RowFormat { path: "a.csv".into(), key: "name".into(), columns: Columns::default() };
        let file: Arc<dyn PipelineFile> = file.clone();
        FileSource::new(file, format)
    }

    async fn next(reader: &mut FileSource) -> Result<Option<String>, String> {
        reader.next().await.map(|given| given.map(|(item, _)| item.key)).map_err(|error| error.code.to_string())
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
