//! The columns that the settings of a source expect, compared with those of its file.

use std::fs::File;
use std::path::Path;

use fanggen_runtime::component::Component;
use fanggen_runtime::model::file_format::Delimiter;
use fanggen_runtime::model::tree::{Span, quoted_list};
use fanggen_runtime::sources::{FoundColumns, columns_in_file};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::suggestion::did_you_mean;

/// A mistake for each column that the file lacks or probably has under another name. `key` is the setting that names the
/// file, and `span` the place of a setting.
pub fn mistakes(
    settings: &dyn Component,
    key: &str,
    file: &str,
    root: &Path,
    span: &dyn Fn(&str) -> Span,
) -> Vec<Mistake> {
    let expected = settings.columns();
    let Some(found) =
        File::open(root.join(file)).ok().and_then(|open| columns_in_file(file, expected.format, Box::new(open)))
    else {
        return Vec::new();
    };
    let (columns, complete) = match &found {
        FoundColumns::Header(columns) => (columns, true),
        FoundColumns::FirstRows(columns) => (columns, false),
        FoundColumns::InEncoding(other) => {
            let name = other.as_str();
            let set = if key == "path" { format!("set `encoding = \"{name}\"`, or ") } else { String::new() };
            let title = format!("the file `{file}` is not {}", expected.format.encoding.as_str().to_uppercase());
            let label = format!("it looks like {}", name.to_uppercase());
            return vec![
                Mistake::new(MistakeCode::FileEncoding, &span(key), title, label)
                    .help(format!("{set}save the file as UTF-8")),
            ];
        }
    };
    let has = |name: &str| columns.iter().any(|column| column == name);
    let known = quoted_list(columns);
    let mut mistakes = Vec::new();
    let delimiter = Delimiter::in_header(columns).filter(|_| complete).map(|other| {
        let set = if key == "path" { format!("set `delimiter = \"{}\"`, or ", other.as_toml()) } else { String::new() };
        format!("{set}save the file with `{}` between the cells", expected.format.delimiter.as_toml())
    });
    for (setting, column) in expected.named.iter().filter(|(_, column)| !has(column)) {
        let (code, title) = match complete || *setting == "key" {
            true => (MistakeCode::ColumnNotFound, format!("the file `{file}` has no column `{column}`")),
            false => (MistakeCode::DoubtfulColumn, format!("the first rows of `{file}` have no member `{column}`")),
        };
        let near = same_but_for_case(column, columns).map(|near| format!("did you mean `{near}`?"));
        mistakes.push(
            Mistake::new(code, &span(setting), title, "no such column")
                .allowed(known.clone())
                .help(delimiter.clone().or(near).or_else(|| did_you_mean(column, columns))),
        );
    }
    for attribute in expected.implied.iter().filter(|attribute| !has(attribute)) {
        let named = |column: &str| expected.named.iter().any(|(_, other)| *other == column);
        let Some(near) = same_but_for_case(attribute, columns).filter(|near| !named(near)) else { continue };
        let title = format!("the column `{near}` of `{file}` is not the attribute `{attribute}`, but a label");
        // Only a `file` source can name its columns.
        let setting =
            if key == "path" { format!(", or set `columns.{attribute} = \"{near}\"`") } else { String::new() };
        let help = format!("rename the column to `{attribute}`{setting}");
        mistakes.push(
            Mistake::new(MistakeCode::DoubtfulColumn, &span(key), title, format!("this file has `{near}`"))
                .allowed(format!("a column `{attribute}`"))
                .help(help),
        );
    }
    mistakes
}

/// The column that differs from a name only in case and in spaces around it.
fn same_but_for_case<'a>(name: &str, columns: &'a [String]) -> Option<&'a str> {
    columns.iter().map(String::as_str).find(|column| *column != name && column.trim().eq_ignore_ascii_case(name.trim()))
}
