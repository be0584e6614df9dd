//! The readable text of HTML: all text of a fragment, and the main content of a page.

mod blocks;
mod names;

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use blocks::Blocks;

/// Minimum length in characters for `main` or `article` to count as the content of a page.
const MIN_MAIN_CHARS: usize = 140;

/// How many times longer the text must be with forms than without before forms count as content.
const FORM_RATIO: usize = 10;

/// The readable parts of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadablePage {
    /// The title.
    pub title: Option<String>,
    /// The language, as the page declares it.
    pub language: Option<String>,
    /// The readable text, one paragraph per line.
    pub text: String,
}

/// What is left out of a document, besides elements that are never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boilerplate {
    /// Nothing.
    Keep,
    /// Menus, headers, footers and forms.
    Drop,
    /// Menus, headers and footers.
    DropExceptForms,
}

/// The text of a fragment, one paragraph per line. A `<` without the name of an HTML element after it is not markup: `a < b`
/// and `Vec<T>` stay as they are, and so does an unclosed element that would hide the rest of the text.
#[must_use]
pub fn text(fragment: &str) -> String {
    if !fragment.contains(['<', '&']) {
        return collapsed(fragment);
    }
    read(&escaped(&closed(fragment, names::is_hidden)), Boilerplate::Keep).all()
}

/// The text with every run of whitespace in a line collapsed into one space, and lines trimmed.
#[must_use]
pub fn collapsed(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        for (at, word) in line.split_whitespace().enumerate() {
            if at > 0 {
                all.push(' ');
            } else if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(word);
        }
    }
    all
}

/// The readable text of a page: its `main` or `article` if it has one, or else all paragraphs that are not mostly links. If
/// that is nothing, it is everything that a browser would show.
#[must_use]
pub fn page(document: &str) -> ReadablePage {
    // In XML every element may be self-closing.
    let is_xml = document.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml");
    let document = &*closed(document, |name| matches!(name, "svg" | "math") || (is_xml && !names::is_void(name)));
    let blocks = read(document, Boilerplate::Drop);
    let mut text = readable(&blocks);
    if blocks.forms {
        // Some sites wrap the whole page in one form.
        let with = readable(&read(document, Boilerplate::DropExceptForms));
        if text.len() * FORM_RATIO < with.len() {
            text = with;
        }
    }
    let text = if text.is_empty() { read(document, Boilerplate::Keep).all() } else { text };
    ReadablePage { title: blocks.title(), language: blocks.language, text }
}

fn readable(blocks: &Blocks) -> String {
    let main = blocks.main();
    if main.chars().count() >= MIN_MAIN_CHARS { main } else { blocks.outside_links() }
}

/// The character of a named reference such as `eacute`; an unknown one is returned as it is written.
#[must_use]
pub fn resolve_reference(name: &str) -> String {
    let written = format!("&{name};");
    let mut all = Vec::new();
    let take = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        if let CallbackEvent::String { value } = event {
            all.extend_from_slice(value);
        }
        None
    };
    let Ok(()) = Tokenizer::new_with_emitter(written.as_str(), CallbackEmitter::new(take)).finish();
    String::from_utf8(all).unwrap_or(written)
}

/// Whether this is the name of an HTML element.
#[must_use]
pub fn is_element(name: &str) -> bool {
    names::is_known(name)
}

/// Whether elements of this name have no end tag.
#[must_use]
pub fn is_void(name: &str) -> bool {
    names::is_void(name)
}

fn read(document: &str, boilerplate: Boilerplate) -> Blocks {
    let mut blocks = Blocks::new(boilerplate);
    let take = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => blocks.open(name),
            CallbackEvent::AttributeName { name } => blocks.attribute = name.to_vec(),
            CallbackEvent::AttributeValue { value } => blocks.value(value),
            CallbackEvent::EndTag { name } => blocks.close(name),
            CallbackEvent::String { value } => blocks.text(&String::from_utf8_lossy(value)),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(take);
    // Scripts and the like end only at their own end tag.
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(document, emitter).finish();
    blocks.finish();
    blocks
}

