//! The stage `feed`: which entries are emitted, in which run, and what is stored about them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fanggen_runtime::component::services::{MessageQueue, ObjectStore, PipelineFile, Services, TableStore};
use fanggen_runtime::component::state::State;
use fanggen_runtime::component::{Binding, ComponentRole, Instance, Stage};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Identity, Item, Record};
use fanggen_runtime::model::run::RunId;
use fanggen_runtime::model::tree::Tree;
use fanggen_runtime::testing::components::far_deadline;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use fanggen_runtime::testing::memory_state::MemoryState;
use serde_json::{Value, json};

/// A place with a memory and nothing else.
struct Place(Arc<MemoryState>);

impl Services for Place {
    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        Ok(self.0.clone())
    }

    fn bucket(&self, _: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no bucket here"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn TableStore>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no queue here"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no folder here"))
    }
}

/// A feed that changes, a stage that reads it, and what it remembers.
struct Scene {
    feed: Arc<Mutex<String>>,
    server: HttpServer,
    memory: Arc<MemoryState>,
    stage: Box<dyn Stage>,
}

impl Scene {
    fn new(settings: Value) -> Self {
        Self::with(settings, true)
    }

    fn with(mut settings: Value, remembers: bool) -> Self {
        let feed = Arc::new(Mutex::new(String::new()));
        let served = Arc::clone(&feed);
        let server = HttpServer::start(move |_| CannedResponse::text(200, &served.lock().expect("no panic")));
        settings["allow"] = json!([server.host_port()]);
        let kind = registry::find(ComponentRole::Stage, "feed").expect("a kind");
        let memory = Arc::new(MemoryState::default());
        let state = remembers.then(|| "state".to_owned());
        let binding = Binding { name: "press".into(), state_table: state, ..Binding::default() };
        let opened = (kind.read)(&Tree::from_json(settings)).expect("settings").open(binding, &Place(memory.clone()));
        let Instance::Stage(stage) = opened.expect("an open stage") else { unreachable!("a stage opens as a stage") };
        Self { feed, server, memory, stage }
    }

    /// The feed has these items from now on, the newest first; `1:words` is an item with an id, and `words` has none.
    fn has(&self, items: &[&str]) {
        let item = |item: &&str| match item.split_once(':') {
            Some((id, words)) => format!("<item><guid>{id}</guid><title>{words}</title></item>"),
            None => format!("<item><title>{item}</title></item>"),
        };
        let items: String = items.iter().map(item).collect();
        *self.feed.lock().expect("no panic") = format!("<rss version='2.0'><channel>{items}</channel></rss>");
    }

    async fn reads(&self, run: &str) -> Vec<Record> {
        let item = Item { feed: Some(self.server.url("/")), ..Item::named("Apple") };
        self.stage.apply(vec![Record::new(run, "companies", item)], far_deadline()).await
    }

    async fn settles(&self, run: &str, records: &[Record]) {
        let made: Vec<Identity> = records.iter().map(Record::identity).collect();
        self.stage.committed(&RunId::try_from(run.to_owned()).expect("a run"), &made).await.expect("remembered");
    }

    /// A run from its beginning to its end: the entries that flowed, with their titles.
    async fn runs(&self, run: &str) -> Vec<String> {
        let records = self.reads(run).await;
        self.settles(run, &records).await;
        seen(&records)
    }
}

fn seen(records: &[Record]) -> Vec<String> {
    let of = |record: &Record| {
        let title = record.text.as_ref().and_then(|text| text.title.clone()).unwrap_or_default();
        let failure = record.failure.as_ref().map(|failure| format!(" {}", failure.error.code)).unwrap_or_default();
        format!("{} {title}{failure}", record.entry.as_deref().unwrap_or("-"))
    };
    records.iter().map(of).collect()
}

/// A run of some day and hour.
fn run(day: u32, hour: u32) -> String {
    let month = day / 28;
    format!("2026{:02}{:02}T{hour:02}0000Z", month + 1, day % 28 + 1)
}

const NONE: [String; 0] = [];

#[tokio::test]
async fn an_entry_is_emitted_once_and_again_only_in_its_own_run() {
    let scene = Scene::new(json!({}));
    scene.has(&["2:two", "1:one"]);
    let first = run(0, 1);
    let records = scene.reads(&first).await;
    assert_eq!(seen(&records), ["1 one", "2 two"], "the oldest first");
    // The same run comes again, before and after it was said that all is where it belongs; news are for the next run.
    scene.has(&["3:three", "2:two", "1:one"]);
    assert_eq!(seen(&scene.reads(&first).await), ["1 one", "2 two"]);
    scene.settles(&first, &records).await;
    assert_eq!(seen(&scene.reads(&first).await), ["1 one", "2 two"]);
    assert_eq!(scene.runs(&run(0, 2)).await, ["3 three"]);
    assert_eq!(scene.runs(&run(0, 3)).await, NONE);
    // What is changed is still the same entry.
    scene.has(&["3:three, corrected"]);
    assert_eq!(scene.runs(&run(0, 4)).await, NONE);
    assert_eq!(scene.stage.name(), "press");
}

