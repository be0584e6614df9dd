//! The properties of HTML elements, by name.

/// The elements of the HTML standard, including obsolete ones
/// (<https://html.spec.whatwg.org/multipage/indices.html#elements-3>), and `svg` and `math`.
const KNOWN: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "applet",
    "area",
    "article",
    "aside",
    "audio",
    "b",
    "base",
    "basefont",
    "bdi",
    "bdo",
    "bgsound",
    "big",
    "blink",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "datalist",
    "dd",
    "del",
    "details",
    "dfn",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "i",
    "iframe",
    "image",
    "img",
    "input",
    "ins",
    "isindex",
    "kbd",
    "keygen",
    "label",
    "legend",
    "li",
    "link",
    "listing",
    "main",
    "map",
    "mark",
    "marquee",
    "math",
    "menu",
    "menuitem",
    "meta",
    "meter",
    "nav",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "param",
    "picture",
    "plaintext",
    "pre",
    "progress",
    "q",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "script",
    "search",
    "section",
    "select",
    "slot",
    "small",
    "source",
    "spacer",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "track",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
    "xmp",
];

/// Elements without an end tag.
const VOID: &[&str] = &[
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen",
    "link", "meta", "param", "source", "spacer", "track", "wbr",
];

/// Elements whose content is never shown as text.
const HIDDEN: &[&str] = &[
    "applet", "audio", "canvas", "datalist", "iframe", "math", "noembed", "noframes", "noscript", "object", "rp", "rt",
    "script", "style", "svg", "template", "title", "video",
];

/// Elements around the content of a page that are not part of it.
const BOILERPLATE: &[&str] =
    &["aside", "button", "dialog", "footer", "form", "header", "menu", "nav", "search", "select", "textarea"];

/// Elements that do not begin a new line.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "blink", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "image", "img", "input", "ins", "kbd", "label", "link", "mark", "meta", "meter", "nobr", "output", "picture",
    "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "slot", "small", "source", "span",
    "strike", "strong", "style", "sub", "sup", "svg", "template", "time", "tt", "u", "var", "wbr",
];

/// Whether this is the name of an element: of the standard, with a namespace prefix, or a custom element, whose name has a
/// hyphen.
pub fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    contains(KNOWN, &name) || name.contains([':', '-'])
}

/// Whether the element has no end tag.
pub fn is_void(name: &str) -> bool {
    contains(VOID, name)
}

/// Whether the content of the element is never shown as text.
pub fn is_hidden(name: &str) -> bool {
    contains(HIDDEN, name)
}

/// Whether the element surrounds the content of a page.
pub fn is_boilerplate(name: &str) -> bool {
    contains(BOILERPLATE, name)
}

/// Whether the element does not begin a new line.
pub fn is_inline(name: &str) -> bool {
    contains(INLINE, name) || name.contains([':', '-'])
}

fn contains(names: &[&str], name: &str) -> bool {
    names.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_contain_known_elements() {
        for list in [KNOWN, VOID, HIDDEN, BOILERPLATE, INLINE] {
            assert!(list.is_sorted(), "{list:?}");
            assert!(list.iter().all(|name| contains(KNOWN, name)), "{list:?}");
        }
    }
}
