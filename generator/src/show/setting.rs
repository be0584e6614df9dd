//! What the schema says of settings: name, type, default and meaning of each, for pages and commands.

use serde::Serialize;
use serde_json::Value;

use crate::config::schema;

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingFacts {
    /// Its name; settings of an inner table have a dotted one.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// Its value if it is left out, as JSON; nothing if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Its type, and what is allowed. Alternatives are on lines of their own.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means, on one line.
    pub meaning: String,
}

impl SettingFacts {
    /// The setting with this name, and those of its inner table.
    fn collect(all: &mut Vec<Self>, name: &str, schema: &Value, required: bool) {
        let default = match &schema["default"] {
            Value::Null => None,
            Value::Object(empty) if empty.is_empty() => None,
            value => Some(value.clone()).filter(|_| !required),
        };
        let meaning = schema["description"].as_str().unwrap_or_default();
        let (kind, meaning) = match name {
            "type" => ("string".to_owned(), "The type of the component."),
            _ => (type_words(schema), meaning),
        };
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        all.push(Self { name: name.to_owned(), required, default, kind, meaning });
        // The settings of a table, or of each table in a list, by their whole names.
        let inner = if schema["type"] == "array" { &schema["items"] } else { schema };
        let needed = self::required(inner);
        for (key, schema) in inner["properties"].as_object().into_iter().flatten() {
            Self::collect(all, &format!("{name}.{key}"), schema, needed.contains(&key.as_str()));
        }
    }
}

/// The settings of a definition: what has to be there first, the rest by name. Those in `elsewhere` are left out.
pub fn settings(definition: &Value, required: &[&str], elsewhere: &[&str]) -> Vec<SettingFacts> {
    let properties = definition["properties"].as_object().into_iter().flatten();
    let own = properties.filter(|(name, _)| !elsewhere.contains(&name.as_str()));
    let (first, rest): (Vec<_>, Vec<_>) = own.partition(|(name, _)| required.contains(&name.as_str()));
    chosen(first.into_iter().chain(rest).map(|(name, schema)| (name.as_str(), schema)), required)
}

/// These settings, in this order.
pub fn chosen<'a>(schemas: impl Iterator<Item = (&'a str, &'a Value)>, required: &[&str]) -> Vec<SettingFacts> {
    let mut all = Vec::new();
    for (name, schema) in schemas {
        SettingFacts::collect(&mut all, name, schema, required.contains(&name));
    }
    all
}

/// The names of what a schema requires.
pub fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The doc comment of a definition, its lines joined into paragraphs.
pub fn prose(definition: &Value) -> String {
    let text = definition["description"].as_str().unwrap_or_default();
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// The type of a value, and which values are allowed.
fn type_words(schema: &Value) -> String {
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = |choice: &Value| {
            let word = choice["const"].as_str().unwrap_or_default();
            match choice["description"].as_str() {
                Some(meaning) => format!("`\"{word}\"`: {}", meaning.replace('\n', " ")),
                None => format!("`\"{word}\"`"),
            }
        };
        return choices.iter().map(choice).collect::<Vec<_>>().join("\n");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        return format!("one of {}", values.join(", "));
    }
    match schema["type"].as_str().unwrap_or_default() {
        "boolean" => "`true` or `false`".into(),
        "integer" => format!("whole number{}", range(schema)),
        "number" => format!("number{}", range(schema)),
        "array" => match &schema["items"] {
            items if items["anyOf"].is_array() => "list of strings or tables".into(),
            items if items["type"] == "object" || items["$ref"].is_string() => "list of tables".into(),
            items => match type_words(items).strip_prefix("string") {
                Some(rest) => format!("list of strings{}", rest.replacen(':', ", each", 1)),
                None => format!("list of:\n{}", type_words(items)),
            },
        },
        "object" => "table".into(),
        _ => match schema[schema::ALLOWED].as_str() {
            Some(allowed) => format!("string: {}", allowed.replace('\n', " ")),
            None => "string".into(),
        },
    }
}

fn range(schema: &Value) -> String {
    let above = schema["exclusiveMinimum"].as_f64().map(|least| format!(", above {least}"));
    let least = schema["minimum"].as_f64().map(|least| format!(", {least}"));
    match (least, above, schema["maximum"].as_f64()) {
        (Some(least), _, Some(most)) => format!("{least} to {most}"),
        (_, Some(above), Some(most)) => format!("{above}, up to {most}"),
        _ => String::new(),
    }
}
