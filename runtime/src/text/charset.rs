//! From bytes to text, in whatever encoding a feed or a page comes: nothing is refused, and nothing is left out.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes in which a document says what its encoding is, at most (HTML: the first 1,024,
/// <https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding>).
const HEAD: usize = 1_024;

/// The text of a document. What says its encoding counts in this order: a byte order mark, the `Content-Type`, the
/// document itself (`encoding` of XML, `charset` of HTML); without any of them it is UTF-8 where it can be, and
/// Windows-1252 where not. Bytes that mean nothing become U+FFFD.
#[must_use]
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    match bytes {
        [b'<', 0, ..] | [b'{', 0, ..] => return UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
        [0, b'<', ..] | [0, b'{', ..] => return UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
        _ => {}
    }
    let sent = content_type.and_then(|text| parameter(text)).and_then(known);
    let written = written(&bytes[..bytes.len().min(HEAD)]);
    let told = match (sent, written) {
        // A server often adds a charset that it knows nothing of; UTF-8 that is none by chance hardly exists.
        (Some(sent), Some(written)) if sent != written && std::str::from_utf8(bytes).is_ok() => UTF_8,
        (sent, written) => sent.or(written).unwrap_or(UTF_8),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if told == UTF_8 => text.to_owned(),
        Err(_) if told == UTF_8 && !has_utf_8(bytes) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        _ => told.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// The `charset` of a `Content-Type`.
fn parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// The encoding of a label. One that could not have been read up to its label is UTF-8 in truth.
fn known(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

/// The encoding that a document names in its head.
fn written(head: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let name = if head.trim_start().starts_with("<?xml") { "encoding" } else { "charset" };
    head.match_indices(name).find_map(|(at, _)| {
        let rest = head[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let rest = rest.trim_start_matches(['"', '\'']);
        known(&rest[..rest.find(['"', '\'', '>', ';', '/', '?', ' ']).unwrap_or(rest.len())])
    })
}

/// Whether there is a character of UTF-8 beyond ASCII in these bytes, among whatever else.
fn has_utf_8(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATIN: &[u8] = b"caf\xe9 \x93x\x94 \x80";
    const RIGHT: &str = "café “x” €";

    #[test]
    fn what_says_the_encoding_counts_in_its_order() {
        for label in ["iso-8859-1", "ISO-8859-1", "latin1", "windows-1252", "us-ascii"] {
            let of = |before: &str, after: &str| {
                let mut bytes = before.as_bytes().to_vec();
                bytes.extend(LATIN);
                bytes.extend(after.as_bytes());
                bytes
            };
            assert_eq!(decode(LATIN, Some(&format!("text/xml; charset=\"{label}\""))), RIGHT, "{label}");
            let xml = of(&format!("<?xml version='1.0' encoding='{label}'?><a>"), "</a>");
            assert!(decode(&xml, Some("text/xml")).contains(RIGHT), "{label}");
            for meta in [format!("<meta charset={label}>"), format!("<meta content='text/html; charset={label}'>")] {
                assert!(decode(&of(&meta, ""), None).ends_with(RIGHT), "{meta}");
            }
        }
        assert_eq!(decode("\u{feff}ä".as_bytes(), Some("text/plain; charset=latin1")), "ä");
        assert_eq!(decode("ä".as_bytes(), Some("text/plain; charset=latin1")), "Ã¤");
        assert_eq!(
            decode("<meta charset=utf-8>ä".as_bytes(), Some("text/html; charset=latin1")),
            "<meta charset=utf-8>ä"
        );
    }

    #[test]
    fn bytes_that_nobody_explains_are_utf_8_where_they_can_be() {
        assert_eq!(decode("日本 ä".as_bytes(), None), "日本 ä");
        assert_eq!(decode(LATIN, None), RIGHT);
        assert_eq!(decode(LATIN, Some("text/html; charset=klingon")), RIGHT);
        // One bad byte in a text of UTF-8 spoils only itself.
        assert_eq!(decode(b"\xc3\xa4 \xff \xc3\xbc", None), "ä \u{fffd} ü");
        assert_eq!(decode(b"", Some("text/html")), "");
    }

    #[test]
    fn far_encodings_are_read_too() {
        assert_eq!(decode(b"\x93\xfa\x96\x7b", Some("text/html; charset=Shift_JIS")), "日本");
        assert_eq!(decode(b"<?xml encoding=\"gb2312\"?>\xd6\xd0\xb9\xfa", None), "<?xml encoding=\"gb2312\"?>中国");
        let wide = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>ä日</a>";
        assert_eq!(decode(&wide(text, u16::to_le_bytes), None), text);
        assert_eq!(decode(&wide(text, u16::to_be_bytes), None), text);
        assert_eq!(decode(&wide(&format!("\u{feff}{text}"), u16::to_be_bytes), None), text);
        // Said to be UTF-16 by bytes that are not.
        assert_eq!(decode(text.as_bytes(), None), text);
    }
}
