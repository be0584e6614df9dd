//! Adds a component to the text of `pipeline.toml`: where its kind belongs, with the settings that it must have.

use fanggen_runtime::component::{ComponentKind, ComponentRole};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Key, Table, Value};

use super::blocks::TomlBlocks;
use super::existing::{free_name, names, stage_index};
use super::{document, inline};
use crate::config::schema;

/// What to add.
#[derive(Debug)]
pub struct Addition<'a> {
    /// The kind of the component.
    pub kind: &'a ComponentKind,
    /// Its name; by default that of the kind's example, or one made of it if that is taken.
    pub name: Option<&'a str>,
    /// Its settings, each with its path.
    pub settings: Vec<GivenSetting>,
    /// Where a stage goes among the others.
    pub place: StagePlace<'a>,
}

/// The place of a stage.
#[derive(Clone, Copy, Debug)]
pub enum StagePlace<'a> {
    /// Where its kind belongs: what provides texts before what analyses them, filters at the end.
    ByKind,
    /// Before this stage.
    Before(&'a str),
    /// After this stage.
    After(&'a str),
}

/// A setting and its value.
#[derive(Clone, Debug)]
pub struct GivenSetting {
    path: Vec<Key>,
    value: Value,
}

/// The edited text.
#[derive(Debug)]
pub struct Added {
    /// The whole file.
    pub text: String,
    /// The name of the component.
    pub name: String,
    /// The settings whose values are those of the example, and most likely have to be changed.
    pub examples: Vec<String>,
}

/// Why nothing is added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The file cannot be edited.
    #[error("the file cannot be edited: {0}")]
    Unreadable(String),
    /// The name is taken.
    #[error("there is already a {role} named `{name}`: choose another name with `--name`")]
    NameTaken {
        /// Source, stage or sink.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// A place for something other than a stage.
    #[error("only stages have an order: leave out `--before` and `--after`")]
    NoOrder,
    /// No stage has this name.
    #[error("there is no stage `{found}`; the stages are {known}{help}")]
    UnknownStage {
        /// What was asked for.
        found: String,
        /// The stages of the file.
        known: String,
        /// A suggestion, or nothing.
        help: String,
    },
    /// A setting is not written as one.
    #[error(
        "`--set {0}` is not of the form `KEY=VALUE`\n  for example, write `--set sentences=3` or `--set columns.text=review`"
    )]
    NoSetting(String),
    /// A setting is within another one that is not a table.
    #[error("`{0}` is set more than once{1}")]
    Twice(String, &'static str),
    /// The section is written in a way that nothing can be added to.
    #[error("`{section}` is not written as tables, so `add` cannot change it; add this yourself:\n\n{snippet}")]
    Shape {
        /// Its name.
        section: String,
        /// The component in TOML.
        snippet: String,
    },
}

impl GivenSetting {
    /// A setting such as `sentences=3`: a value that is not TOML is text.
    ///
    /// # Errors
    /// What is not a setting.
    pub fn parse(argument: &str) -> Result<Self, AddError> {
        let wrong = || AddError::NoSetting(argument.to_owned());
        let (path, value) = argument.split_once('=').ok_or_else(wrong)?;
        let path = Key::parse(path.trim()).map_err(|_| wrong())?;
        let value = value.trim();
        Ok(Self { path, value: value.parse().unwrap_or_else(|_| Value::from(value)) })
    }

    /// Whether it is this setting, or within it.
    fn starts_with(&self, key: &str) -> bool {
        self.path.first().is_some_and(|first| first.get() == key)
    }

    /// Its path, as TOML has it.
    fn name(&self) -> String {
        self.path.iter().map(|key| key.get()).collect::<Vec<_>>().join(".")
    }
}

