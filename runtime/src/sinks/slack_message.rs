//! The message to Slack about the records of a chunk: the first ones with what was found, and how many more there are.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::record::{Label, Record};
use crate::model::run::Chunk;
use crate::model::slack::{self, SlackMessage};

/// Maximum number of records in a message: nobody reads more in a channel.
const MAX_RECORDS: usize = 20;

/// Maximum lengths of an item's name and of a title, in characters.
const MAX_NAME_CHARS: usize = 100;
const MAX_TITLE_CHARS: usize = 200;

/// The room for the last line, in characters.
const LAST_LINE_CHARS: usize = 40;

/// The names in every message of a sink.
pub(super) struct MessageHeader {
    pub pipeline: String,
    pub environment: String,
    pub sink: String,
    pub when: Option<String>,
}

/// The body of the request about these records, each with its previous label.
pub(super) fn body(header: &MessageHeader, chunk: &Chunk, records: &[(Cow<'_, Record>, Option<Label>)]) -> Vec<u8> {
    let mut message = SlackMessage::default();
    message.push(header.line(chunk, records.len()), 0);
    let listed = records.iter().take(MAX_RECORDS);
    let listed =
        listed.take_while(|(record, before)| message.push(record_line(record, *before), LAST_LINE_CHARS)).count();
    match records.len() - listed {
        0 => {}
        rest => drop(message.push(format!("\u{2026} and {rest} more"), 0)),
    }
    message.body()
}

impl MessageHeader {
    fn line(&self, chunk: &Chunk, count: usize) -> String {
        let records = if count == 1 { "record" } else { "records" };
        let when = self.when.as_ref().map(|when| format!(" matched `{}`", slack::line(when, MAX_TITLE_CHARS)));
        format!(
            "*{}, {}*: {count} {records} in the run {}{} (sink `{}`)",
            self.pipeline,
            self.environment,
            chunk.run,
            when.unwrap_or_default(),
            self.sink
        )
    }
}

/// Item, label, score, previous label, title with its link, failure; or the shift with its decisive texts.
fn record_line(record: &Record, before: Option<Label>) -> String {
    let mut line = format!("\u{2022} *{}*: ", slack::line(&record.item.key, MAX_NAME_CHARS));
    if let Some(shift) = &record.shift {
        line.push_str(&slack::escape(&shift.to_string()));
        for text in &shift.decisive {
            let title = slack::line(&text.title, MAX_TITLE_CHARS);
            let title = text.url.as_deref().map_or_else(|| title.clone(), |url| slack::link(url, &title));
            let _ = write!(line, "\n    {:+.2} {title}", text.score);
        }
        return line;
    }
    let finding = record.finding();
    match (finding.and_then(|finding| finding.label), &record.failure) {
        (Some(label), _) => line.push_str(label.as_str()),
        (None, Some(_)) => line.push_str("failed"),
        (None, None) => line.push_str("no label"),
    }
    if let Some(score) = finding.and_then(|finding| finding.score) {
        let _ = write!(line, " {score:+.2}");
    }
    if let Some(before) = before {
        let _ = write!(line, ", previously {}", before.as_str());
    }
    if let Some(failure) = &record.failure {
        let _ = write!(line, ", `{}`", failure.error.code);
    }
    let text = record.text.as_ref();
    let title = text.and_then(|text| text.title.as_deref()).filter(|title| !title.trim().is_empty());
    match (title, text.and_then(|text| text.url.as_deref())) {
        (Some(title), url) => {
            let title = slack::line(title, MAX_TITLE_CHARS);
            let _ = write!(line, ", {}", url.map_or_else(|| title.clone(), |url| slack::link(url, &title)));
        }
        (None, Some(url)) => match slack::link(url, "text") {
            link if link.starts_with('<') => line.extend([", ", &link]),
            _ => {}
        },
        (None, None) => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;
    use crate::model::shift::{DecisiveText, Shift};

    #[test]
    fn a_shift_is_told_with_its_decisive_texts_and_no_title_becomes_a_mention() {
        let text = |title: &str, url: Option<&str>| DecisiveText {
            title: title.to_owned(),
            url: url.map(str::to_owned),
            score: -0.95,
        };
        let decisive = vec![text("Shares <!channel> slump", Some("https://example.com/a|b")), text("No link", None)];
        let shift =
            Shift { from: 0.21, to: -0.48, texts: 23, since: "2026-11-21".to_owned(), baseline_texts: 412, decisive };
        let record = Record { shift: Some(Box::new(shift)), ..Record::new("r", "s", Item::named("Nokia")) };
        assert_eq!(
            record_line(&record, None),
            "\u{2022} *Nokia*: mean down from +0.21 to -0.48 (23 texts since 2026-11-21, 412 texts before)\n    \
             -0.95 <https://example.com/a%7Cb|Shares &lt;!channel&gt; slump>\n    -0.95 No link"
        );
    }
}
