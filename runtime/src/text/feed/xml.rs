//! Feeds in XML, read one element with its descendants at a time.

use std::rc::Rc;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, Event};
use url::Url;

use super::element::{BaseUrl, Element, Namespace, Node, from_start_tag};
use super::{EntryCollector, FeedEntry, MAX_QUOTE_CHARS, ParsedFeed, atom, broken_entry, rss, unreadable};
use crate::model::error::{Error, ErrorCode};
use crate::model::values::truncate;
use crate::text::html;

/// Maximum nesting of elements; real feeds have a tenth of it.
const MAX_DEPTH: usize = 200;

/// Maximum number of elements and texts in one entry: a hundred times those of a long article.
const MAX_NODES: usize = 20_000;

/// A document that is being read.
struct XmlReader<'a> {
    reader: NsReader<&'a [u8]>,
    /// Whether the feed is Atom.
    is_atom: bool,
}

enum XmlEvent {
    Start(Element),
    End,
    Text(String),
    Eof,
}

impl XmlReader<'_> {
    fn next_event(&mut self) -> Result<XmlEvent, String> {
        loop {
            let (namespace, event) =
                self.reader.read_resolved_event().map_err(|error| truncate(&error.to_string(), MAX_QUOTE_CHARS))?;
            return Ok(match event {
                Event::Start(start) => XmlEvent::Start(from_start_tag(&namespace, &start, self.is_atom)),
                Event::End(_) => XmlEvent::End,
                Event::Text(text) => XmlEvent::Text(text.xml10_content().into_owned()),
                Event::CData(text) => XmlEvent::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(name) => XmlEvent::Text(resolve(&name)),
                Event::Eof => XmlEvent::Eof,
                // Declarations, comments and processing instructions. Declared entities are not expanded.
                _ => continue,
            });
        }
    }

    /// Reads the descendants of an element that has just begun; none if there are too many.
    fn read_element(&mut self, element: Element) -> Result<Option<Element>, String> {
        let (mut open, mut nodes) = (vec![element], 0);
        loop {
            let (event, depth) = (self.next_event()?, open.len());
            let Some(last) = open.last_mut() else { return Err("an end tag has no start tag".into()) };
            match event {
                XmlEvent::Text(text) => match last.nodes.last_mut() {
                    // Entity references arrive as separate texts.
                    Some(Node::Text(before)) => before.push_str(&text),
                    _ if nodes < MAX_NODES => {
                        nodes += 1;
                        last.nodes.push(Node::Text(text));
                    }
                    _ => nodes = MAX_NODES + 1,
                },
                XmlEvent::Start(_) if depth >= MAX_DEPTH => {
                    return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
                }
                XmlEvent::Start(element) => open.push(element),
                XmlEvent::Eof => return Err(format!("it ends inside `{}`", truncate(&last.name, MAX_QUOTE_CHARS))),
                XmlEvent::End => {
                    let Some(done) = open.pop() else { return Err("an end tag has no start tag".into()) };
                    match open.last_mut() {
                        Some(around) if nodes < MAX_NODES => {
                            nodes += 1;
                            around.nodes.push(Node::Element(done));
                        }
                        Some(_) => nodes = MAX_NODES + 1,
                        None => return Ok(Some(done).filter(|_| nodes <= MAX_NODES)),
                    }
                }
            }
        }
    }
}

/// Reads an XML feed.
pub fn read(text: &str, base: Option<Url>) -> Result<ParsedFeed, Error> {
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let mut document = XmlReader { reader, is_atom: false };
    let root = loop {
        match document.next_event() {
            Ok(XmlEvent::Start(root)) => break root,
            Ok(XmlEvent::Eof) => return Err(unreadable("it contains no element")),
            Ok(_) => {}
            Err(error) => return Err(unreadable(format_args!("it is not valid XML: {error}"))),
        }
    };
    let (mut feed, mut collector) = (ParsedFeed::default(), EntryCollector::default());
    let base = base.map(Rc::new);
    let broken = match root.name.to_ascii_lowercase().as_str() {
        "rss" | "rdf" | "channel" => read_rss(&mut document, root, base, &mut feed, &mut collector),
        "feed" | "entry" => {
            document.is_atom = true;
            read_atom(&mut document, root, base, &mut feed, &mut collector)
        }
        "html" => {
            return Err(unreadable("it is an HTML page: look for the feed's URL in a `link` of its head"));
        }
        name => return Err(unreadable(format_args!("its root element is `{}`", truncate(name, MAX_QUOTE_CHARS)))),
    };
    if let Err(why) = broken {
        let message = format!("the feed breaks off: {why}; {} read before that", entries(collector.count()));
        feed.broken = Some(Error::permanent(ErrorCode::FeedUnreadable, message));
    }
    Ok(collector.finish(feed))
}