/// Adds a component to the text of a file.
///
/// # Errors
/// Why it cannot be added.
pub fn add(text: &str, addition: &Addition<'_>) -> Result<Added, AddError> {
    let document = document::parse(text).map_err(AddError::Unreadable)?;
    let card = addition.kind.card;
    if card.role != ComponentRole::Stage && !matches!(addition.place, StagePlace::ByKind) {
        return Err(AddError::NoOrder);
    }
    let (section, role) = (format!("{}s", card.role.as_str()), card.role.as_str());
    let example = document::parse(card.example).map_err(AddError::Unreadable)?;
    let (example_name, table) = example_component(&example, &section);
    let taken = names(&document, card.role);
    let name = match addition.name {
        Some(name) if taken.iter().any(|other| other == name) => {
            return Err(AddError::NameTaken { role, name: name.to_owned() });
        }
        Some(name) => name.to_owned(),
        None => free_name(&example_name, &document),
    };
    let mut wanted = schema::required_settings(addition.kind);
    // A source that owns its items has none yet.
    let names_items =
        |setting: &GivenSetting| ["items", "items_file", "existing"].iter().any(|key| setting.starts_with(key));
    if card.role == ComponentRole::Source && !addition.settings.iter().any(names_items) {
        wanted.push("items".to_owned());
    }
    // One of some settings, unless it is given: the example has it.
    if !addition.settings.iter().any(|setting| card.one_of.iter().any(|key| setting.starts_with(key))) {
        wanted.extend(card.one_of.iter().map(|key| (*key).to_owned()));
    }
    let (table, examples) = component(&table, &name, card.role, &wanted, &addition.settings)?;
    let block = snippet(&section, &name, card.role, &table);
    let shape = || AddError::Shape { section: section.clone(), snippet: block.clone() };
    let index = stage_index(&document, &card, addition.place)?;
    let edited = match card.role {
        ComponentRole::Stage => with_stage(text, index, taken.len(), &block, &table),
        ComponentRole::Source | ComponentRole::Sink => with_component(text, card.role, &name, &block, &table),
    };
    let edited = edited.map_err(AddError::Unreadable)?.ok_or_else(shape)?;
    // Whatever the style of the file: the rest of it means what it did, and stages are in the order that was asked for.
    if !is_only_addition(text, &edited, &section, &name, index) {
        return Err(shape());
    }
    Ok(Added { text: edited, name, examples })
}

/// The text with a stage at this index.
fn with_stage(text: &str, index: usize, count: usize, block: &str, stage: &Table) -> Result<Option<String>, String> {
    const STAGES: &str = "stages";
    if let Some(edited) = inline::insert_element(text, STAGES, index, stage)? {
        return Ok(Some(edited));
    }
    let blocks = TomlBlocks::find(text)?;
    Ok(match count {
        0 => Some(blocks.after_sections(&["sources"], block)),
        count if index < count => blocks.before_element(STAGES, index, block),
        count => blocks.after_element(STAGES, count - 1, block),
    })
}

/// The text with a source or sink behind the others, or behind what comes before them.
fn with_component(
    text: &str,
    role: ComponentRole,
    name: &str,
    block: &str,
    component: &Table,
) -> Result<Option<String>, String> {
    let section = format!("{}s", role.as_str());
    if let Some(edited) = inline::insert_entry(text, &section, name, component)? {
        return Ok(Some(edited));
    }
    let blocks = TomlBlocks::find(text)?;
    let before: &[&str] = match role {
        _ if blocks.has(&section) => &[&section],
        ComponentRole::Source => &["pipeline", "aws", "schedule"],
        ComponentRole::Stage | ComponentRole::Sink => &["stages"],
    };
    Ok(Some(blocks.after_sections(before, block)))
}

