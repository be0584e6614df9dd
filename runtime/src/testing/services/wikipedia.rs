//! Wikipedia: the Action API's response for up to 20 titles, with introductions generated from the titles.

use std::borrow::Cow;

use serde_json::{Value, json};

/// Maximum titles per request with extracts (<https://www.mediawiki.org/wiki/Extension:TextExtracts#API>).
const TITLES: usize = 20;

/// Sentences about a page; `{}` is its title.
const SENTENCES: [&str; 12] = [
    "{} is a multinational corporation that develops, produces and sells consumer goods, software and related services, \
     with headquarters in Springfield and offices in more than forty countries of Europe, Asia and South America.",
    "Founded in 1976 by three engineers in a rented garage, it became one of the leading makers of its industry within two \
     decades, and its first product is still celebrated as a great success of its time.",
    "The company was criticised for the decline of its working conditions, and paid a fine after a lawsuit over the recall \
     of its third generation of devices, which regulators of the European Union had begun in the previous year.",
    "Its shares are listed on the New York Stock Exchange, where it has been part of the main index since 1985, and most of \
     its revenue comes from subscriptions, licences and advertising rather than from the sale of hardware.",
    "{} was praised for its research into materials, for which it received an award of the National Academy, and its popular \
     design has been shown in museums of New York and London since then.",
    "After a scandal over its accounts it filed for bankruptcy in 2003, was taken over by a group of investors, and reported \
     its first profitable quarter eighteen months later under a board that had been appointed by the court.",
    "It operates a network of warehouses, data centres and shops, employs about 58,000 people, and is known for an annual \
     conference at which it presents what it is going to sell in the following winter.",
    "In its early years {} made components for others, among them Northern Instruments and the Harbour Works, before it \
     began to sell under its own name in the spring of 1981.",
    "Critics have pointed to a violation of privacy rules in several states, to the loss of customer records in 2014, and to \
     the way in which it treats smaller competitors who depend on its market place.",
    "The beloved mascot of the company, a blue heron, appears on its packaging, in its advertisements and on the roof of its \
     first building, which is a protected monument.",
    "{} has subsidiaries in Canada, Japan and Brazil, and holds a minority of the shares of two of its suppliers, which the \
     competition authority allowed on condition that they go on selling to others.",
    "Its acclaimed foundation gives a tenth of the yearly profit to schools and libraries in the cities in which its \
     factories stand, and publishes what it gives in a report that anybody may read.",
];

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The introduction of a page, always the same for the same title.
fn extract(title: &str, sentences: usize) -> String {
    let mut state = hash(title);
    let mut text = SENTENCES[0].replace("{}", title);
    for _ in 1..sentences {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let sentence = SENTENCES[1 + (state >> 33) as usize % (SENTENCES.len() - 1)];
        text.push(' ');
        text.push_str(&sentence.replace("{}", title));
    }
    text
}

fn page(title: &str, sentences: usize) -> Value {
    let (number, path) = (hash(title) % 80_000_000, title.replace(' ', "_"));
    json!({
        "pageid": number, "ns": 0, "title": title, "extract": extract(title, sentences),
        "contentmodel": "wikitext", "pagelanguage": "en", "pagelanguagehtmlcode": "en", "pagelanguagedir": "ltr",
        "touched": "2026-11-20T11:04:33Z", "lastrevid": 1_200_000_000 + number, "length": 48_211,
        "fullurl": format!("https://en.wikipedia.org/wiki/{path}"),
        "editurl": format!("https://en.wikipedia.org/w/index.php?title={path}&action=edit"),
        "canonicalurl": format!("https://en.wikipedia.org/wiki/{path}"),
    })
}

/// Responds to a query.
pub fn respond(query: &str) -> Value {
    let (mut titles, mut sentences): (Cow<'_, str>, usize) = (Cow::Borrowed(""), 10);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "titles" => titles = value,
            "exsentences" => sentences = value.parse().unwrap_or(sentences),
            _ => {}
        }
    }
    let mut titles: Vec<&str> = titles.split('|').collect();
    if titles.len() > TITLES {
        let message = format!("Too many values supplied for parameter \"titles\". The limit is {TITLES}.");
        return json!({ "error": { "code": "toomanyvalues", "info": message } });
    }
    // Sorted by page id, and not in the requested order.
    titles.sort_unstable_by_key(|title| hash(title) % 80_000_000);
    let pages: Vec<Value> = titles.into_iter().map(|title| page(title, sentences)).collect();
    json!({ "batchcomplete": true, "query": { "pages": pages } })
}
