//! The language of a text, in Comprehend's words, and which questions it can be asked in.

use crate::component::analysis::Question;
use crate::model::error::Error;
use crate::model::record::Text;
use crate::model::values::primary_language;

/// The languages that Comprehend reads (<https://docs.aws.amazon.com/comprehend/latest/dg/supported-languages.html>).
const ALL: [&str; 12] = ["en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW"];

/// Those that a question can be asked in (the same page).
const fn known(question: Question) -> &'static [&'static str] {
    match question {
        Question::TargetedSentiment => &["en"],
        Question::Pii => &["en", "es"],
        Question::Sentiment | Question::Entities | Question::KeyPhrases | Question::DominantLanguage => &ALL,
    }
}

/// Comprehend's code for a BCP 47 tag, where it has one.
fn code(tag: &str) -> Option<&'static str> {
    let primary = primary_language(tag)?;
    let code = if primary == "zh" && traditional(tag) { "zh-TW" } else { &primary };
    ALL.into_iter().find(|known| *known == code)
}

/// Whether a Chinese text is in the traditional script: the tag says so, or its region writes that way (the likely
/// subtags of CLDR, <https://www.unicode.org/reports/tr35/#Likely_Subtags>).
fn traditional(tag: &str) -> bool {
    let mut region = false;
    for part in tag.trim().split(['-', '_']).skip(1) {
        match part.to_ascii_lowercase().as_str() {
            "hant" => return true,
            "hans" => return false,
            "tw" | "hk" | "mo" => region = true,
            _ => {}
        }
    }
    region
}

/// The code to ask about a text in this language, where all questions can be asked in it.
///
/// # Errors
/// `language_unsupported`, naming the first question that does not know it.
pub fn of(tag: &str, questions: &[Question]) -> Result<&'static str, Error> {
    let code = code(tag);
    for question in questions {
        let known = known(*question);
        if !code.is_some_and(|code| known.contains(&code)) {
            let (word, known) = (question.word(), known.join(", "));
            let words = format!("Comprehend's `{word}` knows {known}, and the text is in `{tag}`");
            return Err(Error::permanent("language_unsupported", words));
        }
    }
    code.ok_or_else(|| Error::permanent("language_unsupported", format!("Comprehend does not know `{tag}`")))
}

/// What the record of a text says about its language.
///
/// # Errors
/// `language_unknown`: it is never guessed.
pub fn said(text: &Text) -> Result<&str, Error> {
    text.language.as_deref().ok_or_else(|| {
        Error::permanent(
            "language_unknown",
            "nobody said which language the text is in: give the item or the stage that fetches it a `language`, or \
             let the stage `detect` its `dominant_language`",
        )
    })
}

/// The strongest of the languages that Comprehend found.
///
/// # Errors
/// `language_unknown` where it found none.
pub fn strongest(found: &[(String, f64)]) -> Result<&str, Error> {
    found.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(tag, _)| tag.as_str()).ok_or_else(|| {
        Error::permanent(
            "language_unknown",
            "Comprehend finds no language in the text: give the item or the stage that fetches it a `language`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_comprehends_code_however_it_is_written() {
        for (tag, expected) in [
            ("en", Some("en")),
            ("EN_us", Some("en")),
            ("pt-BR", Some("pt")),
            ("zh", Some("zh")),
            ("zh-CN", Some("zh")),
            ("zh-TW", Some("zh-TW")),
            ("ZH_tw", Some("zh-TW")),
            ("zh-Hant", Some("zh-TW")),
            ("zh-Hant-CN", Some("zh-TW")),
            ("zh-Hans-TW", Some("zh")),
            ("zh-HK", Some("zh-TW")),
            ("yue", None),
            ("nl", None),
            ("", None),
            ("english", None),
        ] {
            assert_eq!(code(tag), expected, "{tag}");
        }
    }

    #[test]
    fn a_question_is_not_asked_in_a_language_that_it_does_not_know() {
        let asked = |tag, questions: &[Question]| of(tag, questions).map_err(|error| error.message);
        assert_eq!(asked("es-MX", &[Question::Sentiment, Question::Pii]), Ok("es"));
        assert_eq!(
            asked("de", &[Question::Sentiment, Question::Pii]),
            Err("Comprehend's `pii` knows en, es, and the text is in `de`".into())
        );
        assert_eq!(
            asked("es", &[Question::TargetedSentiment]),
            Err("Comprehend's `targeted_sentiment` knows en, and the text is in `es`".into())
        );
        let all = "en, es, fr, de, it, pt, ar, hi, ja, ko, zh, zh-TW";
        assert_eq!(
            asked("nl", &[Question::Sentiment]),
            Err(format!("Comprehend's `sentiment` knows {all}, and the text is in `nl`"))
        );
        assert_eq!(asked("nl", &[]), Err("Comprehend does not know `nl`".into()));
    }

    #[test]
    fn the_strongest_language_counts_and_none_is_made_up() {
        let found = [("de".to_owned(), 0.2), ("fr".to_owned(), 0.7), ("en".to_owned(), 0.1)];
        assert_eq!(strongest(&found).map_err(|error| error.code), Ok("fr"));
        assert_eq!(strongest(&[]).map_err(|error| error.code), Err("language_unknown".into()));
    }
}
