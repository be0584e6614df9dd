//! Atom 1.0 (RFC 4287) and 0.3.

use super::element::{Base, Element, Space};
use super::{Entry, Feed, date, language, rss, said, some, whole};
use crate::text::html::{self, collapsed};

/// What the root says by its attributes.
pub fn about(feed: &mut Feed, root: &Element) {
    feed.language = root.attribute("xml:lang").and_then(language);
}

/// What an element of the feed says of it.
pub fn tell(feed: &mut Feed, element: &Element) {
    match (element.space, element.name.as_str()) {
        (Space::Own, "title") if feed.title.is_none() => feed.title = construct(element).and_then(said),
        (Space::Own, "rights" | "copyright") if feed.rights.is_none() => {
            feed.rights = construct(element).and_then(said)
        }
        (Space::Dublin, "language") if feed.language.is_none() => feed.language = language(&element.text()),
        _ => {}
    }
}

/// An entry.
pub fn entry(entry: &Element, base: Option<&Base>) -> Entry {
    let base = entry.base(base);
    let child = |name: &str| entry.child(Space::Own, name);
    let time = |name: &str| child(name).and_then(|child| date::read(&child.text()));
    let content = child("content");
    let parts = [content, child("summary"), child("title")].into_iter().flatten();
    Entry {
        id: child("id").map(|id| id.text().trim().to_owned()).and_then(some),
        title: child("title").and_then(construct),
        summary: child("summary").and_then(construct).or_else(|| rss::media(entry)),
        content: content.and_then(construct),
        url: link(entry, base.as_ref())
            .or_else(|| whole(content?.attribute("src")?, content?.base(base.as_ref()).as_deref())),
        published: ["published", "issued", "pubDate", "updated", "modified", "created"].into_iter().find_map(time),
        language: entry
            .attribute("xml:lang")
            .and_then(language)
            .or_else(|| parts.filter_map(|child| child.attribute("xml:lang")).find_map(language)),
        rights: child("rights").or_else(|| child("copyright")).and_then(construct).and_then(said),
        broken: None,
    }
}

/// The address of an entry: that of its page, or else the first that is none of its parts.
fn link(entry: &Element, base: Option<&Base>) -> Option<String> {
    let links = || entry.children().filter(|child| child.space == Space::Own && child.name == "link");
    let rel = |link: &&Element, of: &[&str]| of.contains(&link.attribute("rel").unwrap_or("alternate"));
    let page = links().find(|link| rel(link, &["alternate"]));
    let link =
        page.or_else(|| links().find(|link| !rel(link, &["self", "edit", "enclosure", "replies", "license"])))?;
    whole(link.attribute("href")?, link.base(base).as_deref())
}

/// A text construct, or content: text, HTML or XHTML by its `type`. What is none of them is no text.
fn construct(element: &Element) -> Option<String> {
    let kind = element.attribute("type").unwrap_or("text").trim().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let has_elements = element.children().next().is_some();
    some(match kind {
        "html" | "text/html" => element.html(),
        "xhtml" => html::text(&element.markup()),
        kind if kind.ends_with("/xml") || kind.ends_with("+xml") => html::text(&element.markup()),
        "" | "text" if has_elements => html::text(&element.markup()),
        "" | "text" => collapsed(&element.text()),
        kind if kind.starts_with("text/") => collapsed(&element.text()),
        // Pictures and the like, in base64.
        _ => return None,
    })
}
