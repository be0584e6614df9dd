//! What is known of the elements of HTML by their names.

/// The elements of the HTML standard and those that it calls obsolete
/// (<https://html.spec.whatwg.org/multipage/indices.html#elements-3>), and the roots of the two languages inside it.
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

/// Elements that have no end tag.
const VOID: &[&str] = &[
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen",
    "link", "meta", "param", "source", "spacer", "track", "wbr",
];

/// Elements whose content nobody is shown as text.
const HIDDEN: &[&str] = &[
    "applet", "audio", "canvas", "datalist", "iframe", "math", "noembed", "noframes", "noscript", "object", "rp", "rt",
    "script", "style", "svg", "template", "title", "video",
];

/// Elements around a text which are none of it.
const AROUND: &[&str] =
    &["aside", "button", "dialog", "footer", "form", "header", "menu", "nav", "search", "select", "textarea"];

/// Elements within a line.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "blink", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "image", "img", "input", "ins", "kbd", "label", "link", "mark", "meta", "meter", "nobr", "output", "picture",
    "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "slot", "small", "source", "span",
    "strike", "strong", "style", "sub", "sup", "svg", "template", "time", "tt", "u", "var", "wbr",
];

/// Whether a name is that of an element: one of the standard, one with a prefix, or one that a page defines, which has a
/// dash in it.
pub fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_one(KNOWN, &name) || name.contains([':', '-'])
}

/// Whether an element has no end.
pub fn is_void(name: &str) -> bool {
    is_one(VOID, name)
}

/// Whether nothing of an element is shown as text.
pub fn is_hidden(name: &str) -> bool {
    is_one(HIDDEN, name)
}

/// Whether an element stands around a text and is none of it.
pub fn is_around(name: &str) -> bool {
    is_one(AROUND, name)
}

/// Whether an element begins no line of its own.
pub fn is_inline(name: &str) -> bool {
    is_one(INLINE, name) || name.contains([':', '-'])
}

fn is_one(names: &[&str], name: &str) -> bool {
    names.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_name_nothing_unknown() {
        for list in [KNOWN, VOID, HIDDEN, AROUND, INLINE] {
            assert!(list.is_sorted(), "{list:?}");
            assert!(list.iter().all(|name| is_one(KNOWN, name)), "{list:?}");
        }
    }
}
