//! A mistake in `pipeline.toml`: a stable code, a place, what was found, what is allowed and how to fix it.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Message, Origin, Renderer, Snippet};
use fanggen_runtime::model::tree::{Fault, FaultKind, Span, Tree, Value, quoted_list};
use serde::Serialize;

pub use super::mistake_code::{MistakeCode, Severity};
use super::suggestion::did_you_mean;

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The code.
    pub code: MistakeCode,
    /// Where it is.
    pub span: Span,
    /// What is wrong, in a sentence.
    pub title: String,
    /// The text beside the caret: what was found.
    pub label: String,
    /// What is allowed.
    pub allowed: Option<String>,
    /// How to fix it, often "did you mean".
    pub help: Option<String>,
    /// A related place.
    pub other: Option<(Span, String)>,
}

impl Mistake {
    /// A mistake at a place.
    pub fn new(code: MistakeCode, span: &Span, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            code,
            span: span.clone(),
            title: title.into(),
            label: label.into(),
            allowed: None,
            help: None,
            other: None,
        }
    }

    /// With what is allowed.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// With a hint how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// With a related place.
    #[must_use]
    pub fn other(mut self, span: &Span, label: impl Into<String>) -> Self {
        self.other = Some((span.clone(), label.into()));
        self
    }

    /// Whether it is an error or a warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// A fault of a value, as a mistake. `owner` names the section or component that was read from `tree`; `extra` are
    /// settings that it has besides those of its type.
    #[must_use]
    pub fn of_fault(fault: &Fault, owner: &str, tree: &Tree, extra: &[&str]) -> Self {
        let span = fault.span.as_ref().filter(|span| **span != HOLE).unwrap_or(&tree.span);
        let unknown = match &fault.kind {
            FaultKind::UnknownKey { key, .. } => Some(key.as_str()),
            _ => None,
        };
        let setting = setting_at(tree, span, unknown);
        let of = setting.as_ref().map_or_else(|| owner.to_owned(), |setting| format!("`{}` in {owner}", setting.path));
        // The table that lacks a key, or has one too many.
        let table = || match &setting {
            Some(SettingPath { is_list: true, .. }) => format!("an entry of {of}"),
            _ => of.clone(),
        };
        let invalid =
            |label: String| Self::new(MistakeCode::InvalidValue, span, format!("invalid value for {of}"), label);
        match &fault.kind {
            FaultKind::Mismatch { found, allowed } => invalid(format!("found {found}")).allowed(allowed.clone()),
            FaultKind::Choice { found, allowed } => {
                let title = format!("unknown value `{found}` for {of}");
                Self::new(MistakeCode::UnknownChoice, span, title, "unknown value")
                    .allowed(quoted_list(allowed))
                    .help(did_you_mean(found, allowed))
            }
            FaultKind::UnknownKey { key, allowed } => {
                let extra = if setting.is_none() { extra } else { &[] };
                let mut known = allowed.clone();
                known.extend(extra.iter().map(|word| (*word).to_owned()));
                let known_words = if known.is_empty() { "none".to_owned() } else { quoted_list(&known) };
                let title = format!("{} has no setting `{key}`", table());
                Self::new(MistakeCode::UnknownSetting, span, title, "unknown setting")
                    .allowed(known_words)
                    .help(did_you_mean(key, &known).or_else(|| super::hints::home(key)))
            }
            FaultKind::Missing { key } => {
                let title = format!("{} has no `{key}`", table());
                Self::new(MistakeCode::MissingSetting, span, title, format!("`{key}` is missing"))
            }
            FaultKind::Other(words) => invalid(words.clone()),
        }
    }
}

/// A setting that is, or contains, what is at a place.
struct SettingPath {
    /// Its path, such as `iam.scopes`.
    path: String,
    /// Whether it is a list, one of whose entries is meant.
    is_list: bool,
}

/// The innermost setting with a place, or else the table with a key at that place; none for the tree itself.
fn setting_at(tree: &Tree, place: &Span, key: Option<&str>) -> Option<SettingPath> {
    let Value::Table(table) = &tree.value else { return None };
    // The span of a table can be that of its key.
    if key.and_then(|key| table.get(key)).is_some_and(|entry| entry.key == *place) {
        return None;
    }
    let (name, entry) = table.iter().find(|(_, entry)| has(&entry.tree, place))?;
    // An element of a list has no name of its own, but its settings have.
    let (mut value, mut is_list) = (&entry.tree, false);
    while let Value::List(list) = &value.value
        && let Some(element) = list.iter().find(|element| has(element, place))
    {
        (value, is_list) = (element, true);
    }
    Some(match setting_at(value, place, key) {
        Some(inner) => SettingPath { path: format!("{name}.{}", inner.path), ..inner },
        None => SettingPath { path: name.clone(), is_list },
    })
}

