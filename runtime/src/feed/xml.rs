//! XML, as feeds write it: an element and all below it at a time, with namespaces told apart where it matters.

use std::borrow::Cow;
use std::rc::Rc;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use url::Url;

use super::{ADDRESS, Entry, Feed, Kept, QUOTED, atom, rss, unread, unreadable};
use crate::error::Error;
use crate::html;
use crate::values::short;

/// Elements below one another, at most: no feed needs a tenth of it.
const DEEP: usize = 200;

/// Elements, and texts between them, that are kept of one entry, at most: a hundred times those of a long article.
const NODES: usize = 20_000;

/// The attributes that anybody asks for.
const ATTRIBUTES: [&str; 8] = ["href", "isPermaLink", "rdf:about", "rel", "src", "type", "xml:base", "xml:lang"];

/// What addresses are made whole by: many elements have the same one.
pub type Base = Rc<Url>;

/// Whose an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The feed's own: RSS of any version, or Atom where that is the root.
    Own,
    /// Atom in an RSS feed.
    Atom,
    /// The module `content` of RSS.
    Content,
    /// Dublin Core.
    Dublin,
    /// Media RSS.
    Media,
    /// Apple's podcasts.
    Podcast,
    /// XHTML.
    Html,
    /// Somebody else's.
    Other,
}

/// Namespaces that are told apart, and by which prefix they go where nobody says.
const SPACES: [(&str, &str, Space); 9] = [
    ("http://www.w3.org/2005/Atom", "atom", Space::Atom),
    ("http://purl.org/atom/ns#", "atom", Space::Atom),
    ("http://purl.org/rss/1.0/modules/content/", "content", Space::Content),
    ("http://purl.org/dc/elements/1.1/", "dc", Space::Dublin),
    ("http://purl.org/dc/terms/", "dcterms", Space::Dublin),
    ("http://search.yahoo.com/mrss/", "media", Space::Media),
    ("http://search.yahoo.com/mrss", "media", Space::Media),
    ("http://www.itunes.com/dtds/podcast-1.0.dtd", "itunes", Space::Podcast),
    ("http://www.w3.org/1999/xhtml", "xhtml", Space::Html),
];

/// Namespaces that all mean RSS: that of 1.0, and those of its elder and younger relatives.
const RSS: [&str; 8] = [
    "http://purl.org/rss/1.0/",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://channel.netscape.com/rdf/simple/0.9/",
    "http://my.netscape.com/publish/formats/rss-0.91.dtd",
    "http://backend.userland.com/rss2",
    "http://backend.userland.com/rss",
    "http://blogs.law.harvard.edu/tech/rss",
    "http://purl.org/net/rss1.1#",
];

/// An element and all below it.
#[derive(Clone, Debug)]
pub struct Element {
    pub space: Space,
    /// Its name, without a prefix.
    pub name: String,
    attributes: Vec<(&'static str, String)>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Element(Element),
}

impl Element {
    /// An attribute, by its name as it is written.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The elements right below it.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first of them with this name.
    pub fn child(&self, space: Space, name: &str) -> Option<&Self> {
        self.children().find(|child| child.space == space && child.name == name)
    }

    /// Its text and that of all below it.
    pub fn text(&self) -> String {
        let mut all = String::new();
        self.collect(&mut all, false);
        all
    }

    /// What is below it, in the words of HTML.
    pub fn markup(&self) -> String {
        let mut all = String::new();
        self.collect(&mut all, true);
        all
    }

    /// Its text, plain, where what it holds is HTML: written as text, or as elements that nobody escaped.
    pub fn html(&self) -> String {
        let is_bare = self.children().next().is_none();
        html::text(&if is_bare { self.text() } else { self.markup() })
    }

    /// The base for addresses in it. One that is too long for an address is none.
    pub fn base(&self, base: Option<&Base>) -> Option<Base> {
        let own = self.attribute("xml:base").map(str::trim).filter(|own| own.len() <= ADDRESS);
        let own = own.and_then(|own| base.map_or_else(|| Url::parse(own), |base| base.join(own)).ok());
        own.filter(|own| own.as_str().len() <= ADDRESS).map(Rc::new).or_else(|| base.cloned())
    }

