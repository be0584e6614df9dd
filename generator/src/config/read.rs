//! Reads a settings type from a tree and finds *all* its mistakes: what is wrong is noted and taken out, and the rest
//! is read again.

use std::sync::Arc;

use fanggen_runtime::tree::{Entry, Fault, FaultKind, Span, Tree, Value};

use super::mistake::{HOLE, Mistake};

/// Reads `tree` with `read`; on any mistake they are all noted, and there is no result.
///
/// `whose` says in the messages whose settings they are; `extra` are keys that are known beside those of the type.
pub fn whole<T>(
    tree: &Tree,
    whose: &str,
    extra: &[&str],
    read: impl Fn(&Tree) -> Result<T, Fault>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let fault = match read(tree) {
        Ok(settings) => return Some(settings),
        Err(fault) => fault,
    };
    let mut rest = tree.clone();
    let mut fault = Some(fault);
    while let Some(found) = fault.take() {
        if found.span.as_ref() == Some(&HOLE) {
            break; // what stands in for a missing value did not fit; the missing value is noted already
        }
        mistakes.push(Mistake::of_fault(&found, whose, &tree.span, extra));
        let mended = match (&found.kind, &found.span) {
            (FaultKind::Missing { key }, span) => fill(&mut rest, span.as_ref(), key),
            (_, Some(span)) => take_out(&mut rest, span),
            (_, None) => false,
        };
        if mended {
            fault = read(&rest).err();
        }
    }
    None
}

/// Removes the innermost entry or element whose name or value holds the place.
fn take_out(tree: &mut Tree, place: &Span) -> bool {
    let holds = |span: &Span| span.start <= place.start && place.end <= span.end && !span.is_empty();
    match &mut tree.value {
        Value::Table(table) => {
            let found = table.iter().find(|(_, entry)| holds(&entry.key)).or_else(|| {
                table.iter().find(|(_, entry)| holds(&entry.tree.span) || spans_inside(&entry.tree, place))
            });
            let Some(name) = found.map(|(name, _)| name.clone()) else { return false };
            let inside = table.get_mut(&name).is_some_and(|entry| {
                entry.key != *place && entry.tree.span != *place && take_out(&mut entry.tree, place)
            });
            inside || table.remove(&name).is_some()
        }
        Value::List(list) => {
            let Some(at) = list.iter().position(|element| holds(&element.span) || spans_inside(element, place)) else {
                return false;
            };
            let list = Arc::make_mut(list);
            let inside = list.get_mut(at).is_some_and(|element| element.span != *place && take_out(element, place));
            if !inside {
                list.remove(at);
            }
            true
        }
        _ => false,
    }
}

/// Whether any value inside has this very place: the tables of dotted names do not enclose what they hold.
fn spans_inside(tree: &Tree, place: &Span) -> bool {
    match &tree.value {
        Value::Table(table) => table
            .values()
            .any(|entry| entry.key == *place || entry.tree.span == *place || spans_inside(&entry.tree, place)),
        Value::List(list) => list.iter().any(|element| element.span == *place || spans_inside(element, place)),
        _ => false,
    }
}

/// Puts a hole where a value is missing in the table at this place.
fn fill(tree: &mut Tree, place: Option<&Span>, key: &str) -> bool {
    let here = place.is_none_or(|place| tree.span == *place);
    match &mut tree.value {
        Value::Table(table) if here && !table.contains_key(key) => {
            let hole = Tree { span: HOLE, value: Value::Hole };
            table.insert(key.to_owned(), Entry { key: HOLE, tree: hole });
            true
        }
        Value::Table(table) => table.values_mut().any(|entry| fill(&mut entry.tree, place, key)),
        Value::List(list) => Arc::make_mut(list).iter_mut().any(|element| fill(element, place, key)),
        _ => false,
    }
}
