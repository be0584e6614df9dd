//! An element of XML with all below it, and whose it is: namespaces are told apart where it matters.

use std::borrow::Cow;
use std::rc::Rc;

use quick_xml::events::BytesStart;
use quick_xml::name::ResolveResult;
use url::Url;

use super::ADDRESS;
use crate::text::html;

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
    /// What is in it.
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub enum Node {
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

/// The element that begins here, with nothing in it yet.
pub fn element(space: &ResolveResult<'_>, start: &BytesStart<'_>, is_atom: bool) -> Element {
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
