//! What Athena needs to query the results: a database of the Glue Data Catalog, and a table in it for each bucket.

use std::collections::BTreeMap;

use fanggen_runtime::component::{Catalog, CatalogFormat};
use serde::Serialize;

use super::pages;
use super::reasons::Reasons;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::resources::glue;

/// The partition of every table: the date of the run, as the keys of the objects have it.
const DAY: &str = "dt";
/// The first day that Athena looks for. No pipeline is older, and each day is one more prefix to list.
const FIRST_DAY: &str = "2025-01-01";

/// A database of the Glue Data Catalog, one per environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatabasePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// Its description, one line.
    pub description: String,
    /// What asked for it.
    pub path: String,
}

impl DatabasePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&glue::DATABASE, &self.id, &self.name, &self.path)]
    }
}

/// A table of the Glue Data Catalog: how the objects of a bucket are read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CatalogTablePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its database within the template.
    pub database: LogicalId,
    /// Its name within the database, as SQL writes it.
    pub table: String,
    /// Both names, as SQL writes them.
    pub name: TemplateValue,
    /// Where the objects are.
    pub location: TemplateValue,
    /// The name of the partition.
    pub day: &'static str,
    /// Where the objects of one day are, with a placeholder for the day.
    pub day_location: TemplateValue,
    /// Its table properties.
    pub parameters: BTreeMap<String, String>,
    /// The class that parses a line.
    pub reader: &'static str,
    /// The properties of that class.
    pub reader_settings: BTreeMap<&'static str, &'static str>,
    /// The columns.
    pub columns: Vec<CatalogColumn>,
    /// What asked for it.
    pub path: String,
}

impl CatalogTablePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&glue::TABLE, &self.id, &self.name, &self.path)]
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CatalogColumn {
    /// Its name.
    pub name: &'static str,
    /// Its Hive type.
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

/// The database of an environment.
pub fn database(names: &ResourceNames, reasons: &mut Reasons) -> DatabasePlan {
    let name = reasons.derive(
        "sinks",
        "database of the Glue Data Catalog",
        database_name(names),
        "results in S3 can be queried with SQL at once; database names have only letters, digits and `_`",
        pages::ATHENA_NAMES,
    );
    DatabasePlan {
        id: LogicalId::of("", "Database"),
        name: TemplateValue::Literal(name),
        description: format!("Results of {}, read where they are in S3", names.stack()),
        path: "sinks".into(),
    }
}

/// The table of a sink whose objects are in this bucket.
pub fn table(
    names: &ResourceNames,
    sink: &str,
    bucket: &LogicalId,
    catalog: &Catalog,
    path: &str,
    reasons: &mut Reasons,
) -> CatalogTablePlan {
    let database = database_name(names);
    let table = sql_name(sink);
    let place = format!("s3://{}/{}/", bucket.sub_placeholder(), catalog.prefix);
    reasons.derive(
        path,
        "table of the Glue Data Catalog",
        format!("{database}.{table}"),
        format!("the partition `{DAY}` is projected: new days appear without being added"),
        pages::ATHENA_DAYS,
    );
    let (form, reader, reader_settings) = match catalog.format {
        // Athena recognises gzip and Zstandard by the suffix of a key: https://docs.aws.amazon.com/athena/latest/ug/compression-support-hive.html
        CatalogFormat::JsonLines => ("json", "org.openx.data.jsonserde.JsonSerDe", vec![]),
        CatalogFormat::Csv => {
            // Our CSV doubles its quotes and escapes nothing: with the default, a backslash, each would lose a character
            // (<https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html>, read on 2026-11-29).
            let marks = vec![("escapeChar", "\u{1}"), ("quoteChar", "\""), ("separatorChar", ",")];
            ("csv", "org.apache.hadoop.hive.serde2.OpenCSVSerde", marks)
        }
    };
    let mut parameters = BTreeMap::from([("classification".to_owned(), form.to_owned())]);
    if catalog.format == CatalogFormat::Csv {
        parameters.insert("skip.header.line.count".into(), "1".into());
    }
    parameters.insert("projection.enabled".into(), "true".into());
    let range = format!("{FIRST_DAY},NOW");
    for (key, value) in [
        ("type", "date"),
        ("format", "yyyy-MM-dd"),
        ("range", range.as_str()),
        ("interval", "1"),
        ("interval.unit", "DAYS"),
    ] {
        parameters.insert(format!("projection.{DAY}.{key}"), value.into());
    }
    CatalogTablePlan {
        id: LogicalId::of(sink, "Catalog"),
        database: LogicalId::of("", "Database"),
        name: TemplateValue::Literal(format!("{database}.{table}")),
        table,
        location: TemplateValue::Sub(place.clone()),
        day: DAY,
        // Athena's placeholder for the day, escaped so that CloudFormation keeps it.
        day_location: TemplateValue::Sub(format!("{place}{DAY}=${{!{DAY}}}/")),
        parameters,
        reader,
        reader_settings: reader_settings.into_iter().collect(),
        columns: catalog.columns.iter().map(|(name, kind)| CatalogColumn { name, kind }).collect(),
        path: path.to_owned(),
    }
}

fn database_name(names: &ResourceNames) -> String {
    sql_name(names.of_part("").trim_end_matches('-'))
}

/// A name that SQL accepts without quotes.
fn sql_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' }).collect()
}
