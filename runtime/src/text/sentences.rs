//! Where a text may be cut: at the end of a sentence, or else of a word, or else of a character.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::model::record::is_blank;

/// The stretch before a cut in which a better place for it is looked for, in bytes: what one call may carry.
const STRETCH: usize = 5_000;

/// How far behind a cut is looked, in bytes, to know whether a sentence ends there: some words.
const AHEAD: usize = 64;

/// Signs in a row, at most, in which the end of a sentence is looked for: no writer needs a tenth of it.
const SIGNS: usize = 100;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its words, and the blanks behind them.
    pub text: &'a str,
    /// How many characters of the text are before it.
    pub begin: u64,
}

/// The sentences of a text, each with the blanks behind it: together they are the whole of it. What is nothing but blanks
/// is no sentence, and stays with the one before it.
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

/// The sentences of a text by Unicode's rules, each with where it starts. A long run of signs ends one: the rules look from
/// each sign of a run to the end of it, which for half a million brackets behind a full stop is not over in an hour.
fn bounds(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut signs, mut cut) = (0, 0, None);
    for (place, letter) in text.char_indices() {
        if letter.is_alphanumeric() {
            if let Some(cut) = cut.take() {
                parts.push((begin, cut, place));
                begin = place;
            }
            signs = 0;
            continue;
        }
        signs += 1;
        if signs == SIGNS {
            cut = Some(place);
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

/// The part of a text that is read where no more than `most` bytes of it are paid for.
pub fn read(text: &str, most: usize) -> &str {
    &text[..cut(text, most)]
}

/// A text in pieces of at most `most` bytes, which together are the whole of it.
pub fn pieces(text: &str, most: usize) -> Vec<Piece<'_>> {
    let (mut rest, mut begin) = (text, 0);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut(rest, most));
        pieces.push(Piece { text: piece, begin });
        begin += piece.chars().count() as u64;
        rest = after;
    }
    pieces
}

/// Where to cut a text so that no more than `most` bytes are before the cut. A character has at most four of them, so
/// that with four or more the cut is never at the start.
fn cut(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let end = text.floor_char_boundary(most);
    let begin = text.floor_char_boundary(end.saturating_sub(STRETCH));
    // What follows decides whether a part ends exactly here.
    let stretch = &text[begin..text.floor_char_boundary(end + AHEAD)];
    let fits = |start: &usize| *start <= end - begin;
    let last = |starts: &mut dyn DoubleEndedIterator<Item = usize>| starts.rev().find(fits).filter(|start| *start > 0);
    let sentence = bounds(stretch).map(|(start, _)| start).take_while(fits).last();
    let place = sentence
        .filter(|start| *start > 0)
        .or_else(|| last(&mut stretch.split_word_bound_indices().map(|(start, _)| start)))
        .or_else(|| last(&mut stretch.grapheme_indices(true).map(|(start, _)| start)));
    place.map_or(end, |place| begin + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, most: usize) -> Vec<&str> {
        pieces(text, most).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn a_short_text_is_one_piece() {
        assert_eq!(pieces("Good.", 5), [Piece { text: "Good.", begin: 0 }]);
        assert!(pieces("", 5).is_empty());
    }

    #[test]
    fn a_long_one_ends_where_a_sentence_does_or_a_word_or_a_character() {
        assert_eq!(texts("It is good. It is bad. Or not?", 16), ["It is good. ", "It is bad. ", "Or not?"]);
        assert_eq!(texts("今日は良い。明日は悪い。", 20), ["今日は良い。", "明日は悪い。"]);
        assert_eq!(texts("one two three four", 9), ["one two ", "three ", "four"]);
        assert_eq!(texts("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(texts("👩‍👩‍👧👩‍👩‍👧", 20), ["👩‍👩‍👧", "👩‍👩‍👧"]);
        // A family of 18 bytes does not fit into 8: then a character is the least that stays whole.
        assert_eq!(texts("👩‍👩‍👧", 8).concat(), "👩‍👩‍👧");
    }

    #[test]
    fn the_sentences_of_a_text_are_the_whole_of_it() {
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
    fn half_a_million_signs_are_no_half_a_million_sentences() {
        // By the rules alone this takes hours.
        let text = format!("One. x.{} Two {}", ")".repeat(500_000), ".)".repeat(100_000));
        let found = sentences(&text);
        assert_eq!(found.concat(), text);
        assert!(found.len() < 10, "{}", found.len());
        assert_eq!(pieces(&text, 5_000).iter().map(|piece| piece.text).collect::<String>(), text);
    }

    #[test]
    fn places_are_counted_in_characters() {
        let places: Vec<u64> = pieces("Ähm. Öde. Übel.", 6).into_iter().map(|piece| piece.begin).collect();
        assert_eq!(places, [0, 5, 10]);
    }

    #[test]
    fn what_is_not_paid_for_is_cut_off_at_such_a_place_too() {
        assert_eq!(read("It is good. It is bad.", 20), "It is good. ");
        assert_eq!(read("It is good.", 20), "It is good.");
        let long = "Ein Satz. ".repeat(2_000);
        assert_eq!(read(&long, 12_345).len(), 12_340);
    }
}
