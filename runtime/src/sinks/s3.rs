//! Sink `s3`: an object a chunk in a bucket of the pipeline's, under keys that a second delivery only repeats.

use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::form;
use crate::component::services::{Bucket, Doors};
use crate::component::{
    Binding, Card, Catalog, CatalogFormat, Component, Opened, Permission, Role, Scope, Sink, Store, Unit,
};
use crate::model::error::Error;
use crate::model::record::Record;
use crate::model::run::Chunk;
use crate::model::values::{Prefix, Within};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Whole records, one a line.
    Jsonl,
    /// One row a finding.
    Csv,
}

/// How objects are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// Gzip, which every reader knows.
    Gzip,
    /// Zstandard, which unpacks faster and which Athena knows too.
    Zstd,
    /// As they are.
    None,
}

/// Objects of up to 100 records under `<prefix>/dt=<date>/<run>-<chunk>`, which Athena and Spark read as they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// How records are written.
    #[serde(default = "jsonl")]
    pub format: Format,
    /// How objects are packed.
    #[serde(default = "gzip")]
    pub compression: Packing,
    /// First part of every key; the sink's name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// After how many days objects are deleted; never unless given.
    #[serde(default, skip_serializing)]
    pub expire_days: Option<Within<1, 36_500>>,
}

fn jsonl() -> Format {
    Format::Jsonl
}

fn gzip() -> Packing {
    Packing::Gzip
}

impl S3 {
    fn prefix_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.prefix.as_ref().map_or(name, Prefix::as_str)
    }
}

impl Component for S3 {
    const CARD: Card = Card::new(
        Role::Sink,
        "s3",
        "an object a chunk, as packed JSON Lines or CSV, by day",
        "[sinks.archive]\ntype = \"s3\"\nformat = \"jsonl\"\n",
    );

    fn store(&self, name: &str) -> Option<Store> {
        let (format, columns) = match self.format {
            Format::Jsonl => (CatalogFormat::JsonLines, form::JSONL_COLUMNS),
            Format::Csv => (CatalogFormat::Csv, form::CSV_COLUMNS),
        };
        Some(Store::Bucket {
            name: name.into(),
            expires_days: self.expire_days.map(Within::get),
            catalog: Some(Catalog { prefix: self.prefix_of(name).into(), format, columns }),
        })
    }

    fn permissions(&self, name: &str) -> Vec<Permission> {
        vec![Permission {
            actions: vec!["s3:PutObject"],
            on: Scope::Objects(format!("{}/*", self.prefix_of(name))),
            why: "the worker writes an object a chunk",
        }]
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit { name: "s3_put", per_record: 0.01, why: "one PUT a chunk of up to 100 records" }]
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let bucket = doors.bucket(binding.on.as_deref().unwrap_or(&binding.name))?;
        let prefix = self.prefix_of(&binding.name).to_owned();
        Ok(Opened::Sink(Box::new(Objects { bucket, prefix, format: self.format, packing: self.compression })))
    }
}

struct Objects {
    bucket: Arc<dyn Bucket>,
    prefix: String,
    format: Format,
    packing: Packing,
}

#[async_trait]
impl Sink for Objects {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        // A chunk of feeds without news has no object: whoever lists the bucket pays for each.
        if records.is_empty() {
            return Ok(format!("{}/", self.prefix));
        }
        let (body, ending) = match self.format {
            Format::Jsonl => (form::jsonl(records)?, ".jsonl"),
            Format::Csv => (form::csv(records)?, ".csv"),
        };
        let (body, ending) = match self.packing {
            Packing::Gzip => (gzipped(&body)?, format!("{ending}.gz")),
            Packing::Zstd => (zstandard(&body)?, format!("{ending}.zst")),
            Packing::None => (body, ending.to_owned()),
        };
        self.bucket.put(&chunk.key(&self.prefix, &ending), body).await
    }
}

/// The same bytes for the same records: the header carries no time and no name.
fn gzipped(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed
        .write_all(body)
        .and_then(|()| packed.finish())
        .map_err(|error| Error::permanent("record_unwritable", format!("gzip: {error}")))
}

/// The level that zstd itself takes where nobody says one: smaller than gzip's six, at a fifth of the time.
const LEVEL: i32 = 3;

/// The same bytes for the same records, here too.
///
/// The C library was measured beside `ruzstd`, which is Rust throughout, on 100 records of 126 KB: 37.9 KB in 1.1 ms
/// against 44.8 KB in 3.0 ms, where gzip makes 38.3 KB. It adds 300 KB to the binary and 8 s to a build, the other 80 KB
/// and 1 s; but nobody asks for zstd to get objects larger than gzip's.
fn zstandard(body: &[u8]) -> Result<Vec<u8>, Error> {
    zstd::bulk::compress(body, LEVEL).map_err(|error| Error::permanent("record_unwritable", format!("zstd: {error}")))
}
