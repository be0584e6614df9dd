//! Source `dynamodb`: a table of items, made, seeded and owned by the pipeline, or one that exists.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::component::services::{Doors, Found, Rows, Scan};
use crate::component::{Binding, Card, Component, Given, Opened, Permission, Role, Scope, Seed, Source, Store, Unit};
use crate::model::error::Error;
use crate::model::items::{ATTRIBUTES, Written};
use crate::model::values::{Arn, Attribute, RelativePath, Within};

/// Items in a DynamoDB table, which people and programs may change at any time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Dynamodb {
    /// The attribute that holds the key of an item: the table's partition key.
    #[serde(default = "name")]
    pub key: Attribute,
    /// Items with which the table is seeded: keys, or tables of attributes.
    #[serde(default, skip_serializing)]
    pub items: Vec<Written>,
    /// A CSV or JSON Lines file of items with which the table is seeded.
    #[serde(default, skip_serializing)]
    pub items_file: Option<RelativePath>,
    /// A table that exists already: it is read, and neither made nor seeded nor deleted.
    #[serde(default, skip_serializing)]
    pub existing: Option<ExistingTable>,
    /// In how many parts the table is scanned at once.
    #[serde(default = "one")]
    pub segments: Within<1, 64>,
    /// The attributes that are carried along as labels, beside those that stages know; all that a row has unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<Attribute>>,
}

fn name() -> Attribute {
    super::name()
}

crate::checked_text!(
    /// A table that exists: its name, or its ARN where it is another account's.
    ExistingTable,
    "the name of a table, or its ARN such as `arn:aws:dynamodb:us-east-1:123456789012:table/companies`",
    "^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/)?[A-Za-z0-9_.-]{3,255}$",
    |text| {
        let name = match text.split_once(":table/") {
            // Not an index, a stream or another service's resource.
            Some((start, name)) if is_dynamodb(start) => name,
            Some(_) => return false,
            None => text,
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (3..=255).contains(&name.len()) && name.bytes().all(fits)
    }
);

/// Whether an ARN starts as one of DynamoDB does, in a region and an account.
fn is_dynamodb(start: &str) -> bool {
    let parts: Vec<&str> = start.split(':').collect();
    let [_, _, service, region, account] = parts[..] else { return false };
    Arn::new(format!("{start}:x")).is_ok() && service == "dynamodb" && !region.is_empty() && !account.is_empty()
}

fn one() -> Within<1, 64> {
    Within::of::<1>()
}

impl Component for Dynamodb {
    const CARD: Card = Card::new(
        Role::Source,
        "dynamodb",
        "a table of items, made and seeded by the pipeline, or one that exists",
        "[sources.companies]\ntype = \"dynamodb\"\nkey = \"name\"\nitems = [\"Apple\", \"Google\"]\n",
    );

    fn store(&self, name: &str) -> Option<Store> {
        Some(match &self.existing {
            Some(table) => Store::Existing(table.to_string()),
            None => Store::Table { name: name.into(), partition: self.key.to_string(), sort: None, expires: None },
        })
    }

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        vec![Permission {
            actions: vec!["dynamodb:Scan"],
            on: Scope::Store,
            why: "the producer reads the items, page by page",
        }]
    }

    fn units(&self) -> Vec<Unit> {
        vec![Unit {
            name: "dynamodb_read",
            per_record: 0.125,
            why: "an eventually consistent scan reads 4 KB for half a unit; an item is taken to be up to 1 KB",
        }]
    }

    fn seed(&self) -> Option<Seed<'_>> {
        Some(Seed { key: self.key.as_str(), items: &self.items, file: self.items_file.as_ref(), most_bytes: None })
    }

    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        self.items_file.iter().map(|path| ("items_file", path)).collect()
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        if let Some((found, allowed)) = self.items_file.as_ref().and_then(|file| super::unfit(file.as_str())) {
            return Some(("items_file", found, allowed));
        }
        let key = match () {
            () if self.existing.is_none() => return None,
            () if !self.items.is_empty() => "items",
            () if self.items_file.is_some() => "items_file",
            () => return None,
        };
        let found = format!("`{key}` beside `existing`");
        Some((key, found, "a table that exists is read as it is: name it, or seed one of the pipeline's own".into()))
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        let table = doors.table(binding.on.as_deref().unwrap_or(&binding.name))?;
        let known = ATTRIBUTES.iter().map(|name| (*name).to_owned());
        let attributes =
            self.labels.iter().flat_map(|labels| known.clone().chain(labels.iter().map(Attribute::to_string)));
        Ok(Opened::Source(Box::new(Pages {
            table,
            key: self.key.to_string(),
            attributes: attributes.filter(|name| name != self.key.as_str()).collect(),
            places: vec![Some(None); usize::try_from(self.segments.get()).unwrap_or(1)],
            next: vec![Some(None); usize::try_from(self.segments.get()).unwrap_or(1)],
            page: VecDeque::new(),
        })))
    }
}

/// Where a segment goes on: nowhere at its end, and at its start where nothing was read.
type Place = Option<Option<String>>;

