//! Parses TOML into a tree of settings with spans, and finds all syntax errors at once.

use std::sync::Arc;

use fanggen_runtime::model::tree::{Entry, Span, Table, Tree, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, MistakeCode};

/// Parses what it can, and reports the rest.
pub fn parse(text: &str) -> (Tree, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<Mistake> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            let label = error.message().lines().next().unwrap_or_default().to_owned();
            if label == AGAIN {
                Mistake::new(MistakeCode::Syntax, &span, DUPLICATE, "duplicate key")
                    .allowed("each key once in its table, each table once in the file")
            } else {
                Mistake::new(MistakeCode::Syntax, &span, "invalid TOML", label)
            }
        })
        .collect();
    follow_on(text, &mut mistakes);
    let mut tree = Tree::table_at(0..text.len());
    if let Value::Table(entries) = &mut tree.value {
        *entries = table_of(table.get_ref(), &mut mistakes);
    }
    (tree, mistakes)
}

/// What the parser says about a key that occurred before.
const AGAIN: &str = "duplicate key";
/// Our title for it.
const DUPLICATE: &str = "a key occurs twice";

/// Drops reports about keys in a table that itself occurs twice: they follow from it.
fn follow_on(text: &str, mistakes: &mut Vec<Mistake>) {
    let mut table: Option<usize> = None;
    mistakes.retain(|mistake| {
        let at = text.floor_char_boundary(mistake.span.start.min(text.len()));
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let again = mistake.title == DUPLICATE;
        if again && text[line..].trim_start().starts_with('[') {
            table = Some(at);
            return true;
        }
        let within = table.is_some_and(|start| start <= at && !text[start..at].contains("\n["));
        !(again && within)
    });
}

fn table_of(table: &DeTable<'_>, mistakes: &mut Vec<Mistake>) -> Table {
    table
        .iter()
        .map(|(name, value)| {
            let entry = Entry { key: name.span(), tree: tree_of(value, name.span(), mistakes) };
            (name.get_ref().to_string(), entry)
        })
        .collect()
}

fn tree_of(value: &Spanned<DeValue<'_>>, key: Span, mistakes: &mut Vec<Mistake>) -> Tree {
    // A table that only exists through dotted keys has no span: use the span of its key.
    let span = if value.span().is_empty() { key } else { value.span() };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                let label = format!("`{}` does not fit into 64 bits", number.as_str());
                mistakes.push(Mistake::new(MistakeCode::Syntax, &span, "this number is too large", label));
                Value::Placeholder
            }
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => {
                let label = format!("`{}` is not a number", number.as_str());
                mistakes.push(Mistake::new(MistakeCode::Syntax, &span, "invalid TOML", label));
                Value::Placeholder
            }
        },
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => {
            Value::List(Arc::new(list.iter().map(|value| tree_of(value, span.clone(), mistakes)).collect()))
        }
        DeValue::Table(table) => Value::Table(table_of(table, mistakes)),
    };
    Tree { span, value }
}
