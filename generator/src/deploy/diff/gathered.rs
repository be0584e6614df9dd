//! What was found of settings and of the values that follow from them: the same change of several resources is one.

use serde::Serialize;
use serde_json::Value;

/// How a setting is other than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Altered {
    /// It has another value.
    Changed,
    /// A component that was not there.
    Added,
    /// A component that is gone.
    Removed,
}

/// A setting, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its path in the pipeline's file; what has none there is named by resource and property.
    pub name: String,
    /// How it is other.
    pub change: Altered,
    /// Its value before, where it had one; of a component its type.
    pub before: Option<Value>,
    /// Its value after.
    pub after: Option<Value>,
    /// What else there is to say.
    pub note: Option<String>,
    /// The resources that it changes.
    pub resources: Vec<String>,
}

/// A value that follows from settings, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Derived {
    /// What it is.
    pub what: String,
    /// Whose, in words.
    pub of: Vec<String>,
    /// Its value before.
    pub before: Option<Value>,
    /// Its value after.
    pub after: Option<Value>,
    /// The resources that it changes.
    pub resources: Vec<String>,
}

/// What was found so far. The same change of several resources is one change.
#[derive(Default)]
pub struct Gathered {
    /// Settings of the file.
    pub settings: Vec<Setting>,
    /// What follows from them.
    pub derived: Vec<Derived>,
}

impl Gathered {
    /// Notes a setting, unless it is as before.
    pub fn setting(
        &mut self,
        name: &str,
        change: Altered,
        before: Option<Value>,
        after: Option<Value>,
        note: Option<String>,
        ids: &[&str],
    ) {
        if before == after {
            return;
        }
        let same = |it: &&mut Setting| it.name == name && it.before == before && it.after == after;
        match self.settings.iter_mut().find(same) {
            Some(known) => note_ids(&mut known.resources, ids),
            None => {
                let mut resources = Vec::new();
                note_ids(&mut resources, ids);
                self.settings.push(Setting { name: name.to_owned(), change, before, after, note, resources });
            }
        }
    }

    /// Notes a derived value, unless it is as before.
    pub fn derived(&mut self, what: &str, of: &str, before: Option<Value>, after: Option<Value>, ids: &[&str]) {
        if before == after {
            return;
        }
        let same = |it: &&mut Derived| it.what == what && it.before == before && it.after == after;
        match self.derived.iter_mut().find(same) {
            Some(known) => {
                note_ids(&mut known.of, &[of]);
                note_ids(&mut known.resources, ids);
            }
            None => {
                let mut resources = Vec::new();
                note_ids(&mut resources, ids);
                self.derived.push(Derived { what: what.into(), of: vec![of.to_owned()], before, after, resources });
            }
        }
    }
}

fn note_ids(known: &mut Vec<String>, ids: &[&str]) {
    for id in ids {
        if !known.iter().any(|other| other == id) {
            known.push((*id).to_owned());
        }
    }
}
