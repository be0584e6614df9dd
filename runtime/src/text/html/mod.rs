//! Readable text of HTML: of a fragment all of it, of a page what is not menus and trimmings.

mod blocks;
mod names;

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use blocks::Blocks;

/// Characters from which on the main part of a page is taken for its text.
const MAIN: usize = 140;

/// How many times as much text there must be with the forms of a page as without them, before they are taken for it.
const FORM: usize = 10;

/// A page, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What it calls itself.
    pub title: Option<String>,
    /// The language that it says it is in, as it says it.
    pub language: Option<String>,
    /// Its readable text, a line a paragraph.
    pub text: String,
}

/// How much of a document is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// Only what is never shown.
    All,
    /// Menus, forms and trimmings as well, and paragraphs that are mostly links.
    Text,
    /// The same, with forms kept.
    Forms,
}

/// The readable text of a fragment, a line a paragraph. What no name of an HTML element follows is no markup: `a < b` and
/// `Vec<T>` stay as they are, and so does the name of an element that would hide all that follows, since it never ends.
#[must_use]
pub fn text(fragment: &str) -> String {
    if !fragment.contains(['<', '&']) {
        return collapsed(fragment);
    }
    read(&guarded(&closed(fragment, names::is_hidden)), Keep::All).all()
}

/// A text on one line for each of its own, without blanks at their ends.
#[must_use]
pub fn collapsed(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        for (place, word) in line.split_whitespace().enumerate() {
            if place > 0 {
                all.push(' ');
            } else if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(word);
        }
    }
    all
}

/// The readable text of a page: its main part where it names one, or else all paragraphs that are not mostly links. Where
/// nothing would be left, everything that a browser shows is taken.
#[must_use]
pub fn page(document: &str) -> Page {
    // In XML every element may end where it begins.
    let is_xml = document.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml");
    let document = &*closed(document, |name| matches!(name, "svg" | "math") || (is_xml && !names::is_void(name)));
    let blocks = read(document, Keep::Text);
    let mut text = readable(&blocks);
    if blocks.forms {
        // Some makers of pages put all of each into one form, which is no search field then.
        let with = readable(&read(document, Keep::Forms));
        if text.len() * FORM < with.len() {
            text = with;
        }
    }
    let text = if text.is_empty() { read(document, Keep::All).all() } else { text };
    Page { title: blocks.title(), language: blocks.language, text }
}

fn readable(blocks: &Blocks) -> String {
    let main = blocks.main();
    if main.chars().count() >= MAIN { main } else { blocks.outside_links() }
}

/// What a named reference such as `eacute` stands for; one that HTML does not know stays as it is written.
#[must_use]
pub fn reference(name: &str) -> String {
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

/// Whether HTML has an element of this name.
#[must_use]
pub fn is_element(name: &str) -> bool {
    names::is_known(name)
}

/// Whether an element of this name has no end tag.
#[must_use]
pub fn is_void(name: &str) -> bool {
    names::is_void(name)
}

fn read(document: &str, keep: Keep) -> Blocks {
    let mut blocks = Blocks::new(keep);
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
    // Scripts and the like end where their own end tag is.
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(document, emitter).finish();
    blocks.end();
    blocks
}

/// How much of a text is the name of an element.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':'));
    &text[..end.unwrap_or(text.len())]
}

