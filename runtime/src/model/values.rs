//! String types with validation that settings share. Each defines its rules once, for the parser and for the schema.

use std::fmt::Write as _;

pub use super::number::{Bounded, Fraction};

/// The schema keyword that describes the allowed values of a string type, for the reference.
pub const ALLOWED: &str = "x-allowed";

/// Declares a validated string type: its name, a description of the allowed values, a pattern for editors, the maximum
/// length if the pattern does not limit it, and the check.
#[macro_export]
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $allowed:literal, $pattern:literal $(<= $max:literal)?, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Validates a string.
            ///
            /// # Errors
            /// A description of the allowed values.
            pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err($allowed) }
            }

            /// The string.
            #[must_use]
            #[allow(dead_code, reason = "not every type needs it")]
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

        $crate::string_schema!($name, $allowed, $pattern $(<= $max)?);
    };
}

/// Implements the schema of a validated string type.
#[cfg(feature = "cards")]
#[doc(hidden)]
#[macro_export]
macro_rules! string_schema {
    ($name:ident, $allowed:literal, $pattern:literal $(<= $max:literal)?) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern $(, "maxLength": $max)?, "x-allowed": $allowed
                })
            }
        }
    };
}

/// Without the feature `cards`, types have no schema.
#[cfg(not(feature = "cards"))]
#[doc(hidden)]
#[macro_export]
macro_rules! string_schema {
    ($name:ident, $allowed:literal, $pattern:literal $(<= $max:literal)?) => {};
}

checked_string!(
    /// A name within the pipeline: a lower-case letter, then lower-case letters, digits and single dashes.
    Name,
    "a lower-case letter, then lower-case letters, digits and single dashes, at most 40 characters",
    "^[a-z](-?[a-z0-9]){0,39}$" <= 40,
    |text| {
        text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.contains("--")
            && !text.ends_with('-')
    }
);

checked_string!(
    /// One line of text, 1 to 200 characters, without control characters.
    Line,
    "one line of 1 to 200 characters, without control characters",
    "^[^\\x00-\\x1f\\x7f]{1,200}$",
    |text| !text.is_empty() && text.chars().count() <= 200 && text.chars().all(is_printable)
);

