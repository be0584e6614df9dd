//! Adds a component to the text of `pipeline.toml`: where its kind belongs, with the settings that it must have.

use fanggen_runtime::component::{ComponentKind, ComponentRole, TextFlow};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::quoted_list;
use toml_edit::{Array, ArrayOfTables, Decor, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

use super::document;
use crate::config::mistake::did_you_mean;
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
    #[error("there is no stage `{found}`; known: {known}{help}")]
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
        "`--set {0}` is not a setting\n  write `--set KEY=VALUE`, such as `--set sentences=3` or `--set columns.text=review`"
    )]
    NoSetting(String),
    /// A setting is within another one that is not a table.
    #[error("`--set` has two values for `{0}`: give it one")]
    Twice(String),
    /// The section is written in a way that nothing can be added to.
    #[error("`{section}` is not written as tables, so nothing can be added to it; add this yourself:\n\n{snippet}")]
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
    let mut document = document::parse(text).map_err(AddError::Unreadable)?;
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
    let required = schema::required_settings(addition.kind);
    let (table, examples) = component(table, &name, card.role, &required, &addition.settings)?;
    let snippet = || snippet(&section, &name, card.role, &table);
    let shape = || AddError::Shape { section: section.clone(), snippet: snippet() };
    match (card.role, document.get_mut(&section)) {
        (ComponentRole::Stage, Some(Item::ArrayOfTables(stages))) => {
            let index = stage_index(stages.iter().map(|table| table as &dyn TableLike), card.text, addition.place)?;
            *stages = inserted(std::mem::take(stages), index, table);
        }
        (ComponentRole::Stage, Some(Item::Value(Value::Array(stages)))) => {
            let tables = stages.iter().filter_map(Value::as_inline_table).map(|table| table as &dyn TableLike);
            let index = stage_index(tables, card.text, addition.place)?;
            insert_inline(stages, index, table);
        }
        (ComponentRole::Stage, _) => return Err(shape()),
        (_, Some(Item::Table(components))) => drop(components.insert(&name, Item::Table(table))),
        (_, Some(Item::Value(Value::InlineTable(components)))) => {
            append_inline(components, &name, table);
        }
        _ => return Err(shape()),
    }
    Ok(Added { text: document::to_text(&document, text), name, examples })
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
    example: Table,
    name: &str,
    role: ComponentRole,
    required: &[String],
    settings: &[GivenSetting],
) -> Result<(Table, Vec<String>), AddError> {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    if role == ComponentRole::Stage {
        table.insert("name", Item::Value(name.into()));
    }
    let mut examples = Vec::new();
    for (key, value) in &example {
        let given = settings.iter().any(|setting| setting.path.first().is_some_and(|first| first.get() == key));
        if key == "type" || required.iter().any(|one| one == key) && !given {
            table.insert(key, value.clone());
            examples.extend((key != "type").then(|| key.to_owned()));
        }
    }
    for setting in settings {
        insert(&mut table, &setting.path, setting)?;
    }
    Ok((table, examples))
}

