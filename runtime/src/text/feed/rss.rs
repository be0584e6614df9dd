//! RSS 0.9x, 1.0 and 2.0.

use super::element::{BaseUrl, Element, Namespace};
use super::{FeedEntry, ParsedFeed, absolute_url, date, language, metadata, non_blank};

/// Reads the attributes of the root or the channel.
pub fn read_attributes(feed: &mut ParsedFeed, element: &Element) {
    if let Some(tag) = element.attribute("xml:lang").and_then(language) {
        feed.language = Some(tag);
    }
}

/// Reads a child of the channel that is not an item.
pub fn read_metadata(feed: &mut ParsedFeed, element: &Element) {
    match (element.namespace, element.name.as_str()) {
        (Namespace::Own | Namespace::Dublin, "title") if feed.title.is_none() => feed.title = metadata(element.html()),
        (Namespace::Own | Namespace::Dublin, "language") => {
            feed.language = language(&element.text()).or(feed.language.take())
        }
        (Namespace::Own, "copyright") | (Namespace::Dublin | Namespace::Atom, "rights") if feed.rights.is_none() => {
            feed.rights = metadata(element.html());
        }
        _ => {}
    }
}

/// Converts an item.
pub fn entry(item: &Element, base: Option<&BaseUrl>) -> FeedEntry {
    let base = item.base(base);
    let html = |namespace, name: &str| item.child(namespace, name).map(Element::html).and_then(non_blank);
    let text = |namespace, name: &str| {
        item.child(namespace, name).map(|child| child.text().trim().to_owned()).and_then(non_blank)
    };
    let time = |namespace, name: &str| text(namespace, name).and_then(|text| date::read(&text));
    let guid = item.child(Namespace::Own, "guid");
    let id = guid.map(|guid| guid.text().trim().to_owned()).and_then(non_blank);
    // A `guid` is the URL of its item unless `isPermaLink` is false; but many are no URLs at all.
    let permanent = guid.is_some_and(|guid| guid.attribute("isPermaLink").is_none_or(|value| value.trim() != "false"));
    let permanent = id.clone().filter(|id| permanent && (id.starts_with("http://") || id.starts_with("https://")));
    let link = text(Namespace::Own, "link").or_else(|| {
        let links = item
            .children()
            .filter(|child| matches!(child.namespace, Namespace::Atom | Namespace::Own) && child.name == "link");
        let mut links = links.filter(|link| link.attribute("rel").is_none_or(|rel| rel == "alternate"));
        links.find_map(|link| link.attribute("href").map(str::to_owned))
    });
    FeedEntry {
        id: id.or_else(|| item.attribute("rdf:about").map(|about| about.trim().to_owned()).and_then(non_blank)),
        title: html(Namespace::Own, "title")
            .or_else(|| html(Namespace::Dublin, "title"))
            .or_else(|| html(Namespace::Media, "title"))
            .or_else(|| html(Namespace::Podcast, "title")),
        summary: html(Namespace::Own, "description")
            .or_else(|| html(Namespace::Dublin, "description"))
            .or_else(|| html(Namespace::Atom, "summary"))
            .or_else(|| html(Namespace::Podcast, "summary"))
            .or_else(|| media_description(item)),
        content: html(Namespace::Content, "encoded")
            .or_else(|| html(Namespace::Atom, "content"))
            .or_else(|| html(Namespace::Html, "body"))
            .or_else(|| html(Namespace::Html, "div")),
        url: link.or(permanent).and_then(|link| absolute_url(&link, base.as_deref())),
        published: time(Namespace::Own, "pubDate")
            .or_else(|| time(Namespace::Dublin, "date"))
            .or_else(|| time(Namespace::Atom, "published"))
            .or_else(|| time(Namespace::Own, "published"))
            .or_else(|| time(Namespace::Atom, "updated"))
            .or_else(|| time(Namespace::Own, "updated"))
            .or_else(|| time(Namespace::Own, "date")),
        language: text(Namespace::Dublin, "language")
            .and_then(|tag| language(&tag))
            .or_else(|| item.attribute("xml:lang").and_then(language)),
        rights: html(Namespace::Dublin, "rights").or_else(|| html(Namespace::Own, "copyright")).and_then(metadata),
        broken: None,
    }
}

/// The description of Media RSS, for entries without any other.
pub fn media_description(entry: &Element) -> Option<String> {
    let group = entry.child(Namespace::Media, "group");
    let described = entry.child(Namespace::Media, "description").or(group?.child(Namespace::Media, "description"))?;
    non_blank(described.html())
}
