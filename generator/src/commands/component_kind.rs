//! The type of a component as an argument: any word is taken, so that an unknown one gets an error that helps.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::quoted_list;

use super::error::CommandError;
use crate::config::suggestion::did_you_mean;

/// Parses any word; shells complete the known types.
#[derive(Clone, Copy, Debug)]
pub struct KindName;

impl TypedValueParser for KindName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names(None).into_iter().map(PossibleValue::new)))
    }
}

/// The types of a role, or all of them, each once.
fn names(role: Option<ComponentRole>) -> Vec<&'static str> {
    let of_role = registry::all().filter(|kind| role.is_none_or(|role| kind.card.role == role));
    let mut names: Vec<&str> = of_role.map(|kind| kind.card.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The error about a type that the role does not have.
pub fn unknown_kind(role: Option<ComponentRole>, name: &str) -> CommandError {
    let known = names(role);
    let elsewhere = registry::all().find(|kind| kind.card.name == name);
    let help = match elsewhere {
        Some(kind) => Some(format!("it is a {}", kind.card.role.as_str())),
        None => did_you_mean(name, &known),
    };
    CommandError::UnknownKind {
        role: role.map_or("component", ComponentRole::as_str),
        found: name.to_owned(),
        known: quoted_list(&known),
        help: help.map(|help| format!(": {help}")).unwrap_or_default(),
    }
}
