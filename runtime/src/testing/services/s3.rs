//! S3: counts the lines of objects, and stores the objects unless the settings discard them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};

use flate2::read::GzDecoder;
use hyper::Method;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{FakeBackend, locked, source};

/// Objects by bucket and key.
#[derive(Default)]
pub struct FakeObjects {
    stored: BTreeMap<String, Bytes>,
    /// Bytes of all objects as sent.
    pub bytes: u64,
    /// How many objects were sent.
    pub count: u64,
}

impl FakeObjects {
    /// The stored objects by their path: the bucket and the key.
    pub fn stored(&self) -> &BTreeMap<String, Bytes> {
        &self.stored
    }
}

/// The fields that are read of a line.
#[derive(Deserialize)]
struct WrittenLine<'a> {
    #[serde(borrow)]
    item: WrittenItem<'a>,
    failure: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WrittenItem<'a> {
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
}

/// Responds to a call with a status and a body.
pub fn respond(backend: &FakeBackend, head: &Parts, body: &Bytes) -> (u16, Bytes) {
    let path = head.uri.path();
    match head.method {
        Method::PUT => {
            backend.count("s3", "PutObject");
            let chunked =
                head.headers.get("content-encoding").is_some_and(|it| it.as_bytes().starts_with(b"aws-chunked"));
            let body = if chunked { unframed(body) } else { body.clone() };
            if path.ends_with(".jsonl.gz") {
                tally(backend, path, &body);
            }
            let mut objects = locked(&backend.objects);
            objects.bytes += body.len() as u64;
            objects.count += 1;
            if !backend.settings.discard {
                objects.stored.insert(path.to_owned(), body);
            }
            (200, Bytes::new())
        }
        Method::GET => {
            backend.count("s3", "GetObject");
            match locked(&backend.objects).stored.get(path) {
                Some(body) => (200, body.clone()),
                None => (404, Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>")),
            }
        }
        _ => {
            backend.count("s3", head.method.as_str());
            (501, Bytes::from_static(b"<Error><Code>NotImplemented</Code></Error>"))
        }
    }
}

/// Counts the records of an object, unless the same object was written before.
fn tally(backend: &FakeBackend, path: &str, body: &[u8]) {
    let mut hash = DefaultHasher::new();
    path.hash(&mut hash);
    let mut tally = locked(&backend.lines);
    if !tally.is_new(hash.finish()) {
        return;
    }
    for line in BufReader::new(GzDecoder::new(body)).lines() {
        let line = line.expect("an object of gzipped lines");
        let line: WrittenLine<'_> = serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
        tally.add(source::number(&line.item.key), line.failure.is_some());
    }
}

/// Removes the `aws-chunked` framing that some clients use: a length in hexadecimal, the bytes, and so on.
fn unframed(mut body: &[u8]) -> Bytes {
    let mut whole = Vec::with_capacity(body.len());
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&body[..end]).unwrap_or_default().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(length, 16).unwrap_or_default();
        if length == 0 || end + 2 + length > body.len() {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = body.get(end + 4 + length..).unwrap_or_default();
    }
    whole.into()
}
