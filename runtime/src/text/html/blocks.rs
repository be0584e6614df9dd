//! The paragraphs of a document: how much of each is links, and whether it is inside `main` or `article`.

use super::{Boilerplate, collapsed, names};

/// A paragraph.
#[derive(Debug, Default)]
struct Block {
    text: String,
    /// Number of its characters inside links.
    linked: usize,
    heading: bool,
    main: bool,
}

/// Collects the paragraphs of a document tag by tag. End tags may be missing, duplicated or out of order.
#[derive(Debug)]
pub struct Blocks {
    boilerplate: Boilerplate,
    done: Vec<Block>,
    current: Block,
    title: String,
    in_title: bool,
    /// The language of the root element.
    pub language: Option<String>,
    /// The name of the current attribute.
    pub attribute: Vec<u8>,
    on_root: bool,
    /// The element being skipped, and how often it is nested.
    skipping: Option<(String, usize)>,
    open_links: usize,
    open_mains: usize,
    /// Whether a form was skipped.
    pub forms: bool,
}

impl Blocks {
    pub fn new(boilerplate: Boilerplate) -> Self {
        Self {
            boilerplate,
            done: Vec::new(),
            current: Block::default(),
            title: String::new(),
            in_title: false,
            language: None,
            attribute: Vec::new(),
            on_root: false,
            skipping: None,
            open_links: 0,
            open_mains: 0,
            forms: false,
        }
    }

    pub fn open(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.on_root = name == "html";
        self.attribute.clear();
        if let Some((skipped, depth)) = &mut self.skipping {
            *depth += usize::from(*skipped == name);
            return;
        }
        if name == "title" && self.title.is_empty() {
            self.in_title = true;
        }
        if self.skips(&name) && !names::is_void(&name) {
            self.boundary(&name);
            self.forms |= name == "form";
            self.skipping = Some((name, 1));
            return;
        }
        match name.as_str() {
            "a" => self.open_links += 1,
            "main" | "article" => {
                self.boundary(&name);
                self.open_mains += 1;
            }
            "td" | "th" | "option" => self.current.text.push(' '),
            _ => self.boundary(&name),
        }
        if matches!(name.as_bytes(), [b'h', b'1'..=b'6']) {
            self.current.heading = true;
        }
    }

    pub fn close(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.in_title &= name != "title";
        if let Some((skipped, depth)) = &mut self.skipping {
            // The end tag of a ruby text is optional.
            let ends_all = name == "ruby" && matches!(skipped.as_str(), "rp" | "rt");
            *depth = if ends_all { 0 } else { *depth - usize::from(*skipped == name) };
            if *depth == 0 {
                self.skipping = None;
                self.boundary(&name);
            }
            return;
        }
        match name.as_str() {
            "a" => self.open_links = self.open_links.saturating_sub(1),
            "main" | "article" => {
                self.boundary(&name);
                self.open_mains = self.open_mains.saturating_sub(1);
            }
            "td" | "th" => {}
            _ => self.boundary(&name),
        }
    }

    pub fn value(&mut self, value: &[u8]) {
        if self.on_root && self.language.is_none() && matches!(self.attribute.as_slice(), b"lang" | b"xml:lang") {
            let language = String::from_utf8_lossy(value).trim().to_owned();
            self.language = Some(language).filter(|language| !language.is_empty());
        }
    }

    pub fn text(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        }
        if self.skipping.is_some() {
            return;
        }
        if self.open_links > 0 {
            self.current.linked += text.split_whitespace().map(|word| word.chars().count()).sum::<usize>();
        }
        self.current.main |= self.open_mains > 0;
        // A line break in the source is a space.
        self.current.text.extend(text.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    }

    pub fn finish(&mut self) {
        self.flush();
    }

    /// The title of the document.
    pub fn title(&self) -> Option<String> {
        Some(collapsed(&self.title).replace('\n', " ")).filter(|title| !title.is_empty())
    }

    /// All paragraphs.
    pub fn all(&self) -> String {
        self.join(|_| true)
    }

    /// The paragraphs inside `main` or `article`.
    pub fn main(&self) -> String {
        self.join(|block| block.main && !block.is_menu())
    }

    /// The paragraphs that are not mostly links.
    pub fn outside_links(&self) -> String {
        self.join(|block| !block.is_menu())
    }

    fn join(&self, keep: impl Fn(&Block) -> bool) -> String {
        let kept = self.done.iter().filter(|block| keep(block)).map(|block| block.text.as_str());
        kept.collect::<Vec<_>>().join("\n")
    }

    fn skips(&self, name: &str) -> bool {
        // The header of an article holds its headline.
        let boilerplate = match self.boilerplate {
            Boilerplate::Keep => false,
            Boilerplate::Drop => names::is_boilerplate(name),
            Boilerplate::DropExceptForms => names::is_boilerplate(name) && name != "form",
        };
        names::is_hidden(name) || (boilerplate && !(name == "header" && self.open_mains > 0))
    }

    /// A block element begins or ends, and with it a paragraph.
    fn boundary(&mut self, name: &str) {
        if !names::is_inline(name) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut block = std::mem::take(&mut self.current);
        block.text = collapsed(&block.text);
        if !block.text.is_empty() {
            self.done.push(block);
        }
    }
}

impl Block {
    /// Whether more than half of its characters are in links.
    fn is_menu(&self) -> bool {
        let characters = self.text.chars().filter(|c| !c.is_whitespace()).count();
        !self.heading && self.linked * 2 > characters
    }
}
