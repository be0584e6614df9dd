//! Source `file`: items in a CSV or JSON Lines file, read row by row.

use std::io::{BufRead as _, BufReader, Read};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Source, Store, Unit};
use crate::doors::Doors;
use crate::error::Error;
use crate::items::{self, Cells, Columns, Page};
use crate::record::Item;
use crate::run::CHUNK_ITEMS;
use crate::values::{Attribute, RelativePath, exact_key};

/// The longest line that is read; a longer one fails alone, and memory stays flat.
const LINE_BYTES: u64 = 1024 * 1024;

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
    const CARD: Card = Card {
        deployable: false,
        ..Card::new(
            Role::Source,
            "file",
            "items in a CSV or JSON Lines file, with their texts where it has them",
            "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\nkey = \"id\"\ncolumns = { text = \"review\" }\n",
        )
    };

    fn store(&self, name: &str) -> Option<Store> {
        Some(Store::Bucket { name: name.into(), expires_days: None })
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
        Ok(Opened::Source(Box::new(Reader {
            rows: Rows::of(self.path.as_str(), file)?,
            path: self.path.to_string(),
            key: self.key.to_string(),
            columns: self.columns.clone(),
            read: 0,
        })))
    }
}

/// Rows of a file, one at a time, each with the line it starts on.
enum Rows {
    Csv(Box<csv::Reader<Box<dyn Read + Send + Sync>>>, csv::StringRecord),
    Lines(BufReader<Box<dyn Read + Send + Sync>>, u64),
}

/// The line that a row starts on, and its cells or why they cannot be read.
type Row = (u64, Result<Cells, Error>);

impl Rows {
    fn of(path: &str, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        match super::ending(path).as_str() {
            "csv" => {
                let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(file);
                let header = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
                Ok(Self::Csv(Box::new(reader), header))
            }
            "jsonl" | "ndjson" => Ok(Self::Lines(BufReader::new(file), 0)),
            _ => Err(Error::permanent(
                "file_kind_unknown",
                format!("`{path}` is neither `.csv` nor `.jsonl`, which are the files of items that can be read"),
            )),
        }
    }

    /// The next row with its line, or why it cannot be read; none at the end.
    ///
    /// # Errors
    /// What keeps the rest of the file from being read.
    fn next(&mut self, path: &str) -> Result<Option<Row>, Error> {
        match self {
            Self::Csv(reader, header) => {
                let mut row = csv::StringRecord::new();
                let line = reader.position().line();
                match reader.read_record(&mut row) {
                    Ok(false) => Ok(None),
                    Ok(true) => {
                        let line = row.position().map_or(line, csv::Position::line);
                        let cells = header.iter().zip(&row).map(|(name, cell)| (name.trim().into(), cell.into()));
                        Ok(Some((line, Ok(cells.collect()))))
                    }
                    Err(error) if error.is_io_error() => Err(unreadable(path, &error)),
                    Err(error) => Ok(Some((line, Err(unreadable(path, &error))))),
                }
            }
            Self::Lines(reader, line) => loop {
                *line += 1;
                let mut bytes = Vec::new();
                let mut limited = reader.by_ref().take(LINE_BYTES);
                match limited.read_until(b'\n', &mut bytes) {
                    Ok(0) => return Ok(None),
                    Ok(_) if !bytes.ends_with(b"\n") && limited.limit() == 0 => {
                        reader.skip_until(b'\n').map_err(|error| unreadable(path, &error))?;
                        let long =
                            Error::permanent("row_too_long", format!("the row is longer than {LINE_BYTES} bytes"));
                        return Ok(Some((*line, Err(long))));
                    }
                    Ok(_) => {}
                    Err(error) => return Err(unreadable(path, &error)),
                }
                let bytes = bytes.trim_ascii();
                // A file that was edited on Windows may start with a byte order mark.
                let bytes = if *line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
                if !bytes.is_empty() {
                    let row = serde_json::from_slice(bytes).map_err(|error| unreadable(path, &error));
                    return Ok(Some((*line, row.and_then(items::cells_of))));
                }
            },
        }
    }
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Error {
    Error::permanent("row_unreadable", format!("`{path}`: {error}"))
}

struct Reader {
    rows: Rows,
    path: String,
    key: String,
    columns: Columns,
    read: usize,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<Option<Page>, Error> {
        let mut page = Page::default();
        while page.items.len() < CHUNK_ITEMS {
            let Some((line, row)) = self.rows.next(&self.path)? else { break };
            self.read += 1;
            // A row that cannot be read is an item all the same, known by its place: it fails alone and is not lost.
            page.items.push(match row.and_then(|cells| items::from_cells(cells, &self.key, &self.columns)) {
                Ok(item) => (item, None),
                Err(error) => (Item::named(format!("{}:{line}", self.path)), Some(error)),
            });
        }
        page.cursor = self.read.to_string();
        Ok(if page.items.is_empty() { None } else { Some(page) })
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        let offset = super::offset(cursor)?;
        while self.read < offset && self.rows.next(&self.path)?.is_some() {
            self.read += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn rows(path: &str, text: &str) -> Vec<Row> {
        let mut rows = Rows::of(path, Box::new(Cursor::new(text.as_bytes().to_vec()))).expect("a known ending");
        std::iter::from_fn(|| rows.next(path).expect("no fault of the disk")).collect()
    }

    #[test]
    fn a_broken_row_fails_alone_and_says_where() {
        let csv = rows("a.csv", "name,text\nApple,\"good, \"\"really\"\"\nnice\"\nonly one cell\nGoogle,fine\n");
        assert_eq!(csv.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(csv[0].1.as_ref().expect("whole")["text"], "good, \"really\"\nnice");
        assert_eq!(csv[1].1.as_ref().expect_err("short").code, "row_unreadable");
        assert!(csv[2].1.is_ok());

        let lines = rows(
            "a.jsonl",
            "\u{feff}{\"name\":\"Apple\",\"labels\":{\"a\":1}}\n\nnot json\n{\"name\":[1]}\n{\"name\":\"Z\"}",
        );
        assert_eq!(
            lines.iter().map(|row| (row.0, row.1.is_ok())).collect::<Vec<_>>(),
            [(1, true), (3, false), (4, false), (5, true)]
        );
        assert_eq!(lines[0].1.as_ref().expect("whole")["a"], "1");
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let text = format!("{{\"name\":\"{}\"}}\n{{\"name\":\"Z\"}}\n", "x".repeat(3 << 20));
        let lines = rows("a.jsonl", &text);
        assert_eq!(lines[0].1.as_ref().expect_err("too long").code, "row_too_long");
        assert!(lines[1].1.is_ok());
    }

    #[test]
    fn a_csv_that_is_not_utf_8_fails_row_by_row() {
        let mut rows =
            Rows::of("a.csv", Box::new(Cursor::new(b"name\nok\n\xff\xfe\nfine\n".to_vec()))).expect("a known ending");
        let next = || rows.next("a.csv").expect("no fault of the disk");
        let whole: Vec<_> = std::iter::from_fn(next).map(|row| row.1.is_ok()).collect();
        assert_eq!(whole, [true, false, true]);
    }
}
