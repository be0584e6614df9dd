//! Message bodies: a record as JSON, without its longest parts if it would exceed the size limit.

use std::collections::BTreeMap;

use crate::model::error::{Error, ErrorCode};
use crate::model::message::escape_noncharacters;
use crate::model::record::{Item, Record};

/// Maximum length of a failure's message in a shortened record, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// A record as JSON of at most `max_bytes`, and whether it was shortened: texts are dropped first, then entities and phrases,
/// then titles and URLs, then the attributes of the item. The receiver always gets the label, and the archive has the rest.
///
/// # Errors
/// `record_too_long` if even that is too long.
pub(super) fn limited(record: &Record, max_bytes: usize) -> Result<(String, bool), Error> {
    let mut short = None;
    for step in 0.. {
        let body = serde_json::to_string(short.as_ref().unwrap_or(record)).map_err(|error| {
            Error::permanent(ErrorCode::RecordUnwritable, format!("cannot serialize the record: {error}"))
        })?;
        let body = escape_noncharacters(body);
        if body.len() <= max_bytes {
            return Ok((body, step > 0));
        }
        let record = short.get_or_insert_with(|| record.clone());
        match step {
            0 => {
                record.item.text = None;
                if let Some(text) = &mut record.text {
                    text.body.clear();
                }
            }
            1 => {
                for finding in &mut record.findings {
                    for list in [&mut finding.entities, &mut finding.targets, &mut finding.personal] {
                        list.clear();
                    }
                    finding.phrases.clear();
                }
            }
            2 => {
                // The authors of pages choose how long these are.
                for text in [&mut record.text].into_iter().flatten() {
                    (text.title, text.url, text.licence) = (None, None, None);
                }
                if let Some(failure) = &mut record.failure {
                    failure.error.message = failure.error.message.chars().take(MAX_MESSAGE_CHARS).collect();
                }
            }
            3 => record.item = Item { labels: BTreeMap::new(), url: None, feed: None, ..record.item.clone() },
            _ => break,
        }
    }
    // The message goes into logs, and the key may be what is too long: so it is not quoted.
    let message = format!("a record exceeds {max_bytes} bytes even without its texts");
    Err(Error::permanent(ErrorCode::RecordTooLong, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::{Entity, Finding, Text};

    #[test]
    fn a_long_record_loses_its_texts_then_its_lists_but_never_its_label() {
        let mut record = Record::new("r", "s", Item::named("Apple"));
        record.text = Some(Text { body: "x".repeat(1_000), ..Text::default() });
        let entity =
            Entity { text: None, kind: "PERSON".into(), score: 1.0, begin: 0, end: 1, label: None, scores: [].into() };
        record.findings = vec![Finding {
            label: Some(crate::model::record::Label::Mixed),
            entities: vec![entity; 20],
            ..Finding::default()
        }];
        let whole = limited(&record, 10_000).expect("fits");
        assert_eq!(whole, (serde_json::to_string(&record).expect("JSON"), false));

        let read = |record: &Record, most| {
            let (body, short) = limited(record, most).expect("fits");
            assert!(body.len() <= most && short);
            serde_json::from_str::<Record>(&body).expect("a record")
        };
        let (texts, lists) = (read(&record, 2_000), read(&record, 500));
        assert_eq!(texts.text.expect("a text").body, "");
        assert_eq!(texts.findings, record.findings);
        assert_eq!((lists.findings[0].entities.len(), lists.findings[0].label), (0, record.findings[0].label));
        record.item.labels = [("note".to_owned(), "x".repeat(1_000))].into();
        let bare = read(&record, 500);
        assert_eq!((bare.item.labels.len(), bare.item.key.as_str()), (0, "Apple"));
        let message = limited(&record, 50).expect_err("too long").message;
        assert_eq!(message, "a record exceeds 50 bytes even without its texts");
    }
}
