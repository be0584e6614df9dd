//! Settings and derived values before and after: the difference of what two templates say about themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Templates;
use super::resources::Change;
use super::words::tidy;
use crate::deploy::stack_state::{ARTIFACT_BUCKET, ARTIFACT_KEY};
use crate::metadata::TemplateMetadata;

/// How a setting differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingChange {
    /// It has another value.
    Changed,
    /// A new component.
    Added,
    /// A component that is gone.
    Removed,
}

/// A setting, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its path in `pipeline.toml`.
    pub name: String,
    /// How it differs.
    pub change: SettingChange,
    /// Its value before, if it had one; the type of a component.
    pub before: Option<Value>,
    /// Its value after.
    pub after: Option<Value>,
    /// A remark.
    pub note: Option<String>,
    /// The resources that change with it.
    pub resources: Vec<String>,
}

/// A derived value, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedChange {
    /// Which value.
    pub what: String,
    /// The functions, or the paths in `pipeline.toml`, whose value it is.
    pub of: Vec<String>,
    /// The value before.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
    /// The reason for the value after, or before if there is none after.
    pub why: String,
    /// The resources that change with it.
    pub resources: Vec<String>,
}

/// The sections in the order of the file; a section that is not listed comes last.
const SECTIONS: [&str; 9] = ["pipeline", "schedule", "sources", "stages", "sinks", "functions", "logs", "data", "iam"];

/// The type of a component, and its name, which only stages have among their settings.
const TYPE: &str = "type";
const NAME: &str = "name";
/// The settings that a stage of any type has.
const OF_ANY_STAGE: [&str; 2] = ["isolate", "share"];

/// All settings that differ. Without metadata on both sides only those that the templates themselves show.
pub fn settings(templates: &Templates<'_>, changes: &[Change]) -> Vec<Setting> {
    let mut found = Differences::default();
    if let Some((before, after)) = templates.metadata() {
        let sections: BTreeSet<&String> = before.settings.keys().chain(after.settings.keys()).collect();
        for section in sections {
            let (was, is) = (before.settings.get(section), after.settings.get(section));
            match section.as_str() {
                "sources" | "stages" | "sinks" => found.components(section, was, is),
                _ => found.values(section, was, is),
            }
        }
    }
    found.items(templates);
    for setting in &mut found.0 {
        setting.resources = templates.following(&setting.name, changes);
        // True of settings without effect, and where the metadata is older than what is deployed.
        if setting.resources.is_empty() && setting.note.is_none() {
            setting.note = Some("no resource changes with it".to_owned());
        }
    }
    found.runtime(templates, changes);
    let rank = |name: &str| {
        let section = name.split('.').next().unwrap_or_default();
        (SECTIONS.iter().position(|known| *known == section).unwrap_or(SECTIONS.len()), name.to_owned())
    };
    found.0.sort_by_key(|setting| rank(&setting.name));
    found.0
}

#[derive(Default)]
struct Differences(Vec<Setting>);

impl Differences {
    fn put(&mut self, name: &str, change: SettingChange, before: Option<&Value>, after: Option<&Value>) {
        self.put_noted(name, change, before, after, None);
    }

    fn put_noted(
        &mut self,
        name: &str,
        change: SettingChange,
        before: Option<&Value>,
        after: Option<&Value>,
        note: Option<String>,
    ) {
        let (name, before, after) = (name.to_owned(), before.cloned(), after.cloned());
        self.0.push(Setting { name, change, before, after, note, resources: Vec::new() });
    }

    /// Settings below a path; a list is one setting.
    fn values(&mut self, path: &str, was: Option<&Value>, is: Option<&Value>) {
        let table = |side: Option<&Value>| match side {
            Some(Value::Object(map)) => Some(map.clone()),
            None => Some(Map::new()),
            Some(_) => None,
        };
        match (table(was), table(is)) {
            _ if was == is => {}
            (Some(before), Some(after)) if !(before.is_empty() && after.is_empty()) => {
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for key in keys {
                    self.values(&format!("{path}.{key}"), before.get(key), after.get(key));
                }
            }
            _ => self.put(path, SettingChange::Changed, was, is),
        }
    }

