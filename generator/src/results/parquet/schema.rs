//! From Hive's types, which Athena's tables have, to the schema of a Parquet file
//! (<https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>).

use ::parquet::errors::ParquetError;
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::Type;

/// The schema of these columns, each of which may be missing in a row.
///
/// # Errors
/// A type that is none of Hive's, which is a bug.
pub fn schema(columns: &[(&str, &str)]) -> Result<Type, ParquetError> {
    let fields: String = columns.iter().map(|(name, kind)| field(name, kind)).collect();
    parse_message_type(&format!("message fanggen {{ {fields} }}"))
}

/// A field of this Hive type, as Parquet's text form has it.
fn field(name: &str, kind: &str) -> String {
    if let Some(members) = members(kind) {
        let members: String = members.iter().map(|(name, kind)| field(name, kind)).collect();
        return format!("optional group {name} {{ {members} }} ");
    }
    if let Some(element) = element(kind) {
        let element = field("element", element);
        return format!("optional group {name} (LIST) {{ repeated group list {{ {element} }} }} ");
    }
    if let Some(value) = map_value(kind) {
        let (key, value) = ("required binary key (STRING);", field("value", value));
        return format!("optional group {name} (MAP) {{ repeated group key_value {{ {key} {value} }} }} ");
    }
    let (physical, logical) = match kind {
        "string" => ("binary", " (STRING)"),
        "timestamp" => ("int64", " (TIMESTAMP(MICROS,true))"),
        "bigint" => ("int64", ""),
        // `double` and `boolean` have the same name in both; any other is refused by the parser.
        other => (other, ""),
    };
    format!("optional {physical} {name}{logical}; ")
}

/// The name and type of each member, if this is the type of a struct.
pub fn members(kind: &str) -> Option<Vec<(&str, &str)>> {
    let inner = inside(kind, "struct<")?;
    let (mut members, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                members.push(inner.get(start..at)?.split_once(':')?);
                start = at + 1;
            }
            _ => {}
        }
    }
    Some(members)
}

/// The type of the elements, if this is the type of a list.
pub fn element(kind: &str) -> Option<&str> {
    inside(kind, "array<")
}

/// The type of the values, if this is the type of a map; its keys are texts.
fn map_value(kind: &str) -> Option<&str> {
    inside(kind, "map<string,")
}

fn inside<'a>(kind: &'a str, start: &str) -> Option<&'a str> {
    kind.strip_prefix(start)?.strip_suffix('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_nested_as_hive_nests_them() {
        let columns = [("a", "array<struct<b:map<string,double>,c:bigint>>"), ("at", "timestamp"), ("ok", "boolean")];
        let expected = "message fanggen {
            optional group a (LIST) { repeated group list { optional group element {
                optional group b (MAP) { repeated group key_value {
                    required binary key (STRING);
                    optional double value;
                } }
                optional int64 c;
            } } }
            optional int64 at (TIMESTAMP(MICROS,true));
            optional boolean ok;
        }";
        assert_eq!(schema(&columns).expect("a schema"), parse_message_type(expected).expect("a schema"));
        assert!(schema(&[("a", "uniontype<int>")]).is_err());
    }
}
