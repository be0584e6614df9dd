//! A template with the user's own name, contact, region and items.

use fanggen_runtime::model::items::{ATTRIBUTES, Cells};
use serde_json::json;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::{EXAMPLE_FEED, NewFile, PipelineTemplate, SampleText};
use crate::config::schema::schema;
use crate::edit::document;

/// The most items that are written into `pipeline.toml`: more belong into a file of their own.
pub const MAX_ITEMS: usize = 200;

/// The name of each item, in the templates that name items.
pub const KEY: &str = "name";

/// Where editors find the schema of `pipeline.toml`.
const SCHEMA: &str = "generated/pipeline.schema.json";

/// What is the user's own.
#[derive(Clone, Debug)]
pub struct NewPipeline {
    /// The template.
    pub template: &'static PipelineTemplate,
    /// The name of the pipeline.
    pub name: String,
    /// Who runs it.
    pub contact: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// The rows of its items, each once; without any, those of the template.
    pub items: Vec<Cells>,
}

/// Why there is no such pipeline.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The items of the template are in a file.
    #[error("template `{0}` reads its items from `{1}`: leave out `--item` and `--from`, then edit that file")]
    ItemsInFile(&'static str, &'static str),
    /// The template has a single sample.
    #[error("template `{0}` does not take `--item` or `--from`: leave them out, then edit `items` in `pipeline.toml`")]
    NoItems(&'static str),
    /// More items than a pipeline's file should have.
    #[error(
        "{0} items are too many for `pipeline.toml`, which takes at most {MAX_ITEMS}\n  run `init` without `--from`, copy your CSV or JSON Lines file next to `pipeline.toml`, and replace `items` with `items_file = \"FILE\"`"
    )]
    TooManyItems(usize),
    /// The template and this code do not match.
    #[error("the template `{0}` cannot be edited; this is a bug in fanggen: {1}")]
    Template(&'static str, String),
}

impl NewPipeline {
    /// The files of the pipeline, `pipeline.toml` last.
    ///
    /// # Errors
    /// See [`InitError`].
    pub fn files(&self) -> Result<Vec<NewFile>, InitError> {
        let template = self.template;
        let broken = |why: String| InitError::Template(template.name, why);
        let mut file = document::parse(template.toml).map_err(broken)?;
        set(&mut file, "pipeline", "name", &self.name);
        if let Some(contact) = &self.contact {
            set(&mut file, "pipeline", "contact", contact);
        }
        if let Some(region) = &self.region {
            set(&mut file, "aws", "region", region);
        }
        let mut data = template.data.map(|(path, text)| NewFile { path: path.into(), text: text.into() });
        if !self.items.is_empty() {
            if self.items.len() > MAX_ITEMS {
                return Err(InitError::TooManyItems(self.items.len()));
            }
            let sample = template.sample.ok_or(match template.data {
                Some((path, _)) => InitError::ItemsInFile(template.name, path),
                None => InitError::NoItems(template.name),
            })?;
            let environment = self.put_items(&mut file).ok_or_else(|| broken("it has no items or tests".to_owned()))?;
            file.insert("tests", Item::ArrayOfTables(self.tests(environment)));
            if let Some(data) = &mut data {
                data.text = self.items.iter().map(|item| sample.line(key(item))).collect();
            }
        }
        let schema = serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n";
        let schema = NewFile { path: SCHEMA.into(), text: schema };
        let toml = NewFile { path: "pipeline.toml".into(), text: document::to_text(&file, template.toml) };
        Ok(data.into_iter().chain([schema, toml]).collect())
    }

    /// Puts the items in the place of those of the template, and removes its tests, which are about those. Gives back the
    /// environment that the tests were for.
    fn put_items(&self, file: &mut DocumentMut) -> Option<Option<String>> {
        let source = file.get_mut("sources")?.as_table_mut()?.iter_mut().next()?.1.as_table_mut()?;
        let mut list: Array = self.items.iter().enumerate().map(|(index, item)| self.item_value(index, item)).collect();
        list.iter_mut().for_each(|item| item.decor_mut().set_prefix("\n    "));
        list.set_trailing("\n");
        list.set_trailing_comma(true);
        *source.get_mut("items")?.as_value_mut()? = Value::Array(list);
        let tests = file.remove("tests")?.into_array_of_tables().ok()?;
        Some(tests.get(0)?.get("environment").and_then(Item::as_str).map(str::to_owned))
    }

    /// How many items need a feed and have none, so that they get an example.
    #[must_use]
    pub fn example_feeds(&self) -> usize {
        self.items.iter().filter(|item| self.needs_feed(item)).count()
    }

    fn needs_feed(&self, item: &Cells) -> bool {
        self.template.sample.is_some_and(|sample| sample.entry) && !item.contains_key("feed")
    }

    /// An item as TOML: its name, or a table if it has attributes.
    fn item_value(&self, index: usize, item: &Cells) -> Value {
        let mut table = InlineTable::from_iter([(KEY, key(item))]);
        if self.needs_feed(item) {
            table.insert("feed", format!("{EXAMPLE_FEED}{}.xml", index + 1).into());
        }
        let mut labels = InlineTable::new();
        for (name, value) in item.iter().filter(|(name, _)| *name != KEY) {
            let table = if ATTRIBUTES.contains(&name.as_str()) { &mut table } else { &mut labels };
            table.insert(name, value.as_str().into());
        }
        if !labels.is_empty() {
            table.insert("labels", Value::InlineTable(labels));
        }
        if table.len() == 1 { key(item).into() } else { Value::InlineTable(table) }
    }

    /// One test: each item reaches the sinks.
    fn tests(&self, environment: Option<String>) -> ArrayOfTables {
        let about = |item: &Cells| InlineTable::from_iter([("item", key(item))]);
        let mut expect: Array = self.items.iter().map(about).collect();
        expect.iter_mut().for_each(|one| one.decor_mut().set_prefix("\n    "));
        expect.set_trailing("\n");
        expect.set_trailing_comma(true);
        let mut test = Table::new();
        test.decor_mut()
            .set_prefix("\n# `fanggen test` runs this. `fanggen test --record` fills in `expect` for you.\n");
        test.insert("name", "every item gets a finding".into());
        if let Some(environment) = environment {
            test.insert("environment", environment.into());
        }
        test.insert("expect", expect.into());
        std::iter::once(test).collect()
    }
}

impl SampleText {
    /// A line of the file of texts.
    fn line(&self, item: &str) -> String {
        let text = format!("{}{item}{}", self.before, self.after);
        let line = match self.entry {
            true => json!({ "item": item, "entry": "sample", "title": text, "text": text, "language": "en" }),
            false => json!({ "item": item, "text": text, "language": "en" }),
        };
        format!("{line}\n")
    }
}

/// Sets a value of a section, which is added behind `[pipeline]` if it is not there.
fn set(file: &mut DocumentMut, section: &str, key: &str, value: &str) {
    let known = file.contains_key(section);
    let table = file.entry(section).or_insert_with(toml_edit::table);
    if let Some(table) = table.as_table_mut() {
        table.insert(key, value.into());
        if !known {
            table.decor_mut().set_prefix("\n");
            table.set_position(Some(1));
        }
    }
}

fn key(item: &Cells) -> &str {
    item.get(KEY).map_or("", String::as_str)
}
