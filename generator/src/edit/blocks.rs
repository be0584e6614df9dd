//! Where the tables of a file stand in its text, and how text is inserted between them: nothing else of the file changes.

use toml_edit::{Document, Item, Table, TomlError};

/// The headers of a text, such as `[sinks.archive]`, in order.
pub struct TomlBlocks<'a> {
    text: &'a str,
    headers: Vec<TableHeader>,
}

/// A header.
struct TableHeader {
    start: usize,
    /// Its path; elements of a list have its path.
    path: Vec<String>,
    /// Which element of the list it is.
    index: Option<usize>,
}

impl<'a> TomlBlocks<'a> {
    /// Finds the headers.
    ///
    /// # Errors
    /// Why the text is not TOML.
    pub fn find(text: &'a str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|error: TomlError| error.message().to_owned())?;
        let mut headers = Vec::new();
        collect(document.as_table(), &mut Vec::new(), &mut headers);
        headers.sort_by_key(|header| header.start);
        Ok(Self { text, headers })
    }

    /// Whether there are headers with this first key.
    pub fn has(&self, section: &str) -> bool {
        self.headers.iter().any(|header| header.path.first().is_some_and(|first| first == section))
    }

    /// The text with a block before an element of a list of tables.
    pub fn before_element(&self, list: &str, index: usize, block: &str) -> Option<String> {
        let header = self.headers.iter().find(|header| header.path == [list] && header.index == Some(index))?;
        Some(self.insert(self.attached(header.start), block))
    }

    /// The text with a block after an element of a list of tables, and all tables within it.
    pub fn after_element(&self, list: &str, index: usize, block: &str) -> Option<String> {
        let first = self.headers.iter().position(|header| header.path == [list] && header.index == Some(index))?;
        let within = |header: &&TableHeader| header.path.len() > 1 && header.path[0] == list;
        let rest = &self.headers[first + 1..];
        let next = rest.get(rest.iter().take_while(within).count());
        Some(self.insert(self.start_or_end(next), block))
    }

    /// The text with a block after the last header that starts with one of these keys; at the end if there is none.
    pub fn after_sections(&self, sections: &[&str], block: &str) -> String {
        let is_one = |header: &TableHeader| header.path.first().is_some_and(|first| sections.contains(&first.as_str()));
        let next = self.headers.iter().rposition(is_one).map_or(self.headers.len(), |last| last + 1);
        self.insert(self.start_or_end(self.headers.get(next)), block)
    }

    fn start_or_end(&self, header: Option<&TableHeader>) -> usize {
        header.map_or(self.text.len(), |header| self.attached(header.start))
    }

    /// The start of the comment lines right before a header, which are about it; of the header, if there are none.
    fn attached(&self, header: usize) -> usize {
        let mut start = self.text[..header].rfind('\n').map_or(0, |end| end + 1);
        while start > 0 {
            let line = self.text[..start - 1].rfind('\n').map_or(0, |end| end + 1);
            if !self.text[line..start].trim_start_matches('\u{feff}').trim_start().starts_with('#') {
                break;
            }
            start = line;
        }
        // Comments at the top of a file are about the file.
        if start == 0 { header } else { start }
    }

    /// The text with a block at this place, between empty lines, and with line ends as they are around it.
    fn insert(&self, at: usize, block: &str) -> String {
        let (before, after) = self.text.split_at(at);
        let end = if before.ends_with("\r\n") || before.is_empty() && after.contains("\r\n") { "\r\n" } else { "\n" };
        let mut edited = before.to_owned();
        if !before.is_empty() && !before.ends_with('\n') {
            edited.push_str(end);
        }
        let is_blank = |line: &str| line.trim().is_empty();
        if !edited.is_empty() && !edited.lines().next_back().is_none_or(is_blank) {
            edited.push_str(end);
        }
        for line in block.trim().lines() {
            edited.push_str(line);
            edited.push_str(end);
        }
        if !after.is_empty() && !after.lines().next().is_none_or(is_blank) {
            edited.push_str(end);
        }
        edited + after
    }
}

fn collect(table: &Table, path: &mut Vec<String>, headers: &mut Vec<TableHeader>) {
    for (key, item) in table {
        path.push(key.to_owned());
        let mut add = |table: &Table, index| {
            if let Some(span) = table.span().filter(|_| !table.is_implicit() && !table.is_dotted()) {
                headers.push(TableHeader { start: span.start, path: path.clone(), index });
            }
        };
        match item {
            Item::Table(inner) => {
                add(inner, None);
                collect(inner, path, headers);
            }
            Item::ArrayOfTables(tables) => {
                for (index, inner) in tables.iter().enumerate() {
                    add(inner, Some(index));
                }
                for inner in tables {
                    collect(inner, path, headers);
                }
            }
            _ => {}
        }
        path.pop();
    }
}
