//! Adds to a list or a table that is written as a value, by text: `stages = [..]`, `sinks = {..}`.

use toml_edit::{Document, Item, Table, TomlError, Value};

/// The text with a value at this place of the list of a section; nothing if the section is no list.
///
/// # Errors
/// Why the text is not TOML.
pub fn insert_element(text: &str, section: &str, index: usize, element: &Table) -> Result<Option<String>, String> {
    let document = Document::parse(text).map_err(|error: TomlError| error.message().to_owned())?;
    let Some(Item::Value(Value::Array(list))) = document.get(section) else { return Ok(None) };
    let Some(whole) = list.span() else { return Ok(None) };
    let element = inline(element);
    let spans: Vec<_> = list.iter().filter_map(Value::span).collect();
    let Some(last) = spans.last() else {
        // Between the brackets, before whatever comments are there.
        return Ok(Some(format!("{}[{element}{}", &text[..whole.start], &text[whole.start + 1..])));
    };
    if let Some(next) = spans.get(index) {
        let (before, after) = text.split_at(next.start);
        let gap = indent(before).map_or_else(|| " ".to_owned(), |indent| format!("{}{indent}", line_end(before)));
        return Ok(Some(format!("{before}{element},{gap}{after}")));
    }
    let Some(indent) = indent(&text[..last.start]) else {
        return Ok(Some(format!("{}, {element}{}", &text[..last.end], &text[last.end..])));
    };
    // On a line of its own, after what stands behind the last element: its comma, a comment.
    let rest = &text[last.end..whole.end - 1];
    let line = rest.find('\n').map_or(rest.len(), |end| rest[..end].trim_end_matches('\r').len());
    let (same_line, below) = rest.split_at(line);
    let (first, own) = if list.trailing_comma() { ("", ",") } else { (",", "") };
    let (before, end) = (&text[..last.end], line_end(&text[..last.start]));
    let closing = if below.is_empty() { end } else { "" };
    Ok(Some(format!("{before}{first}{same_line}{end}{indent}{element}{own}{closing}{below}{}", &text[whole.end - 1..])))
}

/// The text with a table in the table of a section; nothing if the section is no such table.
///
/// # Errors
/// Why the text is not TOML.
pub fn insert_entry(text: &str, section: &str, name: &str, entry: &Table) -> Result<Option<String>, String> {
    let document = Document::parse(text).map_err(|error: TomlError| error.message().to_owned())?;
    let Some(Item::Value(Value::InlineTable(table))) = document.get(section) else { return Ok(None) };
    let Some(whole) = table.span() else { return Ok(None) };
    let last = table.iter().filter_map(|(_, value)| value.span()).map(|span| span.end).max();
    let entry = format!("{} = {}", toml_edit::Key::new(name), inline(entry));
    Ok(Some(match last {
        Some(end) => format!("{}, {entry}{}", &text[..end], &text[end..]),
        None => format!("{}{{ {entry} }}{}", &text[..whole.start], &text[whole.end..]),
    }))
}

/// A table on one line.
fn inline(table: &Table) -> String {
    Value::InlineTable(table.clone().into_inline_table()).to_string().trim().to_owned()
}

/// The white space before an element that begins its line.
fn indent(before: &str) -> Option<&str> {
    let line = &before[before.rfind('\n')? + 1..];
    line.chars().all(|c| c == ' ' || c == '\t').then_some(line)
}

/// The line end that the text uses last.
fn line_end(text: &str) -> &'static str {
    let crlf = text.rfind('\n').is_some_and(|end| text[..end].ends_with('\r'));
    if crlf { "\r\n" } else { "\n" }
}
