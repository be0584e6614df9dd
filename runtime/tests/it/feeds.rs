//! Feeds of all kinds: everything that the crate feed-rs reads from a document, we read, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fanggen_runtime::text::feed::{self, FeedEntry, ParsedFeed};
use fanggen_runtime::text::html;

const URL: &str = "https://feeds.example.com/news/feed.xml";

fn read(body: impl AsRef<[u8]>) -> ParsedFeed {
    feed::read(body.as_ref(), None, URL).expect("a feed")
}

fn refused(body: impl AsRef<[u8]>) -> String {
    let error = feed::read(body.as_ref(), None, URL).expect_err("no feed");
    assert_eq!((error.code.as_str(), error.transient), ("feed_unreadable", false));
    error.message.strip_prefix("the response is not a feed (RSS, Atom or JSON Feed): ").expect("how").to_owned()
}

/// The words of a text, however they are put.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// All that an entry says.
fn said(entry: &FeedEntry) -> String {
    [&entry.title, &entry.summary, &entry.content].into_iter().flatten().map(|text| format!("{text}\n")).collect()
}

/// What the library reads of an entry, against what we do.
fn compare(name: &str, ours: &FeedEntry, theirs: &feed_rs::model::Entry) {
    let plain = |text: &feed_rs::model::Text| html::text(&text.content);
    let all = words(&said(ours));
    let contains = |text: String| {
        let words = words(&text);
        assert!(
            all.windows(words.len().max(1)).any(|part| part == words) || words.is_empty(),
            "{name}: {text}\n{all:?}"
        );
    };
    if let Some(title) = &theirs.title {
        assert_eq!(ours.title.clone().unwrap_or_default(), plain(title), "{name}");
    }
    theirs.summary.iter().for_each(|summary| contains(plain(summary)));
    if let Some(body) = theirs.content.as_ref().and_then(|content| content.body.as_ref()) {
        contains(html::text(body));
    }
    if let Some(link) = theirs.links.iter().find(|link| link.rel.as_deref().is_none_or(|rel| rel == "alternate")) {
        let whole = url::Url::parse(URL).expect("a URL").join(&link.href).expect("a link");
        assert_eq!(ours.url.as_deref(), Some(whole.as_str()), "{name}");
    }
    if let Some(published) = theirs.published.or(theirs.updated) {
        assert_eq!(ours.published.expect("a time").as_second(), published.timestamp(), "{name}");
    }
    // What it makes up for entries without an id is no id.
    let made_up = theirs.id.len() >= 30 && theirs.id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !made_up {
        assert_eq!(ours.id.as_deref(), Some(theirs.id.trim()), "{name}");
    }
}

#[test]
fn documents_of_the_library_are_read_whole_or_refused_with_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/feeds");
    let Ok(files) = fs::read_dir(folder) else {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return;
    };
    let (mut whole, mut entries) = (0, 0);
    for file in files {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let body = fs::read(&path).expect("a file");
        let ours = feed::read(&body, None, URL);
        let theirs = feed_rs::parser::Builder::new().base_uri(Some(URL)).build().parse(body.as_slice());
        let Ok(theirs) = theirs else {
            // Either nothing of it can be read, or it says that something could not.
            assert!(ours.is_err() || ours.is_ok_and(|feed| feed.broken.is_some()), "{name}");
            continue;
        };
        let ours = ours.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((ours.entries.len(), &ours.broken), (theirs.entries.len(), &None), "{name}");
        assert!(!ours.entries.is_empty(), "{name}");
        for (ours, theirs) in ours.entries.iter().zip(&theirs.entries) {
            compare(&name, ours, theirs);
        }
        let ids: BTreeSet<_> = ours.entries.iter().filter_map(|entry| entry.id.as_ref()).collect();
        assert_eq!(ids.len(), ours.entries.iter().filter(|entry| entry.id.is_some()).count(), "{name}");
        (whole, entries) = (whole + 1, entries + ours.entries.len());
    }
    assert!(whole >= 36 && entries >= 70, "{whole} feeds, {entries} entries");
}

