//! The most extreme texts of the latest days, of which a shift lists the decisive ones.

use serde::{Deserialize, Serialize};

use crate::model::record::Record;
use crate::model::shift::DecisiveText;
use crate::model::values::is_printable;

/// How many texts a shift lists, and how many of each day are kept for that, of the lowest and of the highest scores.
const MAX_TEXTS: usize = 3;
/// Maximum length of a title in bytes. Authors of feeds choose how long titles are, and the texts of all items of a chunk
/// must fit in one row and in one e-mail.
const MAX_TITLE_BYTES: usize = 160;
/// Maximum length of a URL in bytes. A longer one is left out, since a part of a link is of no use.
const MAX_URL_BYTES: usize = 300;

/// A text with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredText {
    /// Its score, from -1 to 1.
    pub score: f64,
    /// Its title, or its first words.
    pub title: String,
    /// Its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl ScoredText {
    /// The text of a record that has a score.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let score = record.finding()?.score.filter(|score| score.is_finite())?;
        let text = record.text.as_ref();
        let title = text.and_then(|text| text.title.as_deref()).filter(|title| !title.trim().is_empty());
        let title = title.or(text.map(|text| text.body.as_str())).unwrap_or(&record.item.key);
        let url = text.and_then(|text| text.url.clone()).or_else(|| record.item.url.clone());
        let url = url.filter(|url| url.len() <= MAX_URL_BYTES && url.chars().all(is_printable));
        Some(Self { score: (score.clamp(-1.0, 1.0) * 1e4).round() / 1e4, title: shortened(title), url })
    }
}

/// A text on one line, at most [`MAX_TITLE_BYTES`] long.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for word in text.split(|c: char| c.is_whitespace() || !is_printable(c)).filter(|word| !word.is_empty()) {
        let space = usize::from(!short.is_empty());
        let room = MAX_TITLE_BYTES.saturating_sub(short.len() + space + '\u{2026}'.len_utf8());
        if space > 0 {
            short.push(' ');
        }
        if word.len() > room {
            short.push_str(&word[..word.floor_char_boundary(room)]);
            short.push('\u{2026}');
            break;
        }
        short.push_str(word);
    }
    short
}

/// The most extreme texts of a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DayTexts {
    pub day: i32,
    pub texts: Vec<ScoredText>,
}

/// The most extreme of these texts, by score. Copies of a story are one text.
pub(super) fn extremes(mut texts: Vec<ScoredText>) -> Vec<ScoredText> {
    texts.sort_by(|one, other| {
        one.score.total_cmp(&other.score).then_with(|| (&one.title, &one.url).cmp(&(&other.title, &other.url)))
    });
    texts.dedup_by(|other, one| one.title == other.title && one.score == other.score);
    if texts.len() > 2 * MAX_TEXTS {
        texts.drain(MAX_TEXTS..texts.len() - MAX_TEXTS);
    }
    texts
}

/// The texts that moved a mean most, up or down from its baseline.
pub(super) fn decisive(days: &[DayTexts], since: i32, from: f64, up: bool) -> Vec<DecisiveText> {
    let texts = days.iter().filter(|day| day.day >= since).flat_map(|day| day.texts.iter().cloned());
    let mut texts = texts.filter(|text| if up { text.score > from } else { text.score < from }).collect::<Vec<_>>();
    texts.sort_by(|one, other| {
        let order = one.score.total_cmp(&other.score);
        (if up { order.reverse() } else { order }).then_with(|| (&one.title, &one.url).cmp(&(&other.title, &other.url)))
    });
    texts.dedup_by(|other, one| one.title == other.title);
    let decisive = |text: ScoredText| DecisiveText { title: text.title, url: text.url, score: text.score };
    texts.into_iter().take(MAX_TEXTS).map(decisive).collect()
}
