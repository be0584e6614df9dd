//! Splits texts into sentences, or into pieces of limited size that end at a sentence, a word or at least a character.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::model::record::is_blank;

/// How many bytes before the limit are searched for a boundary: the size of the text in one Comprehend call.
const SEARCH_BYTES: usize = 5_000;

/// How many bytes after the limit are read to know whether a sentence ends there: a few words.
const LOOKAHEAD_BYTES: usize = 64;

/// Maximum run of punctuation in which sentence boundaries are searched; real texts have a tenth of it.
const MAX_PUNCTUATION: usize = 100;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPiece<'a> {
    /// The text of the piece, including trailing whitespace.
    pub text: &'a str,
    /// Its offset in the whole text, in characters.
    pub begin: u64,
}

/// The sentences of a text, each with its trailing whitespace, so that together they are the whole text. Whitespace alone
/// is not a sentence: it belongs to the one before it.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    for (start, sentence) in bounds(text) {
        if !is_blank(sentence) && !is_blank(&text[begin..start]) {
            sentences.push(&text[begin..start]);
            begin = start;
        }
    }
    if begin < text.len() {
        sentences.push(&text[begin..]);
    }
    sentences
}

/// The sentences of a text by Unicode's rules, each with its byte offset. A long run of punctuation ends a sentence, since
/// the rules take quadratic time on such runs: half a million brackets after a full stop would take hours.
fn bounds(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut punctuation, mut cut) = (0, 0, None);
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            if let Some(cut) = cut.take() {
                parts.push((begin, cut, at));
                begin = at;
            }
            punctuation = 0;
            continue;
        }
        punctuation += 1;
        if punctuation == MAX_PUNCTUATION {
            cut = Some(at);
        }
    }
    parts.push((begin, cut.unwrap_or(text.len()), text.len()));
    parts.into_iter().flat_map(move |(begin, cut, end)| {
        let mut starts: Vec<usize> =
            text[begin..cut].split_sentence_bound_indices().map(|(start, _)| begin + start).collect();
        if starts.is_empty() && begin < end {
            starts.push(begin);
        }
        let ends: Vec<usize> = starts.iter().skip(1).copied().chain([end]).collect();
        starts.into_iter().zip(ends).map(move |(start, end)| (start, &text[start..end]))
    })
}

/// The beginning of a text, at most `max_bytes` long and cut at a boundary.
pub fn truncate(text: &str, max_bytes: usize) -> &str {
    &text[..boundary(text, max_bytes)]
}

/// Splits a text into pieces of at most `max_bytes`, which together are the whole text.
pub fn pieces(text: &str, max_bytes: usize) -> Vec<TextPiece<'_>> {
    let (mut rest, mut begin) = (text, 0);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(boundary(rest, max_bytes));
        pieces.push(TextPiece { text: piece, begin });
        begin += piece.chars().count() as u64;
        rest = after;
    }
    pieces
}

/// Where to cut a text so that at most `max_bytes` are before the cut. A character has at most four bytes, so with a limit
/// of four or more the cut is never at the start.
fn boundary(text: &str, max_bytes: usize) -> usize {
    if text.len() <= max_bytes {
        return text.len();
    }
    let end = text.floor_char_boundary(max_bytes);
    let begin = text.floor_char_boundary(end.saturating_sub(SEARCH_BYTES));
    // The text after the limit decides whether a sentence ends exactly there.
    let window = &text[begin..text.floor_char_boundary(end + LOOKAHEAD_BYTES)];
    let fits = |start: &usize| *start <= end - begin;
    let last = |starts: &mut dyn DoubleEndedIterator<Item = usize>| starts.rev().find(fits).filter(|start| *start > 0);
    let sentence = bounds(window).map(|(start, _)| start).take_while(fits).last();
    let cut = sentence
        .filter(|start| *start > 0)
        .or_else(|| last(&mut window.split_word_bound_indices().map(|(start, _)| start)))
        .or_else(|| last(&mut window.grapheme_indices(true).map(|(start, _)| start)));
    cut.map_or(end, |cut| begin + cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, max_bytes: usize) -> Vec<&str> {
        pieces(text, max_bytes).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn a_short_text_is_one_piece() {
        assert_eq!(pieces("Good.", 5), [TextPiece { text: "Good.", begin: 0 }]);
        assert!(pieces("", 5).is_empty());
    }

    #[test]
    fn pieces_end_at_a_sentence_or_a_word_or_a_character() {
        assert_eq!(texts("It is good. It is bad. Or not?", 16), ["It is good. ", "It is bad. ", "Or not?"]);
        assert_eq!(texts("今日は良い。明日は悪い。", 20), ["今日は良い。", "明日は悪い。"]);
        assert_eq!(texts("one two three four", 9), ["one two ", "three ", "four"]);
        assert_eq!(texts("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(texts("👩‍👩‍👧👩‍👩‍👧", 20), ["👩‍👩‍👧", "👩‍👩‍👧"]);
        // A grapheme of 18 bytes does not fit into 8: then only characters stay whole.
        assert_eq!(texts("👩‍👩‍👧", 8).concat(), "👩‍👩‍👧");
    }

    #[test]
    fn the_sentences_of_a_text_are_the_whole_text() {
        for text in [
            "It is good. It is bad.  Or not?\n\nWho knows",
            "今日は良い。明日は悪い。",
            " \n One.",
            "One. \n\n \n",
            "",
            " ",
        ] {
            assert_eq!(sentences(text).concat(), text);
        }
        assert_eq!(sentences("It is good. It is bad.\n\nOr not?"), ["It is good. ", "It is bad.\n\n", "Or not?"]);
        assert_eq!(sentences("今日は良い。明日は悪い。"), ["今日は良い。", "明日は悪い。"]);
        assert_eq!(sentences(" \n One.\n \n"), [" \n One.\n \n"]);
    }

    #[test]
    fn long_runs_of_punctuation_do_not_take_quadratic_time() {
        // With Unicode's rules alone this takes hours.
        let text = format!("One. x.{} Two {}", ")".repeat(500_000), ".)".repeat(100_000));
        let found = sentences(&text);
        assert_eq!(found.concat(), text);
        assert!(found.len() < 10, "{}", found.len());
        assert_eq!(pieces(&text, 5_000).iter().map(|piece| piece.text).collect::<String>(), text);
    }

    #[test]
    fn offsets_are_counted_in_characters() {
        let offsets: Vec<u64> = pieces("Ähm. Öde. Übel.", 6).into_iter().map(|piece| piece.begin).collect();
        assert_eq!(offsets, [0, 5, 10]);
    }

    #[test]
    fn a_text_is_truncated_at_a_boundary_too() {
        assert_eq!(truncate("It is good. It is bad.", 20), "It is good. ");
        assert_eq!(truncate("It is good.", 20), "It is good.");
        let long = "Ein Satz. ".repeat(2_000);
        assert_eq!(truncate(&long, 12_345).len(), 12_340);
    }
}