#[tokio::test]
async fn entries_claimed_by_a_run_are_taken_over_only_after_its_messages_expired() {
    let scene = Scene::new(json!({}));
    scene.has(&["2:two", "1:one"]);
    assert_eq!(seen(&scene.reads(&run(0, 1)).await), ["1 one", "2 two"]);
    assert_eq!(scene.runs(&run(0, 2)).await, NONE, "the first run is still at it");
    assert_eq!(scene.runs(&run(14, 1)).await, NONE, "its message may still come");
    assert_eq!(scene.runs(&run(14, 2)).await, ["1 one", "2 two"], "the first run never came to its end");
    // It comes after all: what was taken over is no longer its own, there or gone.
    assert_eq!(scene.runs(&run(0, 1)).await, NONE);
    scene.has(&["2:two"]);
    assert_eq!(scene.runs(&run(0, 1)).await, NONE);
    assert_eq!(scene.runs(&run(15, 2)).await, NONE);
}

#[tokio::test]
async fn a_feed_that_fails_on_redelivery_is_retried_and_its_entries_are_reported() {
    let scene = Scene::new(json!({}));
    scene.has(&["2:two", "1:one"]);
    scene.reads(&run(0, 1)).await;
    *scene.feed.lock().expect("no panic") = "<html>Back soon</html>".into();
    let told = scene.reads(&run(0, 1)).await;
    assert_eq!(seen(&told), ["1  entry_gone", "2  entry_gone", "-  feed_unreadable"]);
    assert!(told.iter().all(|one| one.failure.as_ref().expect("a failure").error.transient));
    let words = "the entry `1` was not processed, since the feed of `Apple` failed";
    assert_eq!(told[0].failure.as_ref().expect("a failure").error.message, words);
    // All of them go round once more, as they do within one delivery: each entry comes once.
    let again = |told: &[Record]| told.iter().map(|one| Record { failure: None, ..one.clone() }).collect::<Vec<_>>();
    assert_eq!(seen(&scene.stage.apply(again(&told), far_deadline()).await), seen(&told));
    scene.has(&["2:two", "1:one"]);
    assert_eq!(seen(&scene.stage.apply(again(&told), far_deadline()).await), ["1 one", "2 two"]);
    // A run that had taken nothing has nothing to wait for.
    *scene.feed.lock().expect("no panic") = "<html>Back soon</html>".into();
    let told = scene.reads(&run(0, 2)).await;
    assert_eq!(seen(&told), ["-  feed_unreadable"]);
    assert!(!told[0].failure.as_ref().expect("a failure").error.transient);
}

#[tokio::test]
async fn a_shared_id_never_hides_an_entry() {
    let titles =
        |seen: Vec<String>| seen.iter().map(|seen| seen.split_once(' ').expect("two").1.to_owned()).collect::<Vec<_>>();
    let scene = Scene::new(json!({}));
    scene.has(&["x:b", "x:a"]);
    assert_eq!(titles(scene.runs(&run(0, 1)).await), ["a", "b"]);
    for (day, alone, expected) in [(1, "c", &["c"][..]), (2, "c", &[]), (3, "b", &[]), (4, "a", &[]), (5, "d", &["d"])]
    {
        scene.has(&[&format!("x:{alone}")]);
        assert_eq!(titles(scene.runs(&run(day, 1)).await), expected, "{day}");
    }
    // It was one entry's alone when that came, and shared later.
    scene.has(&["y:a"]);
    assert_eq!(titles(scene.runs(&run(6, 1)).await), ["a"]);
    scene.has(&["y:b", "y:a"]);
    assert_eq!(titles(scene.runs(&run(6, 2)).await), ["b"]);
    scene.has(&["y:c"]);
    assert_eq!(titles(scene.runs(&run(6, 3)).await), ["c"]);
    // It left the feed while its run was at it: what it said is still known.
    scene.has(&["z:b", "z:a"]);
    scene.reads(&run(7, 1)).await;
    scene.has(&["z:b"]);
    assert_eq!(titles(scene.runs(&run(7, 1)).await), ["b", " entry_gone"]);
    scene.has(&["z:a"]);
    assert_eq!(scene.runs(&run(7, 2)).await, NONE);
    scene.has(&["z:c"]);
    assert_eq!(titles(scene.runs(&run(7, 3)).await), ["c"]);
}