#[test]
fn every_version_of_rss_is_read_with_all_its_text() {
    let rss = |version: &str, items: &str| format!("<rss{version}><channel><title>T</title>{items}</channel></rss>");
    for version in
        ["", " version=\"0.90\"", " version=\"0.91\"", " version=\"0.93\"", " version=\"2\"", " version=\"2.0.1\""]
    {
        let feed = read(rss(version, "<item><title>One</title></item><item><title>Two</title></item>"));
        assert_eq!(feed.entries.len(), 2, "{version}");
    }
    // Markup that nobody escaped: feed-rs stops at its first tag.
    let feed = read(rss(
        " version='2.0'",
        "<item><title>A <i>very</i> good day</title><description>What <em>is</em> it?<br/>Yes.</description></item>",
    ));
    let entry = &feed.entries[0];
    assert_eq!(entry.title.as_deref(), Some("A very good day"));
    assert_eq!(entry.summary.as_deref(), Some("What is it?\nYes."));
    // Namespaces that somebody made up, and an item of RSS 1.0 without a link.
    for namespace in ["http://backend.userland.com/rss2", "urn:made-up", "http://purl.org/rss/1.0/"] {
        let feed = read(format!(
            "<rss version='2.0' xmlns='{namespace}'><channel><item><title>x</title></item></channel></rss>"
        ));
        assert_eq!(feed.entries.len(), 1, "{namespace}");
    }
    for namespace in ["http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/"] {
        let feed = read(format!(
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='{namespace}' xml:lang='ja'>\
             <channel><title>T</title></channel><item rdf:about='urn:1'><title>no link</title></item></rdf:RDF>"
        ));
        assert_eq!(feed.entries[0].id.as_deref(), Some("urn:1"), "{namespace}");
        assert_eq!(feed.language.as_deref(), Some("ja"));
    }
}

#[test]
fn an_entry_of_atom_is_text_html_or_xhtml_as_it_says() {
    let feed = read(
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='en' xml:base='https://a.example/b/'><rights>CC0</rights>
         <entry xml:lang='de'><id> urn:1 </id><title type='html'>a &amp;lt; b &lt;b&gt;c&lt;/b&gt;</title><link rel='self' href='x'/>
          <link href='c/d?e'/><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>One</p><p>T&amp;wo</p></div></content></entry>
         <entry><title>1 &lt; 2 &amp;amp; so on</title><content type='image/png'>aGVsbG8=</content><summary>Sum</summary></entry>
         <entry xml:base='../z/'><link rel='alternate' href=''/><link rel='alternate' href='f'/><content src='g' type='text/plain'/></entry></feed>",
    );
    let entries = &feed.entries;
    assert_eq!((feed.language.as_deref(), feed.rights.as_deref()), (Some("en"), Some("CC0")));
    assert_eq!((entries[0].id.as_deref(), entries[0].language.as_deref()), (Some("urn:1"), Some("de")));
    assert_eq!(entries[0].title.as_deref(), Some("a < b c"));
    assert_eq!(entries[0].content.as_deref(), Some("One\nT&wo"));
    assert_eq!(entries[0].url.as_deref(), Some("https://a.example/b/c/d?e"));
    assert_eq!(entries[1].title.as_deref(), Some("1 < 2 &amp; so on"));
    assert_eq!((entries[1].content.as_deref(), entries[1].summary.as_deref()), (None, Some("Sum")));
    assert_eq!(entries[2].content, None);
    for (root, entries) in [
        ("<feed xmlns='http://purl.org/atom/ns#' version='0.3'>", 1),
        ("<a:feed xmlns:a='http://www.w3.org/2005/Atom'>", 0),
    ] {
        let end = if entries == 1 {
            "<entry><title>x</title></entry></feed>"
        } else {
            "<a:entry><a:title>x</a:title></a:entry></a:feed>"
        };
        let feed = read(format!("{root}{end}"));
        assert_eq!(feed.entries[0].title.as_deref(), Some("x"), "{root}");
    }
}

