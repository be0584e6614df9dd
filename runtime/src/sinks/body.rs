//! Records as the bodies of messages: whole where they fit, without their longest parts where they do not.

use crate::error::Error;
use crate::record::Record;

/// A record as JSON of no more than so many bytes, and whether something was left out for that: texts first, then the
/// lists of what was found in them. Whoever listens gets the answer all the same, and the archive has the rest.
///
/// # Errors
/// `record_too_long` where even that is too long.
pub(super) fn within(record: &Record, most: usize) -> Result<(String, bool), Error> {
    let mut short = None;
    for step in 0.. {
        let body = serde_json::to_string(short.as_ref().unwrap_or(record))
            .map_err(|error| Error::permanent("record_unwritable", format!("the record cannot be written: {error}")))?;
        if body.len() <= most {
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
            _ => break,
        }
    }
    let words = format!("the record of `{}` has more than {most} bytes without its texts", record.item.lookup());
    Err(Error::permanent("record_too_long", words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Entity, Finding, Item, Text};

    #[test]
    fn a_long_record_loses_its_texts_then_its_lists_and_never_its_answer() {
        let mut record = Record::new("r", "s", Item::named("Apple"));
        record.text = Some(Text { body: "x".repeat(1_000), ..Text::default() });
        let entity =
            Entity { text: None, kind: "PERSON".into(), score: 1.0, begin: 0, end: 1, label: None, scores: [].into() };
        record.findings = vec![Finding {
            label: Some(crate::record::Label::Mixed),
            entities: vec![entity; 20],
            ..Finding::default()
        }];
        let whole = within(&record, 10_000).expect("fits");
        assert_eq!(whole, (serde_json::to_string(&record).expect("JSON"), false));

        let read = |most| {
            let (body, short) = within(&record, most).expect("fits");
            assert!(body.len() <= most && short);
            serde_json::from_str::<Record>(&body).expect("a record")
        };
        let (texts, lists) = (read(2_000), read(500));
        assert_eq!(texts.text.expect("a text").body, "");
        assert_eq!(texts.findings, record.findings);
        assert_eq!((lists.findings[0].entities.len(), lists.findings[0].label), (0, record.findings[0].label));
        assert_eq!(
            within(&record, 50).expect_err("too long").message,
            "the record of `Apple` has more than 50 bytes without its texts"
        );
    }
}