fn entries(count: usize) -> String {
    match count {
        1 => "1 entry was".into(),
        count => format!("{count} entries were"),
    }
}

/// Reads RSS of any version: items are inside the channel or beside it.
fn read_rss(
    document: &mut XmlReader<'_>,
    root: Element,
    base: Option<BaseUrl>,
    feed: &mut ParsedFeed,
    collector: &mut EntryCollector,
) -> Result<(), String> {
    // The open elements, each with its base URL.
    let mut open_elements = vec![root.base(base.as_ref())];
    rss::read_attributes(feed, &root);
    while let Some(base) = open_elements.last().cloned() {
        match document.next_event()? {
            XmlEvent::Start(element) if element.namespace == Namespace::Own && element.name == "item" => {
                let item = document.read_element(element)?.map(|item| rss::entry(&item, base.as_ref()));
                collector.push(item.unwrap_or_else(|| too_large(collector)));
            }
            XmlEvent::Start(element) if is_container(&element) => {
                rss::read_attributes(feed, &element);
                open_elements.push(element.base(base.as_ref()));
                if open_elements.len() > MAX_DEPTH {
                    return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
                }
            }
            XmlEvent::Start(element) => {
                if let Some(element) = document.read_element(element)?
                    && open_elements.len() <= 2
                {
                    rss::read_metadata(feed, &element);
                }
            }
            XmlEvent::End => drop(open_elements.pop()),
            XmlEvent::Text(_) => {}
            XmlEvent::Eof => return Err("it ends early".into()),
        }
    }
    Ok(())
}

/// Whether items may be inside this element.
fn is_container(element: &Element) -> bool {
    element.namespace == Namespace::Own && matches!(element.name.as_str(), "channel" | "Channel" | "items")
}

fn read_atom(
    document: &mut XmlReader<'_>,
    root: Element,
    base: Option<BaseUrl>,
    feed: &mut ParsedFeed,
    collector: &mut EntryCollector,
) -> Result<(), String> {
    let base = root.base(base.as_ref());
    if root.name == "entry" {
        let entry = document.read_element(root)?.map(|entry| atom::entry(&entry, base.as_ref()));
        collector.push(entry.unwrap_or_else(|| too_large(collector)));
        return Ok(());
    }
    atom::read_attributes(feed, &root);
    loop {
        match document.next_event()? {
            XmlEvent::Start(element) => {
                let is_entry = element.namespace == Namespace::Own && element.name == "entry";
                match document.read_element(element)? {
                    Some(entry) if is_entry => collector.push(atom::entry(&entry, base.as_ref())),
                    None if is_entry => collector.push(too_large(collector)),
                    Some(element) => atom::read_metadata(feed, &element),
                    None => {}
                }
            }
            XmlEvent::End => return Ok(()),
            XmlEvent::Text(_) => {}
            XmlEvent::Eof => return Err("it ends early".into()),
        }
    }
}

fn too_large(collector: &EntryCollector) -> FeedEntry {
    broken_entry(collector.count(), &format!("contains more than {MAX_NODES} elements and texts"))
}

/// The text of an entity reference. Feeds also use the references of HTML; unknown ones stay as they are written.
fn resolve(name: &BytesRef<'_>) -> String {
    if name.is_char_ref() {
        return name.resolve_char_ref().ok().flatten().unwrap_or(char::REPLACEMENT_CHARACTER).into();
    }
    match quick_xml::escape::resolve_xml_entity(name) {
        Some(known) => known.to_owned(),
        None => html::resolve_reference(name),
    }
}
