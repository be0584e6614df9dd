//! Source `dynamodb`: a table of items, created and seeded by the pipeline, or an existing one.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::component::services::{ScannedItem, Services, TableScan, TableStore};
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, FileColumns, Instance, PermissionTarget,
    RequiredPermission, SeedItems, Source, SourceItem, Store,
};
use crate::model::error::{Error, ErrorCode};
use crate::model::items::{ATTRIBUTES, InlineItem};
use crate::model::values::{Arn, Attribute, Bounded, RelativePath};

/// Reads the items of a DynamoDB table, which people and programs may change at any time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DynamodbSourceSettings {
    /// The attribute with the key of an item, which is the partition key of the table.
    #[serde(default = "default_key")]
    pub key: Attribute,
    /// The items to seed the table with: keys, or tables with attributes.
    #[serde(default, skip_serializing)]
    pub items: Vec<InlineItem>,
    /// A CSV or JSON Lines file of items to seed the table with.
    #[serde(default, skip_serializing)]
    pub items_file: Option<RelativePath>,
    /// The name of an existing table, or its ARN if it belongs to another account. The pipeline reads it, but does not create,
    /// seed or delete it.
    #[serde(default, skip_serializing)]
    pub existing: Option<ExistingTable>,
    /// Number of segments that are scanned in parallel.
    #[serde(default = "one")]
    pub segments: Bounded<1, 64>,
    /// The attributes that become labels of the item, besides those that stages use. By default all attributes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<Attribute>>,
}

fn default_key() -> Attribute {
    super::default_key()
}

crate::checked_string!(
    /// An existing table: its name, or its ARN if it belongs to another account.
    ExistingTable,
    "the name of a table, or its ARN such as `arn:aws:dynamodb:us-east-1:123456789012:table/companies`",
    "^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/)?[A-Za-z0-9_.-]{3,255}$",
    |text| {
        let name = match text.split_once(":table/") {
            // Not an index, a stream or a resource of another service.
            Some((start, name)) if is_dynamodb(start) => name,
            Some(_) => return false,
            None => text,
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (3..=255).contains(&name.len()) && name.bytes().all(fits)
    }
);

/// Whether this is the beginning of a DynamoDB ARN with a region and an account.
fn is_dynamodb(start: &str) -> bool {
    let parts: Vec<&str> = start.split(':').collect();
    let [_, _, service, region, account] = parts[..] else { return false };
    Arn::new(format!("{start}:x")).is_ok() && service == "dynamodb" && !region.is_empty() && !account.is_empty()
}

fn one() -> Bounded<1, 64> {
    Bounded::new::<1>()
}

impl Described for DynamodbSourceSettings {
    const CARD: Card = Card {
        // An existing table is not seeded.
        alternatives: &[&["existing"], &["items", "items_file"]],
        ..Card::new(
            ComponentRole::Source,
            "dynamodb",
            "a table of items, created and seeded by the pipeline, or an existing one",
            "[sources.companies]
type = \"dynamodb\"
key = \"name\"
items = [\"Apple\", \"Google\"]
",
        )
    };
}

impl Component for DynamodbSourceSettings {
    fn store(&self, name: &str) -> Option<Store> {
        Some(match &self.existing {
            Some(table) => Store::Existing(table.to_string()),
            None => Store::Table { name: name.into(), partition_key: self.key.to_string(), sort_key: None, ttl: None },
        })
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        vec![RequiredPermission {
            actions: vec!["dynamodb:Scan"],
            target: PermissionTarget::Store,
            reason: "the producer reads the items page by page",
        }]
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit {
            name: "dynamodb_read",
            per_record: 0.125,
            reason: "an eventually consistent scan reads 4 KB for half a unit; assuming items of up to 1 KB",
        }]
    }

    fn seed(&self) -> Option<SeedItems<'_>> {
        Some(SeedItems { key: self.key.as_str(), items: &self.items, file: self.items_file.as_ref(), max_bytes: None })
    }

    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        self.items_file.iter().map(|path| ("items_file", path)).collect()
    }

    fn columns(&self) -> FileColumns<'_> {
        if self.items_file.is_none() {
            return FileColumns::default();
        }
        let implied = ATTRIBUTES.into_iter().filter(|name| *name != "labels").collect();
        FileColumns { named: vec![("key", self.key.as_str())], implied, ..FileColumns::default() }
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        if let Some((found, allowed)) = self.items_file.as_ref().and_then(|file| super::unsupported_file(file.as_str()))
        {
            return Some(("items_file", found, allowed));
        }
        let key = match () {
            () if self.existing.is_none() => return None,
            () if !self.items.is_empty() => "items",
            () if self.items_file.is_some() => "items_file",
            () => return None,
        };
        let found = format!("`{key}` together with `existing`");
        Some((key, found, "either `existing`, which is only read, or items for a table of the pipeline".into()))
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let table = services.table(binding.store.as_deref().unwrap_or(&binding.name))?;
        let known = ATTRIBUTES.iter().map(|name| (*name).to_owned());
        let attributes =
            self.labels.iter().flat_map(|labels| known.clone().chain(labels.iter().map(Attribute::to_string)));
        Ok(Instance::Source(Box::new(DynamodbSource {
            table,
            key: self.key.to_string(),
            attributes: attributes.filter(|name| name != self.key.as_str()).collect(),
            positions: vec![Some(None); usize::try_from(self.segments.get()).unwrap_or(1)],
            next: vec![Some(None); usize::try_from(self.segments.get()).unwrap_or(1)],
            page: VecDeque::new(),
        })))
    }
}

/// Where to continue in a segment: `None` at its end, `Some(None)` at its start.
type SegmentPosition = Option<Option<String>>;

