//! Splits a headline into words, numbers and punctuation, and marks the name of its subject.

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word in lower case.
    Word,
    /// A word that begins with a capital: a name, or the first word.
    Name,
    /// Any number; the model must not memorize digits.
    Number,
    /// Punctuation and symbols.
    Symbol,
    /// The name of the company that the sentiment is about.
    Subject,
}

/// A token of a headline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadlineToken {
    /// The text in lower case; `0` for every number.
    pub text: String,
    /// Its kind.
    pub kind: TokenKind,
}

/// The tokens of a text. The first of these names that occurs in it becomes one token each time.
#[must_use]
pub fn tokenize(text: &str, names: &[&str]) -> Vec<HeadlineToken> {
    let tokens = split(text);
    names.iter().find_map(|name| mark_subject(&tokens, &split(name))).unwrap_or(tokens)
}

/// The tokens with each occurrence of a name replaced by one token, ignoring case; none if the name does not occur.
fn mark_subject(tokens: &[HeadlineToken], name: &[HeadlineToken]) -> Option<Vec<HeadlineToken>> {
    let is_here = |at: usize| {
        let here = tokens.get(at..at + name.len());
        here.is_some_and(|here| here.iter().zip(name).all(|(token, part)| token.text == part.text))
    };
    if name.is_empty() || !(0..tokens.len()).any(is_here) {
        return None;
    }
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_here(at) {
            out.push(HeadlineToken { text: "\u{1}".into(), kind: TokenKind::Subject });
            at += name.len();
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    Some(out)
}

fn split(text: &str) -> Vec<HeadlineToken> {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        if c.is_whitespace() || c.is_control() {
            continue;
        }
        if c.is_ascii_digit() || c.is_alphabetic() {
            let number = c.is_ascii_digit();
            while let Some(&(at, next)) = chars.peek() {
                let after = || text[at + next.len_utf8()..].chars().next();
                let goes_on = if number {
                    next.is_ascii_digit() || (matches!(next, '.' | ',') && after().is_some_and(|c| c.is_ascii_digit()))
                } else {
                    next.is_alphabetic()
                        || (matches!(next, '\'' | '’' | '&') && after().is_some_and(char::is_alphabetic))
                };
                if !goes_on {
                    break;
                }
                end = at + next.len_utf8();
                chars.next();
            }
            push(&mut tokens, &text[start..end], number);
        } else {
            tokens.push(HeadlineToken { text: text[start..end].into(), kind: TokenKind::Symbol });
        }
    }
    tokens
}

fn push(tokens: &mut Vec<HeadlineToken>, word: &str, number: bool) {
    if number {
        return tokens.push(HeadlineToken { text: "0".into(), kind: TokenKind::Number });
    }
    let kind = if word.starts_with(char::is_uppercase) { TokenKind::Name } else { TokenKind::Word };
    let text = word.to_lowercase().replace('’', "'");
    let owner = text.strip_suffix("'s");
    tokens.push(HeadlineToken { text: owner.unwrap_or(&text).into(), kind });
    if owner.is_some() {
        tokens.push(HeadlineToken { text: "'s".into(), kind: TokenKind::Symbol });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, names: &[&str]) -> String {
        tokenize(text, names).iter().map(|token| token.text.replace('\u{1}', "@")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_are_equal_and_possessives_are_split_off() {
        assert_eq!(
            tokens("Titan’s Q2 net up 1,204.5%; L&T's at Rs 10.", &[]),
            "titan 's q 0 net up 0 % ; l&t 's at rs 0 ."
        );
    }

    #[test]
    fn the_first_name_that_occurs_is_marked_as_the_subject() {
        assert_eq!(tokens("ACC, acc: Accenture beats ACC", &["ACC Ltd", "acc"]), "@ , @ : accenture beats @");
        assert_eq!(tokens("Tata Motors up; Tata Steel down", &["Tata Steel", "Tata"]), "tata motors up ; @ down");
        assert_eq!(tokens("Nothing of it here", &["", "Apple"]), "nothing of it here");
    }
}