    /// Components by their names. Only stages have an order.
    fn components(&mut self, section: &str, was: Option<&Value>, is: Option<&Value>) {
        let (was, is) = (named(was), named(is));
        for (name, before) in &was {
            let path = format!("{section}.{name}");
            match find(&is, name) {
                Some(after) => self.component(&path, before, after),
                None => self.put(&path, SettingChange::Removed, before.get(TYPE), None),
            }
        }
        for (name, after) in is.iter().filter(|(name, _)| find(&was, name).is_none()) {
            let isolated = after.get("isolate") == Some(&Value::Bool(true));
            let note = isolated.then(|| "in a function of its own".to_owned());
            self.put_noted(&format!("{section}.{name}"), SettingChange::Added, None, after.get(TYPE), note);
        }
        if section == "stages" {
            let common = |these: &[(String, Map<String, Value>)], those: &[(String, Map<String, Value>)]| -> Value {
                these.iter().map(|(name, _)| name.clone()).filter(|name| find(those, name).is_some()).collect()
            };
            let (before, after) = (common(&was, &is), common(&is, &was));
            if before != after {
                let note = Some("their order".to_owned());
                self.put_noted(section, SettingChange::Changed, Some(&before), Some(&after), note);
            }
        }
    }

    fn component(&mut self, path: &str, was: &Map<String, Value>, is: &Map<String, Value>) {
        let typed = was.get(TYPE) != is.get(TYPE);
        if typed {
            // The settings of one type mean nothing to another: the new ones are listed, the old ones are gone.
            let mut settings = is.clone();
            settings.retain(|key, _| key != TYPE && key != NAME && !OF_ANY_STAGE.contains(&key.as_str()));
            let note = (!settings.is_empty()).then(|| format!("with {}", Value::Object(settings)));
            self.put_noted(&format!("{path}.{TYPE}"), SettingChange::Changed, was.get(TYPE), is.get(TYPE), note);
        }
        let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for key in keys.into_iter().filter(|key| !typed || OF_ANY_STAGE.contains(&key.as_str())) {
            self.values(&format!("{path}.{key}"), was.get(key), is.get(key));
        }
    }

    /// Items that the schedule's input carries. They are no part of the metadata, which would carry them twice.
    fn items(&mut self, templates: &Templates<'_>) {
        for (_, was, is) in templates.common() {
            let given = |input: Option<&str>| -> Map<String, Value> {
                let input: Option<Value> = input.and_then(|text| serde_json::from_str(text).ok());
                input.and_then(|input| input.get("given")?.as_object().cloned()).unwrap_or_default()
            };
            let (was, is) = (given(was.text("Target/Input")), given(is.text("Target/Input")));
            let sources: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for source in sources {
                let items = |side: &Map<String, Value>| -> Vec<Value> {
                    side.get(source).and_then(|it| it.get("items")?.as_array().cloned()).unwrap_or_default()
                };
                let (before, after) = (items(&was), items(&is));
                if before == after {
                    continue;
                }
                let key = is.get(source).and_then(|source| source.get("key")?.as_str()).unwrap_or("name");
                let note = Some(items_note(&before, &after, key));
                let (name, before, after) = (format!("sources.{source}.items"), before.into(), after.into());
                self.put_noted(&name, SettingChange::Changed, Some(&before), Some(&after), note);
            }
        }
    }

    /// The code of the functions, which is a parameter of the stack and no setting.
    fn runtime(&mut self, templates: &Templates<'_>, changes: &[Change]) {
        for (parameter, name) in [(ARTIFACT_KEY, "runtime"), (ARTIFACT_BUCKET, "runtime's bucket")] {
            let value = |side: &BTreeMap<String, String>| {
                side.get(parameter).map(|text| if parameter == ARTIFACT_KEY { digits(text) } else { text.clone() })
            };
            let (before, after) = (value(&templates.before.parameters), value(&templates.after.parameters));
            if before.is_none() || before == after {
                continue;
            }
            let with_code = changes.iter().filter(|change| change.properties.iter().any(|property| property == "Code"));
            self.0.push(Setting {
                name: name.to_owned(),
                change: SettingChange::Changed,
                before: before.map(Value::from),
                after: after.map(Value::from),
                note: None,
                resources: with_code.map(|change| change.id.clone()).collect(),
            });
        }
    }
}

/// The first digits of the hash in a runtime's key.
fn digits(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.split('.').next().unwrap_or(name).chars().take(12).collect()
}

