//! Suggests where a misplaced setting belongs, from the settings that each type knows.

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::{Entry, Fault, FaultKind, Tree, Value};
use serde::de::DeserializeOwned;

use super::sections::{
    AlarmsSection, AwsSection, BudgetSection, DataSection, FunctionsSection, IamSection, LocalSection, LogsSection,
    PipelineSection, ScheduleSection,
};

/// The header of a section in TOML.
#[must_use]
pub fn header(section: &str) -> String {
    match section {
        "stages" | "tests" => format!("`[[{section}]]`"),
        "sources" | "sinks" | "environments" => format!("`[{section}.<name>]`"),
        _ => format!("`[{section}]`"),
    }
}

/// A sentence that says which section or component has this setting.
#[must_use]
pub fn home(key: &str) -> Option<String> {
    let sections: [(&str, Vec<String>); 10] = [
        ("pipeline", names_of::<PipelineSection>()),
        ("aws", names_of::<AwsSection>()),
        ("schedule", names_of::<ScheduleSection>()),
        ("functions", names_of::<FunctionsSection>()),
        ("logs", names_of::<LogsSection>()),
        ("local", names_of::<LocalSection>()),
        ("alarms", names_of::<AlarmsSection>()),
        ("data", names_of::<DataSection>()),
        ("budget", names_of::<BudgetSection>()),
        ("iam", names_of::<IamSection>()),
    ];
    let knows = |names: &[String]| names.iter().any(|name| name == key);
    if let Some((section, _)) = sections.iter().find(|(_, names)| knows(names)) {
        return Some(format!("`{key}` belongs in {}", header(section)));
    }
    let types = |role: ComponentRole| -> Vec<String> {
        let named = registry::of(role).iter().filter(|kind| knows(&names(|tree| (kind.read)(tree))));
        named.map(|kind| format!("`{}`", kind.card.name)).collect()
    };
    let of_role = |role: ComponentRole| {
        let types = types(role);
        let (last, first) = types.split_last()?;
        let listed = if first.is_empty() { last.clone() } else { format!("{} and {last}", first.join(", ")) };
        Some(format!("{}s of type {listed}", role.as_str()))
    };
    let roles = [ComponentRole::Source, ComponentRole::Stage, ComponentRole::Sink];
    let homes: Vec<String> = roles.into_iter().filter_map(of_role).collect();
    (!homes.is_empty()).then(|| format!("`{key}` is a setting of {}", homes.join(", and of ")))
}

fn names_of<T: DeserializeOwned>() -> Vec<String> {
    names(Tree::read::<T>)
}

/// All settings of a type: deserialization lists them when it meets an unknown one.
fn names<T>(read: impl Fn(&Tree) -> Result<T, Fault>) -> Vec<String> {
    let mut probe = Tree::table_at(0..0);
    let flag = Tree { span: 0..0, value: Value::Boolean(true) };
    probe.as_table_mut().map(|table| table.insert("?".into(), Entry { key: 0..0, tree: flag }));
    match read(&probe) {
        Err(Fault { kind: FaultKind::UnknownKey { allowed, .. }, .. }) => allowed,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_knows_where_it_belongs() {
        assert_eq!(home("region").as_deref(), Some("`region` belongs in `[aws]`"));
        assert_eq!(
            home("sentences").as_deref(),
            Some("`sentences` is a setting of stages of type `split` and `wikipedia`")
        );
        assert_eq!(
            home("when").as_deref(),
            Some("`when` is a setting of stages of type `filter`, and of sinks of type `sns`, `sqs` and `webhook`")
        );
        assert_eq!(home("nowhere"), None);
    }
}
