//! The stage `wikipedia` with successful responses: which titles it requests, and which text each record gets.

use std::collections::BTreeSet;

use crate::harness::wikipedia::{apply, apply_to_one, failure, items, pages, query};
use fanggen_runtime::model::record::Item;
use fanggen_runtime::testing::components::{outcomes, recorded};
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer, ReceivedRequest};
use serde_json::json;

#[tokio::test]
async fn a_request_is_what_wikimedia_asks_for() {
    let server = HttpServer::start(pages);
    let item = Item { title: Some("Apple Inc. & sons + ü".into()), ..Item::named("Apple") };
    let told = apply(&server, [item]).await;
    let asked = server.requests()[0].clone();
    let expected = [
        ("action", "query"),
        ("exintro", "1"),
        ("exlimit", "max"),
        ("explaintext", "1"),
        ("exsentences", "3"),
        ("format", "json"),
        ("formatversion", "2"),
        ("inprop", "url"),
        ("maxlag", "5"),
        ("ppprop", "disambiguation"),
        ("prop", "extracts|pageprops|info"),
        ("redirects", "1"),
        ("titles", "Apple Inc. & sons + ü"),
    ];
    assert_eq!(asked.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let agent = format!("user-agent: fanggen/{} (me@example.com) reqwest/0.13\r\n", env!("CARGO_PKG_VERSION"));
    assert!(asked.head.contains(&agent), "{}", asked.head);

    let text = told[0].text.as_ref().expect("a text");
    assert_eq!(text.body, "en: about Apple Inc. & sons + ü.");
    assert_eq!((text.source.as_str(), text.language.as_deref()), ("wikipedia", Some("en")));
    assert_eq!((text.revision, text.licence.as_deref()), (Some(7), Some("CC BY-SA 4.0")));
    assert_eq!(text.title.as_deref(), Some("Apple Inc. & sons + ü"));
    assert_eq!(text.url, Some(server.url("/wiki/Apple_Inc._&_sons_+_%C3%BC")));
}

#[tokio::test]
async fn recorded_answers_are_understood() {
    let Some(extract) = recorded("TestVcrWikiExtracts.test_extracts.json") else { return };
    let python = "Python_(programming_language)";
    let answer = |name: &str| {
        let body = recorded(name).expect("a recording");
        move |_: &ReceivedRequest| CannedResponse::text(200, &body)
    };
    let server = HttpServer::start(move |_| CannedResponse::text(200, &extract));
    let told = apply(&server, items(&[python])).await;
    let text = told[0].text.as_ref().expect("a text");
    assert!(text.body.starts_with("Python is a high-level, general-purpose programming language."));
    assert_eq!(text.title.as_deref(), Some("Python (programming language)"));

    // The page is there, and this recording asked for no text of it: that is no empty text that we made up.
    for (name, title, expected) in [
        ("TestVcrWikiInfo.test_info.json", python, "text_empty"),
        ("TestVcrPageExistence.test_exists_true.json", python, "text_empty"),
        ("TestVcrPageExistence.test_exists_false.json", "NonExistentPage_WikiAPI_Test_12345", "page_missing"),
        ("TestVcrAsyncPageExistence.test_exists_false.json", "NonExistentPage_WikiAPI_Test_12345", "page_missing"),
        ("action_missing_me_bean.json", "me bean", "page_missing"),
        ("action_api_error.json", "Google", "wikipedia_refused"),
        ("summary_Google.json", "Google", "answer_unreadable"),
    ] {
        let server = HttpServer::start(answer(name));
        assert_eq!(outcomes(&apply(&server, items(&[title])).await), [Err(expected)], "{name}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_used_is_a_failure_that_says_what_to_do() {
    let server = HttpServer::start(|_| {
        query(json!({
            "normalized": [{ "from": "the apple", "to": "The apple" }, { "from": "mercury", "to": "Mercury" }],
            "redirects": [{ "from": "The apple", "to": "Apple Inc." }, { "from": "X", "to": "Y" }, { "from": "Y", "to": "X" }],
            "interwiki": [{ "title": "de:Apfel", "iw": "de" }],
            "pages": [
                { "title": "Mercury", "pageprops": { "disambiguation": "" }, "extract": "Mercury may refer to:" },
                { "title": "Aple", "missing": true },
                { "title": "Talk:", "invalid": true, "invalidreason": "The requested page title is empty." },
                { "title": "Bare", "extract": "" },
                { "title": "Apple Inc.", "extract": "Apple Inc. is a company.", "lastrevid": 12,
                  "fullurl": "https://en.wikipedia.org/wiki/Apple_Inc." }
            ]
        }))
    });
    let told = apply(&server, items(&["Aple", "mercury", "the apple", "Talk:", "Bare", "de:Apfel", "X"])).await;
    assert_eq!(
        outcomes(&told),
        [
            Err("page_missing"),
            Err("page_ambiguous"),
            Ok("Apple Inc. is a company."),
            Err("title_invalid"),
            Err("text_empty"),
            Err("page_missing"),
            Err("page_missing"),
        ]
    );
    let text = told[2].text.as_ref().expect("a text");
    assert_eq!(text.title.as_deref(), Some("Apple Inc."));
    assert_eq!((text.url.as_deref(), text.revision), (Some("https://en.wikipedia.org/wiki/Apple_Inc."), Some(12)));
    let words = |place: usize| told[place].failure.as_ref().expect("a failure").error.message.clone();
    assert_eq!(
        words(0),
        "`Aple` does not exist on en.wikipedia.org: check the spelling, or set the item's `title` to the title of its page"
    );
    assert_eq!(
        words(1),
        "`Mercury` (redirected from `mercury`) is a disambiguation page: set the item's `title` to the page that you \
         mean, such as `Mercury (company)`"
    );
}

#[tokio::test]
async fn forty_five_titles_are_three_requests_whatever_the_order_of_the_answers() {
    let server = HttpServer::start(pages);
    let keys: Vec<_> = (0..45).map(|n| format!("Title {n}")).collect();
    let told = apply(&server, keys.iter().map(|key| Item::named(key.as_str()))).await;
    for (record, key) in told.iter().zip(&keys) {
        assert_eq!(record.item.key, *key);
        assert_eq!(record.text.as_ref().expect("a text").body, format!("en: about {key}."));
    }
    let mut sizes: Vec<_> = server.requests().iter().map(|asked| asked.titles().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 20, 20]);
}

#[tokio::test]
async fn each_title_is_requested_once_from_the_wikipedia_of_its_language() {
    let server = HttpServer::start(pages);
    let item = |key: &str, title: &str, language: Option<&str>| Item {
        title: Some(title.into()),
        language: language.map(Into::into),
        ..Item::named(key)
    };
    let items = [
        item("a", "Apple", None),
        item("b", "Apfel", Some("de-AT")),
        item("c", "Apple", Some("en")),
        item("d", "C|D", None),
        item("e", "蘋果", Some("zh-TW")),
        item("f", "Apple", Some("../evil")),
    ];
    let told = apply(&server, items).await;
    assert_eq!(
        outcomes(&told),
        [
            Ok("en: about Apple."),
            Ok("de: about Apfel."),
            Ok("en: about Apple."),
            Err("title_invalid"),
            Ok("zh: about 蘋果."),
            Err("language_invalid"),
        ]
    );
    assert_eq!(told[4].text.as_ref().expect("a text").language.as_deref(), Some("zh"));
    let asked: BTreeSet<_> =
        server.requests().iter().map(|asked| (asked.path.clone(), asked.query["titles"].clone())).collect();
    let expected = [("/de/w/api.php", "Apfel"), ("/en/w/api.php", "Apple"), ("/zh/w/api.php", "蘋果")];
    assert_eq!(asked, expected.map(|(path, titles)| (path.to_owned(), titles.to_owned())).into());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_response_in_parts_is_merged() {
    let server = HttpServer::start(|asked| match asked.query.get("excontinue").map(String::as_str) {
        None => CannedResponse::json(&json!({
            "continue": { "excontinue": 1, "continue": "||pageprops|info" },
            "warnings": { "extracts": { "warnings": "\"exlimit\" was too large for a whole article extracts request." } },
            "query": { "pages": [
                { "title": "A", "extract": "About A.", "lastrevid": 1 }, { "title": "B", "lastrevid": 2 },
                { "title": "C", "lastrevid": 3 }
            ] }
        })),
        Some("1") => CannedResponse::json(&json!({
            "continue": { "excontinue": "2|x", "continue": "||pageprops|info" },
            "query": { "pages": [{ "title": "B", "extract": "About B." }] }
        })),
        // The last part was lost on the way: neither a page nor a word that it is complete.
        _ => CannedResponse::json(&json!({ "query": { "pages": [{ "title": "C" }] } })),
    });
    let told = apply(&server, items(&["A", "B", "C", "D"])).await;
    assert_eq!(outcomes(&told), [Ok("About A."), Ok("About B."), Err("answer_incomplete"), Err("answer_incomplete")]);
    assert_eq!(told[1].text.as_ref().expect("a text").revision, Some(2));
    assert!(failure(&told[2]).1 && failure(&told[3]).1, "another try may bring it");
    let asked = server.requests();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].query["excontinue"], "2|x");
    assert_eq!(asked[2].query["continue"], "||pageprops|info");
    assert!(asked.iter().all(|asked| asked.query["titles"] == "A|B|C|D"));
}

#[tokio::test]
async fn an_endless_response_is_given_up() {
    let more = json!({ "continue": { "excontinue": 1, "continue": "||" }, "query": { "pages": [] } });
    let (record, asked) = apply_to_one(move |_| CannedResponse::json(&more), json!({})).await;
    assert_eq!((failure(&record), asked), (("answer_endless", false, None), 30));
}