#[test]
fn json_feeds_are_read_and_malformed_items_fail_alone() {
    let feed = read(
        r#"{"version":"https://jsonfeed.org/version/1.1","title":"T","language":"en-US","items":[
            {"id":1,"title":"A & B <c>","content_html":"<p>x&eacute;</p>","url":"/a"},
            "odd", {"content_text":"a < b","date_published":"2026-11-22T09:00:00+01:00","language":"de","external_url":"https://b.example/"},
            {}]}"#,
    );
    let entries = &feed.entries;
    assert_eq!((entries.len(), feed.language.as_deref()), (4, Some("en-US")));
    assert_eq!((entries[0].id.as_deref(), entries[0].title.as_deref()), (Some("1"), Some("A & B <c>")));
    assert_eq!(
        (entries[0].content.as_deref(), entries[0].url.as_deref()),
        (Some("xé"), Some("https://feeds.example.com/a"))
    );
    assert_eq!(entries[1].broken.as_ref().expect("a failure").message, "entry 2 of the feed is not a JSON object");
    assert_eq!(entries[2].published.expect("a time").to_string(), "2026-11-22T08:00:00Z");
    assert_eq!((entries[2].language.as_deref(), entries[2].content.as_deref()), (Some("de"), Some("a < b")));
    assert_eq!(entries[3], FeedEntry::default());
}

#[test]
fn a_feed_comes_in_any_encoding_and_with_anything_before_it() {
    let xml = "<rss version='2.0'><channel><item><title>Grüße “x” 日</title></item></channel></rss>";
    let title = |body: &[u8]| read(body).entries[0].title.clone().expect("a title");
    assert_eq!(title(format!("\u{feff}{xml}").as_bytes()), "Grüße “x” 日");
    assert_eq!(title(format!(" \n\r\n<?xml version='1.0' encoding='utf-8'?>{xml}").as_bytes()), "Grüße “x” 日");
    assert_eq!(title(format!("Warning: mysql_connect() in line 7\n{xml}").as_bytes()), "Grüße “x” 日");
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> =
            format!("\u{feff}<?xml version='1.0' encoding='UTF-16'?>{xml}").encode_utf16().flat_map(order).collect();
        assert_eq!(title(&wide), "Grüße “x” 日");
    }
    let latin: Vec<u8> =
        b"<rss version='2.0'><channel><item><title>Gr\xfc\xdfe \x93x\x94</title></item></channel></rss>".to_vec();
    assert_eq!(title(&latin), "Grüße “x”");
    let declared = [b"<?xml version='1.0' encoding='ISO-8859-1'?>".to_vec(), latin.clone()].concat();
    assert_eq!(title(&declared), "Grüße “x”");
    let sent = feed::read(&latin, Some("application/rss+xml; charset=windows-1252"), URL).expect("a feed");
    assert_eq!(sent.entries[0].title.as_deref(), Some("Grüße “x”"));
    // Whatever a server calls it.
    for odd in ["text/html", "application/octet-stream", "image/png", "nonsense"] {
        assert_eq!(feed::read(xml.as_bytes(), Some(odd), URL).expect("a feed").entries.len(), 1, "{odd}");
    }
}

#[test]
fn references_of_html_are_read_and_declared_ones_never_grow() {
    let feed = read(
        "<!DOCTYPE rss [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>
         <!ENTITY x SYSTEM 'file:///etc/passwd'>]>
         <rss version='0.91'><channel><item><title>caf&eacute;&nbsp;&hellip; &c; &x; &#169; &#xD800; &#0; AT&T R&D &amp;amp;</title>
         <description><![CDATA[<p>a &eacute; &amp; b</p>]]> and &lt;b&gt;more&lt;/b&gt;</description></item></channel></rss>",
    );
    let entry = &feed.entries[0];
    assert_eq!(entry.title.as_deref(), Some("café … &c; &x; © \u{fffd} \u{fffd} AT&T R&D &"));
    assert_eq!(entry.summary.as_deref(), Some("a é & b\nand more"));
}

