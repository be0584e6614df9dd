//! Labels from a file of their own: by id where both files have ids, else in the order of the texts.

use std::collections::BTreeMap;
use std::path::Path;

use super::input::{ALL, InputFormat, cell, label_of, rows, wrong};
use super::{CompareError, Sample};

/// Gives each text its label; every text needs one, and every label a text.
pub fn join(texts: &mut [Sample], path: &Path, labels: &Path) -> Result<(), CompareError> {
    let name = if InputFormat::of(labels) == InputFormat::Plain { ALL } else { "label" };
    let mut found = Vec::new();
    for (line, row) in rows(labels)? {
        let cell = |name| cell(labels, line, &row, name);
        let word = cell(name)?.ok_or_else(|| wrong(labels, line, "there is no `label`: name it so"))?;
        found.push((line, cell("id")?, label_of(labels, line, &word)?));
    }
    if found.iter().all(|(_, id, _)| id.is_none()) {
        let (texts_count, labels_count) = (texts.len(), found.len());
        if texts_count != labels_count {
            let line = found.last().map_or(1, |(line, ..)| *line);
            let what = format!(
                "here the labels end, {labels_count} for {texts_count} texts in `{}`: give each text one, in its order, or both an `id`",
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
        let id = id.ok_or_else(|| wrong(labels, line, "there is no `id` here, and there is one in other lines"))?;
        if let Some((first, _)) = of_id.insert(id.clone(), (line, label)) {
            return Err(wrong(
                labels,
                line,
                format!("the id `{id}` was given already, on line {first}: give each label once"),
            ));
        }
    }
    for text in texts {
        let Some(id) = &text.id else {
            return Err(wrong(
                path,
                text.line,
                format!("this text has no `id`, by which `{}` has its label", labels.display()),
            ));
        };
        let Some((_, label)) = of_id.remove(id) else {
            return Err(wrong(path, text.line, format!("the id `{id}` has no label in `{}`", labels.display())));
        };
        text.gold = Some(label);
    }
    match of_id.into_iter().next() {
        Some((id, (line, _))) => {
            Err(wrong(labels, line, format!("the id `{id}` is no text's in `{}`", path.display())))
        }
        None => Ok(()),
    }
}
