//! Labels from a separate file: matched by `id` if both files have one, otherwise by order.

use std::collections::BTreeMap;
use std::path::Path;

use super::input::{ALL, InputFormat, cell, label_of, rows, wrong};
use super::{CompareError, Sample};

/// Adds the label to each text. Every text needs a label, and every label a text.
pub fn join(texts: &mut [Sample], path: &Path, labels: &Path) -> Result<(), CompareError> {
    let (format, rows) = rows(labels)?;
    let name = if format == InputFormat::Plain { ALL } else { "label" };
    let mut found = Vec::new();
    for (line, row) in rows {
        let cell = |name| cell(labels, line, &row, name);
        let word = cell(name)?.ok_or_else(|| wrong(labels, line, "there is no column `label`"))?;
        found.push((line, cell("id")?, label_of(labels, line, &word)?));
    }
    if found.iter().all(|(_, id, _)| id.is_none()) {
        let (texts_count, labels_count) = (texts.len(), found.len());
        if texts_count != labels_count {
            let line = found.last().map_or(1, |(line, ..)| *line);
            let what = format!(
                "found {labels_count} of {texts_count} labels for the texts in `{}`: add a label for each text in the same order, or an `id` in both files",
                path.display()
            );
            return Err(wrong(labels, line, what));
        }
        for (text, (_, _, label)) in texts.iter_mut().zip(found) {
            text.gold = Some(label);
        }
        return Ok(());
    }
    let mut of_id = BTreeMap::new();
    for (line, id, label) in found {
        let id = id.ok_or_else(|| wrong(labels, line, "this line has no `id`, but others do"))?;
        if let Some((first, _)) = of_id.insert(id.clone(), (line, label)) {
            return Err(wrong(labels, line, format!("duplicate id `{id}`, first used on line {first}")));
        }
    }
    for text in texts {
        let Some(id) = &text.id else {
            return Err(wrong(
                path,
                text.line,
                format!("this text has no `id`, but the labels in `{}` have", labels.display()),
            ));
        };
        let Some((_, label)) = of_id.remove(id) else {
            return Err(wrong(path, text.line, format!("the id `{id}` has no label in `{}`", labels.display())));
        };
        text.gold = Some(label);
    }
    match of_id.into_iter().next() {
        Some((id, (line, _))) => Err(wrong(labels, line, format!("no text in `{}` has the id `{id}`", path.display()))),
        None => Ok(()),
    }
}