/// Whether the edited text is the old one and this component, which is at this index if it is a stage.
fn is_only_addition(before: &str, after: &str, section: &str, name: &str, index: usize) -> bool {
    let parse = |text: &str| text.trim_start_matches('\u{feff}').parse::<toml::Table>().ok();
    let (Some(before), Some(mut after)) = (parse(before), parse(after)) else { return false };
    let empty = |table: &toml::Table| match table.get(section) {
        None => true,
        Some(toml::Value::Table(table)) => table.is_empty(),
        Some(toml::Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    let removed = match after.get_mut(section) {
        Some(toml::Value::Table(components)) => components.remove(name).is_some(),
        Some(toml::Value::Array(stages)) if index < stages.len() => {
            stages.remove(index).get("name").and_then(toml::Value::as_str) == Some(name)
        }
        _ => false,
    };
    if empty(&after) && empty(&before) {
        after.remove(section);
        let mut before = before;
        before.remove(section);
        return removed && before == after;
    }
    removed && before == after
}

/// The name and the settings in the example of a card.
fn example_component(example: &DocumentMut, section: &str) -> (String, Table) {
    match example.get(section) {
        Some(Item::ArrayOfTables(stages)) => stages.get(0).map(|stage| {
            let name = stage.get("name").and_then(Item::as_str).unwrap_or_default();
            (name.to_owned(), stage.clone())
        }),
        Some(Item::Table(components)) => {
            components.iter().next().and_then(|(name, item)| Some((name.to_owned(), item.as_table()?.clone())))
        }
        _ => None,
    }
    .unwrap_or_default()
}

/// The table of the new component, and the settings in it whose values are those of the example.
fn component(
    example: &Table,
    name: &str,
    role: ComponentRole,
    required: &[String],
    settings: &[GivenSetting],
) -> Result<(Table, Vec<String>), AddError> {
    let mut table = Table::new();
    if role == ComponentRole::Stage {
        table.insert("name", Item::Value(name.into()));
    }
    let mut examples = Vec::new();
    for (key, value) in example {
        let given = settings.iter().any(|setting| setting.starts_with(key));
        if key == "type" || required.iter().any(|one| one == key) && !given {
            table.insert(key, value.clone());
            examples.extend((key != "type").then(|| key.to_owned()));
        }
    }
    for setting in settings {
        if let [key] = setting.path.as_slice()
            && ["name", "type"].contains(&key.get())
        {
            return Err(AddError::Twice(setting.name(), elsewhere(key.get())));
        }
        insert(&mut table, &setting.path, setting)?;
    }
    Ok((table, examples))
}

/// Where else a setting is given, and what to do.
fn elsewhere(setting: &str) -> &'static str {
    match setting {
        "name" => ": give the name with `--name`",
        "type" => ": the type is the argument TYPE",
        _ => ": set it only once",
    }
}

/// Sets a value by its path. Inner tables are written as dotted keys.
fn insert(table: &mut Table, path: &[Key], setting: &GivenSetting) -> Result<(), AddError> {
    let twice = || AddError::Twice(setting.name(), elsewhere(""));
    match path {
        [] => Ok(()),
        [key] if table.contains_key(key.get()) => Err(twice()),
        [key] => {
            table.insert(key.get(), Item::Value(setting.value.clone()));
            Ok(())
        }
        [key, rest @ ..] => {
            let inner = table.entry(key.get()).or_insert_with(|| {
                let mut inner = Table::new();
                inner.set_dotted(true);
                Item::Table(inner)
            });
            insert(inner.as_table_mut().ok_or_else(twice)?, rest, setting)
        }
    }
}

/// The component as it would stand in a file of its own.
fn snippet(section: &str, name: &str, role: ComponentRole, table: &Table) -> String {
    let mut document = DocumentMut::new();
    match role {
        ComponentRole::Stage => {
            let stages: ArrayOfTables = std::iter::once(table.clone()).collect();
            document.insert(section, Item::ArrayOfTables(stages));
        }
        ComponentRole::Source | ComponentRole::Sink => {
            let mut components = Table::new();
            components.set_implicit(true);
            components.insert(name, Item::Table(table.clone()));
            document.insert(section, Item::Table(components));
        }
    }
    document.to_string().trim().to_owned()
}
