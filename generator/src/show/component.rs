//! What is known of a type of component, from its card and its schema: for the reference and `fanggen components`.

use fanggen_runtime::component::{Card, ComponentKind, ComponentRole, PermissionTarget, TextFlow};
use fanggen_runtime::function::registry;
use serde::Serialize;
use serde_json::Value;

use super::setting::{self, SettingFacts};
use crate::config;
use crate::prices;

/// A type of component.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentFacts {
    /// Source, stage or sink.
    pub role: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// More about it.
    pub description: String,
    /// An example in TOML.
    pub example: &'static str,
    /// Its own settings, besides `type` and what all stages have.
    pub settings: Vec<SettingFacts>,
    /// What is worth knowing besides, each under its heading.
    #[serde(skip)]
    pub notes: Vec<(&'static str, String)>,
    /// What it may do in AWS, with the settings of the example.
    pub permissions: Vec<PermissionFacts>,
    /// What AWS bills for a record, with the settings of the example.
    pub billed: Vec<BilledFacts>,
    /// The quota of its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaFacts>,
    /// The failures that it can give a record, besides those that all stages share.
    pub failures: Vec<&'static str>,
}

/// A permission.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PermissionFacts {
    /// The IAM actions.
    pub actions: Vec<&'static str>,
    /// What they apply to, in words.
    pub on: String,
    /// The call that needs them.
    pub reason: &'static str,
}

/// A unit that AWS bills.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BilledFacts {
    /// Its name in the price list.
    pub unit: &'static str,
    /// How many of it a record costs.
    pub per_record: f64,
    /// Where the number comes from.
    pub reason: &'static str,
    /// Its price in US dollars, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_unit: Option<f64>,
    /// When the price was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<&'static str>,
}

/// A quota.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuotaFacts {
    /// The service.
    pub service: &'static str,
    /// Calls per second, with two decimals.
    pub calls_per_second: f64,
    /// The page that documents it.
    pub page: &'static str,
}

impl ComponentFacts {
    /// What is known of a type of component. `schema` is the annotated schema of the whole file.
    #[must_use]
    pub fn of(kind: &ComponentKind, schema: &Value) -> Self {
        let card = &kind.card;
        let role = card.role.as_str();
        let definition = &schema["definitions"][format!("{role}.{}", card.name)];
        let shared: &[&str] = match card.role {
            ComponentRole::Stage => &["name", "type", "isolate", "share"],
            ComponentRole::Source | ComponentRole::Sink => &["type"],
        };
        let example = config::example(card);
        let permissions = example.iter().flat_map(|component| component.settings.permissions(&component.name));
        let units = example.iter().flat_map(|component| component.settings.units());
        let quota = example.as_ref().and_then(|component| component.settings.quota());
        let failures = card.failures.iter().flat_map(|codes| codes.iter()).map(|code| code.as_str());
        Self {
            role,
            name: card.name,
            summary: card.summary,
            description: setting::prose(definition),
            example: card.example.trim(),
            settings: setting::settings(definition, &required(card, schema), shared),
            notes: notes(card),
            permissions: permissions
                .map(|one| PermissionFacts { actions: one.actions, on: target(one.target), reason: one.reason })
                .collect(),
            billed: units
                .map(|unit| {
                    let price = prices::unit(unit.name);
                    BilledFacts {
                        unit: unit.name,
                        per_record: unit.per_record,
                        reason: unit.reason,
                        usd_per_unit: price.map(|price| price.usd),
                        as_of: price.map(|price| price.date.as_str()),
                    }
                })
                .collect(),
            quota: quota.map(|quota| QuotaFacts {
                service: quota.service,
                calls_per_second: (quota.calls_per_second * 100.0).round() / 100.0,
                page: quota.docs_url,
            }),
            failures: failures.collect(),
        }
    }

    /// All types, or those with this name; several roles may have one of the same name.
    #[must_use]
    pub fn all(name: Option<&str>, role: Option<ComponentRole>) -> Vec<Self> {
        let schema = config::schema::annotated();
        let chosen =
            |card: &Card| name.is_none_or(|name| card.name == name) && role.is_none_or(|role| card.role == role);
        registry::all().filter(|kind| chosen(&kind.card)).map(|kind| Self::of(kind, &schema)).collect()
    }
}

/// What the file must say of a component.
fn required<'a>(card: &Card, schema: &'a Value) -> Vec<&'a str> {
    let role = card.role.as_str();
    let all = &schema["properties"][format!("{role}s")];
    let (of_name, of_list) = (&all["additionalProperties"]["oneOf"], &all["items"]["oneOf"]);
    let kinds = of_name.as_array().or_else(|| of_list.as_array());
    let own = format!("#/definitions/{role}.{}", card.name);
    let this = kinds.into_iter().flatten().find(|one| one["allOf"][0]["$ref"] == own.as_str());
    this.map(setting::required).unwrap_or_default()
}

fn notes(card: &Card) -> Vec<(&'static str, String)> {
    let text = match card.text {
        TextFlow::Ignores => None,
        TextFlow::Provides => Some("provides it for later stages."),
        TextFlow::Analyses => Some("needs one from an earlier stage, and analyses it."),
        TextFlow::Transforms => Some("needs one from an earlier stage, and prepares it for later ones."),
    };
    let mut notes: Vec<_> = text.into_iter().map(|words| ("Text", words.to_owned())).collect();
    if let Some(stand_in) = card.local_substitute {
        notes.push(("On your machine", format!("`{stand_in}` is used instead; nothing is sent or charged.")));
    } else if card.fetches {
        let words =
            "`fanggen run` takes the texts from `[local] texts` if it is set, unless you pass `--live`.".to_owned();
        notes.push(("On your machine", words));
    } else if card.local_only {
        notes.push(("In AWS", "left out, since a Lambda function keeps no files.".to_owned()));
    }
    notes
}

fn target(target: PermissionTarget) -> String {
    match target {
        PermissionTarget::Store => "its own table, bucket, queue or topic".to_owned(),
        PermissionTarget::Objects(prefix) => format!("the objects `{prefix}` in its bucket"),
        PermissionTarget::StateTable => "the state table".to_owned(),
        PermissionTarget::Arn(arn) => format!("`{arn}`"),
        PermissionTarget::AllResources(reason) => format!("`*` ({reason})"),
    }
}
