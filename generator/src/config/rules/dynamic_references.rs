//! Texts that CloudFormation would replace with a secret or a parameter of the account.

use std::ops::Range;

use fanggen_runtime::model::tree::{Span, Tree, Value};

use crate::config::mistake::{Mistake, MistakeCode};

/// Reports every text with a dynamic reference, such as `{{resolve:secretsmanager:..}}`. CloudFormation replaces it wherever it
/// stands in a template, and there is no way to escape it
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>): a name or a description in a
/// harmless-looking change would read a secret.
pub fn check_dynamic_references(tree: &Tree, mistakes: &mut Vec<Mistake>) {
    match &tree.value {
        Value::String(text) => report(text, &tree.span, mistakes),
        Value::List(list) => list.iter().for_each(|tree| check_dynamic_references(tree, mistakes)),
        Value::Table(table) => {
            for (name, entry) in table {
                report(name, &entry.key, mistakes);
                check_dynamic_references(&entry.tree, mistakes);
            }
        }
        _ => {}
    }
}

fn report(text: &str, span: &Span, mistakes: &mut Vec<Mistake>) {
    let Some(place) = reference(text) else { return };
    let found = &text[place];
    mistakes.push(
        Mistake::new(
            MistakeCode::DynamicReference,
            span,
            "CloudFormation would replace a part of this text".to_owned(),
            format!("found `{found}`"),
        )
        .allowed("texts without `{{resolve:`")
        .help("name secrets by their ARN, in the settings that take one".to_owned()),
    );
}

/// The start of a dynamic reference. White space and capital letters are allowed for, since AWS does not document whether
/// CloudFormation accepts them.
fn reference(text: &str) -> Option<Range<usize>> {
    text.char_indices().find_map(|(start, _)| {
        let inner = text[start..].strip_prefix("{{")?;
        let word = inner.trim_start();
        let (keyword, rest) = word.split_at_checked("resolve".len())?;
        if !keyword.eq_ignore_ascii_case("resolve") {
            return None;
        }
        let colon = rest.trim_start().starts_with(':').then(|| rest.find(':'))??;
        Some(start..text.len() - rest.len() + colon + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_wherever_it_stands() {
        for (text, found) in [
            ("{{resolve:ssm:x}}", Some("{{resolve:")),
            ("a {{{resolve:secretsmanager:x}}", Some("{{resolve:")),
            ("{{{{ Resolve : x", Some("{{ Resolve :")),
            ("{{é resolve:", None),
            ("{{resolve}}", None),
            ("{ {resolve:x}}", None),
            ("${AWS::Region}", None),
        ] {
            assert_eq!(reference(text).map(|place| &text[place]), found, "{text}");
        }
    }
}
