//! STUB, replaced at merge.
#![allow(missing_docs)]
use super::generated::Manifest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Action {
    Add,
    Modify,
    Remove,
    Import,
    Dynamic,
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Replacement {
    No,
    Perhaps,
    Yes,
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    pub id: String,
    pub kind: String,
    pub action: Action,
    pub replacement: Replacement,
    pub physical: Option<String>,
    pub scope: Vec<String>,
}
pub struct Side<'a> {
    pub template: &'a str,
    pub parameters: &'a BTreeMap<String, String>,
}
#[derive(Clone, Debug, Serialize)]
pub struct Changes {
    pub listed: Vec<Listed>,
}
#[derive(Clone, Debug, Serialize)]
pub struct Danger {
    pub id: String,
}
impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for l in &self.listed {
            writeln!(f, "{:?} {}", l.action, l.id)?;
        }
        Ok(())
    }
}
impl Changes {
    pub fn dangers(&self) -> impl Iterator<Item = &Danger> {
        [].iter()
    }
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}
pub fn compare(_: Option<Side<'_>>, _: Side<'_>, listed: &[Listed], _: &Manifest) -> Result<Changes, String> {
    Ok(Changes { listed: listed.to_vec() })
}
