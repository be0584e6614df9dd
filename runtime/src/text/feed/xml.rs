//! XML, as feeds write it: read an element and all below it at a time.

use std::rc::Rc;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, Event};
use url::Url;

use super::element::{Base, Element, Node, Space, element};
use super::{Entry, Feed, Kept, QUOTED, atom, rss, unread, unreadable};
use crate::model::error::Error;
use crate::model::values::short;
use crate::text::html;

/// Elements below one another, at most: no feed needs a tenth of it.
const DEEP: usize = 200;

/// Elements, and texts between them, that are kept of one entry, at most: a hundred times those of a long article.
const NODES: usize = 20_000;

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