checked_string!(
    /// A BCP 47 language tag with an optional region or script, such as `en` or `zh-TW`.
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

checked_string!(
    /// The Amazon Resource Name of an existing resource.
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

checked_string!(
    /// The ARN of a secret in AWS Secrets Manager.
    SecretArn,
    "the ARN of a secret such as `arn:aws:secretsmanager:us-east-1:123456789012:secret:press-token-AbCdEf`",
    "^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$",
    |text| {
        let name = text.split_once(":secret:").map_or("", |(_, name)| name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        let parts: Vec<&str> = text.split(':').collect();
        // Region and account are required, and `*` is refused: the role may read only this secret.
        Arn::new(text).is_ok()
            && parts.get(2..5).is_some_and(|parts| parts[0] == "secretsmanager" && !parts[1].is_empty() && !parts[2].is_empty())
            && name.bytes().all(fits)
            // IAM compares the whole ARN, which ends in six characters that Secrets Manager adds.
            && name.rsplit_once('-').is_some_and(|(start, end)| {
                !start.is_empty() && end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
    }
);

checked_string!(
    /// The name of a key column, with DynamoDB's limits for the names of key attributes.
    Attribute,
    "1 to 255 bytes without control characters",
    "^[^\\x00-\\x1f\\x7f]{1,255}$",
    |text| !text.trim().is_empty() && text.len() <= 255 && text.chars().all(is_printable)
);

checked_string!(
    /// A prefix of object keys. It has no `*`, `?` and `$`, which have a special meaning in IAM policies.
    Prefix,
    "letters, digits, `-`, `_`, `.` and `=`, in parts separated by `/`, at most 200 characters",
    "^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$",
    |text| {
        let is_valid_part = |part: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
            !matches!(part, "" | "." | "..") && part.bytes().all(is_allowed)
        };
        text.len() <= 200 && text.split('/').all(is_valid_part)
    }
);

checked_string!(
    /// An HTTP or HTTPS URL without credentials, since URLs appear in results and logs.
    HttpUrl,
    "an HTTP or HTTPS URL such as `https://example.com/path`, without a user name or password",
    "^https?://[^\\s/?#@]+([/?#][^\\s]*)?$",
    |text| url::Url::parse(text).is_ok_and(|url| {
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && url.has_host() && !has_credentials
    }) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
);

checked_string!(
    /// An HTTP or HTTPS URL in which `{key}`, anywhere after the host, is replaced with the key of an item.
    ItemUrl,
    "an HTTP or HTTPS URL such as `https://example.com/{key}.xml`, with `{key}` only after the host",
    "^https?://[^\\s/?#@{}]+([/?#][^\\s]*)?$",
    |text| {
        let host_end =
            text.find("://").and_then(|start| text[start + 3..].find(['/', '?', '#']).map(|end| start + 3 + end));
        HttpUrl::new(text).is_ok() && !text[..host_end.unwrap_or(text.len())].contains(['{', '}'])
    }
);

impl ItemUrl {
    /// The URL for an item. Its key is percent-encoded.
    #[must_use]
    pub fn for_key(&self, key: &str) -> String {
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        let encoded = key.bytes().fold(String::new(), |mut encoded, byte| {
            if is_unreserved(byte) {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        });
        self.0.replace("{key}", &encoded)
    }
}

checked_string!(
    /// An e-mail address.
    Email,
    "an e-mail address such as `oncall@example.com`",
    "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$",
    |text| text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() > 1
            && domain.split('.').all(|part| !part.is_empty())
            && text.len() <= 254
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
);

checked_string!(
    /// An IP address and port in a private network to which requests are allowed.
    HostPort,
    "an IP address and a port such as `127.0.0.1:8080`",
    "^.+:[0-9]{1,5}$",
    |text| text.parse::<std::net::SocketAddr>().is_ok()
);

checked_string!(
    /// A path inside the folder of `pipeline.toml`, relative to it. It is also an object key, so it must be normalized:
    /// without `.`, `..` or double slashes.
    RelativePath,
    "a path relative to the folder of `pipeline.toml`, without `.`, `..` and double slashes",
    "^([^/.\\x00-\\x1f\\x7f]|\\.[^/.\\x00-\\x1f\\x7f]|\\.\\.[^/\\x00-\\x1f\\x7f])[^/\\x00-\\x1f\\x7f]*(/([^/.\\x00-\\x1f\\x7f]|\\.[^/.\\x00-\\x1f\\x7f]|\\.\\.[^/\\x00-\\x1f\\x7f])[^/\\x00-\\x1f\\x7f]*)*$",
    |text| {
        let path = std::path::Path::new(text);
        text.chars().all(is_printable)
            && path.is_relative()
            && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
    }
);

/// The primary language of a tag, in lower case: `en` for `EN`, `en_US` and `en-us`. It may become part of a host name,
/// so it consists only of letters.
#[must_use]
pub fn primary_language(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    let is_valid = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_valid.then(|| primary.to_ascii_lowercase())
}

/// Parses a language declared by a third party. Returns `None` for names such as `English` and for tags such as `und`
/// that do not name a language.
#[must_use]
pub fn language_tag(declared: &str) -> Option<String> {
    let declared = declared.trim();
    let mut parts = declared.split(['-', '_']);
    let primary = parts.next().and_then(primary_language)?;
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_language = !["und", "mul", "zxx", "mis"].contains(&primary.as_str());
    (is_language && parts.all(is_subtag)).then(|| declared.replace('_', "-"))
}

/// Truncates text of a third party to a number of characters, before it is quoted or stored.
#[must_use]
pub fn truncate(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether a character may appear in a template: neither a control character nor unprintable in YAML.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text on one line, without control characters and shortened.
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut chars = text.chars().map(|c| if is_printable(c) { c } else { ' ' });
    let mut short: String = chars.by_ref().take(max_chars).collect();
    if chars.next().is_some() {
        short.push('\u{2026}');
    }
    short
}

/// Whether a string can be an object key *and* appear in an IAM policy for exactly this key. IAM allows only Latin-1
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>), and `*`, `?` and `$` have a special
/// meaning there. S3 allows 1,024 bytes per key; date, run and chunk take some of them.
#[must_use]
pub fn is_policy_key(text: &str) -> bool {
    text.len() <= 900 && text.chars().all(|c| is_printable(c) && u32::from(c) <= 0xff && !matches!(c, '*' | '?' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_credentials_is_rejected() {
        for valid in ["https://example.com/a@b", "http://127.0.0.1:80", "https://{language}.example.com/api?x=a@b"] {
            assert!(HttpUrl::new(valid).is_ok(), "{valid}");
        }
        for invalid in ["https://me:secret@example.com/", "https://me@example.com", "https://:secret@example.com/feed"]
        {
            assert!(HttpUrl::new(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn only_language_tags_are_accepted() {
        for (declared, expected) in [(" en ", Some("en")), ("en_US", Some("en-US")), ("zh-Hant-TW", Some("zh-Hant-TW"))]
        {
            assert_eq!(language_tag(declared).as_deref(), expected, "{declared}");
        }
        for invalid in ["", "English", "und", "mul", "de,en", "en-", "en us", "x", "日本"] {
            assert_eq!(language_tag(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_key_in_a_url_is_percent_encoded() {
        let url = ItemUrl::new("https://example.com/{key}/feed?of={key}").expect("a URL");
        assert_eq!(url.for_key("Apple"), "https://example.com/Apple/feed?of=Apple");
        assert_eq!(url.for_key("../a?b=c&d#e f.é"), {
            let encoded = "%2E%2E%2Fa%3Fb%3Dc%26d%23e%20f%2E%C3%A9";
            format!("https://example.com/{encoded}/feed?of={encoded}")
        });
        for invalid in
            ["https://{key}.example.com/", "https://{key}", "ftp://example.com/{key}", "https://a:{key}@b.example/"]
        {
            assert!(ItemUrl::new(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_path_must_be_normalized() {
        for valid in ["a.csv", "data/a.csv", ".hidden/..a/a..csv", "..."] {
            assert!(RelativePath::new(valid).is_ok(), "{valid}");
        }
        for invalid in ["", "./a.csv", "data/./a.csv", "data//a.csv", "data/a.csv/", "/a.csv", "../a.csv", "a/..", "."]
        {
            assert!(RelativePath::new(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_primary_language_ignores_case_and_separator() {
        for tag in ["en", "EN", "en_US", "en-us", "En-Latn", " en "] {
            assert_eq!(primary_language(tag).as_deref(), Some("en"), "{tag}");
        }
        for invalid in ["", "e", "english", "-en", "日本"] {
            assert_eq!(primary_language(invalid), None, "{invalid}");
        }
    }

    #[cfg(feature = "cards")]
    #[test]
    fn the_schema_of_a_name_has_the_same_maximum_length_as_its_check() {
        use schemars::JsonSchema as _;
        let schema = Name::json_schema(&mut schemars::SchemaGenerator::default());
        assert_eq!(schema.get("maxLength"), Some(&serde_json::json!(40)));
        assert!(Name::new("a-".repeat(19) + "ab").is_ok() && Name::new("a-".repeat(20) + "a").is_err());
    }
}
