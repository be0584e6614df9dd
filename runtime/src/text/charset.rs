//! Decodes the bytes of a feed or a page in any encoding, without rejecting or dropping anything.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Maximum number of bytes in which a document declares its encoding (HTML: the first 1,024,
/// <https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding>).
const HEAD_BYTES: usize = 1_024;

/// The text of a document. Its encoding is, in this order: that of its byte order mark, of the `Content-Type`, of the
/// document's own declaration (`encoding` in XML, `charset` in HTML); otherwise UTF-8 if the bytes are valid UTF-8, or else
/// Windows-1252. Invalid bytes become U+FFFD.
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
    let sent = content_type.and_then(charset_parameter).and_then(encoding_for_label);
    let declared = declared(&bytes[..bytes.len().min(HEAD_BYTES)]);
    let encoding = match (sent, declared) {
        // Servers often send a default charset without looking; text that is valid UTF-8 by chance hardly exists.
        (Some(sent), Some(declared)) if sent != declared && std::str::from_utf8(bytes).is_ok() => UTF_8,
        (sent, declared) => sent.or(declared).unwrap_or(UTF_8),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if encoding == UTF_8 => text.to_owned(),
        Err(_) if encoding == UTF_8 && !has_utf_8(bytes) => {
            WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
        }
        _ => encoding.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// The `charset` parameter of a `Content-Type`.
fn charset_parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// The encoding of a label. A document that declares UTF-16 in ASCII bytes is really UTF-8.
fn encoding_for_label(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

/// The encoding that a document declares in its first bytes.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let name = if head.trim_start().starts_with("<?xml") { "encoding" } else { "charset" };
    head.match_indices(name).find_map(|(at, _)| {
        let rest = head[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let rest = rest.trim_start_matches(['"', '\'']);
        encoding_for_label(&rest[..rest.find(['"', '\'', '>', ';', '/', '?', ' ']).unwrap_or(rest.len())])
    })
}

/// Whether the bytes contain at least one valid UTF-8 character beyond ASCII.
fn has_utf_8(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATIN: &[u8] = b"caf\xe9 \x93x\x94 \x80";
    const DECODED: &str = "café “x” €";

    #[test]
    fn the_sources_of_the_encoding_have_an_order() {
        for label in ["iso-8859-1", "ISO-8859-1", "latin1", "windows-1252", "us-ascii"] {
            let of = |before: &str, after: &str| {
                let mut bytes = before.as_bytes().to_vec();
                bytes.extend(LATIN);
                bytes.extend(after.as_bytes());
                bytes
            };
            assert_eq!(decode(LATIN, Some(&format!("text/xml; charset=\"{label}\""))), DECODED, "{label}");
            let xml = of(&format!("<?xml version='1.0' encoding='{label}'?><a>"), "</a>");
            assert!(decode(&xml, Some("text/xml")).contains(DECODED), "{label}");
            for meta in [format!("<meta charset={label}>"), format!("<meta content='text/html; charset={label}'>")] {
                assert!(decode(&of(&meta, ""), None).ends_with(DECODED), "{meta}");
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
    fn undeclared_bytes_are_utf_8_if_they_are_valid() {
        assert_eq!(decode("日本 ä".as_bytes(), None), "日本 ä");
        assert_eq!(decode(LATIN, None), DECODED);
        assert_eq!(decode(LATIN, Some("text/html; charset=klingon")), DECODED);
        // One invalid byte in UTF-8 affects only itself.
        assert_eq!(decode(b"\xc3\xa4 \xff \xc3\xbc", None), "ä \u{fffd} ü");
        assert_eq!(decode(b"", Some("text/html")), "");
    }

    #[test]
    fn multibyte_encodings_are_decoded() {
        assert_eq!(decode(b"\x93\xfa\x96\x7b", Some("text/html; charset=Shift_JIS")), "日本");
        assert_eq!(decode(b"<?xml encoding=\"gb2312\"?>\xd6\xd0\xb9\xfa", None), "<?xml encoding=\"gb2312\"?>中国");
        let wide = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>ä日</a>";
        assert_eq!(decode(&wide(text, u16::to_le_bytes), None), text);
        assert_eq!(decode(&wide(text, u16::to_be_bytes), None), text);
        assert_eq!(decode(&wide(&format!("\u{feff}{text}"), u16::to_be_bytes), None), text);
        // ASCII bytes that declare UTF-16.
        assert_eq!(decode(text.as_bytes(), None), text);
    }
}
