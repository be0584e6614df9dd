//! What there is to read in an answer: HTML, plain text, or one place in JSON.

use super::pointer;
use crate::fetch::FetchResponse;
use crate::model::error::Error;
use crate::model::record::is_blank;
use crate::model::values::{short, tag};
use crate::text::charset;
use crate::text::html;

/// Characters of a page's title, at most.
const TITLE: usize = 500;

/// Bytes of a language tag, at most (RFC 5646, 4.4.1).
const LANGUAGE: usize = 35;

/// Bytes of an address, at most: it is stored with the text.
const ADDRESS: usize = 2_048;

/// Characters of what a host calls its answer that an error quotes, at most.
const QUOTED: usize = 200;

/// A page, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub title: Option<String>,
    /// As it says itself, or whoever sent it.
    pub language: Option<String>,
    pub text: String,
    /// Where it was in the end; none where that is longer than an address should be.
    pub url: Option<String>,
}

/// Reads an answer; with a pointer, as JSON.
///
/// # Errors
/// `not_json`, `pointer_missing`, `answer_unreadable` where it is no text, `page_empty` where there is nothing to read.
pub fn read(answer: FetchResponse, pointer: Option<&str>) -> Result<Page, Error> {
    let host = url::Url::parse(&answer.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let kind = answer.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
    let kind = short(&kind.trim().to_ascii_lowercase(), QUOTED);
    let sent = answer.content_language.as_deref().and_then(|said| if said.contains(',') { None } else { tag(said) });
    let page = |title: Option<String>, language: Option<String>, text: String| {
        if is_blank(&text) {
            return Err(Error::permanent("page_empty", format!("the page of `{host}` has nothing to read in it")));
        }
        let title = title.map(|title| short(&title, TITLE));
        let language = language.or(sent).filter(|tag| tag.len() <= LANGUAGE);
        Ok(Page { title, language, text, url: Some(answer.url.clone()).filter(|url| url.len() <= ADDRESS) })
    };
    if let Some(pointer) = pointer {
        // JSON is UTF-8 (RFC 8259, 8.1), with or without a mark before it.
        let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
        return page(None, None, pointer::text(body, pointer, &host)?);
    }
    let unreadable = |what: &str| {
        let words = format!("`{host}` answers with {what}");
        Err(Error::permanent("answer_unreadable", words))
    };
    match kind.as_str() {
        kind if kind.ends_with("/json") || kind.ends_with("+json") => {
            unreadable(&format!("`{kind}`: name the place of its text in a `pointer`"))
        }
        "application/rss+xml" | "application/atom+xml" => {
            unreadable(&format!("`{kind}`: a stage of type `feed` reads that"))
        }
        "" | "text/html" | "application/xhtml+xml" | "text/plain" | "text/markdown"
            if answer.body.contains(&0) && !is_wide(&answer.body) =>
        {
            unreadable("what is no text")
        }
        "" | "text/html" | "application/xhtml+xml" => {
            let document = charset::decode(&answer.body, answer.content_type.as_deref());
            // Without a word of what it is, only what looks like HTML is taken for it.
            if kind.is_empty() && !document.trim_start().starts_with('<') {
                return page(None, None, document.trim().to_owned());
            }
            if kind.is_empty() && is_other_xml(&document) {
                return unreadable("XML that is no HTML: a stage of type `feed` reads feeds");
            }
            let read = html::page(&document);
            page(read.title, read.language.as_deref().and_then(tag), read.text)
        }
        kind if kind.starts_with("text/") && kind != "text/css" && kind != "text/javascript" && kind != "text/xml" => {
            page(None, None, charset::decode(&answer.body, answer.content_type.as_deref()).trim().to_owned())
        }
        kind => unreadable(&format!("`{kind}`, which is not read as a text")),
    }
}

/// Whether a document that nobody explains is XML, and not HTML.
fn is_other_xml(document: &str) -> bool {
    let start: String = document.trim_start().chars().take(1_000).collect::<String>().to_ascii_lowercase();
    ["<?xml", "<rss", "<feed", "<rdf:rdf"].iter().any(|root| start.starts_with(root)) && !start.contains("<html")
}

/// Whether bytes with zeros in them are UTF-16 all the same.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, body: impl AsRef<[u8]>) -> FetchResponse {
        FetchResponse {
            status: 200,
            retry_after: None,
            content_type: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
            content_language: None,
            body: body.as_ref().to_vec(),
            url: "https://a.example/secret".into(),
        }
    }

    fn text(kind: &str, body: impl AsRef<[u8]>) -> Result<String, String> {
        read(answer(kind, body), None).map(|page| page.text).map_err(|error| error.message)
    }

    #[test]
    fn a_page_is_read_by_what_it_is() {
        let html =
            "<html lang='en_US'><head><title>T</title></head><body><nav>menu</nav><p>Text of it</p></body></html>";
        for kind in ["text/html; charset=utf-8", "application/xhtml+xml", ""] {
            assert_eq!(text(kind, html), Ok("Text of it".into()), "{kind}");
        }
        assert_eq!(text("text/plain", "  a <b> c\n\nd \n"), Ok("a <b> c\n\nd".into()));
        assert_eq!(text("", "only words"), Ok("only words".into()));
        let page = read(answer("text/html", html), None).expect("a page");
        assert_eq!((page.title.as_deref(), page.language.as_deref()), (Some("T"), Some("en-US")));
        for (sent, expected) in [("de-AT", Some("de-AT")), ("de, en", None), ("deutsch", None)] {
            let answer = FetchResponse { content_language: Some(sent.into()), ..answer("text/plain", "x") };
            assert_eq!(read(answer, None).expect("a page").language.as_deref(), expected, "{sent}");
        }
        let wide: Vec<u8> = "\u{feff}<p>Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text("text/html", wide), Ok("Grüße".into()));
    }

    #[test]
    fn what_is_no_text_says_what_it_is() {
        let host = "`https://a.example` answers with";
        for (kind, body, expected) in [
            ("application/pdf", &b"%PDF-1.7"[..], "`application/pdf`, which is not read as a text"),
            ("image/png", b"\x89PNG", "`image/png`, which is not read as a text"),
            ("application/json", b"{}", "`application/json`: name the place of its text in a `pointer`"),
            ("application/rss+xml", b"<rss/>", "`application/rss+xml`: a stage of type `feed` reads that"),
            ("text/html", b"GIF89a\0\0", "what is no text"),
            ("", b"\0\x01", "what is no text"),
            ("", b"<?xml version='1.0'?><rss/>", "XML that is no HTML: a stage of type `feed` reads feeds"),
        ] {
            assert_eq!(text(kind, body), Err(format!("{host} {expected}")), "{kind}");
        }
        let empty = "the page of `https://a.example` has nothing to read in it";
        for (kind, body) in [("text/html", "<script>x</script>"), ("text/plain", " \n"), ("", ""), ("text/html", "")] {
            assert_eq!(text(kind, body), Err(empty.into()), "{kind}");
        }
    }

    #[test]
    fn a_pointer_leads_to_a_text_or_says_where_it_leads() {
        let json = r#"{"a":{"b":[{"c/d":" one "}]},"list":["x","y"],"odd":["x",1],"nested":[["x"]],"n":7,"t":true,"z":null,"e":""}"#;
        let at = |pointer| {
            read(answer("text/html", json), Some(pointer)).map(|page| page.text).map_err(|error| error.message)
        };
        assert_eq!(at("/a/b/0/c~1d"), Ok("one".into()));
        assert_eq!(at("/list"), Ok("x\ny".into()));
        for (pointer, what) in [
            ("/nested", "a list of something else"),
            ("/a", "an object"),
            ("/a/b/1", "nothing"),
            ("/odd", "a list of something else"),
            ("/n", "a number"),
            ("/t", "`true` or `false`"),
            ("/z", "`null`"),
        ] {
            let words = format!(
                "in the JSON of `https://a.example`, `{pointer}` leads to {what}, and not to a text or a list of texts"
            );
            assert_eq!(at(pointer), Err(words));
        }
        assert_eq!(at("/e"), Err("the page of `https://a.example` has nothing to read in it".into()));
        let error = read(answer("application/json", "<html>"), Some("/a")).expect_err("no JSON");
        assert_eq!(error.code, "not_json");
        assert!(
            error.message.starts_with("the answer of `https://a.example` is no JSON, and a `pointer` is set: expected")
        );
        let marked = read(answer("", "\u{feff}{\"a\":\"x\"}"), Some("/a")).expect("a page");
        assert_eq!(marked.text, "x");
        let deep = format!("{}{}", "{\"a\":[".repeat(1_000), "]}".repeat(1_000));
        let error = read(answer("", deep), Some(&"/a/0".repeat(75))).expect_err("too deep");
        assert_eq!(error.code, "not_json");
    }

    #[test]
    fn a_pointer_is_followed_as_serde_follows_it() {
        let json = r#"{"a":[1,"x",{"b":["y",null]},["z"]],"":{"":"e"},"01":"o","a":[true,"2",{"b":"B","b":"C"},[]],"u":"\u00fc"}"#;
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        for pointer in [
            "/", "//", "/a", "/a/0", "/a/1", "/a/01", "/a/+1", "/a/-", "/a/2", "/a/2/b", "/a/2/b/0", "/a/3", "/a/4",
            "/01", "/u", "/u/0", "/a/1/x", "/x",
        ] {
            let ours = read(answer("", json), Some(pointer));
            let theirs = value.pointer(pointer).and_then(serde_json::Value::as_str);
            assert_eq!(ours.as_ref().ok().map(|page| page.text.as_str()), theirs, "{pointer}");
            let says_nothing = ours.is_err_and(|error| error.message.contains("leads to nothing"));
            assert_eq!(says_nothing, value.pointer(pointer).is_none(), "{pointer}");
        }
    }

    #[test]
    fn what_a_page_says_beside_its_text_is_cut() {
        let long = "x".repeat(100_000);
        let html = format!("<html lang='de-{}12345678'><title>{long}</title><p>Text", "12345678-".repeat(4));
        let wide = FetchResponse { url: format!("https://a.example/{long}"), ..answer("text/html", html) };
        let page = read(wide, None).expect("a page");
        assert_eq!((page.title, page.language, page.url), (Some(format!("{}…", "x".repeat(500))), None, None));
        let words = format!("`https://a.example` answers with `{}…`, which is not read as a text", "x".repeat(200));
        assert_eq!(text(&long, "x"), Err(words));
    }
}
