//! Atom 1.0 (RFC 4287) and 0.3.

use super::element::{BaseUrl, Element, Namespace};
use super::{FeedEntry, ParsedFeed, absolute_url, date, language, metadata, non_blank, rss};
use crate::text::html::{self, collapsed};

/// Reads the attributes of the root element.
pub fn read_attributes(feed: &mut ParsedFeed, root: &Element) {
    feed.language = root.attribute("xml:lang").and_then(language);
}

/// Reads a child of the root that is not an entry.
pub fn read_metadata(feed: &mut ParsedFeed, element: &Element) {
    match (element.namespace, element.name.as_str()) {
        (Namespace::Own, "title") if feed.title.is_none() => feed.title = construct(element).and_then(metadata),
        (Namespace::Own, "rights" | "copyright") if feed.rights.is_none() => {
            feed.rights = construct(element).and_then(metadata)
        }
        (Namespace::Dublin, "language") if feed.language.is_none() => feed.language = language(&element.text()),
        _ => {}
    }
}

/// Converts an entry.
pub fn entry(entry: &Element, base: Option<&BaseUrl>) -> FeedEntry {
    let base = entry.base(base);
    let child = |name: &str| entry.child(Namespace::Own, name);
    let time = |name: &str| child(name).and_then(|child| date::read(&child.text()));
    let content = child("content");
    let parts = [content, child("summary"), child("title")].into_iter().flatten();
    FeedEntry {
        id: child("id").map(|id| id.text().trim().to_owned()).and_then(non_blank),
        title: child("title").and_then(construct),
        summary: child("summary").and_then(construct).or_else(|| rss::media_description(entry)),
        content: content.and_then(construct),
        url: link(entry, base.as_ref())
            .or_else(|| absolute_url(content?.attribute("src")?, content?.base(base.as_ref()).as_deref())),
        published: ["published", "issued", "pubDate", "updated", "modified", "created"].into_iter().find_map(time),
        language: entry
            .attribute("xml:lang")
            .and_then(language)
            .or_else(|| parts.filter_map(|child| child.attribute("xml:lang")).find_map(language)),
        rights: child("rights").or_else(|| child("copyright")).and_then(construct).and_then(metadata),
        broken: None,
    }
}

/// The URL of an entry: its `alternate` link, or else the first link that is not about the feed itself.
fn link(entry: &Element, base: Option<&BaseUrl>) -> Option<String> {
    let links = || entry.children().filter(|child| child.namespace == Namespace::Own && child.name == "link");
    let rel = |link: &&Element, of: &[&str]| of.contains(&link.attribute("rel").unwrap_or("alternate"));
    let page = links().find(|link| rel(link, &["alternate"]));
    let link =
        page.or_else(|| links().find(|link| !rel(link, &["self", "edit", "enclosure", "replies", "license"])))?;
    absolute_url(link.attribute("href")?, link.base(base).as_deref())
}

/// The text of a text construct or of content, by its `type`: text, HTML or XHTML; none for any other type.
fn construct(element: &Element) -> Option<String> {
    let kind = element.attribute("type").unwrap_or("text").trim().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let has_elements = element.children().next().is_some();
    non_blank(match kind {
        "html" | "text/html" => element.html(),
        "xhtml" => html::text(&element.markup()),
        kind if kind.ends_with("/xml") || kind.ends_with("+xml") => html::text(&element.markup()),
        "" | "text" if has_elements => html::text(&element.markup()),
        "" | "text" => collapsed(&element.text()),
        kind if kind.starts_with("text/") => collapsed(&element.text()),
        // Images and the like, in base64.
        _ => return None,
    })
}