/// The element name at the start of a text.
fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':'));
    &text[..end.unwrap_or(text.len())]
}

/// Adds end tags to self-closing elements (`<svg/>`): HTML ignores the slash, and the element would hide the rest of the
/// document.
fn closed(document: &str, applies: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let (mut all, mut from) = (String::new(), 0);
    for (at, _) in document.match_indices('<') {
        let rest = &document[at + 1..];
        let name = leading_name(rest);
        let Some(end) = rest.find(['<', '>']) else { break };
        let is_closed = rest[..end].ends_with('/') && rest[end..].starts_with('>');
        if !is_closed || name.is_empty() || !applies(&name.to_ascii_lowercase()) {
            continue;
        }
        all.extend([&document[from..at + end], "></", name, ">"]);
        from = at + end + 2;
    }
    if from == 0 {
        return Cow::Borrowed(document);
    }
    all.push_str(&document[from..]);
    Cow::Owned(all)
}

/// Escapes every `<` that does not begin an HTML element.
fn escaped(fragment: &str) -> Cow<'_, str> {
    let last = fragment.rfind('>');
    let ends: HashMap<String, usize> = fragment
        .match_indices("</")
        .map(|(at, _)| (leading_name(&fragment[at + 2..]).to_ascii_lowercase(), at))
        .collect();
    let ends_after = |name: &str, at: usize| ends.get(name).is_some_and(|end| *end > at);
    let is_text = |at: &usize| {
        let rest = &fragment[at + 1..];
        let is_end = rest.starts_with('/');
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let name = leading_name(rest).to_ascii_lowercase();
        let markup = match rest.as_bytes().first() {
            Some(b'!' | b'?') => true,
            // The end tag of a ruby text is optional (<https://html.spec.whatwg.org/multipage/syntax.html#optional-tags>).
            Some(_) if !is_end && matches!(name.as_str(), "rp" | "rt") => {
                ends_after(&name, *at) || ends_after("ruby", *at)
            }
            Some(_) if !is_end && names::is_hidden(&name) => ends_after(&name, *at),
            Some(first) if first.is_ascii_alphabetic() => names::is_known(&name),
            _ => false,
        };
        !markup || last.is_none_or(|last| *at > last)
    };
    let mut all = String::new();
    let mut from = 0;
    for at in fragment.match_indices('<').map(|(at, _)| at).filter(is_text) {
        all.push_str(&fragment[from..at]);
        all.push_str("&lt;");
        from = at + 1;
    }
    if from == 0 {
        return Cow::Borrowed(fragment);
    }
    all.push_str(&fragment[from..]);
    Cow::Owned(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_keeps_every_word_and_no_markup() {
        for (html, expected) in [
            ("plain", "plain"),
            ("  plain \n text\t here ", "plain\ntext here"),
            ("<p>One <b>bold</b>&nbsp;word.</p><p>Two</p>", "One bold word.\nTwo"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<ul><li>one<li>two</ul>", "one\ntwo"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("x<script>var a = '<p>no</p>';</script>y<style>p{}</style>z", "xyz"),
            ("caf&eacute; &amp; bar &#8211; &#x2019; &lt;b&gt;", "café & bar – ’ <b>"),
            ("AT&T, R&D and a & b", "AT&T, R&D and a & b"),
            ("a < b and c > d", "a < b and c > d"),
            ("Vec<T> and <yours>, <T", "Vec<T> and <yours>, <T"),
            ("broken <b", "broken <b"),
            ("<b broken", "<b broken"),
            ("x <a href=\"y>z\">link</a>", "x link"),
            ("<!-- no -->yes<![CDATA[ no ]]>", "yes"),
            ("<o:p>word</o:p> <my-tag>x</my-tag>", "word x"),
            ("<nav>menu</nav><footer>foot</footer>", "menu\nfoot"),
            ("<img alt='seen'>", ""),
            ("How to use the <template> element in Vue", "How to use the <template> element in Vue"),
            ("<video> or <audio>? A guide", "<video> or <audio>? A guide"),
            ("Why <title> matters, <b>again</b>", "Why <title> matters, again"),
            ("a <TEMPLATE>no</Template> b <svg>c", "a b <svg>c"),
            ("a <svg/>b <iframe src='x' />c <math/>d", "a b\nc\nd"),
            ("<script>x = '<script>'</script>y", "y"),
            ("<ruby>漢<rt>kan</ruby> and <rt>", "漢 and <rt>"),
            ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby> z", "漢 z"),
            ("", ""),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    const PAGE: &str = "<!DOCTYPE html><html lang=de-AT><head><title> A &amp; B </title><style>x</style></head><body>\
        <header>Logo</header><nav><ul><li><a href=/>Home</a></ul></nav>\
        <h1>Headline</h1><p>A paragraph with a <a href=x>link</a> in it, and more words than that.</p>\
        <div><a href=1>One</a> | <a href=2>Two</a></div><form>Search <input><button>Go</button></form>\
        <script>alert('<p>')</script><footer>Imprint</footer></body></html>";

    #[test]
    fn a_page_is_read_without_menus_headers_and_footers() {
        let read = page(PAGE);
        assert_eq!(read.title.as_deref(), Some("A & B"));
        assert_eq!(read.language.as_deref(), Some("de-AT"));
        assert_eq!(read.text, "Headline\nA paragraph with a link in it, and more words than that.");
    }

    #[test]
    fn the_main_element_is_the_text_if_it_is_long_enough() {
        let long = "This is the text that somebody came for. ".repeat(5);
        let html =
            format!("<div>Teaser of something else</div><article><header><h1>T</h1></header><p>{long}</article>Rest");
        assert_eq!(page(&html).text, format!("T\n{}", long.trim()));
        let short = "<div>Everything that is worth reading</div><main></main>";
        assert_eq!(page(short).text, "Everything that is worth reading");
    }

    #[test]
    fn named_references_are_those_of_html() {
        for (name, expected) in [("eacute", "é"), ("nbsp", "\u{a0}"), ("lol9", "&lol9;"), ("hellip", "…"), ("", "&;")]
        {
            assert_eq!(resolve_reference(name), expected, "{name}");
        }
    }

    #[test]
    fn a_page_of_menus_alone_is_read_as_a_whole() {
        assert_eq!(page("<nav>only a menu").text, "only a menu");
        assert_eq!(page("<a href=x>only a link</a>").text, "only a link");
        assert_eq!(page("<html><body><script>x</script></body></html>").text, "");
    }

    #[test]
    fn a_page_inside_one_form_is_read_without_its_controls() {
        let long = "This is the text that somebody came for. ".repeat(5);
        let form = format!(
            "<body><form action=x><h1>T</h1><nav>menu</nav><select><option>no</select><p>{long}<button>Go</button></form>"
        );
        assert_eq!(page(&form).text, format!("T\n{}", long.trim()));
        let beside = format!("<body><p>{long}</p><form>Your address: <input> <button>Go</button></form>");
        assert_eq!(page(&beside).text, long.trim());
    }

    #[test]
    fn self_closing_elements_hide_nothing() {
        assert_eq!(page("<body><p>A <svg width='1' /> picture.</p><p>More.").text, "A picture.\nMore.");
        let xml = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>T</title>\
            <script src='x'/></head><body><p>One<br/>two</p><iframe src='y' /><p>Three</p></body></html>";
        assert_eq!(page(xml).text, "One\ntwo\nThree");
    }

    #[test]
    fn unclosed_tags_do_not_take_quadratic_time() {
        let deep = "<div><b><a>".repeat(200_000);
        assert_eq!(page(&format!("{deep}end")).text, "end");
        for (part, times) in [("<", 400_000), ("<svg", 100_000), ("<svg ", 100_000), ("</svg", 100_000)] {
            assert_eq!(text(&part.repeat(times)).len(), collapsed(&part.repeat(times)).len(), "{part}");
        }
        assert_eq!(text(&"<svg/>".repeat(100_000)), "");
    }
}
