//! An XML element with all its descendants, and the namespaces that matter in feeds.

use std::borrow::Cow;
use std::rc::Rc;

use quick_xml::events::BytesStart;
use quick_xml::name::ResolveResult;
use url::Url;

use super::MAX_URL_BYTES;
use crate::text::html;

/// The attributes that are kept.
const ATTRIBUTES: [&str; 8] = ["href", "isPermaLink", "rdf:about", "rel", "src", "type", "xml:base", "xml:lang"];

/// The base of relative URLs; many elements share one.
pub type BaseUrl = Rc<Url>;

/// The namespace of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The feed's own: RSS of any version, or Atom in an Atom feed.
    Own,
    /// Atom in an RSS feed.
    Atom,
    /// The module `content` of RSS.
    Content,
    /// Dublin Core.
    Dublin,
    /// Media RSS.
    Media,
    /// Apple Podcasts.
    Podcast,
    /// XHTML.
    Html,
    /// Any other.
    Other,
}

/// The known namespaces, with the usual prefix of each.
const NAMESPACES: [(&str, &str, Namespace); 9] = [
    ("http://www.w3.org/2005/Atom", "atom", Namespace::Atom),
    ("http://purl.org/atom/ns#", "atom", Namespace::Atom),
    ("http://purl.org/rss/1.0/modules/content/", "content", Namespace::Content),
    ("http://purl.org/dc/elements/1.1/", "dc", Namespace::Dublin),
    ("http://purl.org/dc/terms/", "dcterms", Namespace::Dublin),
    ("http://search.yahoo.com/mrss/", "media", Namespace::Media),
    ("http://search.yahoo.com/mrss", "media", Namespace::Media),
    ("http://www.itunes.com/dtds/podcast-1.0.dtd", "itunes", Namespace::Podcast),
    ("http://www.w3.org/1999/xhtml", "xhtml", Namespace::Html),
];

/// The namespaces of all versions of RSS.
const RSS_NAMESPACES: [&str; 8] = [
    "http://purl.org/rss/1.0/",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://channel.netscape.com/rdf/simple/0.9/",
    "http://my.netscape.com/publish/formats/rss-0.91.dtd",
    "http://backend.userland.com/rss2",
    "http://backend.userland.com/rss",
    "http://blogs.law.harvard.edu/tech/rss",
    "http://purl.org/net/rss1.1#",
];

/// An element with its descendants.
#[derive(Clone, Debug)]
pub struct Element {
    pub namespace: Namespace,
    /// Its name without the prefix.
    pub name: String,
    attributes: Vec<(&'static str, String)>,
    /// Its children.
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub enum Node {
    Text(String),
    Element(Element),
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The child elements.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child element with this name.
    pub fn child(&self, namespace: Namespace, name: &str) -> Option<&Self> {
        self.children().find(|child| child.namespace == namespace && child.name == name)
    }

    /// The text of the element and its descendants.
    pub fn text(&self) -> String {
        let mut all = String::new();
        self.collect(&mut all, false);
        all
    }

    /// The content as HTML.
    pub fn markup(&self) -> String {
        let mut all = String::new();
        self.collect(&mut all, true);
        all
    }

    /// The plain text of HTML content, whether it is escaped or written as elements.
    pub fn html(&self) -> String {
        let is_escaped = self.children().next().is_none();
        html::text(&if is_escaped { self.text() } else { self.markup() })
    }

    /// The base of URLs inside the element; a base that is too long is ignored.
    pub fn base(&self, base: Option<&BaseUrl>) -> Option<BaseUrl> {
        let own = self.attribute("xml:base").map(str::trim).filter(|own| own.len() <= MAX_URL_BYTES);
        let own = own.and_then(|own| base.map_or_else(|| Url::parse(own), |base| base.join(own)).ok());
        own.filter(|own| own.as_str().len() <= MAX_URL_BYTES).map(Rc::new).or_else(|| base.cloned())
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

/// The element of a start tag, without children yet.
pub fn from_start_tag(namespace: &ResolveResult<'_>, start: &BytesStart<'_>, is_atom: bool) -> Element {
    let mut attributes: Vec<(&'static str, String)> = Vec::new();
    for attribute in start.attributes().with_checks(false).filter_map(Result::ok) {
        let known = ATTRIBUTES.iter().find(|known| **known == attribute.key.as_ref());
        let Some(known) = known.filter(|known| !attributes.iter().any(|(name, _)| name == *known)) else { continue };
        let value = quick_xml::escape::unescape(&attribute.value).unwrap_or(Cow::Borrowed(&attribute.value));
        attributes.push((known, value.into_owned()));
    }
    let (name, prefix) = start.name().decompose();
    let prefix = prefix.map(|prefix| prefix.as_ref().to_owned());
    let namespace = match namespace {
        ResolveResult::Bound(name) => bound(name.as_ref(), prefix.is_none()),
        // An undeclared prefix stands for its usual namespace.
        ResolveResult::Unknown(_) => {
            let usual = NAMESPACES.iter().find(|(_, usual, _)| Some(*usual) == prefix.as_deref());
            usual.map_or(Namespace::Other, |(.., namespace)| *namespace)
        }
        ResolveResult::Unbound => Namespace::Own,
    };
    let namespace = if is_atom && namespace == Namespace::Atom { Namespace::Own } else { namespace };
    Element { namespace, name: name.as_ref().to_owned(), attributes, nodes: Vec::new() }
}

/// The namespace of a URI. An unknown default namespace is the feed's own, since many feeds made one up.
fn bound(uri: &str, is_default: bool) -> Namespace {
    let uri = uri.trim();
    if let Some((.., namespace)) = NAMESPACES.iter().find(|(known, ..)| *known == uri) {
        return *namespace;
    }
    if is_default || RSS_NAMESPACES.iter().any(|known| known.eq_ignore_ascii_case(uri)) {
        Namespace::Own
    } else {
        Namespace::Other
    }
}
