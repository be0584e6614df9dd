//! Follows a JSON Pointer while the document is parsed, keeping nothing but the text that it points to.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::error::{Error, ErrorCode};

/// The value that a pointer points to.
#[derive(Debug, PartialEq, Eq)]
enum PointerTarget {
    /// A text.
    Text(String),
    /// The texts of a list, one per line.
    List(String),
    /// Any other value, with its description.
    Other(&'static str),
}

/// The text that a pointer (RFC 6901) points to in a document.
///
/// # Errors
/// `not_json`; `pointer_missing` if there is no text.
pub fn text(body: &[u8], pointer: &str, host: &str) -> Result<String, Error> {
    let names: Vec<String> =
        pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let target = PointerPath(&names).deserialize(&mut reader).and_then(|target| reader.end().map(|()| target));
    match target {
        Ok(PointerTarget::Text(text) | PointerTarget::List(text)) => Ok(text.trim().to_owned()),
        Ok(PointerTarget::Other(what)) => Err(Error::permanent(
            ErrorCode::PointerMissing,
            format!("in the JSON of `{host}`, `{pointer}` is {what}, not a text or a list of texts"),
        )),
        Err(error) => {
            let message = format!("`pointer` is set, but the response of `{host}` is not JSON: {error}");
            Err(Error::permanent(ErrorCode::NotJson, message))
        }
    }
}

/// The remaining names and indexes of a pointer.
struct PointerPath<'n>(&'n [String]);

impl PointerPath<'_> {
    /// A value without children: the target, if the path ends here.
    fn leaf<E>(&self, target: impl FnOnce() -> PointerTarget) -> Result<PointerTarget, E> {
        Ok(if self.0.is_empty() { target() } else { PointerTarget::Other("missing") })
    }
}

impl<'a> DeserializeSeed<'a> for PointerPath<'_> {
    type Value = PointerTarget;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<PointerTarget, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for PointerPath<'_> {
    type Value = PointerTarget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Other("`null`"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Other("`true` or `false`"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Other("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Other("a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<PointerTarget, E> {
        self.leaf(|| PointerTarget::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<PointerTarget, A::Error> {
        let Some((name, rest)) = self.0.split_first() else { return texts(list) };
        // RFC 6901: digits without leading zeros.
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
        let index = name.parse().ok().filter(|_| is_index);
        let mut target = PointerTarget::Other("missing");
        for at in 0_usize.. {
            if Some(at) == index {
                let Some(element) = list.next_element_seed(PointerPath(rest))? else { break };
                target = element;
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(target)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<PointerTarget, A::Error> {
        let Some((name, rest)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(PointerTarget::Other("an object"));
        };
        let mut target = PointerTarget::Other("missing");
        while let Some(key) = map.next_key::<String>()? {
            if key == *name {
                // Of duplicate names the last one counts.
                target = map.next_value_seed(PointerPath(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(target)
    }
}

/// The texts of a list, if it contains nothing else.
fn texts<'a, A: SeqAccess<'a>>(mut list: A) -> Result<PointerTarget, A::Error> {
    let mut all: Option<String> = None;
    while let Some(element) = list.next_element_seed(PointerPath(&[]))? {
        let PointerTarget::Text(text) = element else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(PointerTarget::Other("a list of other values"));
        };
        match &mut all {
            Some(all) => all.extend(["\n", &text]),
            None => all = Some(text),
        }
    }
    Ok(PointerTarget::List(all.unwrap_or_default()))
}