    fn collect(&self, all: &mut String, markup: bool) {
        for node in &self.nodes {
            match node {
                Node::Text(text) if markup => all.push_str(&quick_xml::escape::minimal_escape(text)),
                Node::Text(text) => all.push_str(text),
                Node::Element(element) if markup && html::is_element(&element.name) => {
                    all.extend(["<", &element.name, ">"]);
                    element.collect(all, markup);
                    if !html::is_void(&element.name) {
                        all.extend(["</", &element.name, ">"]);
                    }
                }
                Node::Element(element) => element.collect(all, markup),
            }
        }
    }
}

/// A document on its way through the reader.
struct Document<'a> {
    reader: NsReader<&'a [u8]>,
    /// Whether elements of Atom are the feed's own.
    is_atom: bool,
}

enum Step {
    Start(Element),
    End,
    Text(String),
    Over,
}

impl Document<'_> {
    fn step(&mut self) -> Result<Step, String> {
        loop {
            let (space, event) =
                self.reader.read_resolved_event().map_err(|error| short(&error.to_string(), QUOTED))?;
            return Ok(match event {
                Event::Start(start) => Step::Start(element(&space, &start, self.is_atom)),
                Event::End(_) => Step::End,
                Event::Text(text) => Step::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Step::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(name) => Step::Text(resolved(&name)),
                Event::Eof => Step::Over,
                // Declarations, comments, instructions. Entities that a document declares stay as they are written.
                _ => continue,
            });
        }
    }

    /// The element that has just begun, with all below it; nothing where that is too much.
    fn rest(&mut self, element: Element) -> Result<Option<Element>, String> {
        let (mut open, mut nodes) = (vec![element], 0);
        loop {
            let (step, depth) = (self.step()?, open.len());
            let Some(last) = open.last_mut() else { return Err("a tag ends that was never begun".into()) };
            match step {
                Step::Text(text) => match last.nodes.last_mut() {
                    // References come apart from the words around them.
                    Some(Node::Text(before)) => before.push_str(&text),
                    _ if nodes < NODES => {
                        nodes += 1;
                        last.nodes.push(Node::Text(text));
                    }
                    _ => nodes = NODES + 1,
                },
                Step::Start(_) if depth >= DEEP => return Err(format!("more than {DEEP} elements are nested")),
                Step::Start(element) => open.push(element),
                Step::Over => return Err(format!("it ends in the middle of `{}`", short(&last.name, QUOTED))),
                Step::End => {
                    let Some(done) = open.pop() else { return Err("a tag ends that was never begun".into()) };
                    match open.last_mut() {
                        Some(around) if nodes < NODES => {
                            nodes += 1;
                            around.nodes.push(Node::Element(done));
                        }
                        Some(_) => nodes = NODES + 1,
                        None => return Ok(Some(done).filter(|_| nodes <= NODES)),
                    }
                }
            }
        }
    }
}

/// Reads a feed written in XML.
pub fn read(text: &str, base: Option<Url>) -> Result<Feed, Error> {
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let mut document = Document { reader, is_atom: false };
    let root = loop {
        match document.step() {
            Ok(Step::Start(root)) => break root,
            Ok(Step::Over) => return Err(unreadable("it holds no element")),
            Ok(_) => {}
            Err(error) => return Err(unreadable(format_args!("it is no XML: {error}"))),
        }
    };
    let (mut feed, mut kept) = (Feed::default(), Kept::default());
    let base = base.map(Rc::new);
    let broken = match root.name.to_ascii_lowercase().as_str() {
        "rss" | "rdf" | "channel" => channel(&mut document, root, base, &mut feed, &mut kept),
        "feed" | "entry" => {
            document.is_atom = true;
            atom_feed(&mut document, root, base, &mut feed, &mut kept)
        }
        "html" => {
            return Err(unreadable("it is an HTML page; perhaps one that names its feed in a `link` of its head"));
        }
        name => return Err(unreadable(format_args!("its root element is `{}`", short(name, QUOTED)))),
    };
    if let Err(why) = broken {
        let words = format!("the feed cannot be read to its end: {why}; {} before that", entries(kept.count()));
        feed.broken = Some(Error::permanent("feed_unreadable", words));
    }
    Ok(kept.end(feed))
}

fn entries(count: usize) -> String {
    match count {
        0 => "no entry was".into(),
        1 => "1 entry was".into(),
        count => format!("{count} entries were"),
    }
}