struct Pages {
    table: Arc<dyn Rows>,
    key: String,
    attributes: Vec<String>,
    /// Behind the item that was given last, a place a segment.
    places: Vec<Place>,
    /// Behind what was read.
    next: Vec<Place>,
    /// What was read and not given yet, with the segment that it comes from.
    page: VecDeque<(usize, Found)>,
}

impl Pages {
    /// Reads the next page of every segment that goes on, all at once.
    async fn read(&mut self) -> Result<(), Error> {
        // All of the page before was given: where reading goes on is where giving does.
        self.places.clone_from(&self.next);
        let segments = self.next.len() as u64;
        let mut pages = Vec::new();
        for (segment, place) in self.next.iter().enumerate().filter_map(|(place, it)| Some((place, it.as_ref()?))) {
            let scan = Scan {
                key: &self.key,
                attributes: &self.attributes,
                segment: segment as u64,
                segments,
                after: place.as_deref(),
            };
            let page = self.table.scan(scan);
            pages.push(async move { page.await.map(|page| (segment, page)) });
        }
        for (segment, page) in try_join_all(pages).await? {
            self.page.extend(page.items.into_iter().map(|found| (segment, found)));
            self.next[segment] = page.after.map(Some);
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Pages {
    async fn next(&mut self) -> Result<Option<Given>, Error> {
        while self.page.is_empty() && self.next.iter().any(Option::is_some) {
            self.read().await?;
        }
        let Some((segment, found)) = self.page.pop_front() else { return Ok(None) };
        // Segments stand one after the other in a page: what lies before this one was given as a whole.
        for before in 0..segment {
            if self.places[before] != self.next[before] {
                self.places[before].clone_from(&self.next[before]);
            }
        }
        self.places[segment] = Some(Some(found.place));
        Ok(Some((found.item, found.error)))
    }

    fn cursor(&self) -> String {
        let all = if self.page.is_empty() { &self.next } else { &self.places };
        json!(
            all.iter()
                .map(|place| place.as_ref().map(|place| place.as_deref().unwrap_or_default()))
                .collect::<Vec<_>>()
        )
        .to_string()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        let unreadable = || {
            let words = format!("`{cursor}` is not a place in this table in {} segments", self.next.len());
            Error::permanent("cursor_unreadable", words)
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
    use crate::component::services::{Row, Scanned};
    use crate::model::record::Item;

    /// A table of so many items a segment, two a page, which can lose one.
    struct Shelf(u64);

    #[async_trait]
    impl Rows for Shelf {
        async fn put(&self, _: Vec<Row>) -> Result<String, Error> {
            Err(Error::permanent("read_only", "nothing is put on this shelf"))
        }

        async fn scan(&self, scan: Scan<'_>) -> Result<Scanned, Error> {
            assert_eq!((scan.key, scan.segments), ("company", 3));
            let from: u64 = scan.after.map_or(0, |after| after.parse().expect("a place of ours"));
            // The last segment holds nothing at all.
            let all = if scan.segment == 2 { 0 } else { self.0 };
            let found = |number: u64| Found {
                item: Item::named(format!("{}-{number}", scan.segment)),
                error: None,
                place: (number + 1).to_string(),
            };
            let to = all.min(from + 2);
            Ok(Scanned { items: (from..to).map(found).collect(), after: (to < all).then(|| to.to_string()) })
        }
    }

    fn pages(rows: u64) -> Pages {
        let start = || vec![Some(None); 3];
        Pages {
            table: Arc::new(Shelf(rows)),
            key: "company".into(),
            attributes: Vec::new(),
            places: start(),
            next: start(),
            page: VecDeque::new(),
        }
    }

    async fn rest(mut pages: Pages) -> Vec<(String, String)> {
        let mut all = Vec::new();
        while let Some((item, _)) = pages.next().await.expect("an item") {
            all.push((item.key, pages.cursor()));
        }
        all
    }

    #[tokio::test]
    async fn every_item_is_a_place_to_go_on_from() {
        let all = rest(pages(5)).await;
        let mut keys: Vec<_> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys[..4], ["0-0", "0-1", "1-0", "1-1"], "a page of each segment, one after the other");
        keys.sort_unstable();
        assert_eq!(keys, ["0-0", "0-1", "0-2", "0-3", "0-4", "1-0", "1-1", "1-2", "1-3", "1-4"]);
        for (place, (_, cursor)) in all.iter().enumerate() {
            let mut again = pages(5);
            again.resume(cursor).expect("a cursor of ours");
            let mut left: Vec<_> = rest(again).await.into_iter().map(|(key, _)| key).collect();
            let mut expected: Vec<_> = all[place + 1..].iter().map(|(key, _)| key.clone()).collect();
            left.sort_unstable();
            expected.sort_unstable();
            assert_eq!(left, expected, "behind {cursor}");
        }
    }

    #[test]
    fn a_cursor_of_another_form_is_refused() {
        for cursor in ["", "7", "[null]", "[1,2,3]", r#"["a","b"]"#] {
            assert_eq!(pages(1).resume(cursor).expect_err(cursor).code, "cursor_unreadable");
        }
    }
}
