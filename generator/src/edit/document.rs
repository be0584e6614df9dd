//! The text of a file as a TOML document that can be edited, and back.

use toml_edit::{DocumentMut, TomlError};

/// What some editors write at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The document of a text.
///
/// # Errors
/// Why the text is not TOML.
pub fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: TomlError| error.message().to_owned())
}

/// The text of an edited document. Files of Windows keep their line ends and their byte order mark.
#[must_use]
pub fn to_text(document: &DocumentMut, original: &str) -> String {
    let mut edited = document.to_string();
    if original.contains("\r\n") && original.matches('\n').count() == original.matches("\r\n").count() {
        edited = edited.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    if original.starts_with(BYTE_ORDER_MARK) && !edited.starts_with(BYTE_ORDER_MARK) {
        edited.insert(0, BYTE_ORDER_MARK);
    }
    edited
}