/// RSS of any version: items lie in the channel, or beside it.
fn channel(
    document: &mut Document<'_>,
    root: Element,
    base: Option<Base>,
    feed: &mut Feed,
    kept: &mut Kept,
) -> Result<(), String> {
    // What was begun and not read as a whole: each has a base of its own.
    let mut around = vec![root.base(base.as_ref())];
    rss::about(feed, &root);
    while let Some(base) = around.last().cloned() {
        match document.step()? {
            Step::Start(element) if element.space == Space::Own && element.name == "item" => {
                let item = document.rest(element)?.map(|item| rss::entry(&item, base.as_ref()));
                kept.push(item.unwrap_or_else(|| too_much(kept)));
            }
            Step::Start(element) if is_around(&element) => {
                rss::about(feed, &element);
                around.push(element.base(base.as_ref()));
                if around.len() > DEEP {
                    return Err(format!("more than {DEEP} elements are nested"));
                }
            }
            Step::Start(element) => {
                if let Some(element) = document.rest(element)?
                    && around.len() <= 2
                {
                    rss::tell(feed, &element);
                }
            }
            Step::End => drop(around.pop()),
            Step::Text(_) => {}
            Step::Over => return Err("it ends in the middle".into()),
        }
    }
    Ok(())
}

/// Whether items may lie in it.
fn is_around(element: &Element) -> bool {
    element.space == Space::Own && matches!(element.name.as_str(), "channel" | "Channel" | "items")
}

fn atom_feed(
    document: &mut Document<'_>,
    root: Element,
    base: Option<Base>,
    feed: &mut Feed,
    kept: &mut Kept,
) -> Result<(), String> {
    let base = root.base(base.as_ref());
    if root.name == "entry" {
        let entry = document.rest(root)?.map(|entry| atom::entry(&entry, base.as_ref()));
        kept.push(entry.unwrap_or_else(|| too_much(kept)));
        return Ok(());
    }
    atom::about(feed, &root);
    loop {
        match document.step()? {
            Step::Start(element) => {
                let is_entry = element.space == Space::Own && element.name == "entry";
                match document.rest(element)? {
                    Some(entry) if is_entry => kept.push(atom::entry(&entry, base.as_ref())),
                    None if is_entry => kept.push(too_much(kept)),
                    Some(element) => atom::tell(feed, &element),
                    None => {}
                }
            }
            Step::End => return Ok(()),
            Step::Text(_) => {}
            Step::Over => return Err("it ends in the middle".into()),
        }
    }
}

fn too_much(kept: &Kept) -> Entry {
    unread(kept.count(), &format!("has more than {NODES} elements and texts in it"))
}

fn element(space: &ResolveResult<'_>, start: &BytesStart<'_>, is_atom: bool) -> Element {
    let mut attributes: Vec<(&'static str, String)> = Vec::new();
    for attribute in start.attributes().with_checks(false).filter_map(Result::ok) {
        let known = ATTRIBUTES.iter().find(|known| **known == attribute.key.as_ref());
        let Some(known) = known.filter(|known| !attributes.iter().any(|(name, _)| name == *known)) else { continue };
        let value = quick_xml::escape::unescape(&attribute.value).unwrap_or(Cow::Borrowed(&attribute.value));
        attributes.push((known, value.into_owned()));
    }
    let (name, prefix) = start.name().decompose();
    let prefix = prefix.map(|prefix| prefix.as_ref().to_owned());
    let space = match space {
        ResolveResult::Bound(namespace) => bound(namespace.as_ref(), prefix.is_none()),
        // A prefix that nobody declared is taken for what it usually stands for.
        ResolveResult::Unknown(_) => {
            let usual = SPACES.iter().find(|(_, usual, _)| Some(*usual) == prefix.as_deref());
            usual.map_or(Space::Other, |(.., space)| *space)
        }
        ResolveResult::Unbound => Space::Own,
    };
    let space = if is_atom && space == Space::Atom { Space::Own } else { space };
    Element { space, name: name.as_ref().to_owned(), attributes, nodes: Vec::new() }
}

/// Whose a namespace is. One that nobody knows is the feed's own where it is the default: many a feed made one up.
fn bound(namespace: &str, is_default: bool) -> Space {
    let namespace = namespace.trim();
    if let Some((.., space)) = SPACES.iter().find(|(known, ..)| *known == namespace) {
        return *space;
    }
    if is_default || RSS.iter().any(|known| known.eq_ignore_ascii_case(namespace)) { Space::Own } else { Space::Other }
}

/// What a reference stands for. Beside those of XML, feeds use those of HTML; others stay as they are written.
fn resolved(name: &BytesRef<'_>) -> String {
    if name.is_char_ref() {
        return name.resolve_char_ref().ok().flatten().unwrap_or(char::REPLACEMENT_CHARACTER).into();
    }
    match quick_xml::escape::resolve_xml_entity(name) {
        Some(known) => known.to_owned(),
        None => html::reference(name),
    }
}