#[test]
fn a_truncated_feed_keeps_its_complete_entries_and_says_so() {
    for (end, why) in [
        ("", "it ends early"),
        ("<item><title>Two", "it ends inside `title`"),
        ("<item><title>Two</item>", "ill-formed document: expected `</title>`, but `</item>` was found"),
    ] {
        let feed = read(format!("<rss version='2.0'><channel><item><title>One</title></item>{end}"));
        assert_eq!(feed.entries.len(), 1, "{end}");
        let broken = feed.broken.expect("a failure");
        let words = format!("the feed breaks off: {why}; 1 entry was read before that");
        assert_eq!((broken.code.as_str(), broken.message.as_str()), ("feed_unreadable", words.as_str()));
    }
    let deep = format!("<rss version='2.0'><channel>{}", "<a>".repeat(100_000));
    let words = "the feed breaks off: elements are nested more than 200 deep; 0 entries were read before that";
    assert_eq!(read(deep).broken.expect("a failure").message, words);
    let deep = format!("<rss version='2.0'>{}", "<channel>".repeat(100_000));
    assert_eq!(read(deep).broken.expect("a failure").message, words);
}

#[test]
fn an_empty_feed_is_no_failure_and_other_documents_are_named() {
    for empty in [
        "<rss version='2.0'><channel><title>T</title></channel></rss>",
        "<rss version='2.0'><channel/></rss>",
        "<feed xmlns='http://www.w3.org/2005/Atom'/>",
        "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[]}",
    ] {
        assert_eq!((read(empty).entries.len(), read(empty).broken), (0, None), "{empty}");
    }
    assert_eq!(refused(""), "it is empty");
    assert_eq!(refused(" \n"), "it is empty");
    assert_eq!(refused("hello"), "it is neither XML nor JSON");
    assert_eq!(refused([0xff, 0xd8, 0xff, 0xe0]), "it is neither XML nor JSON");
    let page = "it is an HTML page: look for the feed's URL in a `link` of its head";
    assert_eq!(refused("<!DOCTYPE html><html><body>x"), page);
    assert_eq!(refused("<catalog><book/></catalog>"), "its root element is `catalog`");
    assert_eq!(refused("<!-- only this -->"), "it contains no element");
    assert_eq!(refused("{\"a\":1}"), "it is JSON without the `version` of JSON Feed");
    assert_eq!(
        refused("{\"version\":\"https://jsonfeed.org/version/1\"}"),
        "it is a JSON Feed without a list of `items`"
    );
    assert!(refused("{\"version\":").starts_with("it is not valid JSON: EOF"));
    assert!(refused("<rss").starts_with("it is not valid XML: "));
}

#[test]
fn relative_urls_are_resolved_by_the_nearest_base_and_ids_may_be_missing_or_shared() {
    let feed = read(
        "<rss version='2.0' xml:base='https://a.example/'><channel xml:base='b/'>\
         <item xml:base='c/'><link>d</link></item><item><link>e</link><guid>same</guid></item>\
         <item><guid>same</guid></item><item><guid isPermaLink='false'>https://not.example/</guid></item>\
         <item><guid>https://is.example/</guid></item></channel></rss>",
    );
    let urls: Vec<_> = feed.entries.iter().map(|entry| entry.url.as_deref()).collect();
    let whole =
        [Some("https://a.example/b/c/d"), Some("https://a.example/b/e"), None, None, Some("https://is.example/")];
    assert_eq!(urls, whole);
    let ids: Vec<_> = feed.entries.iter().map(|entry| entry.id.as_deref()).collect();
    assert_eq!(ids[..3], [None, Some("same"), Some("same")]);
}

