//! RSS 0.9x, 1.0 and 2.0: an item's elements are an entry's parts.

use super::element::{Base, Element, Space};
use super::{Entry, Feed, date, language, said, some, whole};

/// What the root or the channel says by its attributes.
pub fn about(feed: &mut Feed, element: &Element) {
    if let Some(named) = element.attribute("xml:lang").and_then(language) {
        feed.language = Some(named);
    }
}

/// What an element of the channel says of the feed.
pub fn tell(feed: &mut Feed, element: &Element) {
    match (element.space, element.name.as_str()) {
        (Space::Own | Space::Dublin, "title") if feed.title.is_none() => feed.title = said(element.html()),
        (Space::Own | Space::Dublin, "language") => feed.language = language(&element.text()).or(feed.language.take()),
        (Space::Own, "copyright") | (Space::Dublin | Space::Atom, "rights") if feed.rights.is_none() => {
            feed.rights = said(element.html());
        }
        _ => {}
    }
}

/// An item.
pub fn entry(item: &Element, base: Option<&Base>) -> Entry {
    let base = item.base(base);
    let html = |space, name: &str| item.child(space, name).map(Element::html).and_then(some);
    let text = |space, name: &str| item.child(space, name).map(|child| child.text().trim().to_owned()).and_then(some);
    let time = |space, name: &str| text(space, name).and_then(|text| date::read(&text));
    let guid = item.child(Space::Own, "guid");
    let id = guid.map(|guid| guid.text().trim().to_owned()).and_then(some);
    // A `guid` is the address of its item unless it says no; many say nothing and are none.
    let permanent = guid.is_some_and(|guid| guid.attribute("isPermaLink").is_none_or(|said| said.trim() != "false"));
    let permanent = id.clone().filter(|id| permanent && (id.starts_with("http://") || id.starts_with("https://")));
    let link = text(Space::Own, "link").or_else(|| {
        let links =
            item.children().filter(|child| matches!(child.space, Space::Atom | Space::Own) && child.name == "link");
        let mut links = links.filter(|link| link.attribute("rel").is_none_or(|rel| rel == "alternate"));
        links.find_map(|link| link.attribute("href").map(str::to_owned))
    });
    Entry {
        id: id.or_else(|| item.attribute("rdf:about").map(|about| about.trim().to_owned()).and_then(some)),
        title: html(Space::Own, "title")
            .or_else(|| html(Space::Dublin, "title"))
            .or_else(|| html(Space::Media, "title"))
            .or_else(|| html(Space::Podcast, "title")),
        summary: html(Space::Own, "description")
            .or_else(|| html(Space::Dublin, "description"))
            .or_else(|| html(Space::Atom, "summary"))
            .or_else(|| html(Space::Podcast, "summary"))
            .or_else(|| media(item)),
        content: html(Space::Content, "encoded")
            .or_else(|| html(Space::Atom, "content"))
            .or_else(|| html(Space::Html, "body"))
            .or_else(|| html(Space::Html, "div")),
        url: link.or(permanent).and_then(|link| whole(&link, base.as_deref())),
        published: time(Space::Own, "pubDate")
            .or_else(|| time(Space::Dublin, "date"))
            .or_else(|| time(Space::Atom, "published"))
            .or_else(|| time(Space::Own, "published"))
            .or_else(|| time(Space::Atom, "updated"))
            .or_else(|| time(Space::Own, "updated"))
            .or_else(|| time(Space::Own, "date")),
        language: text(Space::Dublin, "language")
            .and_then(|named| language(&named))
            .or_else(|| item.attribute("xml:lang").and_then(language)),
        rights: html(Space::Dublin, "rights").or_else(|| html(Space::Own, "copyright")).and_then(said),
        broken: None,
    }
}

/// What Media RSS says of an entry that says nothing else.
pub fn media(entry: &Element) -> Option<String> {
    let group = entry.child(Space::Media, "group");
    let described = entry.child(Space::Media, "description").or(group?.child(Space::Media, "description"))?;
    some(described.html())
}
