//! Messages for Slack's incoming webhooks: texts are escaped, so that nothing from outside becomes a link or a mention, and
//! stay within Slack's limits.

use serde_json::{Value, json};
use url::Url;

use crate::model::values::one_line;

/// Maximum length of a message, in characters. Slack recommends 4,000 and cuts a text off after 40,000
/// (<https://docs.slack.dev/reference/methods/chat.postMessage>).
const MAX_CHARS: usize = 12_000;

/// Maximum length of one paragraph, in characters: that of the text of a section block
/// (<https://docs.slack.dev/reference/block-kit/blocks/section-block>).
const MAX_PARAGRAPH_CHARS: usize = 3_000;

/// Maximum number of paragraphs. A message has at most 50 blocks (<https://docs.slack.dev/reference/block-kit/blocks>).
const MAX_PARAGRAPHS: usize = 40;

/// Maximum length of a link, in characters: what is longer is left out rather than cut off.
const MAX_LINK_CHARS: usize = 1_000;

/// A text that Slack shows as it is: the three characters with a meaning are entities
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text on one line, without control characters, shortened and escaped.
#[must_use]
pub fn line(text: &str, max_chars: usize) -> String {
    escape(&one_line(text, max_chars))
}

/// A link with an escaped label. Without the link if it is not an HTTP or HTTPS URL, or too long.
#[must_use]
pub fn link(url: &str, label: &str) -> String {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // A bar would end the URL, and a bar in the label does no harm.
    let url = parsed.map(|url| escape(&url.as_str().replace('|', "%7C")));
    match url.filter(|url| url.chars().count() <= MAX_LINK_CHARS) {
        Some(url) => format!("<{url}|{label}>"),
        None => label.to_owned(),
    }
}

/// A message of a few paragraphs, each in Slack's own markup.
#[derive(Debug, Default)]
pub struct SlackMessage {
    paragraphs: Vec<String>,
    chars: usize,
}

impl SlackMessage {
    /// Adds a paragraph, and returns whether there was room for it. `reserve` is the room, in characters, that must remain.
    pub fn push(&mut self, paragraph: String, reserve: usize) -> bool {
        let chars = paragraph.chars().count();
        let fits = chars <= MAX_PARAGRAPH_CHARS
            && self.chars + chars + reserve <= MAX_CHARS
            && self.paragraphs.len() < MAX_PARAGRAPHS;
        if fits {
            self.chars += chars + 1;
            self.paragraphs.push(paragraph);
        }
        fits
    }

    /// The body of the request. `text` is for notifications and for receivers that know nothing else; the blocks are what
    /// Slack shows, and `verbatim` keeps it from making links and mentions of what looks like one.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let block = |text: &String| -> Value {
            json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
        };
        let blocks: Vec<Value> = self.paragraphs.iter().map(block).collect();
        let body = json!({
            "text": self.paragraphs.join("\n"),
            "blocks": blocks,
            // No previews of the pages that are linked.
            "unfurl_links": false,
            "unfurl_media": false,
        });
        body.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_a_mention_or_a_link() {
        assert_eq!(escape("<!channel> & <@U1> a&lt;b"), "&lt;!channel&gt; &amp; &lt;@U1&gt; a&amp;lt;b");
        assert_eq!(line("a\nb\u{2028}<c>", 100), "a b &lt;c&gt;");
        assert_eq!(line("<<<<", 2), "&lt;&lt;\u{2026}");
        assert_eq!(link("https://a.example/x?a=1&b=<!here>|<@U1>", "x"), {
            "<https://a.example/x?a=1&amp;b=%3C!here%3E%7C%3C@U1%3E|x>"
        });
        for url in ["javascript:alert(1)", "mailto:a@example.com", "no url", "", "https://"] {
            assert_eq!(link(url, "x"), "x", "{url}");
        }
        assert_eq!(link(&format!("https://a.example/{}", "x".repeat(1_000)), "x"), "x");
    }

    #[test]
    fn a_message_stays_within_the_limits_of_slack() {
        let mut message = SlackMessage::default();
        assert!(!message.push("x".repeat(3_001), 0));
        let pushed = (0..50).filter(|_| message.push("\u{1f600}".repeat(2_900), 100)).count();
        assert_eq!(pushed, 4);
        let mut many = SlackMessage::default();
        assert_eq!((0..100).filter(|_| many.push("x".into(), 0)).count(), 40);
        let body: Value = serde_json::from_slice(&message.body()).expect("JSON");
        assert!(body["text"].as_str().expect("a text").chars().count() <= 12_000);
        assert_eq!(body["blocks"].as_array().map(Vec::len), Some(4));
    }
}
