//! Maps between BCP 47 language tags and whatlang's languages.

use whatlang::{Lang, Script};

/// All languages of whatlang, by the tags that the other stages use (ISO 639-1, which BCP 47 prefers).
const TAGS: [(&str, Lang); 70] = [
    ("af", Lang::Afr),
    ("ak", Lang::Aka),
    ("am", Lang::Amh),
    ("ar", Lang::Ara),
    ("az", Lang::Aze),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("eo", Lang::Epo),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("gu", Lang::Guj),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("jv", Lang::Jav),
    ("ka", Lang::Kat),
    ("km", Lang::Khm),
    ("kn", Lang::Kan),
    ("ko", Lang::Kor),
    ("la", Lang::Lat),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("ml", Lang::Mal),
    ("mr", Lang::Mar),
    ("my", Lang::Mya),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("or", Lang::Ori),
    ("pa", Lang::Pan),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("si", Lang::Sin),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sn", Lang::Sna),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("te", Lang::Tel),
    ("th", Lang::Tha),
    ("tk", Lang::Tuk),
    ("tl", Lang::Tgl),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("ur", Lang::Urd),
    ("uz", Lang::Uzb),
    ("vi", Lang::Vie),
    ("yi", Lang::Yid),
    ("zh", Lang::Cmn),
    ("zu", Lang::Zul),
];

/// Other tags for some of them.
const ALIASES: [(&str, Lang); 3] = [("zh-TW", Lang::Cmn), ("zh-CN", Lang::Cmn), ("no", Lang::Nob)];

/// Minimum number of letters in scripts that several languages share (Latin, Cyrillic, Arabic, Devanagari, Hebrew): a third
/// of a headline.
const MIN_LETTERS_SHARED_SCRIPT: usize = 20;

/// Minimum number of letters in a script of a single language, which identifies itself: a few words.
const MIN_LETTERS_OWN_SCRIPT: usize = 4;

/// The most common characters that differ between simplified and traditional Chinese, in the same order.
const SIMPLIFIED: &str = "这们来说国时会为个对过还发经么动现没电开长关见问当实东车话书头业产万与从务价";
const TRADITIONAL: &str = "這們來說國時會為個對過還發經麼動現沒電開長關見問當實東車話書頭業產萬與從務價";

/// The language of a tag.
pub fn to_lang(tag: &str) -> Option<Lang> {
    TAGS.iter().chain(&ALIASES).find(|(known, _)| *known == tag).map(|(_, lang)| *lang)
}

/// All tags in backticks, for the message about an unknown one.
pub fn known() -> String {
    TAGS.iter().map(|(tag, _)| format!("`{tag}`")).collect::<Vec<_>>().join(", ")
}

/// The tag of a language that was detected in this text.
pub fn from_lang(lang: Lang, text: &str) -> &'static str {
    if lang == Lang::Cmn && traditional(text) {
        return "zh-TW";
    }
    TAGS.iter().find(|(_, known)| *known == lang).map_or("und", |(tag, _)| tag)
}

/// Whether a Chinese text has more traditional characters than simplified ones.
fn traditional(text: &str) -> bool {
    let count = |set: &str| text.chars().filter(|c| set.contains(*c)).count();
    count(TRADITIONAL) > count(SIMPLIFIED)
}

/// Minimum number of letters for a reliable detection.
pub fn min_letters(script: Script) -> usize {
    match script {
        Script::Latin | Script::Cyrillic | Script::Arabic | Script::Devanagari | Script::Hebrew => {
            MIN_LETTERS_SHARED_SCRIPT
        }
        _ => MIN_LETTERS_OWN_SCRIPT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_tag_and_every_tag_its_language() {
        for lang in Lang::all() {
            let tag = from_lang(*lang, "");
            assert_ne!(tag, "und", "{lang:?}");
            assert_eq!(to_lang(tag), Some(*lang));
        }
        assert!(TAGS.is_sorted_by_key(|(tag, _)| *tag));
        assert_eq!(SIMPLIFIED.chars().count(), TRADITIONAL.chars().count());
        assert!(SIMPLIFIED.chars().zip(TRADITIONAL.chars()).all(|(one, other)| one != other));
    }
}
