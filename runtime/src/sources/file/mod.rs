//! Source `file`: items in a CSV or JSON Lines file, read row by row.

mod lines;
mod sheet;
mod split;

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::component::services::{Document, Doors};
use crate::component::{Binding, Card, Component, Given, Opened, Permission, Role, Scope, Source, Store, Unit};
use crate::model::error::Error;
use crate::model::items::{self, Cells, Columns};
use crate::model::record::Item;
use crate::model::values::{Attribute, RelativePath, exact_key};

/// The longest row that is read; a longer one fails alone, and memory stays flat.
const LINE_BYTES: usize = 1024 * 1024;

/// Items in a file beside `pipeline.toml`; for the Lambda, `apply` puts it into a bucket of the pipeline's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file: `.csv` with a header, or `.jsonl` with an object a line.
    pub path: RelativePath,
    /// The column that holds the key of an item.
    #[serde(default = "name")]
    pub key: Attribute,
    /// Which columns hold the other attributes; columns that are no attribute become labels.
    #[serde(default)]
    pub columns: Columns,
}

fn name() -> Attribute {
    super::name()
}

impl Component for File {
    const CARD: Card = Card::new(
        Role::Source,
        "file",
        "items in a CSV or JSON Lines file, with their texts where it has them",
        "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\nkey = \"id\"\ncolumns = { text = \"review\" }\n",
    );

    fn store(&self, name: &str) -> Option<Store> {
        Some(Store::Bucket { name: name.into(), expires_days: None, catalog: None })
    }

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        vec![Permission {
            actions: vec!["s3:GetObject"],
            on: Scope::Objects(self.path.to_string()),
            why: "the producer reads the file of items",
        }]
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit { name: "s3_get", per_record: 0.0, why: "one GET a run, whatever the number of records" }]
    }

    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        vec![("path", &self.path)]
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        // In the cloud the path is a key in a bucket, and stands in the one statement that admits reading it.
        if !exact_key(self.path.as_str()) {
            let allowed = "up to 900 bytes, of characters up to `ÿ` without `*`, `?` and `$`".into();
            return Some(("path", format!("the path `{}`", self.path), allowed));
        }
        super::unfit(self.path.as_str()).map(|(found, allowed)| ("path", found, allowed))
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let file = doors.file(binding.on.as_deref(), self.path.as_str())?;
        let form = Form { path: self.path.to_string(), key: self.key.to_string(), columns: self.columns.clone() };
        Ok(Opened::Source(Box::new(Reader { file, rows: None, form, from: 0, read: 0, edition: None })))
    }
}

/// What is read of a row.
struct Form {
    path: String,
    key: String,
    columns: Columns,
}

impl Form {
    /// The item of a row of cells.
    fn item(&self, mut cells: Cells) -> Result<Item, Error> {
        // Blanks around a key are an accident of whoever wrote the file, and would make another item.
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
        Error::permanent("row_unreadable", format!("`{}`: {error}", self.path))
    }

    fn too_long(&self, line: u64) -> Error {
        let words = format!("`{}`: the row at line {line} is longer than {LINE_BYTES} bytes", self.path);
        Error::permanent("row_too_long", words)
    }
}

/// A row: the line that it starts on, and its item or why it has none.
type Row = (u64, Result<Item, Error>);

/// Rows of a file, one at a time, each with the line it starts on.
enum Rows {
    Csv(sheet::Sheet),
    Lines(lines::Lines),
}

impl Rows {
    fn of(form: &Form, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        match super::ending(&form.path).as_str() {
            "csv" => Ok(Self::Csv(sheet::Sheet::open(form, file)?)),
            "jsonl" | "ndjson" => Ok(Self::Lines(lines::Lines::open(file))),
            _ => Err(Error::permanent(
                "file_kind_unknown",
                format!(
                    "`{}` is neither `.csv` nor `.jsonl`, which are the files of items that can be read",
                    form.path
                ),
            )),
        }
    }

    /// The next row, or none at the end.
    ///
    /// # Errors
    /// What keeps the rest of the file from being read.
    fn next(&mut self, form: &Form) -> Result<Option<Row>, Error> {
        match self {
            Self::Csv(sheet) => sheet.next(form),
            Self::Lines(lines) => lines.next(form),
        }
    }
}

