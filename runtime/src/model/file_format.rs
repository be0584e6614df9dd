//! How the bytes of a file of items become cells: the encoding of its text, and the character between its cells.

use serde::{Deserialize, Serialize};

use crate::model::items::Columns;

/// The character between the cells of a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema), schemars(inline))]
pub enum Delimiter {
    /// A comma.
    #[default]
    #[serde(rename = ",")]
    Comma,
    /// A semicolon, as spreadsheets write it where the comma is the decimal separator.
    #[serde(rename = ";")]
    Semicolon,
    /// A tab, written `\t`.
    #[serde(rename = "\t")]
    Tab,
    /// A vertical bar.
    #[serde(rename = "|")]
    Bar,
}

impl Delimiter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    /// The byte in the file.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }

    /// As it is written in TOML, without quotes.
    #[must_use]
    pub const fn as_toml(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Tab => "\\t",
            Self::Bar => "|",
        }
    }

    /// Whether it is the default.
    #[must_use]
    pub fn is_comma(&self) -> bool {
        *self == Self::Comma
    }

    /// What separates the cells of a file, if all of its header looks like one column.
    #[must_use]
    pub fn in_header(header: &[String]) -> Option<Self> {
        let [only] = header else { return None };
        let count = |delimiter: &Self| only.bytes().filter(|byte| *byte == delimiter.byte()).count();
        Self::ALL.into_iter().filter(|delimiter| count(delimiter) > 0).max_by_key(count)
    }
}

/// The encoding of a text file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema), schemars(inline))]
pub enum FileEncoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16. Without a byte order mark, the low byte comes first, as Windows writes it.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Windows-1252, for Western European languages. Includes Latin-1.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1, which is read as Windows-1252, as web browsers do.
    #[serde(rename = "latin1")]
    Latin1,
}

impl FileEncoding {
    /// Its name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "latin1",
        }
    }

    /// Whether it is the default.
    #[must_use]
    pub fn is_utf_8(&self) -> bool {
        *self == Self::Utf8
    }

    /// The encoding that the first bytes of a file show, if it is not this one.
    #[must_use]
    pub fn other_in_head(self, head: &[u8]) -> Option<Self> {
        // Neither CSV nor JSON begins with the character U+0000.
        let utf_16 = matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]);
        (utf_16 && self != Self::Utf16).then_some(Self::Utf16)
    }

    /// The encoding that a row shows which is not UTF-8.
    #[must_use]
    pub fn other_in_row(self, row: &[u8]) -> Option<Self> {
        // The bytes that Windows-1252 leaves undefined, and control characters that no text has.
        let odd = |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d | 0..=8 | 14..=31);
        (self == Self::Utf8 && std::str::from_utf8(row).is_err() && !row.iter().any(odd)).then_some(Self::Windows1252)
    }
}

/// Both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFormat {
    /// The character between cells.
    pub delimiter: Delimiter,
    /// The encoding.
    pub encoding: FileEncoding,
}

/// How a file of items is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemFileFormat {
    /// Its path, whose extension is the format; it appears in messages.
    pub path: String,
    /// The column of the key.
    pub key: String,
    /// The columns of the attributes.
    pub columns: Columns,
    /// The character between cells, and the encoding.
    pub file: FileFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_looks_otherwise_is_recognized() {
        let header =
            |columns: &[&str]| Delimiter::in_header(&columns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(header(&["id;name, short;text"]), Some(Delimiter::Semicolon));
        assert_eq!(header(&["id\ttext"]), Some(Delimiter::Tab));
        assert_eq!((header(&["id"]), header(&["a;b", "c"]), header(&[])), (None, None, None));
        let head = |bytes: &[u8]| FileEncoding::Utf8.other_in_head(bytes);
        for utf_16 in [b"\xff\xfen\0", b"\xfe\xff\0n", b"n\0a\0", b"\0n\0a"] {
            assert_eq!(head(utf_16), Some(FileEncoding::Utf16), "{utf_16:?}");
            assert_eq!(FileEncoding::Utf16.other_in_head(utf_16), None);
        }
        assert_eq!((head(b"name"), head(b"\xef\xbb\xbfn"), head(b"")), (None, None, None));
        let row = |bytes: &[u8]| FileEncoding::Utf8.other_in_row(bytes);
        assert_eq!(row(b"Z\xfcrich"), Some(FileEncoding::Windows1252));
        assert_eq!((row("Z\u{fc}rich".as_bytes()), row(b"\xff\x81"), row(b"\xff\0")), (None, None, None));
    }
}