#[test]
fn of_a_huge_feed_the_newest_entries_are_kept_and_it_says_so() {
    let words = "the feed has 20000 entries, but at most 2000 are read";
    let ids = |feed: &ParsedFeed| {
        let id = |entry: Option<&FeedEntry>| entry.and_then(|entry| entry.id.clone()).unwrap_or_default();
        (feed.entries.len(), id(feed.entries.first()), id(feed.entries.last()))
    };
    let rss = |date: &dyn Fn(usize) -> String| {
        let item = |n: usize| format!("<item><guid>{n}</guid><pubDate>{}</pubDate></item>", date(n));
        (0..20_000).map(item).collect::<String>()
    };
    let at = |second: usize| format!("2026-11-22T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60);
    let newest_first = (2_000, "0".to_owned(), "1999".to_owned());
    for (items, expected) in [
        (rss(&|_| String::new()), newest_first.clone()),
        (rss(&|n| at(20_000 - n)), newest_first.clone()),
        (rss(&at), (2_000, "18000".into(), "19999".into())),
    ] {
        let feed = read(format!("<rss version='2.0'><channel>{items}</channel></rss>"));
        assert_eq!(ids(&feed), expected);
        let broken = feed.broken.expect("a failure");
        assert_eq!((broken.code.as_str(), broken.message.as_str(), broken.transient), ("feed_too_long", words, false));
    }
    let items = (0..20_000).map(|n| format!("{{\"id\":{n}}}")).collect::<Vec<_>>().join(",");
    let feed = read(format!("{{\"items\":[{items}],\"version\":\"https://jsonfeed.org/version/1\"}}"));
    assert_eq!((ids(&feed), feed.broken.expect("a failure").message), (newest_first, words.into()));
    let cut = read(format!("<rss version='2.0'><channel>{}<item>", rss(&|_| String::new())));
    let words = "the feed breaks off: it ends inside `item`; 20000 entries were read before that; only 2000 \
                 of them are kept";
    assert_eq!(cut.broken.expect("a failure").message, words);
    let just = rss(&|_| String::new()).split_inclusive("</item>").take(2_000).collect::<String>();
    let feed = read(format!("<rss version='2.0'><channel>{just}</channel></rss>"));
    assert_eq!((feed.entries.len(), feed.broken), (2_000, None));
}

#[test]
fn an_address_or_a_base_of_any_length_makes_no_feed_larger() {
    let long = format!("https://a.example/{}/", "x".repeat(1_000_000));
    let items = "<item><link>a</link></item>".repeat(20_000);
    for feed in [
        format!("<rss version='2.0' xml:base='{long}'><channel>{items}</channel></rss>"),
        format!("<rss version='2.0'><channel xml:base='{long}'>{items}</channel></rss>"),
    ] {
        let feed = read(feed);
        assert!(feed.entries.iter().all(|entry| entry.url.as_deref() == Some("https://feeds.example.com/news/a")));
    }
    // Bases that are short by themselves, one in another.
    let deep = format!("<channel xml:base='{}/'>", "y".repeat(2_000)).repeat(100);
    let feed = read(format!("<rss version='2.0'>{deep}{items}"));
    let urls: usize = feed.entries.iter().filter_map(|entry| entry.url.as_ref()).map(String::len).sum();
    assert!(feed.entries.len() == 2_000 && urls <= 2_000 * 2_048, "{urls}");
    let url = |link: &str| {
        let feed = read(format!("<rss version='2.0'><channel><item><link>{link}</link></item></channel></rss>"));
        feed.entries[0].url.as_ref().map(String::len)
    };
    let site = "https://a.example/";
    assert_eq!(url(&format!("{site}{}", "x".repeat(2_048 - site.len()))), Some(2_048));
    assert_eq!(url(&format!("{site}{}", "x".repeat(2_049 - site.len()))), None);
    // Each of these takes three bytes once it is written as an address.
    assert_eq!(url(&format!("{site}{}", " x".repeat(900))), None);
}

#[test]
fn an_entry_of_too_many_elements_fails_alone() {
    let many = |times: usize| format!("<item><title>many</title>{}</item>", "<a b='c'/>".repeat(times));
    let feed = read(format!(
        "<rss version='2.0'><channel>{}{}{}<item><title>last</title></item></channel></rss>",
        many(19_000),
        many(20_001),
        many(200_000)
    ));
    let titles: Vec<_> = feed.entries.iter().map(|entry| entry.title.as_deref()).collect();
    assert_eq!((titles, feed.broken), (vec![Some("many"), None, None, Some("last")], None));
    let error = feed.entries[1].broken.as_ref().expect("a failure");
    let words = "entry 2 of the feed contains more than 20000 elements and texts";
    assert_eq!((error.code.as_str(), error.message.as_str()), ("entry_unreadable", words));
    assert!(feed.entries[2].broken.is_some());
    // References are part of the text around them, however many there are.
    let content = "&lt;b&gt;word&lt;/b&gt; ".repeat(20_000);
    let feed = read(format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry><content type='html'>{content}</content></entry><entry>{}</entry></feed>",
        "<a/>b".repeat(20_000)
    ));
    assert_eq!(feed.entries[0].content.as_ref().map(|text| text.split_whitespace().count()), Some(20_000));
    assert!(feed.entries[1].broken.is_some());
}

