//! The paragraphs of a document, and what is known of each: how much of it is links, whether it is in the main part.

use super::{Keep, collapsed, names};

/// A paragraph in the making.
#[derive(Debug, Default)]
struct Block {
    text: String,
    /// Characters of it that are in links.
    linked: usize,
    heading: bool,
    main: bool,
}

/// What is read of a document, tag by tag. End tags may be missing, doubled and crossed.
#[derive(Debug)]
pub struct Blocks {
    keep: Keep,
    done: Vec<Block>,
    now: Block,
    title: String,
    in_title: bool,
    /// What the root element says.
    pub language: Option<String>,
    /// The attribute whose value is read.
    pub attribute: Vec<u8>,
    on_root: bool,
    /// The element that is left out, and how often it is open.
    out: Option<(String, usize)>,
    links: usize,
    mains: usize,
    /// Whether a form was left out.
    pub forms: bool,
}

impl Blocks {
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            done: Vec::new(),
            now: Block::default(),
            title: String::new(),
            in_title: false,
            language: None,
            attribute: Vec::new(),
            on_root: false,
            out: None,
            links: 0,
            mains: 0,
            forms: false,
        }
    }

    pub fn open(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.on_root = name == "html";
        self.attribute.clear();
        if let Some((out, depth)) = &mut self.out {
            *depth += usize::from(*out == name);
            return;
        }
        if name == "title" && self.title.is_empty() {
            self.in_title = true;
        }
        if self.leaves_out(&name) && !names::is_void(&name) {
            self.border(&name);
            self.forms |= name == "form";
            self.out = Some((name, 1));
            return;
        }
        match name.as_str() {
            "a" => self.links += 1,
            "main" | "article" => {
                self.border(&name);
                self.mains += 1;
            }
            "td" | "th" | "option" => self.now.text.push(' '),
            _ => self.border(&name),
        }
        if matches!(name.as_bytes(), [b'h', b'1'..=b'6']) {
            self.now.heading = true;
        }
    }

    pub fn close(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.in_title &= name != "title";
        if let Some((out, depth)) = &mut self.out {
            // The end tag of a ruby text may be missing.
            let ends_all = name == "ruby" && matches!(out.as_str(), "rp" | "rt");
            *depth = if ends_all { 0 } else { *depth - usize::from(*out == name) };
            if *depth == 0 {
                self.out = None;
                self.border(&name);
            }
            return;
        }
        match name.as_str() {
            "a" => self.links = self.links.saturating_sub(1),
            "main" | "article" => {
                self.border(&name);
                self.mains = self.mains.saturating_sub(1);
            }
            "td" | "th" => {}
            _ => self.border(&name),
        }
    }

    pub fn value(&mut self, value: &[u8]) {
        if self.on_root && self.language.is_none() && matches!(self.attribute.as_slice(), b"lang" | b"xml:lang") {
            let said = String::from_utf8_lossy(value).trim().to_owned();
            self.language = Some(said).filter(|said| !said.is_empty());
        }
    }

    pub fn text(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        }
        if self.out.is_some() {
            return;
        }
        if self.links > 0 {
            self.now.linked += text.split_whitespace().map(|word| word.chars().count()).sum::<usize>();
        }
        self.now.main |= self.mains > 0;
        // A new line in the source is a blank.
        self.now.text.extend(text.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    }

    pub fn end(&mut self) {
        self.flush();
    }

    /// What the document calls itself.
    pub fn title(&self) -> Option<String> {
        Some(collapsed(&self.title).replace('\n', " ")).filter(|title| !title.is_empty())
    }

    /// All paragraphs.
    pub fn all(&self) -> String {
        self.join(|_| true)
    }

    /// The paragraphs of the main part.
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

    fn leaves_out(&self, name: &str) -> bool {
        // The header of an article holds its headline.
        let around = match self.keep {
            Keep::All => false,
            Keep::Text => names::is_around(name),
            Keep::Forms => names::is_around(name) && name != "form",
        };
        names::is_hidden(name) || (around && !(name == "header" && self.mains > 0))
    }

    /// An element begins or ends: what is not within a line begins another one.
    fn border(&mut self, name: &str) {
        if !names::is_inline(name) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut block = std::mem::take(&mut self.now);
        block.text = collapsed(&block.text);
        if !block.text.is_empty() {
            self.done.push(block);
        }
    }
}

impl Block {
    /// Whether it is mostly links: more than half of its characters.
    fn is_menu(&self) -> bool {
        let characters = self.text.chars().filter(|c| !c.is_whitespace()).count();
        !self.heading && self.linked * 2 > characters
    }
}
