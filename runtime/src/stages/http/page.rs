//! Extracts the text of a response: HTML, plain text, or a value in JSON.

use super::pointer;
use crate::fetch::FetchResponse;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::is_blank;
use crate::model::values::{language_tag, truncate};
use crate::text::charset;
use crate::text::html;

/// Maximum length of a title in characters.
const MAX_TITLE_CHARS: usize = 500;

/// Maximum length of a language tag in bytes (RFC 5646, 4.4.1).
const MAX_LANGUAGE_BYTES: usize = 35;

/// Maximum length of a URL in bytes: it is stored with the text.
const MAX_URL_BYTES: usize = 2_048;

/// Maximum length of a quoted content type, in characters.
const MAX_QUOTE_CHARS: usize = 200;

/// The text of a page, with its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPage {
    pub title: Option<String>,
    /// The language of the page itself, or of the response header.
    pub language: Option<String>,
    pub text: String,
    /// The URL after redirects, unless it is too long.
    pub url: Option<String>,
}

/// Extracts the text of a response; with a pointer, from JSON.
///
/// # Errors
/// `not_json`, `pointer_missing`, `answer_unreadable` if it is not a text, `page_empty` if the text is blank.
pub fn extract(response: FetchResponse, pointer: Option<&str>) -> Result<FetchedPage, Error> {
    let host = url::Url::parse(&response.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let kind = response.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
    let kind = truncate(&kind.trim().to_ascii_lowercase(), MAX_QUOTE_CHARS);
    let sent = response
        .content_language
        .as_deref()
        .and_then(|header| if header.contains(',') { None } else { language_tag(header) });
    let page = |title: Option<String>, language: Option<String>, text: String| {
        if is_blank(&text) {
            return Err(Error::permanent(ErrorCode::PageEmpty, format!("the page of `{host}` has no text")));
        }
        let title = title.map(|title| truncate(&title, MAX_TITLE_CHARS));
        let language = language.or(sent).filter(|tag| tag.len() <= MAX_LANGUAGE_BYTES);
        Ok(FetchedPage {
            title,
            language,
            text,
            url: Some(response.url.clone()).filter(|url| url.len() <= MAX_URL_BYTES),
        })
    };
    if let Some(pointer) = pointer {
        // JSON is UTF-8 (RFC 8259, 8.1), with or without a byte order mark.
        let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
        return page(None, None, pointer::text(body, pointer, &host)?);
    }
    let unreadable =
        |what: &str| Err(Error::permanent(ErrorCode::AnswerUnreadable, format!("`{host}` returned {what}")));
    match kind.as_str() {
        kind if kind.ends_with("/json") || kind.ends_with("+json") => {
            unreadable(&format!("`{kind}`: set `pointer` to the place of the text"))
        }
        "application/rss+xml" | "application/atom+xml" => unreadable(&format!("`{kind}`: use a stage of type `feed`")),
        "" | "text/html" | "application/xhtml+xml" | "text/plain" | "text/markdown"
            if response.body.contains(&0) && !is_wide(&response.body) =>
        {
            unreadable("binary data")
        }
        "" | "text/html" | "application/xhtml+xml" => {
            let document = charset::decode(&response.body, response.content_type.as_deref());
            // Without a content type, only what looks like HTML is treated as HTML.
            if kind.is_empty() && !document.trim_start().starts_with('<') {
                return page(None, None, document.trim().to_owned());
            }
            if kind.is_empty() && is_other_xml(&document) {
                return unreadable("XML other than HTML: for a feed, use a stage of type `feed`");
            }
            let read = html::page(&document);
            page(read.title, read.language.as_deref().and_then(language_tag), read.text)
        }
        kind if kind.starts_with("text/") && kind != "text/css" && kind != "text/javascript" && kind != "text/xml" => {
            page(None, None, charset::decode(&response.body, response.content_type.as_deref()).trim().to_owned())
        }
        kind => unreadable(&format!("`{kind}`, which is not a text")),
    }
}

/// Whether a document without a content type is XML other than HTML.
fn is_other_xml(document: &str) -> bool {
    let start: String = document.trim_start().chars().take(1_000).collect::<String>().to_ascii_lowercase();
    ["<?xml", "<rss", "<feed", "<rdf:rdf"].iter().any(|root| start.starts_with(root)) && !start.contains("<html")
}

/// Whether bytes that contain zeros are UTF-16.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(kind: &str, body: impl AsRef<[u8]>) -> FetchResponse {
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
        extract(response(kind, body), None).map(|page| page.text).map_err(|error| error.message)
    }

    #[test]
    fn a_page_is_read_by_its_content_type() {
        let html =
            "<html lang='en_US'><head><title>T</title></head><body><nav>menu</nav><p>Text of it</p></body></html>";
        for kind in ["text/html; charset=utf-8", "application/xhtml+xml", ""] {
            assert_eq!(text(kind, html), Ok("Text of it".into()), "{kind}");
        }
        assert_eq!(text("text/plain", "  a <b> c\n\nd \n"), Ok("a <b> c\n\nd".into()));
        assert_eq!(text("", "only words"), Ok("only words".into()));
        let page = extract(response("text/html", html), None).expect("a page");
        assert_eq!((page.title.as_deref(), page.language.as_deref()), (Some("T"), Some("en-US")));
        for (sent, expected) in [("de-AT", Some("de-AT")), ("de, en", None), ("deutsch", None)] {
            let response = FetchResponse { content_language: Some(sent.into()), ..response("text/plain", "x") };
            assert_eq!(extract(response, None).expect("a page").language.as_deref(), expected, "{sent}");
        }
        let wide: Vec<u8> = "\u{feff}<p>Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text("text/html", wide), Ok("Grüße".into()));
    }

    #[test]
    fn a_response_without_text_says_what_it_is() {
        let host = "`https://a.example` returned";
        for (kind, body, expected) in [
            ("application/pdf", &b"%PDF-1.7"[..], "`application/pdf`, which is not a text"),
            ("image/png", b"\x89PNG", "`image/png`, which is not a text"),
            ("application/json", b"{}", "`application/json`: set `pointer` to the place of the text"),
            ("application/rss+xml", b"<rss/>", "`application/rss+xml`: use a stage of type `feed`"),
            ("text/html", b"GIF89a\0\0", "binary data"),
            ("", b"\0\x01", "binary data"),
            ("", b"<?xml version='1.0'?><rss/>", "XML other than HTML: for a feed, use a stage of type `feed`"),
        ] {
            assert_eq!(text(kind, body), Err(format!("{host} {expected}")), "{kind}");
        }
        let empty = "the page of `https://a.example` has no text";
        for (kind, body) in [("text/html", "<script>x</script>"), ("text/plain", " \n"), ("", ""), ("text/html", "")] {
            assert_eq!(text(kind, body), Err(empty.into()), "{kind}");
        }
    }

    #[test]
    fn a_pointer_finds_a_text_or_says_what_is_there() {
        let json = r#"{"a":{"b":[{"c/d":" one "}]},"list":["x","y"],"odd":["x",1],"nested":[["x"]],"n":7,"t":true,"z":null,"e":""}"#;
        let at = |pointer| {
            extract(response("text/html", json), Some(pointer)).map(|page| page.text).map_err(|error| error.message)
        };
        assert_eq!(at("/a/b/0/c~1d"), Ok("one".into()));
        assert_eq!(at("/list"), Ok("x\ny".into()));
        for (pointer, what) in [
            ("/nested", "a list of other values"),
            ("/a", "an object"),
            ("/a/b/1", "missing"),
            ("/odd", "a list of other values"),
            ("/n", "a number"),
            ("/t", "`true` or `false`"),
            ("/z", "`null`"),
        ] {
            let words =
                format!("in the JSON of `https://a.example`, `{pointer}` is {what}, not a text or a list of texts");
            assert_eq!(at(pointer), Err(words));
        }
        assert_eq!(at("/e"), Err("the page of `https://a.example` has no text".into()));
        let error = extract(response("application/json", "<html>"), Some("/a")).expect_err("no JSON");
        assert_eq!(error.code, ErrorCode::NotJson);
        assert!(
            error
                .message
                .starts_with("`pointer` is set, but the response of `https://a.example` is not JSON: expected")
        );
        let marked = extract(response("", "\u{feff}{\"a\":\"x\"}"), Some("/a")).expect("a page");
        assert_eq!(marked.text, "x");
        let deep = format!("{}{}", "{\"a\":[".repeat(1_000), "]}".repeat(1_000));
        let error = extract(response("", deep), Some(&"/a/0".repeat(75))).expect_err("too deep");
        assert_eq!(error.code, ErrorCode::NotJson);
    }

    #[test]
    fn a_pointer_is_followed_as_serde_follows_it() {
        let json = r#"{"a":[1,"x",{"b":["y",null]},["z"]],"":{"":"e"},"01":"o","a":[true,"2",{"b":"B","b":"C"},[]],"u":"\u00fc"}"#;
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        for pointer in [
            "/", "//", "/a", "/a/0", "/a/1", "/a/01", "/a/+1", "/a/-", "/a/2", "/a/2/b", "/a/2/b/0", "/a/3", "/a/4",
            "/01", "/u", "/u/0", "/a/1/x", "/x",
        ] {
            let ours = extract(response("", json), Some(pointer));
            let theirs = value.pointer(pointer).and_then(serde_json::Value::as_str);
            assert_eq!(ours.as_ref().ok().map(|page| page.text.as_str()), theirs, "{pointer}");
            let says_nothing = ours.is_err_and(|error| error.message.contains("is missing"));
            assert_eq!(says_nothing, value.pointer(pointer).is_none(), "{pointer}");
        }
    }

    #[test]
    fn the_metadata_of_a_page_is_limited() {
        let long = "x".repeat(100_000);
        let html = format!("<html lang='de-{}12345678'><title>{long}</title><p>Text", "12345678-".repeat(4));
        let wide = FetchResponse { url: format!("https://a.example/{long}"), ..response("text/html", html) };
        let page = extract(wide, None).expect("a page");
        assert_eq!((page.title, page.language, page.url), (Some(format!("{}…", "x".repeat(500))), None, None));
        let words = format!("`https://a.example` returned `{}…`, which is not a text", "x".repeat(200));
        assert_eq!(text(&long, "x"), Err(words));
    }
}
