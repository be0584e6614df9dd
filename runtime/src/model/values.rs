//! Types of values that settings share: they say what they allow once, to the parser and to the schema alike.

use std::fmt::Write as _;

pub use super::number::{Bounded, Fraction};

/// The keyword of a schema under which a text type says in words what it allows: for documentation.
pub const ALLOWED: &str = "x-allowed";

/// Declares a text type that checks itself: its name, what it allows in words, a pattern for editors (and the most
/// characters, where the pattern cannot count them), the check.
#[macro_export]
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $allowed:literal, $pattern:literal $(<= $most:literal)?, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text, where it is allowed.
            ///
            /// # Errors
            /// What would be allowed, in words.
            pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err($allowed) }
            }

            /// The text.
            #[must_use]
            #[allow(dead_code, reason = "not every type of this kind is taken apart")]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(text.as_str()).map_err(|allowed| {
                    serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &allowed)
                })
            }
        }

        $crate::text_schema!($name, $allowed, $pattern $(<= $most)?);
    };
}

/// The schema of a text type, where schemas are wanted at all.
#[cfg(feature = "cards")]
#[doc(hidden)]
#[macro_export]
macro_rules! text_schema {
    ($name:ident, $allowed:literal, $pattern:literal $(<= $most:literal)?) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern $(, "maxLength": $most)?, "x-allowed": $allowed
                })
            }
        }
    };
}

/// No schema: the Lambda has nobody to show it to.
#[cfg(not(feature = "cards"))]
#[doc(hidden)]
#[macro_export]
macro_rules! text_schema {
    ($name:ident, $allowed:literal, $pattern:literal $(<= $most:literal)?) => {};
}

checked_text!(
    /// A name within the pipeline: a lower-case letter, then lower-case letters, digits and single dashes.
    Name,
    "a lower-case letter, then lower-case letters, digits and single dashes, 40 at most",
    "^[a-z](-?[a-z0-9]){0,39}$" <= 40,
    |text| {
        text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.contains("--")
            && !text.ends_with('-')
    }
);

checked_text!(
    /// A text on one line without control characters, 1 to 200 characters.
    Line,
    "one line of 1 to 200 characters, without control characters",
    "^[^\\x00-\\x1f\\x7f]{1,200}$",
    |text| !text.is_empty() && text.chars().count() <= 200 && text.chars().all(printable)
);

checked_text!(
    /// A language as a BCP 47 tag of a primary language and perhaps a region or script: `en`, `zh-TW`.
    Language,
    "a language tag such as `en`, `de` or `zh-TW`",
    "^[a-z]{2,3}(-[A-Za-z]{2,4})?$",
    |text| {
        let (primary, rest) = text.split_once('-').map_or((text, None), |(a, b)| (a, Some(b)));
        (2..=3).contains(&primary.len())
            && primary.chars().all(|c| c.is_ascii_lowercase())
            && rest.is_none_or(|rest| (2..=4).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_alphabetic()))
    }
);

checked_text!(
    /// The Amazon Resource Name of something that exists already.
    Arn,
    "an ARN such as `arn:aws:dynamodb:us-east-1:123456789012:table/companies`",
    "^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:[^\\s]+$",
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        parts.len() == 6
            && parts[0] == "arn"
            && parts[1].starts_with("aws")
            && !parts[2].is_empty()
            && (parts[4].is_empty() || parts[4].len() == 12 && parts[4].chars().all(|c| c.is_ascii_digit()))
            && !parts[5].is_empty()
            && text.chars().all(|c| c.is_ascii_graphic())
    }
);

checked_text!(
    /// The name of a column or attribute that holds a key: what DynamoDB takes for a key's attribute.
    Attribute,
    "1 to 255 bytes without control characters",
    "^[^\\x00-\\x1f\\x7f]{1,255}$",
    |text| !text.trim().is_empty() && text.len() <= 255 && text.chars().all(printable)
);

checked_text!(
    /// The first part of the keys of objects. In a policy `*`, `?` and `$` would mean more than themselves.
    Prefix,
    "names of letters, digits, `-`, `_`, `.` and `=` with `/` between them, 200 characters at most",
    "^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$",
    |text| {
        let name = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
            !matches!(part, "" | "." | "..") && part.bytes().all(fits)
        };
        text.len() <= 200 && text.split('/').all(name)
    }
);

checked_text!(
    /// A web address. It may name no user and no password: addresses are written into results and logs.
    HttpUrl,
    "an http or https address such as `https://example.com/path`, without a user name or password",
    "^https?://[^\\s/?#@]+([/?#][^\\s]*)?$",
    |text| url::Url::parse(text).is_ok_and(|url| {
        let named = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && url.has_host() && !named
    }) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
);

checked_text!(
    /// A web address in which `{key}` stands for the key of an item, behind its host.
    ItemUrl,
    "an http or https address such as `https://example.com/{key}.xml`, in which `{key}` may stand behind the host",
    "^https?://[^\\s/?#@{}]+([/?#][^\\s]*)?$",
    |text| {
        let behind = text.find("://").and_then(|start| text[start + 3..].find(['/', '?', '#']).map(|end| start + 3 + end));
        HttpUrl::new(text).is_ok() && !text[..behind.unwrap_or(text.len())].contains(['{', '}'])
    }
);

impl ItemUrl {
    /// The address for an item of this key, which stands in it percent-encoded, whatever it holds.
    #[must_use]
    pub fn of(&self, key: &str) -> String {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        let encoded = key.bytes().fold(String::new(), |mut all, byte| {
            if fits(byte) {
                all.push(char::from(byte));
            } else {
                let _ = write!(all, "%{byte:02X}");
            }
            all
        });
        self.0.replace("{key}", &encoded)
    }
}

