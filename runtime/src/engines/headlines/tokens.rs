//! A headline cut into words, numbers and signs, with the name of its subject marked.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word in small letters.
    Word,
    /// A word that begins with a capital: a name, or the first word.
    Name,
    /// Any number: its digits say little, and would be learnt by heart.
    Number,
    /// Punctuation and the like.
    Sign,
    /// The name of what the headline is judged for.
    Subject,
}

/// A part of a headline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// In lower case; `0` for every number.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// The tokens of a text, where the first of these names that occurs in it stands as one token each time.
#[must_use]
pub fn of(text: &str, names: &[&str]) -> Vec<Token> {
    let tokens = cut(text);
    names.iter().find_map(|name| marked(&tokens, &cut(name))).unwrap_or(tokens)
}

/// The tokens with one in the place of each occurrence of a name, whatever its case, where there is any.
fn marked(tokens: &[Token], name: &[Token]) -> Option<Vec<Token>> {
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
            out.push(Token { text: "\u{1}".into(), kind: Kind::Subject });
            at += name.len();
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    Some(out)
}

fn cut(text: &str) -> Vec<Token> {
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
            tokens.push(Token { text: text[start..end].into(), kind: Kind::Sign });
        }
    }
    tokens
}

fn push(tokens: &mut Vec<Token>, word: &str, number: bool) {
    if number {
        return tokens.push(Token { text: "0".into(), kind: Kind::Number });
    }
    let kind = if word.starts_with(char::is_uppercase) { Kind::Name } else { Kind::Word };
    let text = word.to_lowercase().replace('’', "'");
    let owner = text.strip_suffix("'s");
    tokens.push(Token { text: owner.unwrap_or(&text).into(), kind });
    if owner.is_some() {
        tokens.push(Token { text: "'s".into(), kind: Kind::Sign });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, names: &[&str]) -> String {
        of(text, names).iter().map(|token| token.text.replace('\u{1}', "@")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_are_all_one_and_possession_is_apart() {
        assert_eq!(
            told("Titan’s Q2 net up 1,204.5%; L&T's at Rs 10.", &[]),
            "titan 's q 0 net up 0 % ; l&t 's at rs 0 ."
        );
    }

    #[test]
    fn the_subject_is_marked_as_whole_words_by_the_first_name_that_occurs() {
        assert_eq!(told("ACC, acc: Accenture beats ACC", &["ACC Ltd", "acc"]), "@ , @ : accenture beats @");
        assert_eq!(told("Tata Motors up; Tata Steel down", &["Tata Steel", "Tata"]), "tata motors up ; @ down");
        assert_eq!(told("Nothing of it here", &["", "Apple"]), "nothing of it here");
    }
}
