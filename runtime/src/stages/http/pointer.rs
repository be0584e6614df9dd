//! Follows a JSON Pointer while the document is read: nothing of it is kept but the text that the pointer leads to.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::error::Error;

/// What a pointer leads to.
#[derive(Debug, PartialEq, Eq)]
enum Led {
    /// A text.
    To(String),
    /// The texts of a list, a line each.
    All(String),
    /// Something else, in words.
    Wrong(&'static str),
}

/// The text that a pointer (RFC 6901) leads to in a document.
///
/// # Errors
/// `not_json`, and `pointer_missing` where it leads to no text.
pub fn text(body: &[u8], pointer: &str, host: &str) -> Result<String, Error> {
    let names: Vec<String> =
        pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let led = Way(&names).deserialize(&mut reader).and_then(|led| reader.end().map(|()| led));
    match led {
        Ok(Led::To(text) | Led::All(text)) => Ok(text.trim().to_owned()),
        Ok(Led::Wrong(what)) => Err(Error::permanent(
            "pointer_missing",
            format!("in the JSON of `{host}`, `{pointer}` leads to {what}, and not to a text or a list of texts"),
        )),
        Err(error) => {
            let words = format!("the answer of `{host}` is no JSON, and a `pointer` is set: {error}");
            Err(Error::permanent("not_json", words))
        }
    }
}

/// The names and places that are still to be followed.
struct Way<'n>(&'n [String]);

impl Way<'_> {
    /// What it is that no further name leads into.
    fn ends<E>(&self, led: impl FnOnce() -> Led) -> Result<Led, E> {
        Ok(if self.0.is_empty() { led() } else { Led::Wrong("nothing") })
    }
}

impl<'a> DeserializeSeed<'a> for Way<'_> {
    type Value = Led;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Led, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Way<'_> {
    type Value = Led;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Led, E> {
        self.ends(|| Led::Wrong("`null`"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Led, E> {
        self.ends(|| Led::Wrong("`true` or `false`"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Led, E> {
        self.ends(|| Led::Wrong("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Led, E> {
        self.ends(|| Led::Wrong("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Led, E> {
        self.ends(|| Led::Wrong("a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Led, E> {
        self.ends(|| Led::To(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Led, A::Error> {
        let Some((place, rest)) = self.0.split_first() else { return texts(list) };
        // As RFC 6901 has it: digits, and no zero before others.
        let is_place = place.bytes().all(|byte| byte.is_ascii_digit()) && (place == "0" || !place.starts_with('0'));
        let place = place.parse().ok().filter(|_| is_place);
        let mut led = Led::Wrong("nothing");
        for at in 0_usize.. {
            if Some(at) == place {
                let Some(there) = list.next_element_seed(Way(rest))? else { break };
                led = there;
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(led)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Led, A::Error> {
        let Some((name, rest)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Led::Wrong("an object"));
        };
        let mut led = Led::Wrong("nothing");
        while let Some(key) = map.next_key::<String>()? {
            if key == *name {
                // Of two of one name the last one counts.
                led = map.next_value_seed(Way(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(led)
    }
}

/// The texts of a list, where it holds nothing else.
fn texts<'a, A: SeqAccess<'a>>(mut list: A) -> Result<Led, A::Error> {
    let mut all: Option<String> = None;
    while let Some(led) = list.next_element_seed(Way(&[]))? {
        let Led::To(text) = led else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Led::Wrong("a list of something else"));
        };
        match &mut all {
            Some(all) => all.extend(["\n", &text]),
            None => all = Some(text),
        }
    }
    Ok(Led::All(all.unwrap_or_default()))
}