checked_text!(
    /// An e-mail address.
    Email,
    "an e-mail address such as `oncall@example.com`",
    "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$",
    |text| text.split_once('@').is_some_and(|(who, at)| {
        !who.is_empty()
            && !at.contains('@')
            && at.split('.').count() > 1
            && at.split('.').all(|part| !part.is_empty())
            && text.len() <= 254
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
);

checked_text!(
    /// An address and port on this machine or its network that fetching may reach all the same.
    HostPort,
    "an IP address and a port such as `127.0.0.1:8080`",
    "^.+:[0-9]{1,5}$",
    |text| text.parse::<std::net::SocketAddr>().is_ok()
);

checked_text!(
    /// A path to a file, relative to the folder of `pipeline.toml`, that stays inside it. In the cloud it is the key of
    /// an object, of which there is one spelling only: no `./` before it, no doubled slashes in it.
    RelativePath,
    "a path relative to the folder of `pipeline.toml`, without `.`, `..` and doubled slashes",
    "^([^/.\\x00-\\x1f\\x7f]|\\.[^/.\\x00-\\x1f\\x7f]|\\.\\.[^/\\x00-\\x1f\\x7f])[^/\\x00-\\x1f\\x7f]*(/([^/.\\x00-\\x1f\\x7f]|\\.[^/.\\x00-\\x1f\\x7f]|\\.\\.[^/\\x00-\\x1f\\x7f])[^/\\x00-\\x1f\\x7f]*)*$",
    |text| {
        let path = std::path::Path::new(text);
        text.chars().all(printable)
            && path.is_relative()
            && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
    }
);

/// The primary language of a tag, however it is written: `en` of `EN`, `en_US` and `en-us`. It may become part of a
/// host name, so nothing but letters passes.
#[must_use]
pub fn primary_language(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    let fits = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    fits.then(|| primary.to_ascii_lowercase())
}

/// A language as somebody else says it, where it is a tag at all: words such as `English` and marks such as `und` say
/// nothing.
#[must_use]
pub fn tag(said: &str) -> Option<String> {
    let said = said.trim();
    let mut parts = said.split(['-', '_']);
    let primary = parts.next().and_then(primary_language)?;
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let says = !["und", "mul", "zxx", "mis"].contains(&primary.as_str());
    (says && parts.all(fits)).then(|| said.replace('_', "-"))
}

/// What somebody else says, cut to so many characters: it is quoted in our words, and stored with them.
#[must_use]
pub fn short(said: &str, most: usize) -> String {
    match said.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// Whether a character may stand in a template: no control characters, none that YAML calls unprintable.
#[must_use]
pub fn printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a text can be the key of an object *and* stand in the policy that admits exactly this key: IAM takes Latin-1
/// only (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>), and reads `*`, `?` and `$` as
/// more than themselves. S3 takes 1,024 bytes, of which some are for day, run and chunk.
#[must_use]
pub fn exact_key(text: &str) -> bool {
    text.len() <= 900 && text.chars().all(|c| printable(c) && u32::from(c) <= 0xff && !matches!(c, '*' | '?' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_no_password() {
        for fine in ["https://example.com/a@b", "http://127.0.0.1:80", "https://{language}.example.com/api?x=a@b"] {
            assert!(HttpUrl::new(fine).is_ok(), "{fine}");
        }
        for odd in ["https://me:secret@example.com/", "https://me@example.com", "https://:secret@example.com/feed"] {
            assert!(HttpUrl::new(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_language_that_somebody_says_is_a_tag_or_nothing() {
        for (said, expected) in [(" en ", Some("en")), ("en_US", Some("en-US")), ("zh-Hant-TW", Some("zh-Hant-TW"))] {
            assert_eq!(tag(said).as_deref(), expected, "{said}");
        }
        for odd in ["", "English", "und", "mul", "de,en", "en-", "en us", "x", "日本"] {
            assert_eq!(tag(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_key_in_an_address_is_nothing_but_itself() {
        let url = ItemUrl::new("https://example.com/{key}/feed?of={key}").expect("an address");
        assert_eq!(url.of("Apple"), "https://example.com/Apple/feed?of=Apple");
        assert_eq!(url.of("../a?b=c&d#e f.é"), {
            let encoded = "%2E%2E%2Fa%3Fb%3Dc%26d%23e%20f%2E%C3%A9";
            format!("https://example.com/{encoded}/feed?of={encoded}")
        });
        for odd in
            ["https://{key}.example.com/", "https://{key}", "ftp://example.com/{key}", "https://a:{key}@b.example/"]
        {
            assert!(ItemUrl::new(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for fine in ["a.csv", "data/a.csv", ".hidden/..a/a..csv", "..."] {
            assert!(RelativePath::new(fine).is_ok(), "{fine}");
        }
        for odd in ["", "./a.csv", "data/./a.csv", "data//a.csv", "data/a.csv/", "/a.csv", "../a.csv", "a/..", "."] {
            assert!(RelativePath::new(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_language_is_the_same_however_it_is_written() {
        for tag in ["en", "EN", "en_US", "en-us", "En-Latn", " en "] {
            assert_eq!(primary_language(tag).as_deref(), Some("en"), "{tag}");
        }
        for odd in ["", "e", "english", "-en", "日本"] {
            assert_eq!(primary_language(odd), None, "{odd}");
        }
    }

    #[cfg(feature = "cards")]
    #[test]
    fn the_schema_of_a_name_counts_as_its_check_does() {
        use schemars::JsonSchema as _;
        let schema = Name::json_schema(&mut schemars::SchemaGenerator::default());
        assert_eq!(schema.get("maxLength"), Some(&serde_json::json!(40)));
        assert!(Name::new("a-".repeat(19) + "ab").is_ok() && Name::new("a-".repeat(20) + "a").is_err());
    }
}