#[tokio::test]
async fn an_interrupted_run_and_the_next_one_emit_each_entry_once() {
    for after in [false, true] {
        for call in 1..=4 {
            let scene = Scene::new(json!({}));
            scene.has(&["2:two", "1:one"]);
            {
                let mut inside = scene.memory.inner();
                (inside.fail_from, inside.apply_before_failing) = (Some(call), after);
            }
            assert_eq!(seen(&scene.reads(&run(0, 1)).await), ["-  unreachable"], "call {call}");
            scene.memory.inner().fail_from = None;
            let mut all = scene.runs(&run(0, 2)).await;
            all.extend(scene.runs(&run(0, 1)).await);
            all.sort();
            assert_eq!(all, ["1 one", "2 two"], "call {call}, after it: {after}");
        }
    }
}

#[tokio::test]
async fn of_two_concurrent_runs_one_claims_an_entry() {
    let scene = Scene::new(json!({}));
    scene.has(&["2:two", "1:one"]);
    let first = scene.reads(&run(0, 1)).await;
    // What it wrote is not seen yet by whoever reads.
    scene.memory.inner().stale = true;
    scene.has(&["3:three", "2:two", "1:one"]);
    assert_eq!(scene.runs(&run(0, 2)).await, ["3 three"]);
    assert_eq!(seen(&first), ["1 one", "2 two"]);
    // A second delivery of the first run: it takes what that one took, though there is more by now.
    assert_eq!(scene.runs(&run(0, 1)).await, ["1 one", "2 two"]);
    scene.memory.inner().stale = false;
    assert_eq!(scene.runs(&run(0, 3)).await, NONE);
}

#[tokio::test]
async fn of_too_many_entries_the_oldest_come_first_and_the_rest_later() {
    let scene = Scene::new(json!({ "entries": 2 }));
    scene.has(&["5:e", "4:d", "3:c", "2:b", "1:a"]);
    assert_eq!(scene.runs(&run(0, 1)).await, ["1 a", "2 b"]);
    scene.has(&["6:f", "5:e", "4:d", "3:c", "2:b", "1:a"]);
    assert_eq!(scene.runs(&run(0, 2)).await, ["3 c", "4 d"]);
    assert_eq!(scene.runs(&run(0, 3)).await, ["5 e", "6 f"]);
    assert_eq!(scene.runs(&run(0, 4)).await, NONE);
}

#[tokio::test]
async fn an_entry_removed_from_the_feed_during_its_run_is_reported() {
    let scene = Scene::new(json!({}));
    scene.has(&["2:two", "1:one"]);
    scene.reads(&run(0, 1)).await;
    scene.has(&["3:three", "2:two"]);
    let records = scene.reads(&run(0, 1)).await;
    assert_eq!(seen(&records), ["2 two", "1  entry_gone"]);
    let failure = records[1].failure.as_ref().expect("a failure");
    assert_eq!(failure.error.message, "the entry `1` left the feed of `Apple` before it was processed");
}

#[tokio::test]
async fn entries_with_the_same_id_are_each_emitted_once() {
    let scene = Scene::new(json!({}));
    let titles =
        |seen: Vec<String>| seen.iter().map(|seen| seen.split_once(' ').expect("two").1.to_owned()).collect::<Vec<_>>();
    scene.has(&["x:b", "x:a"]);
    let told = scene.runs(&run(0, 1)).await;
    assert_eq!(told[0], "x a");
    assert!(told[1].starts_with("x~") && told[1].ends_with(" b"), "{told:?}");
    scene.has(&["x:c", "x:b", "x:a"]);
    assert_eq!(titles(scene.runs(&run(0, 2)).await), ["c"]);
    scene.has(&["x:d", "x:c", "x:b"]);
    assert_eq!(titles(scene.runs(&run(0, 3)).await), ["d"]);
    scene.has(&["x:d"]);
    assert_eq!(scene.runs(&run(0, 4)).await, NONE);
    // Without ids the words tell, or the link where there is one.
    scene.has(&["two", "one", "one"]);
    assert_eq!(titles(scene.runs(&run(0, 5)).await), ["one", "two"]);
    assert_eq!(scene.runs(&run(0, 6)).await, NONE);
}