/// The components of a section, from a list of stages or a table of sources or sinks.
fn named(section: Option<&Value>) -> Vec<(String, Map<String, Value>)> {
    let entry = |name: &str, value: &Value| Some((name.to_owned(), value.as_object()?.clone()));
    match section {
        Some(Value::Array(list)) => list.iter().filter_map(|value| entry(value.get(NAME)?.as_str()?, value)).collect(),
        Some(Value::Object(map)) => map.iter().filter_map(|(name, value)| entry(name, value)).collect(),
        _ => Vec::new(),
    }
}

fn find<'a>(components: &'a [(String, Map<String, Value>)], name: &str) -> Option<&'a Map<String, Value>> {
    components.iter().find(|(other, _)| other == name).map(|(_, settings)| settings)
}

/// Names that are listed of the items that come and go.
const LISTED_ITEMS: usize = 10;

/// The items that come and go, by their names.
fn items_note(before: &[Value], after: &[Value], key: &str) -> String {
    let name = |item: &Value| item.as_str().or_else(|| item.get(key)?.as_str()).unwrap_or("?").to_owned();
    let missing = |these: &[Value], those: &[Value], sign: &str| -> Vec<String> {
        let those: BTreeSet<String> = those.iter().map(name).collect();
        let gone = these.iter().map(name).filter(|item| !those.contains(item));
        gone.map(|item| format!("{sign} {}", tidy(&item))).collect()
    };
    let mut words = missing(after, before, "+");
    words.extend(missing(before, after, "-"));
    if words.is_empty() {
        return "other attributes, or another order".into();
    }
    let more = words.len().saturating_sub(LISTED_ITEMS);
    words.truncate(LISTED_ITEMS);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

/// Derived values by what they are values of, and which value it is, each with its reason.
type Derived<'a> = BTreeMap<(&'a str, &'a str), (&'a Value, &'a str)>;

fn derived_of(metadata: &TemplateMetadata) -> Derived<'_> {
    let rules = metadata.derived.iter();
    rules
        .flat_map(|rule| {
            let value = |(of, value)| ((String::as_str(of), rule.what.as_str()), (value, rule.why.as_str()));
            rule.values.iter().map(value)
        })
        .collect()
}

/// Derived values that differ. What is new or gone as a whole is not listed value by value, and a value that only repeats a
/// setting is left out.
pub fn derived(templates: &Templates<'_>, changes: &[Change], settings: &[Setting]) -> Vec<DerivedChange> {
    let Some((before, after)) = templates.metadata() else { return Vec::new() };
    let (was, is) = (derived_of(before), derived_of(after));
    let stays = |of: &str| {
        let known = |(metadata, values): (&TemplateMetadata, &Derived<'_>)| {
            let (section, name) = of.split_once('.').unwrap_or((of, ""));
            find(&named(metadata.settings.get(section)), name).is_some() || values.keys().any(|(other, _)| *other == of)
        };
        known((before, &was)) && known((after, &is))
    };
    let mut found: Vec<DerivedChange> = Vec::new();
    let keys: BTreeSet<&(&str, &str)> = was.keys().chain(is.keys()).collect();
    for key @ (of, what) in keys {
        let value = |side: &Derived<'_>| side.get(key).map(|(value, _)| (*value).clone());
        let (before, after) = (value(&was), value(&is));
        if before == after || !stays(of) {
            continue;
        }
        let why = is.get(key).or(was.get(key)).map_or("", |(_, why)| *why);
        let resources = templates.following(of, changes);
        let repeats = |setting: &Setting| {
            setting.before == before
                && setting.after == after
                && setting.resources.iter().any(|id| resources.contains(id))
        };
        if settings.iter().any(repeats) {
            continue;
        }
        let same =
            |it: &&mut DerivedChange| it.what == *what && it.why == why && it.before == before && it.after == after;
        if let Some(known) = found.iter_mut().find(same) {
            known.of.push((*of).to_owned());
            let more = resources.into_iter().filter(|id| !known.resources.contains(id)).collect::<Vec<_>>();
            known.resources.extend(more);
            continue;
        }
        let (what, of, why) = ((*what).to_owned(), vec![(*of).to_owned()], why.to_owned());
        found.push(DerivedChange { what, of, before, after, why, resources });
    }
    found.sort_by(|a, b| (&a.what, &a.of).cmp(&(&b.what, &b.of)));
    found
}
