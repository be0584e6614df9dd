//! Reads a settings type from a tree and finds *all* mistakes: it records a fault, removes the value and reads again.

use std::sync::Arc;

use fanggen_runtime::model::tree::{Entry, Fault, FaultKind, Span, Table, Tree, Value};

use super::mistake::{HOLE, Mistake};

/// Mistakes of one table after which nobody reads on: a list of ten thousand wrong values is one thing to fix.
const MOST: usize = 100;

/// Reads `tree` with `read`. If there are mistakes, it records all of them and returns nothing.
///
/// `owner` names in messages whose settings they are; `extra` are keys that exist besides those of the type. `example` is
/// TOML with a valid value for each required setting, where plain values would not do.
pub fn whole<T>(
    tree: &Tree,
    owner: &str,
    extra: &[&str],
    example: &str,
    read: impl Fn(&Tree) -> Result<T, Fault>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let mut fault = match read(tree) {
        Ok(settings) => return Some(settings),
        Err(fault) => Some(fault),
    };
    let before = mistakes.len();
    let mut rest = tree.clone();
    // Wrong values that were removed: that they are now missing is not a second mistake.
    let mut taken: Vec<(Span, String)> = Vec::new();
    // The last missing value, and the placeholder tried for it.
    let mut hole: Option<(Option<Span>, String, usize)> = None;
    while let Some(found) = fault.take().filter(|_| mistakes.len() - before < MOST) {
        let repaired = if found.span.as_ref() == Some(&HOLE) {
            // The placeholder did not fit: try another.
            let next = hole
                .take()
                .and_then(|(place, key, tried)| Some((placeholder(tried + 1, example, &key)?, place, key, tried + 1)));
            next.is_some_and(|(value, place, key, tried)| {
                let repaired = fill(&mut rest, place.as_ref(), &key, &value);
                hole = Some((place, key, tried));
                repaired
            })
        } else {
            let again =
                |key: &String| taken.iter().any(|(place, name)| Some(place) == found.span.as_ref() && name == key);
            match &found.kind {
                FaultKind::Missing { key } if again(key) => {}
                // A list that is too short only because a value was removed.
                FaultKind::Mismatch { .. } if again(&String::new()) => {}
                _ => mistakes.push(Mistake::of_fault(&found, owner, tree, extra)),
            }
            match (&found.kind, &found.span) {
                (FaultKind::Missing { key }, span) => {
                    hole = Some((span.clone(), key.clone(), 0));
                    fill(&mut rest, span.as_ref(), key, &Value::Placeholder)
                }
                (_, Some(span)) => take_out(&mut rest, span).map(|out| taken.push(out)).is_some(),
                (_, None) => false,
            }
        };
        if repaired {
            fault = read(&rest).err();
        }
    }
    None
}

/// What is tried in turn in place of a missing value; nobody sees it, it only lets reading go on.
fn placeholder(tried: usize, example: &str, key: &str) -> Option<Value> {
    let from_example = || {
        let (tree, _) = super::spanned::parse(example);
        let component = super::component_table(&tree)?;
        Some(unplaced(&component.get(key)?.tree).value)
    };
    Some(match tried {
        0 => Value::Placeholder,
        1 => from_example().unwrap_or(Value::Placeholder),
        2 => Value::String("a".to_owned()),
        3 => Value::Integer(1),
        4 => Value::Table(Table::new()),
        _ => return None,
    })
}

/// The same value, as one that is nowhere in the file.
fn unplaced(tree: &Tree) -> Tree {
    let value = match &tree.value {
        Value::List(list) => Value::List(Arc::new(list.iter().map(unplaced).collect())),
        Value::Table(table) => {
            let entry = |entry: &Entry| Entry { key: HOLE, tree: unplaced(&entry.tree) };
            Value::Table(table.iter().map(|(name, inner)| (name.clone(), entry(inner))).collect())
        }
        value => value.clone(),
    };
    Tree { span: HOLE, value }
}

/// Removes the innermost entry or element that contains the place, and returns where it was.
fn take_out(tree: &mut Tree, place: &Span) -> Option<(Span, String)> {
    let holds = |span: &Span| span.start <= place.start && place.end <= span.end && !span.is_empty();
    match &mut tree.value {
        Value::Table(table) => {
            let found = table.iter().find(|(_, entry)| holds(&entry.key)).or_else(|| {
                table.iter().find(|(_, entry)| holds(&entry.tree.span) || spans_inside(&entry.tree, place))
            });
            let name = found.map(|(name, _)| name.clone())?;
            let inside = table
                .get_mut(&name)
                .filter(|entry| entry.key != *place && entry.tree.span != *place)
                .and_then(|entry| take_out(&mut entry.tree, place));
            inside.or_else(|| table.remove(&name).map(|_| (tree.span.clone(), name)))
        }
        Value::List(list) => {
            let at = list.iter().position(|element| holds(&element.span) || spans_inside(element, place))?;
            let list = Arc::make_mut(list);
            let inside =
                list.get_mut(at).filter(|element| element.span != *place).and_then(|inner| take_out(inner, place));
            inside.or_else(|| {
                list.remove(at);
                Some((tree.span.clone(), String::new()))
            })
        }
        _ => None,
    }
}

/// Whether any value inside has exactly this place: tables of dotted keys do not enclose their values.
fn spans_inside(tree: &Tree, place: &Span) -> bool {
    match &tree.value {
        Value::Table(table) => table
            .values()
            .any(|entry| entry.key == *place || entry.tree.span == *place || spans_inside(&entry.tree, place)),
        Value::List(list) => list.iter().any(|element| element.span == *place || spans_inside(element, place)),
        _ => false,
    }
}

/// Inserts a placeholder for the missing value in the table at this place.
fn fill(tree: &mut Tree, place: Option<&Span>, key: &str, value: &Value) -> bool {
    let here = place.is_none_or(|place| tree.span == *place);
    match &mut tree.value {
        Value::Table(table) if here && table.get(key).is_none_or(|entry| entry.key == HOLE) => {
            let hole = Tree { span: HOLE, value: value.clone() };
            table.insert(key.to_owned(), Entry { key: HOLE, tree: hole });
            true
        }
        Value::Table(table) => table.values_mut().any(|entry| fill(&mut entry.tree, place, key, value)),
        Value::List(list) => Arc::make_mut(list).iter_mut().any(|element| fill(element, place, key, value)),
        _ => false,
    }
}
