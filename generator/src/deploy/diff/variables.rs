//! What the functions are told, before and after: components matched by their names, setting by setting.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Both;
use super::flow::{Component, Flow};
use super::gathered::{Altered, Gathered};
use super::template::Template;
use super::words::short;

/// Compares the components of both sides, and every other variable.
pub fn compare(both: &Both<'_>, gathered: &mut Gathered) {
    for was in &both.was.components {
        match both.is.component(&was.path) {
            Some(is) => component(both, was, is, gathered),
            None => gathered.setting(&was.path, Altered::Removed, kind(was), None, None, &[&was.id]),
        }
    }
    for is in both.is.components.iter().filter(|is| both.was.component(&is.path).is_none()) {
        let note = isolated(is).then(|| "in a function of its own".to_owned());
        gathered.setting(&is.path, Altered::Added, None, kind(is), note, &[&is.id]);
    }
    order(both, gathered);
    others(both, gathered);
}

fn kind(component: &Component) -> Option<Value> {
    component.settings.get("type").cloned()
}

/// Whether a stage has asked for the function that it is in.
fn isolated(component: &Component) -> bool {
    component.path.starts_with("stages.") && component.function == format!("worker-{}", component.name)
}

fn component(both: &Both<'_>, was: &Component, is: &Component, gathered: &mut Gathered) {
    let ids = [was.id.as_str(), is.id.as_str()];
    let mut put = |key: &str, before: Option<Value>, after: Option<Value>, note: Option<String>| {
        gathered.setting(&format!("{}.{key}", was.path), Altered::Changed, before, after, note, &ids);
    };
    let own = was.settings != is.settings;
    if kind(was) == kind(is) {
        let keys: BTreeSet<&String> = was.settings.keys().chain(is.settings.keys()).collect();
        for key in keys {
            put(key, was.settings.get(key).cloned(), is.settings.get(key).cloned(), None);
        }
    } else {
        // The settings of one type mean nothing to another: the new ones are told, the old ones are gone.
        let mut settings = is.settings.clone();
        settings.remove("type");
        let note = (!settings.is_empty()).then(|| format!("with {}", Value::Object(settings)));
        put("type", kind(was), kind(is), note);
    }
    put("isolate", Some(isolated(was).into()), Some(isolated(is).into()), None);
    let names = [("per_second", "calls a second of one instance"), ("at_once", "calls at once of one instance")];
    for (key, what) in names {
        let pace = |side: &Component| side.pace.as_ref().and_then(|pace| pace.get(key)).cloned();
        gathered.derived(what, &was.path, pace(was), pace(is), &ids);
    }
    store(both, (was, is), own, gathered);
}

/// Where a component keeps what it has. The setting behind it is not among the variables, but follows from the names.
fn store(both: &Both<'_>, (was, is): (&Component, &Component), own: bool, gathered: &mut Gathered) {
    if was.on == is.on {
        return;
    }
    let ids = [was.id.as_str(), is.id.as_str()];
    let key = match kind(is).as_ref().and_then(Value::as_str) {
        Some("dynamodb") if own => None,
        Some("dynamodb") if is.path.starts_with("sources.") => Some("existing"),
        Some("dynamodb") => Some("table"),
        _ => None,
    };
    let Some(key) = key else {
        let value = |side: &Component| side.on.clone().map(Value::from);
        return gathered.derived("store", &was.path, value(was), value(is), &ids);
    };
    let value = |side: &Component, template: &Template| {
        let name = side.on.as_deref()?;
        let made = template.resources.values().any(|resource| resource.text("TableName") == Some(name));
        let short = || short(name, &both.manifest.stack, &both.caller);
        match key {
            "existing" => (!made).then(|| json!(name)),
            _ => Some(json!(short())),
        }
    };
    let (before, after) = (value(was, &both.before), value(is, &both.after));
    gathered.setting(&format!("{}.{key}", was.path), Altered::Changed, before, after, None, &ids);
}

/// Stages that were there before and after, in another order.
fn order(both: &Both<'_>, gathered: &mut Gathered) {
    let names = |these: &Flow, those: &Flow| -> Value {
        let common = these.stages().into_iter().filter(|path| those.component(path).is_some());
        common.map(|path| path.trim_start_matches("stages.")).collect()
    };
    let (before, after) = (names(&both.was, &both.is), names(&both.is, &both.was));
    let note = Some("their order".to_owned());
    let ids: Vec<&str> = both.is.components.iter().map(|part| part.id.as_str()).collect();
    gathered.setting("stages", Altered::Changed, Some(before), Some(after), note, &ids);
}

fn others(both: &Both<'_>, gathered: &mut Gathered) {
    let keys: BTreeSet<&(String, String)> = both.was.others.keys().chain(both.is.others.keys()).collect();
    for key @ (id, name) in keys {
        if !both.before.resources.contains_key(id) || !both.after.resources.contains_key(id) {
            continue;
        }
        let (before, after) = (both.was.others.get(key).cloned(), both.is.others.get(key).cloned());
        match name.as_str() {
            "FANG_CONTACT" => gathered.setting("pipeline.contact", Altered::Changed, before, after, None, &[id]),
            "FANG_OUT" => {
                let queue = |value: Option<Value>| value.map(|value| value.get("Ref").cloned().unwrap_or(value));
                gathered.derived("queue that it sends to", &both.words(id), queue(before), queue(after), &[id]);
            }
            "FANG_STATE" => gathered.derived("state table", &both.words(id), before, after, &[id]),
            _ => {
                let raw = format!("{id}.Environment.Variables.{name}");
                gathered.setting(&raw, Altered::Changed, before, after, None, &[id]);
            }
        }
    }
}
