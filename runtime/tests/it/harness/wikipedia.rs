//! Responses of Wikipedia, and the stage opened against a server that gives them.

use fanggen_runtime::component::{RateLimit, Stage};
use fanggen_runtime::model::record::{Item, Record};
use serde_json::{Value, json};

use fanggen_runtime::testing::components::{far_deadline, open_stage, records};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};

/// The stage, with this server as its endpoint.
pub fn open(server: &HttpServer, settings: Value, pace: Option<RateLimit>) -> Box<dyn Stage> {
    let mut all = json!({ "endpoint": server.url("/{language}/w/api.php"), "allow": [server.host_port()] });
    if let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) {
        all.extend(settings.clone());
    }
    open_stage("wikipedia", all, pace)
}

/// What the stage makes of these items.
pub async fn apply(server: &HttpServer, items: impl IntoIterator<Item = Item>) -> Vec<Record> {
    open(server, json!({}), None).apply(records(items), far_deadline()).await
}

/// Items with only a key.
pub fn items(keys: &[&str]) -> Vec<Item> {
    keys.iter().map(|key| Item::named(*key)).collect()
}

/// A page for every requested title, in another order than requested.
pub fn pages(request: &ReceivedRequest) -> CannedResponse {
    let page = |title: &&str| {
        let language = request.path.split('/').nth(1).unwrap_or_default();
        json!({ "pageid": 1, "ns": 0, "title": title, "lastrevid": 7, "extract": format!("{language}: about {title}.") })
    };
    let mut titles = request.titles();
    titles.sort_by_key(|title| std::cmp::Reverse((title.len(), title.to_string())));
    CannedResponse::json(
        &json!({ "batchcomplete": true, "query": { "pages": titles.iter().map(page).collect::<Vec<_>>() } }),
    )
}

/// A complete response with this query.
pub fn query(query: Value) -> CannedResponse {
    CannedResponse::json(&json!({ "batchcomplete": true, "query": query }))
}

/// What the stage makes of one item with these responses, and how many requests it sent.
pub async fn apply_to_one(
    route: impl Fn(&ReceivedRequest) -> CannedResponse + Send + Sync + 'static,
    settings: Value,
) -> (Record, usize) {
    let server = HttpServer::start(route);
    let mut records = open(&server, settings, None).apply(records(items(&["Apple"])), far_deadline()).await;
    let requests = server.requests().len();
    (records.remove(0), requests)
}

/// The code of the failure, whether it is transient, and after how many seconds to retry.
pub fn failure(record: &Record) -> (&str, bool, Option<u64>) {
    let failure = record.failure.as_ref().expect("a failure");
    assert_eq!(failure.stage, "summary");
    assert!(record.text.is_none(), "a failed record has no text of this stage");
    (failure.error.code.as_str(), failure.error.transient, failure.error.retry_after_s)
}
