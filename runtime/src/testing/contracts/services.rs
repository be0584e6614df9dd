//! The contracts of buckets, tables of items and publishers.

use std::collections::BTreeSet;

use crate::component::services::{ObjectStore, OutboundMessage, Publisher, TableScan, TableStore};

/// An object is stored completely under its key, and replaced by the next one. `read` returns the object of a key.
pub async fn a_bucket_stores_objects_by_key(bucket: &dyn ObjectStore, read: impl AsyncFn(&str) -> Option<Vec<u8>>) {
    let large: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    let mut locations = BTreeSet::new();
    for body in [b"one".to_vec(), large, Vec::new(), b"two".to_vec()] {
        let location = bucket.put("dt=2026-11-22/a b.jsonl", body.clone()).await.expect("stored");
        assert!(location.ends_with("dt=2026-11-22/a b.jsonl"), "{location}");
        locations.insert(location);
        assert_eq!(read("dt=2026-11-22/a b.jsonl").await, Some(body));
    }
    assert_eq!(locations.len(), 1, "one key has one location: {locations:?}");
    bucket.put("other", b"three".to_vec()).await.expect("stored");
    assert_eq!(read("other").await.as_deref(), Some(&b"three"[..]));
    assert_eq!(read("dt=2026-11-22/a b.jsonl").await.as_deref(), Some(&b"two"[..]));
}

/// The keys of the items that a scan finds, each with its segment and the position after it.
pub async fn scan_all(
    rows: &dyn TableStore,
    key: &str,
    segments: u64,
    from: Option<(u64, &str)>,
) -> Vec<(u64, String, String)> {
    let mut all = Vec::new();
    let first = from.map_or(0, |(segment, _)| segment);
    for segment in first..segments {
        let mut after = from.filter(|(start, _)| *start == segment).map(|(_, cursor)| cursor.to_owned());
        loop {
            let scan = TableScan { key, attributes: &[], segment, segments, after: after.as_deref() };
            let page = rows.scan(scan).await.expect("a page");
            all.extend(page.items.into_iter().map(|found| (segment, found.item.key, found.cursor)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    all
}

/// A scan finds each item once in any number of segments, and continues after any item.
pub async fn a_scan_resumes_after_any_item(rows: &dyn TableStore, key: &str, expected: &BTreeSet<String>) {
    for segments in [1, 3] {
        let all = scan_all(rows, key, segments, None).await;
        let keys: BTreeSet<String> = all.iter().map(|(_, key, _)| key.clone()).collect();
        assert_eq!((all.len(), &keys), (expected.len(), expected), "{segments} segments");
        for (index, (segment, _, cursor)) in all.iter().enumerate().step_by(7) {
            assert_eq!(
                scan_all(rows, key, segments, Some((*segment, cursor))).await,
                all[index + 1..],
                "after {cursor}"
            );
        }
    }
}

/// All messages arrive with their bodies and attributes. `received` returns the body and the attributes of each so far.
pub async fn a_publisher_delivers_every_message(
    publisher: &dyn Publisher,
    received: impl AsyncFn() -> Vec<(String, Vec<(String, String)>)>,
) {
    let message = |number: usize| OutboundMessage {
        key: format!("20261122T090000Z/companies/{number}"),
        body: format!("{{\"number\":{number}}}"),
        attributes: vec![("run", "20261122T090000Z".into()), ("number", number.to_string())],
        ..OutboundMessage::default()
    };
    publisher.publish(vec![]).await.expect("nothing to publish");
    publisher.publish((0..25).map(message).collect()).await.expect("published");
    let mut arrived = received().await;
    arrived.iter_mut().for_each(|(_, attributes)| attributes.sort());
    for number in 0..25 {
        let OutboundMessage { body, attributes, .. } = message(number);
        let mut attributes: Vec<_> = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        attributes.sort();
        let found = arrived.iter().filter(|(other, _)| *other == body).collect::<Vec<_>>();
        assert!(!found.is_empty(), "{body} did not arrive");
        for (_, sent) in found {
            assert!(attributes.iter().all(|attribute| sent.contains(attribute)), "{body}: {sent:?}");
        }
    }
}
