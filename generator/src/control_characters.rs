//! Texts from elsewhere, made safe for a terminal.

use std::borrow::Cow;

/// A text that cannot control the terminal: names and reasons that come from elsewhere are part of messages. Line ends,
/// tabs and our colours stay.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control() && !turns(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match styled(rest) {
            Some(style) => {
                plain.push_str(style);
                style.len()
            }
            None if is_plain(c) => {
                plain.push(c);
                c.len_utf8()
            }
            None => {
                plain.extend(c.escape_default());
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(plain)
}

/// Whether a character changes the direction of the text after it.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The colour that a text starts with: `ESC [ digits m`.
fn styled(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("\x1b[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    digits[end..].starts_with('m').then(|| &text[..end + 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_account_cannot_control_the_terminal() {
        let text = "\x1b[1;31merror\x1b[0m: a\x1b]0;title\x07b\r\x1b[2Jc\u{9b}d\u{202e}e\n\tf";
        let plain = "\x1b[1;31merror\x1b[0m: a\\u{1b}]0;title\\u{7}b\\r\\u{1b}[2Jc\\u{9b}d\\u{202e}e\n\tf";
        assert_eq!(without_controls(text), plain);
        assert!(matches!(without_controls("günstig\n"), Cow::Borrowed(_)));
    }
}
