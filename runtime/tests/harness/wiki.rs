//! A Wikipedia that answers as a test tells it to, and the stage opened against it.

use fanggen_runtime::component::{Pace, Stage};
use fanggen_runtime::model::record::{Item, Record};
use serde_json::{Value, json};

use super::{Asked, Reply, Server, far, records, stage};

/// The stage, asking this server.
pub fn open(server: &Server, settings: Value, pace: Option<Pace>) -> Box<dyn Stage> {
    let mut all = json!({ "endpoint": server.url("/{language}/w/api.php"), "allow": [server.allow()] });
    if let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) {
        all.extend(settings.clone());
    }
    stage("wikipedia", all, pace)
}

/// What becomes of these items.
pub async fn ask(server: &Server, items: impl IntoIterator<Item = Item>) -> Vec<Record> {
    open(server, json!({}), None).apply(records(items), far()).await
}

/// Items of which only the key is known.
pub fn named(keys: &[&str]) -> Vec<Item> {
    keys.iter().map(|key| Item::named(*key)).collect()
}

/// A page for every title that was asked for, in the order least like the one asked for.
pub fn pages(asked: &Asked) -> Reply {
    let page = |title: &&str| {
        let language = asked.path.split('/').nth(1).unwrap_or_default();
        json!({ "pageid": 1, "ns": 0, "title": title, "lastrevid": 7, "extract": format!("{language}: about {title}.") })
    };
    let mut titles = asked.titles();
    titles.sort_by_key(|title| std::cmp::Reverse((title.len(), title.to_string())));
    Reply::json(&json!({ "batchcomplete": true, "query": { "pages": titles.iter().map(page).collect::<Vec<_>>() } }))
}

/// A whole answer.
pub fn query(query: Value) -> Reply {
    Reply::json(&json!({ "batchcomplete": true, "query": query }))
}

/// What became of one item whose request is answered like this, and how often it was asked for.
pub async fn one(route: impl Fn(&Asked) -> Reply + Send + Sync + 'static, settings: Value) -> (Record, usize) {
    let server = Server::start(route);
    let mut told = open(&server, settings, None).apply(records(named(&["Apple"])), far()).await;
    let asked = server.asked().len();
    (told.remove(0), asked)
}

/// Code, whether it may pass, and what was asked to be waited for.
pub fn failure(record: &Record) -> (&str, bool, Option<u64>) {
    let failure = record.failure.as_ref().expect("a failure");
    assert_eq!(failure.stage, "summary");
    assert!(record.text.is_none(), "a failed record has no text of this stage");
    (&failure.error.code, failure.error.transient, failure.error.retry_after_s)
}
