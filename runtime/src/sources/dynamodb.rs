//! Source `dynamodb`: a table of items, made, seeded and owned by the pipeline, or one that exists.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::component::{Binding, Card, Component, Opened, Permission, Role, Scope, Seed, Source, Store, Unit};
use crate::doors::{Doors, Rows, Scan};
use crate::error::Error;
use crate::items::{Page, Written};
use crate::values::{Arn, Attribute, RelativePath, Within};

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
    const CARD: Card = Card {
        deployable: false,
        ..Card::new(
            Role::Source,
            "dynamodb",
            "a table of items, made and seeded by the pipeline, or one that exists",
            "[sources.companies]\ntype = \"dynamodb\"\nkey = \"name\"\nitems = [\"Apple\", \"Google\"]\n",
        )
    };

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
        Ok(Opened::Source(Box::new(Pages {
            table,
            key: self.key.to_string(),
            segments: self.segments.get(),
            after: None,
        })))
    }
}

struct Pages {
    table: Arc<dyn Rows>,
    key: String,
    segments: u64,
    after: Option<String>,
}

#[async_trait]
impl Source for Pages {
    async fn next(&mut self) -> Result<Option<Page>, Error> {
        let scan = Scan { key: &self.key, segments: self.segments, after: self.after.as_deref() };
        let page = self.table.scan(scan).await?;
        if let Some(page) = &page {
            self.after = Some(page.cursor.clone());
        }
        Ok(page)
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        self.after = Some(cursor.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::Row;
    use crate::record::Item;
    use std::sync::Mutex;

    /// A table of two pages that notes what it was asked.
    #[derive(Default)]
    struct Noting(Mutex<Vec<(String, u64, Option<String>)>>);

    #[async_trait]
    impl Rows for Noting {
        async fn put(&self, _: Vec<Row>) -> Result<String, Error> {
            Err(Error::not_built("table"))
        }

        async fn scan(&self, scan: Scan<'_>) -> Result<Option<Page>, Error> {
            let mut asked = self.0.lock().expect("no panic");
            asked.push((scan.key.into(), scan.segments, scan.after.map(Into::into)));
            let page = Page { items: vec![(Item::named("a"), None)], cursor: asked.len().to_string() };
            Ok((asked.len() <= 2).then_some(page))
        }
    }

    #[tokio::test]
    async fn a_table_is_told_its_key_its_segments_and_where_to_go_on() {
        let table = Arc::new(Noting::default());
        let mut pages = Pages { table: table.clone(), key: "company".into(), segments: 4, after: None };
        while pages.next().await.expect("a page").is_some() {}
        let asked = |after: Option<&str>| ("company".to_owned(), 4, after.map(Into::into));
        assert_eq!(*table.0.lock().expect("no panic"), [asked(None), asked(Some("1")), asked(Some("2"))]);
    }
}