/// Whether a place is within a value. The tables of dotted keys do not enclose what they hold.
fn has(tree: &Tree, place: &Span) -> bool {
    let encloses = |span: &Span| span.start <= place.start && place.end <= span.end;
    encloses(&tree.span)
        || match &tree.value {
            Value::Table(table) => table.values().any(|entry| encloses(&entry.key) || has(&entry.tree, place)),
            Value::List(list) => list.iter().any(|element| has(element, place)),
            _ => false,
        }
}

/// The place of a placeholder for a missing value. No file is that long.
pub const HOLE: Span = usize::MAX..usize::MAX;

/// What is printed about a place.
struct Pointer<'a> {
    level: Level<'a>,
    code: Option<&'a str>,
    title: &'a str,
    label: &'a str,
    span: &'a Span,
    other: Option<&'a (Span, String)>,
    notes: Vec<Message<'a>>,
}

/// The file that has the mistakes.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path, as given by the user.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Known positions in order, with the byte of each: the starts of lines, and more within long lines. Without them,
    /// the position of each mistake would need a pass over the whole file.
    marks: Vec<(usize, Position)>,
}

/// Maximum number of bytes from one known position to the next: few enough to count characters quickly.
const BETWEEN_MARKS: usize = 1_024;

/// A position in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Bytes on each side of a place beyond which a line is not shown whole.
const LONG_LINE: usize = 2_000;

/// Maximum number of mistakes shown.
const MOST_SHOWN: usize = 200;

impl SourceFile {
    /// A file by its path and text.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let mut here = Position { line: 1, column: 1 };
        let mut marks = vec![(0, here.clone())];
        let mut marked = 0;
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            here.column += 1;
            if c == '\n' {
                here = Position { line: here.line + 1, column: 1 };
            }
            if c == '\n' || end - marked >= BETWEEN_MARKS {
                marks.push((end, here.clone()));
                marked = end;
            }
        }
        Self { path: path.to_owned(), text: text.to_owned(), marks }
    }

    /// Position of a byte.
    #[must_use]
    pub fn place(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let known = self.marks.partition_point(|(mark, _)| *mark <= offset);
        let Some((mark, place)) = self.marks[..known].last() else { return Position { line: 1, column: 1 } };
        let after = self.text.get(*mark..offset).unwrap_or_default().chars().count();
        Position { line: place.line, column: place.column + after }
    }

    /// The span for printing: inside the text, and on its first line only.
    fn fit(&self, span: &Span) -> Span {
        let end = self.text.len();
        let from = self.text.floor_char_boundary(span.start.min(end));
        let mut to = self.text.floor_char_boundary(span.end.clamp(from, end));
        if let Some(line) = self.text[from..to].find('\n') {
            to = from + line;
        }
        if self.text[from..to].ends_with('\r') {
            to -= 1;
        }
        // The caret needs something to point at, even if something is missing.
        if from == to && to < end && !self.text[to..].starts_with('\n') {
            to = self.text.ceil_char_boundary(to + 1);
        }
        from..to
    }

    /// All mistakes as a report, errors before warnings, in the order of their places.
    #[must_use]
    pub fn report(&self, mistakes: &[Mistake], colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut sorted: Vec<&Mistake> = mistakes.iter().collect();
        sorted.sort_by_key(|mistake| (mistake.severity(), mistake.span.start));
        let more = sorted.len().saturating_sub(MOST_SHOWN);
        let shown = sorted.into_iter().take(MOST_SHOWN).map(|mistake| self.report_one(mistake, &renderer));
        let mut reports: Vec<String> = shown.collect();
        if more > 0 {
            reports.push(format!("... and {more} more"));
        }
        reports.join("\n\n") + "\n"
    }

    /// An error about a place that is no mistake in the file: a test that failed.
    #[must_use]
    pub fn failure(&self, span: &Span, title: &str, label: &str, notes: &[String], colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let notes = notes.iter().map(|note| Level::NOTE.message(tidy(note))).collect();
        let pointer = Pointer { level: Level::ERROR, code: None, title, label, span, other: None, notes };
        self.point(pointer, &renderer.decor_style(DecorStyle::Ascii))
    }

    fn report_one(&self, mistake: &Mistake, renderer: &Renderer) -> String {
        let level = match mistake.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let allowed = mistake.allowed.iter().map(|allowed| Level::NOTE.message(format!("allowed: {}", tidy(allowed))));
        let notes = allowed.chain(mistake.help.iter().map(|help| Level::HELP.message(tidy(help)))).collect();
        let (code, other) = (Some(mistake.code.as_str()), mistake.other.as_ref());
        let (title, label, span) = (mistake.title.as_str(), mistake.label.as_str(), &mistake.span);
        self.point(Pointer { level, code, title, label, span, other, notes }, renderer)
    }

    fn point(&self, pointer: Pointer<'_>, renderer: &Renderer) -> String {
        let (title, label) = (tidy(pointer.title), tidy(pointer.label));
        let span = self.fit(pointer.span);
        let other = pointer.other.map(|(span, label)| (self.fit(span), tidy(label)));
        // Only the lines that are shown: the renderer scans all of its input for every mistake.
        let first = other.as_ref().map_or(span.start, |(other, _)| other.start.min(span.start));
        let last = other.as_ref().map_or(span.end, |(other, _)| other.end.max(span.end));
        let from = self.text[..first].rfind('\n').map_or(0, |end| end + 1);
        let to = self.text[last..].find('\n').map_or(self.text.len(), |end| last + end + 1);
        // And only the surroundings of the place in a very long line.
        let cut = first - from > LONG_LINE;
        let from = if cut { self.text.floor_char_boundary(first - LONG_LINE / 2) } else { from };
        let to = self.text.ceil_char_boundary(to.min(last + LONG_LINE));
        let within = |span: Span| span.start - from..span.end - from;
        // The renderer replaces characters that change the direction of text, but leaves the C1 control characters, which
        // some terminals obey. The replacement has as many bytes, so that places stay right.
        let upper = |c: char| matches!(c, '\u{80}'..='\u{9f}');
        let (shown, path) = (self.text[from..to].replace(upper, "\u{bf}"), tidy(&self.path));
        let mut snippet = Snippet::source(shown.as_str())
            .line_start(self.place(first).line)
            .path((!cut).then_some(path.as_str()))
            .annotation(AnnotationKind::Primary.span(within(span.clone())).label(label.as_str()));
        if let Some((span, label)) = &other {
            snippet = snippet.annotation(AnnotationKind::Context.span(within(span.clone())).label(label.as_str()));
        }
        let title = pointer.level.primary_title(title.as_str());
        let title = if let Some(code) = pointer.code { title.id(code) } else { title };
        let mut group = if cut {
            // The renderer would count from the cut.
            let Position { line, column } = self.place(span.start);
            title.element(Origin::path(path.as_str()).line(line).char_column(column)).element(snippet)
        } else {
            title.element(snippet)
        };
        for note in pointer.notes {
            group = group.element(note);
        }
        renderer.render(&[group])
    }
}