struct DynamodbSource {
    table: Arc<dyn TableStore>,
    key: String,
    attributes: Vec<String>,
    /// The position after the last returned item, per segment.
    positions: Vec<SegmentPosition>,
    /// The position after the last page that was read, per segment.
    next: Vec<SegmentPosition>,
    /// The items that were read and not returned yet, each with its segment.
    page: VecDeque<(usize, ScannedItem)>,
}

impl DynamodbSource {
    /// Reads the next page of every segment that has one, concurrently.
    async fn read(&mut self) -> Result<(), Error> {
        // All items of the previous pages were returned.
        self.positions.clone_from(&self.next);
        let segments = self.next.len() as u64;
        let mut pages = Vec::new();
        for (segment, position) in
            self.next.iter().enumerate().filter_map(|(segment, it)| Some((segment, it.as_ref()?)))
        {
            let scan = TableScan {
                key: &self.key,
                attributes: &self.attributes,
                segment: segment as u64,
                segments,
                after: position.as_deref(),
            };
            let page = self.table.scan(scan);
            pages.push(async move { page.await.map(|page| (segment, page)) });
        }
        for (segment, page) in try_join_all(pages).await? {
            self.page.extend(page.items.into_iter().map(|found| (segment, found)));
            self.next[segment] = page.next.map(Some);
        }
        Ok(())
    }
}

#[async_trait]
impl Source for DynamodbSource {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        while self.page.is_empty() && self.next.iter().any(Option::is_some) {
            self.read().await?;
        }
        let Some((segment, found)) = self.page.pop_front() else { return Ok(None) };
        // Pages follow one another by segment: those of the segments before this one were returned completely.
        for before in 0..segment {
            if self.positions[before] != self.next[before] {
                self.positions[before].clone_from(&self.next[before]);
            }
        }
        self.positions[segment] = Some(Some(found.cursor));
        Ok(Some((found.item, found.error)))
    }

    fn cursor(&self) -> String {
        let all = if self.page.is_empty() { &self.next } else { &self.positions };
        json!(
            all.iter()
                .map(|place| place.as_ref().map(|place| place.as_deref().unwrap_or_default()))
                .collect::<Vec<_>>()
        )
        .to_string()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        let unreadable = || {
            let words = format!("`{cursor}` is not a cursor of a table with {} segments", self.next.len());
            Error::permanent(ErrorCode::CursorUnreadable, words)
        };
        let places: Vec<Option<String>> = serde_json::from_str(cursor).map_err(|_| unreadable())?;
        if places.len() != self.next.len() {
            return Err(unreadable());
        }
        self.next =
            places.into_iter().map(|place| place.map(|place| Some(place).filter(|it| !it.is_empty()))).collect();
        self.page.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::services::{ScanPage, TableRow};
    use crate::model::record::Item;

    /// A table with so many items per segment, two per page.
    struct FakeTable(u64);

    #[async_trait]
    impl TableStore for FakeTable {
        async fn put(&self, _: Vec<TableRow>) -> Result<String, Error> {
            Err(Error::permanent(ErrorCode::ReadOnly, "this table is read-only"))
        }

        async fn scan(&self, scan: TableScan<'_>) -> Result<ScanPage, Error> {
            assert_eq!((scan.key, scan.segments), ("company", 3));
            let from: u64 = scan.after.map_or(0, |after| after.parse().expect("a position"));
            // The last segment holds nothing at all.
            let all = if scan.segment == 2 { 0 } else { self.0 };
            let found = |number: u64| ScannedItem {
                item: Item::named(format!("{}-{number}", scan.segment)),
                error: None,
                cursor: (number + 1).to_string(),
            };
            let to = all.min(from + 2);
            Ok(ScanPage { items: (from..to).map(found).collect(), next: (to < all).then(|| to.to_string()) })
        }
    }

    fn pages(rows: u64) -> DynamodbSource {
        let start = || vec![Some(None); 3];
        DynamodbSource {
            table: Arc::new(FakeTable(rows)),
            key: "company".into(),
            attributes: Vec::new(),
            positions: start(),
            next: start(),
            page: VecDeque::new(),
        }
    }

    async fn rest(mut pages: DynamodbSource) -> Vec<(String, String)> {
        let mut all = Vec::new();
        while let Some((item, _)) = pages.next().await.expect("an item") {
            all.push((item.key, pages.cursor()));
        }
        all
    }

    #[tokio::test]
    async fn a_run_can_resume_after_every_item() {
        let all = rest(pages(5)).await;
        let mut keys: Vec<_> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys[..4], ["0-0", "0-1", "1-0", "1-1"], "a page of each segment, one after the other");
        keys.sort_unstable();
        assert_eq!(keys, ["0-0", "0-1", "0-2", "0-3", "0-4", "1-0", "1-1", "1-2", "1-3", "1-4"]);
        for (place, (_, cursor)) in all.iter().enumerate() {
            let mut again = pages(5);
            again.resume(cursor).expect("a cursor");
            let mut left: Vec<_> = rest(again).await.into_iter().map(|(key, _)| key).collect();
            let mut expected: Vec<_> = all[place + 1..].iter().map(|(key, _)| key.clone()).collect();
            left.sort_unstable();
            expected.sort_unstable();
            assert_eq!(left, expected, "after {cursor}");
        }
    }

    #[test]
    fn a_cursor_of_another_format_is_refused() {
        for cursor in ["", "7", "[null]", "[1,2,3]", r#"["a","b"]"#] {
            assert_eq!(pages(1).resume(cursor).expect_err(cursor).code, ErrorCode::CursorUnreadable);
        }
    }
}