struct Reader {
    file: Arc<dyn Document>,
    /// The file once it is open: it may be far away, and is opened when its first row is asked for.
    rows: Option<Rows>,
    form: Form,
    /// The rows that are passed over.
    from: usize,
    /// The rows that are behind.
    read: usize,
    /// The edition that rows are counted in, once it is known.
    edition: Option<String>,
}

impl Reader {
    /// Opens the file. Where another edition was begun, its rows are not those that were counted: to go on among them would
    /// lose items, or send some twice.
    async fn open(&mut self) -> Result<Rows, Error> {
        let content = self.file.open().await?;
        if self.edition.as_ref().is_some_and(|edition| *edition != content.edition) {
            let words = format!(
                "`{}` was changed after the run had begun with it: this run stays incomplete, and the next one reads it anew",
                self.form.path
            );
            return Err(Error::permanent("source_changed", words));
        }
        self.edition = Some(content.edition);
        Rows::of(&self.form, content.reader)
    }
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<Option<Given>, Error> {
        if self.rows.is_none() {
            self.rows = Some(self.open().await?);
        }
        let Some(rows) = &mut self.rows else { return Ok(None) };
        loop {
            let Some((line, row)) = rows.next(&self.form)? else { return Ok(None) };
            self.read += 1;
            if self.read <= self.from {
                continue;
            }
            // A row that cannot be read is an item all the same, known by its place: it fails alone and is not lost.
            return Ok(Some(match row {
                Ok(item) => (item, None),
                Err(error) => (Item::named(format!("{}:{line}", self.form.path)), Some(error)),
            }));
        }
    }

    fn cursor(&self) -> String {
        let edition = self.edition.as_deref().unwrap_or_default();
        format!("{} {edition}", self.read.max(self.from)).trim_end().to_owned()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        let (rows, edition) = cursor.split_once(' ').map_or((cursor, None), |(rows, edition)| (rows, Some(edition)));
        self.from = super::offset(rows)?;
        let edition = edition.map(str::to_owned);
        let other = std::mem::replace(&mut self.edition, edition) != self.edition;
        if other || self.from < self.read {
            // What lies behind is read again from the start.
            (self.rows, self.read) = (None, 0);
        }
        Ok(())
    }
}

/// All rows of a text, for the tests of both forms.
#[cfg(test)]
fn rows(path: &str, text: &[u8]) -> Vec<Row> {
    let form = Form { path: path.into(), key: "name".into(), columns: Columns::default() };
    let mut rows = Rows::of(&form, Box::new(std::io::Cursor::new(text.to_vec()))).expect("a file with its columns");
    std::iter::from_fn(|| rows.next(&form).expect("no fault of the disk")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::component::services::Content;

    /// A file that somebody may change: its edition, and its text.
    struct Changing(Mutex<(&'static str, &'static str)>);

    #[async_trait]
    impl Document for Changing {
        async fn open(&self) -> Result<Content, Error> {
            let (edition, text) = *self.0.lock().expect("no panic");
            Ok(Content { reader: Box::new(text.as_bytes()), edition: edition.into() })
        }
    }

    fn reader(file: &Arc<Changing>) -> Reader {
        let form = Form { path: "a.csv".into(), key: "name".into(), columns: Columns::default() };
        let file: Arc<dyn Document> = file.clone();
        Reader { file, rows: None, form, from: 0, read: 0, edition: None }
    }

    async fn next(reader: &mut Reader) -> Result<Option<String>, String> {
        reader.next().await.map(|given| given.map(|(item, _)| item.key)).map_err(|error| error.code)
    }

    #[tokio::test]
    async fn a_run_goes_on_in_the_edition_that_it_was_begun_with_and_in_no_other() {
        let file = Arc::new(Changing(Mutex::new(("\"1\"", "name\nA\nB\nC\n"))));
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
        // Whoever has read the new edition already does not go on in it either.
        let mut begun = reader(&file);
        assert_eq!(next(&mut begun).await, Ok(Some("Z".into())));
        begun.resume(&cursor).expect("a cursor");
        assert_eq!(next(&mut begun).await, Err("source_changed".into()));
    }
}