/// Maximum number of characters shown of a quotation.
const SHOWN: usize = 120;

/// A message that is safe to print, whatever it quotes: on one line, without control characters or changes of text
/// direction, long quotations cut.
#[must_use]
pub fn tidy(words: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shortened = |part: &str| match part.char_indices().nth(SHOWN) {
        Some((end, _)) if part.chars().count() > SHOWN + 20 => format!("{}...", &part[..end]),
        _ => part.to_owned(),
    };
    // Every other part is between backticks.
    let parts = words.split('`').enumerate();
    let parts: Vec<String> =
        parts.map(|(at, part)| if at % 2 == 1 { shortened(part) } else { part.to_owned() }).collect();
    let mut tidied = String::new();
    for c in parts.join("`").chars() {
        if c.is_control() || turns(c) || !fanggen_runtime::model::values::is_printable(c) {
            tidied.extend(c.escape_default());
        } else {
            tidied.push(c);
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_cannot_spoil_the_report() {
        assert_eq!(tidy("`a\nb\u{1b}[31m` is `\u{202e}x`"), "`a\\nb\\u{1b}[31m` is `\\u{202e}x`");
        assert_eq!(tidy(&format!("`{}` is long", "é".repeat(500))), format!("`{}...` is long", "é".repeat(120)));
        let sentence = "words ".repeat(100);
        assert_eq!(tidy(&sentence), sentence);
    }

    #[test]
    fn a_place_is_the_one_that_counting_gives() {
        let text = format!("a = 1\r\n\n{} # ü\u{1f600}\nlast", "é".repeat(3_000));
        let source = SourceFile::new("x.toml", &text);
        for (at, _) in text.char_indices().chain([(text.len(), ' '), (text.len() + 9, ' ')]) {
            let before = &text[..at.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            assert_eq!(source.place(at), Position { line, column }, "byte {at}");
        }
    }

    #[test]
    fn nothing_of_the_file_commands_the_terminal() {
        let source = SourceFile::new("a\u{9b}b.toml", "x = \"\u{9b}2J\u{90}\" # \u{202e}\n");
        let mistake = Mistake::new(MistakeCode::InvalidValue, &(4..12), "`\u{9b}`", "\u{9d}").other(&(0..1), "\u{85}");
        let report = source.report(&[mistake], false);
        assert!(!report.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{report:?}");
    }

    #[test]
    fn a_long_line_is_cut_and_its_places_are_not() {
        let text = format!("a = 1\nx = [{}wrong, {}]\n", "\u{e9}, ".repeat(100_000), "y, ".repeat(100_000));
        let source = SourceFile::new("x.toml", &text);
        let at = text.find("wrong").expect("it is there");
        let report =
            source.report(&[Mistake::new(MistakeCode::InvalidValue, &(at..at + 5), "a title", "found here")], false);
        assert!(report.contains("--> x.toml:2:300006\n") && report.contains("wrong"), "{report}");
        assert!(report.contains("^^^^^ found here") && report.len() < 2_000, "{report}");
    }
}