#[test]
fn metadata_of_a_feed_and_quotes_in_errors_are_truncated() {
    let long = "x".repeat(100_000);
    let feed = read(format!(
        "<rss version='2.0'><channel><title>{long}</title><copyright>{long}</copyright><language>en-{}1</language>\
         <item><title>{long}</title><dc:rights>{long}</dc:rights><dc:language>de-{}12345678</dc:language></item></channel></rss>",
        "12345678-".repeat(4),
        "1234567-".repeat(3)
    ));
    let cut = Some(format!("{}…", "x".repeat(500)));
    assert_eq!((&feed.title, &feed.rights, &feed.language), (&cut, &cut, &None));
    let entry = &feed.entries[0];
    assert_eq!((&entry.rights, entry.language.as_ref().map(String::len)), (&cut, Some(35)));
    // It is a text: nothing of it is dropped.
    assert_eq!(entry.title.as_ref(), Some(&long));
    assert_eq!(refused(format!("<{long}/>")), format!("its root element is `{}…`", "x".repeat(200)));
    let broken = |end: &str| read(format!("<rss version='2.0'><channel>{end}")).broken.expect("a failure").message;
    let words = format!("the feed breaks off: it ends inside `{}…`", "x".repeat(200));
    assert_eq!(broken(&format!("<{long}>")), format!("{words}; 0 entries were read before that"));
    assert!(broken(&format!("<a></{long}>")).len() < 300);
}

#[test]
fn unexpected_values_in_a_json_feed_are_ignored() {
    let odd = ["null", "true", "1", "-1", "1.5", "\"x\"", "[1,[2]]"];
    let items = odd.map(|odd| format!("{odd},{{\"id\":\"a\",\"title\":{odd},\"authors\":[{odd}]}}")).join(",");
    let feed = read(format!(
        "{{\"items\":[{items},{{\"title\":{{\"a\":1}}}}],\"version\":\"https://jsonfeed.org/version/1\",\"title\":[],\"x\":{{}}}}"
    ));
    let titles: Vec<_> =
        feed.entries.iter().filter(|entry| entry.broken.is_none()).map(|entry| entry.title.as_deref()).collect();
    assert_eq!(titles, [None, None, Some("1"), Some("-1"), Some("1.5"), Some("x"), None, None]);
    let broken = feed.entries.iter().filter_map(|entry| entry.broken.as_ref()).map(|error| error.message.as_str());
    let places = (1..=odd.len()).map(|place| format!("entry {} of the feed is not a JSON object", place * 2 - 1));
    assert_eq!(broken.collect::<Vec<_>>(), places.collect::<Vec<_>>());
    for items in odd.iter().filter(|odd| !odd.starts_with('[')).chain(["{\"a\":[]}"].iter()) {
        let words = refused(format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":{items}}}"));
        assert_eq!(words, "it is a JSON Feed without a list of `items`");
    }
    assert!(
        refused("{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[]} x")
            .starts_with("it is not valid JSON: ")
    );
}
