//! Language codes of Comprehend, and the languages that each question supports.

use crate::component::analysis::Analysis;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Text;
use crate::model::values::primary_language;

/// The languages that Comprehend supports (<https://docs.aws.amazon.com/comprehend/latest/dg/supported-languages.html>).
const ALL: [&str; 12] = ["en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW"];

/// The languages of each question (same page).
const fn supported(question: Analysis) -> &'static [&'static str] {
    match question {
        Analysis::TargetedSentiment => &["en"],
        Analysis::Pii => &["en", "es"],
        Analysis::Sentiment | Analysis::Entities | Analysis::KeyPhrases | Analysis::DominantLanguage => &ALL,
    }
}

/// Comprehend's code for a BCP 47 tag, if it has one.
fn code(tag: &str) -> Option<&'static str> {
    let primary = primary_language(tag)?;
    let code = if primary == "zh" && traditional(tag) { "zh-TW" } else { &primary };
    ALL.into_iter().find(|supported| *supported == code)
}

/// Whether a Chinese tag means the traditional script, by its script or by its region (the likely subtags of CLDR, <https://www.unicode.org/reports/tr35/#Likely_Subtags>).
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

/// The language code for requests about a text, if all questions support it.
///
/// # Errors
/// `language_unsupported`, with the first question that does not support it.
pub fn supported_code(tag: &str, questions: &[Analysis]) -> Result<&'static str, Error> {
    let code = code(tag);
    for question in questions {
        let supported = supported(*question);
        if !code.is_some_and(|code| supported.contains(&code)) {
            let (question, supported) = (question.as_str(), supported.join(", "));
            let message = format!("the text is in `{tag}`, but Comprehend's `{question}` supports only {supported}");
            return Err(Error::permanent(ErrorCode::LanguageUnsupported, message));
        }
    }
    code.ok_or_else(|| Error::permanent(ErrorCode::LanguageUnsupported, format!("Comprehend does not support `{tag}`")))
}

/// The declared language of a text.
///
/// # Errors
/// `language_unknown` if there is none: it is never guessed.
pub fn declared(text: &Text) -> Result<&str, Error> {
    text.language.as_deref().ok_or_else(|| {
        Error::permanent(
            ErrorCode::LanguageUnknown,
            "the language of the text is unknown: set `language` on the item or on the stage that fetches it, or add \
             `dominant_language` to `detect`",
        )
    })
}

/// The most likely of the languages that Comprehend detected.
///
/// # Errors
/// `language_unknown` if it detected none.
pub fn strongest(found: &[(String, f64)]) -> Result<&str, Error> {
    found.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(tag, _)| tag.as_str()).ok_or_else(|| {
        Error::permanent(
            ErrorCode::LanguageUnknown,
            "Comprehend detected no language: set `language` on the item or on the stage that fetches it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_in_any_spelling_has_comprehends_code() {
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
    fn a_question_is_refused_in_an_unsupported_language() {
        let code_for = |tag, questions: &[Analysis]| supported_code(tag, questions).map_err(|error| error.message);
        assert_eq!(code_for("es-MX", &[Analysis::Sentiment, Analysis::Pii]), Ok("es"));
        assert_eq!(
            code_for("de", &[Analysis::Sentiment, Analysis::Pii]),
            Err("the text is in `de`, but Comprehend's `pii` supports only en, es".into())
        );
        assert_eq!(
            code_for("es", &[Analysis::TargetedSentiment]),
            Err("the text is in `es`, but Comprehend's `targeted_sentiment` supports only en".into())
        );
        let all = "en, es, fr, de, it, pt, ar, hi, ja, ko, zh, zh-TW";
        assert_eq!(
            code_for("nl", &[Analysis::Sentiment]),
            Err(format!("the text is in `nl`, but Comprehend's `sentiment` supports only {all}"))
        );
        assert_eq!(code_for("nl", &[]), Err("Comprehend does not support `nl`".into()));
    }

    #[test]
    fn the_most_likely_language_counts_and_none_is_invented() {
        let found = [("de".to_owned(), 0.2), ("fr".to_owned(), 0.7), ("en".to_owned(), 0.1)];
        assert_eq!(strongest(&found).map_err(|error| error.code.to_string()), Ok("fr"));
        assert_eq!(strongest(&[]).map_err(|error| error.code.to_string()), Err("language_unknown".into()));
    }
}