#[tokio::test]
async fn an_entry_that_stays_in_its_feed_for_years_never_comes_twice() {
    let scene = Scene::new(json!({}));
    scene.has(&["1:one"]);
    assert_eq!(scene.runs(&run(0, 1)).await, ["1 one"]);
    let row = || scene.memory.inner().values.values().find(|row| row.contains("hash")).expect("a row").clone();
    let before = row();
    assert_eq!(scene.runs(&run(180, 1)).await, NONE);
    assert_eq!(row(), before, "young enough");
    assert_eq!(scene.runs(&run(230, 1)).await, NONE);
    assert!(row().contains(&format!("\"again\":\"{}\"", run(230, 1))), "{}", row());
    let again = row();
    assert_eq!(scene.runs(&run(235, 1)).await, NONE);
    assert_eq!(row(), again, "it was written down not long ago");
}

#[tokio::test]
async fn nothing_is_emitted_while_the_state_is_unavailable() {
    let scene = Scene::new(json!({}));
    scene.has(&["1:one"]);
    for (left, calls) in [(0, "get_cached"), (1, "put_cached")] {
        scene.memory.inner().fail_from = Some(left + 1);
        if left == 0 {
            scene.memory.inner().fail_from = Some(0);
        }
        let told = scene.reads(&run(0, 1)).await;
        let failure = told[0].failure.as_ref().expect("a failure");
        assert_eq!(
            (told.len(), failure.error.code.as_str(), failure.error.transient),
            (1, "unreachable", true),
            "{calls}"
        );
        scene.memory.inner().fail_from = None;
    }
    assert_eq!(scene.runs(&run(0, 1)).await, ["1 one"]);
}

#[tokio::test]
async fn without_state_all_entries_are_emitted_each_time() {
    let scene = Scene::with(json!({ "entries": 1 }), false);
    scene.has(&["2:two", "1:one"]);
    for hour in 1..3 {
        assert_eq!(scene.runs(&run(0, hour)).await, ["1 one", "2 two"]);
    }
}

#[tokio::test]
async fn nothing_of_a_feed_is_dropped_silently() {
    let scene = Scene::new(json!({ "language": "de" }));
    let serve = |feed: &str| *scene.feed.lock().expect("no panic") = feed.to_owned();
    serve("<rss version='2.0'><channel><item><guid>1</guid></item><item><title>a</title></item><item><title>cut");
    let told = scene.reads(&run(0, 1)).await;
    let codes: Vec<_> =
        told.iter().map(|one| one.failure.as_ref().map(|failure| failure.error.code.as_str())).collect();
    assert_eq!(codes, [None, Some("text_empty"), Some("feed_unreadable")]);
    assert_eq!((told[1].entry.as_deref(), told[2].entry.as_deref()), (Some("1"), None));
    let words = &told[1].failure.as_ref().expect("a failure").error.message;
    assert_eq!(words, "an entry in the feed of `Apple` has no text");
    serve("<html><body>Not found</body></html>");
    let told = scene.reads(&run(0, 2)).await;
    assert_eq!(seen(&told), ["-  feed_unreadable"]);
    let failure = told[0].failure.as_ref().expect("a failure");
    assert_eq!((failure.stage.as_str(), failure.error.transient), ("press", false));
    serve("<rss version='2.0'><channel/></rss>");
    assert_eq!(scene.reads(&run(0, 3)).await, []);
    let item = Record::new(&run(0, 4), "companies", Item::named("Apple"));
    let told = scene.stage.apply(vec![item], far_deadline()).await;
    let error = &told[0].failure.as_ref().expect("a failure").error;
    let words = "`Apple` has no feed: set `feed` on the item or `url` on the stage";
    assert_eq!((error.code.as_str(), error.message.as_str()), ("feed_missing", words));
}

#[tokio::test]
async fn a_text_has_its_origin() {
    let scene = Scene::new(json!({ "language": "de", "text": "summary" }));
    *scene.feed.lock().expect("no panic") = "<rss version='2.0'><channel><copyright>CC BY &amp; more</copyright><item>\
        <guid isPermaLink='false'>tag:1</guid><link>/news/1</link><title>Head\nline</title>\
        <pubDate>Sun, 22 Nov 2026 10:00:00 +0100</pubDate><description>&lt;p&gt;In short.&lt;/p&gt;</description>\
        <content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'>At length.</content:encoded>\
        </item></channel></rss>"
        .to_owned();
    let told = scene.reads(&run(0, 1)).await;
    let text = told[0].text.as_ref().expect("a text");
    assert_eq!(text.body, "Head\nline\n\nIn short.");
    assert_eq!((text.title.as_deref(), text.source.as_str()), (Some("Head line"), "feed"));
    assert_eq!((text.url.clone(), text.language.as_deref()), (Some(scene.server.url("/news/1")), Some("de")));
    assert_eq!(
        (text.published.as_deref(), text.licence.as_deref()),
        (Some("2026-11-22T09:00:00Z"), Some("CC BY & more"))
    );
}