/// Sets a value by its path. Inner tables are written as dotted keys.
fn insert(table: &mut Table, path: &[Key], setting: &GivenSetting) -> Result<(), AddError> {
    let twice = || AddError::Twice(setting.name());
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

/// The names of all components of a role.
fn names(document: &DocumentMut, role: ComponentRole) -> Vec<String> {
    let section = document.get(&format!("{}s", role.as_str()));
    match section {
        Some(Item::ArrayOfTables(stages)) => stages.iter().filter_map(|stage| named(stage)).collect(),
        Some(Item::Value(Value::Array(stages))) => {
            stages.iter().filter_map(|stage| named(stage.as_inline_table()?)).collect()
        }
        Some(item) => item
            .as_table_like()
            .map(|table| table.iter().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default(),
        None => Vec::new(),
    }
}

fn named(stage: &dyn TableLike) -> Option<String> {
    stage.get("name").and_then(Item::as_str).map(str::to_owned)
}

/// A name that no component has: two of the same name in different roles would be legal, but hard to read.
fn free_name(wanted: &str, document: &DocumentMut) -> String {
    let roles = [ComponentRole::Source, ComponentRole::Stage, ComponentRole::Sink];
    let taken: Vec<String> = roles.into_iter().flat_map(|role| names(document, role)).collect();
    let numbered = (2..).map(|number| format!("{wanted}{number}"));
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    candidates.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// The index at which a stage is inserted.
fn stage_index<'a>(
    stages: impl Iterator<Item = &'a dyn TableLike>,
    text: TextFlow,
    place: StagePlace<'_>,
) -> Result<usize, AddError> {
    let stages: Vec<&dyn TableLike> = stages.collect();
    let names: Vec<String> = stages.iter().filter_map(|stage| named(*stage)).collect();
    let index = |name: &str| {
        names.iter().position(|other| other == name).ok_or_else(|| AddError::UnknownStage {
            found: name.to_owned(),
            known: quoted_list(&names),
            help: did_you_mean(name, &names).map(|help| format!("; {help}")).unwrap_or_default(),
        })
    };
    let flow = |stage: &&dyn TableLike| {
        let kind = stage.get("type").and_then(Item::as_str)?;
        registry::of(ComponentRole::Stage).iter().find(|known| known.card.name == kind).map(|kind| kind.card.text)
    };
    let after_last = |wanted: TextFlow| stages.iter().rposition(|stage| flow(stage) == Some(wanted)).map(|at| at + 1);
    Ok(match place {
        StagePlace::Before(name) => index(name)?,
        StagePlace::After(name) => index(name)? + 1,
        StagePlace::ByKind => match text {
            TextFlow::Provides => after_last(TextFlow::Provides).unwrap_or(0),
            TextFlow::Transforms => {
                after_last(TextFlow::Transforms).or_else(|| after_last(TextFlow::Provides)).unwrap_or(0)
            }
            TextFlow::Analyses => after_last(TextFlow::Analyses).unwrap_or(stages.len()),
            TextFlow::Ignores => stages.len(),
        },
    })
}

/// The stages with another one among them; `ArrayOfTables` can only append.
fn inserted(stages: ArrayOfTables, index: usize, table: Table) -> ArrayOfTables {
    let mut tables: Vec<Table> = stages.into_iter().collect();
    tables.insert(index.min(tables.len()), table);
    tables.into_iter().collect()
}

/// Inserts a table into a list that is written as a value, spaced as the others are.
fn insert_inline(list: &mut Array, index: usize, table: Table) {
    let prefix = |value: &Value| value.decor().prefix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
    let first = list.get(0).map(prefix).unwrap_or_default();
    // Comments before an element are those of that element.
    let blank = |prefix: &String| prefix.trim().is_empty();
    let next = list
        .get(1)
        .map(prefix)
        .filter(blank)
        .unwrap_or_else(|| if first.contains('\n') { "\n    ".to_owned() } else { " ".to_owned() });
    let mut value = Value::InlineTable(table.into_inline_table());
    value.decor_mut().set_prefix(if index == 0 && blank(&first) { first.clone() } else { next.clone() });
    if let (0, Some(old)) = (index, list.get_mut(0).filter(|_| blank(&first))) {
        old.decor_mut().set_prefix(next);
    }
    list.insert_formatted(index, value);
}

/// Appends a table to an inline table. The space before the closing brace belongs to the last value.
fn append_inline(components: &mut InlineTable, name: &str, table: Table) {
    let last = components.iter().last().map(|(name, _)| name.to_owned());
    let last = last.and_then(|name| components.get_mut(&name));
    let suffix = last.map(|last| {
        let suffix = last.decor().suffix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        last.decor_mut().set_suffix("");
        suffix
    });
    let mut value = Value::InlineTable(table.into_inline_table());
    *value.decor_mut() = Decor::new(" ", suffix.unwrap_or_default());
    components.insert(name, value);
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
