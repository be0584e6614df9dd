//! What `fanggen init` asks on a terminal.

use std::io::IsTerminal as _;

use dialoguer::Input;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use fanggen_runtime::model::items::{Cells, invalid_key};
use fanggen_runtime::model::tree::quoted_list;
use fanggen_runtime::model::values::Name;

use super::error::CommandError;
use super::output::message;
use crate::init::{KEY, PipelineTemplate, TEMPLATES};

/// What is known of a new pipeline.
pub struct Answers {
    pub template: Option<&'static PipelineTemplate>,
    pub name: Option<String>,
    pub contact: Option<String>,
    pub items: Vec<Cells>,
}

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    !is_dumb && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for what is not known.
pub fn ask(known: Answers, default_name: Option<&str>, plain: bool) -> Result<Answers, CommandError> {
    let theme: &dyn Theme = if plain { &SimpleTheme } else { &ColorfulTheme::default() };
    let template = match known.template {
        Some(template) => template,
        None => ask_template(theme)?,
    };
    let name = match known.name {
        Some(name) => name,
        None => Input::with_theme(theme)
            .with_prompt("Name of the pipeline")
            .default(default_name.unwrap_or(template.name).to_owned())
            .validate_with(|name: &String| {
                Name::new(name.as_str()).map(drop).map_err(|allowed| format!("expected {allowed}"))
            })
            .interact_text()
            .map_err(stopped)?,
    };
    let contact = match known.contact {
        // Other templates send no requests.
        None if template.names_items() => {
            optional(theme, "Contact for websites, such as your e-mail (optional)", |_| Ok(()))?
        }
        known => known,
    };
    let items = match known.items {
        items if !items.is_empty() || !template.names_items() => items,
        _ => ask_items(theme)?,
    };
    Ok(Answers { template: Some(template), name: Some(name), contact, items })
}

/// Asked by name: a menu would hide the cursor, also for whoever leaves it with Ctrl-C.
fn ask_template(theme: &dyn Theme) -> Result<&'static PipelineTemplate, CommandError> {
    for template in TEMPLATES {
        message(&format!("  {:<10} {}", template.name, template.summary));
    }
    let known = TEMPLATES.map(|template| template.name);
    let check = |name: &String| match PipelineTemplate::find(name.trim()) {
        Some(_) => Ok(()),
        None => Err(format!("expected {}", quoted_list(&known))),
    };
    let name = Input::with_theme(theme).with_prompt("Template").default(known[0].to_owned()).validate_with(check);
    PipelineTemplate::find(name.interact_text().map_err(stopped)?.trim()).ok_or(CommandError::InitDeclined)
}

/// Names of items, separated by commas; none for those of the template.
fn ask_items(theme: &dyn Theme) -> Result<Vec<Cells>, CommandError> {
    let names = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let check = |text: &str| match names(text).iter().find_map(|name| Some((name.clone(), invalid_key(name)?))) {
        Some((name, why)) => Err(format!("`{name}` {why}")),
        None => Ok(()),
    };
    let given = optional(theme, "Items to watch, separated by commas (optional)", check)?;
    let mut names = given.map(|text| names(&text)).unwrap_or_default();
    let mut known = std::collections::BTreeSet::new();
    names.retain(|name| known.insert(name.clone()));
    Ok(names.into_iter().map(|name| Cells::from([(KEY.to_owned(), name)])).collect())
}

/// An answer that may be empty.
fn optional(
    theme: &dyn Theme,
    prompt: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Option<String>, CommandError> {
    let answer: String = Input::with_theme(theme)
        .with_prompt(prompt)
        .allow_empty(true)
        .validate_with(|text: &String| check(text))
        .interact_text()
        .map_err(stopped)?;
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

/// The terminal is gone, or Ctrl-C was typed.
fn stopped(error: dialoguer::Error) -> CommandError {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        std::io::ErrorKind::Interrupted | std::io::ErrorKind::UnexpectedEof => CommandError::InitDeclined,
        _ => CommandError::System("cannot read from the terminal", error),
    }
}