/// A document in which elements that end where they begin (`<svg/>`) have an end tag: HTML knows no such thing, and would
/// have them hide all that follows.
fn closed(document: &str, is_meant: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let (mut all, mut from) = (String::new(), 0);
    for (at, _) in document.match_indices('<') {
        let rest = &document[at + 1..];
        let name = name(rest);
        let Some(end) = rest.find(['<', '>']) else { break };
        let is_closed = rest[..end].ends_with('/') && rest[end..].starts_with('>');
        if !is_closed || name.is_empty() || !is_meant(&name.to_ascii_lowercase()) {
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

/// A fragment in which every `<` that begins no element of HTML stands for itself.
fn guarded(fragment: &str) -> Cow<'_, str> {
    let last = fragment.rfind('>');
    let ends: HashMap<String, usize> =
        fragment.match_indices("</").map(|(at, _)| (name(&fragment[at + 2..]).to_ascii_lowercase(), at)).collect();
    let ends_behind = |name: &str, at: usize| ends.get(name).is_some_and(|end| *end > at);
    let odd = |at: &usize| {
        let rest = &fragment[at + 1..];
        let is_end = rest.starts_with('/');
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let name = name(rest).to_ascii_lowercase();
        let markup = match rest.as_bytes().first() {
            Some(b'!' | b'?') => true,
            // The end tag of a ruby text may be missing (<https://html.spec.whatwg.org/multipage/syntax.html#optional-tags>).
            Some(_) if !is_end && matches!(name.as_str(), "rp" | "rt") => {
                ends_behind(&name, *at) || ends_behind("ruby", *at)
            }
            Some(_) if !is_end && names::is_hidden(&name) => ends_behind(&name, *at),
            Some(first) if first.is_ascii_alphabetic() => names::is_known(&name),
            _ => false,
        };
        !markup || last.is_none_or(|last| *at > last)
    };
    let mut all = String::new();
    let mut from = 0;
    for at in fragment.match_indices('<').map(|(at, _)| at).filter(odd) {
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
    fn a_page_is_read_without_its_menus_and_trimmings() {
        let read = page(PAGE);
        assert_eq!(read.title.as_deref(), Some("A & B"));
        assert_eq!(read.language.as_deref(), Some("de-AT"));
        assert_eq!(read.text, "Headline\nA paragraph with a link in it, and more words than that.");
    }

    #[test]
    fn the_main_part_of_a_page_is_its_text_where_it_has_one() {
        let long = "This is the text that somebody came for. ".repeat(5);
        let html =
            format!("<div>Teaser of something else</div><article><header><h1>T</h1></header><p>{long}</article>Rest");
        assert_eq!(page(&html).text, format!("T\n{}", long.trim()));
        let short = "<div>Everything that is worth reading</div><main></main>";
        assert_eq!(page(short).text, "Everything that is worth reading");
    }

    #[test]
    fn a_reference_is_what_html_knows_it_as() {
        for (name, expected) in [("eacute", "é"), ("nbsp", "\u{a0}"), ("lol9", "&lol9;"), ("hellip", "…"), ("", "&;")]
        {
            assert_eq!(reference(name), expected, "{name}");
        }
    }

    #[test]
    fn where_nothing_but_trimmings_is_left_everything_is_taken() {
        assert_eq!(page("<nav>only a menu").text, "only a menu");
        assert_eq!(page("<a href=x>only a link</a>").text, "only a link");
        assert_eq!(page("<html><body><script>x</script></body></html>").text, "");
    }

    #[test]
    fn a_page_that_is_all_one_form_is_read_and_its_controls_are_not() {
        let long = "This is the text that somebody came for. ".repeat(5);
        let form = format!(
            "<body><form action=x><h1>T</h1><nav>menu</nav><select><option>no</select><p>{long}<button>Go</button></form>"
        );
        assert_eq!(page(&form).text, format!("T\n{}", long.trim()));
        let beside = format!("<body><p>{long}</p><form>Your address: <input> <button>Go</button></form>");
        assert_eq!(page(&beside).text, long.trim());
    }

    #[test]
    fn what_ends_where_it_begins_hides_nothing() {
        assert_eq!(page("<body><p>A <svg width='1' /> picture.</p><p>More.").text, "A picture.\nMore.");
        let xml = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>T</title>\
            <script src='x'/></head><body><p>One<br/>two</p><iframe src='y' /><p>Three</p></body></html>";
        assert_eq!(page(xml).text, "One\ntwo\nThree");
    }

    #[test]
    fn a_page_of_nothing_but_open_tags_is_read_in_one_go() {
        let deep = "<div><b><a>".repeat(200_000);
        assert_eq!(page(&format!("{deep}end")).text, "end");
        for (part, times) in [("<", 400_000), ("<svg", 100_000), ("<svg ", 100_000), ("</svg", 100_000)] {
            assert_eq!(text(&part.repeat(times)).len(), collapsed(&part.repeat(times)).len(), "{part}");
        }
        assert_eq!(text(&"<svg/>".repeat(100_000)), "");
    }
}
