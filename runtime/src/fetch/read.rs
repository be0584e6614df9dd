//! Reads a body up to a cap, which counts what travels and what it unpacks to.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::Response;
use url::Url;

use super::{client, guard};
use crate::model::error::Error;

/// The body, decompressed; reading stops at the cap, and memory with it.
pub async fn body(url: &Url, encoding: Option<String>, mut answer: Response, most: usize) -> Result<Vec<u8>, Error> {
    let origin = guard::origin(url);
    let too_large = || {
        let words = format!("`{origin}` answers with more than {most} bytes, which is the most that is read");
        Error::permanent("too_large", words)
    };
    let gzip = match encoding.as_deref().unwrap_or("identity") {
        coding if coding.eq_ignore_ascii_case("identity") || coding.is_empty() => false,
        coding if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => true,
        coding => {
            let words = format!("`{origin}` answers in the encoding `{coding}`, which was not asked for");
            return Err(Error::permanent("answer_unreadable", words));
        }
    };
    let most_on_the_way = u64::try_from(most).unwrap_or(u64::MAX);
    // What is announced as too large is not even begun.
    if answer.content_length().is_some_and(|length| length > most_on_the_way) {
        return Err(too_large());
    }
    let mut travelled = 0;
    let mut kept = if gzip {
        Kept::Packed(Box::new(MultiGzDecoder::new(Capped::to(most))))
    } else {
        Kept::Plain(Capped::to(most))
    };
    let told = |error: &io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(),
        _ => Error::transient("answer_unreadable", format!("`{origin}` answers with broken gzip: {error}")),
    };
    while let Some(part) = answer.chunk().await.map_err(|error| client::wrong(url, &error))? {
        // Empty gzip blocks unpack to nothing, and could go on for ever.
        travelled += part.len();
        if travelled > most {
            return Err(too_large());
        }
        match &mut kept {
            Kept::Plain(capped) => capped.write_all(&part),
            Kept::Packed(unpacking) => unpacking.write_all(&part),
        }
        .map_err(|error| told(&error))?;
    }
    match kept {
        Kept::Plain(capped) => Ok(capped.bytes),
        // An answer without a body has no gzip header either.
        Kept::Packed(_) if travelled == 0 => Ok(Vec::new()),
        Kept::Packed(unpacking) => unpacking.finish().map(|capped| capped.bytes).map_err(|error| told(&error)),
    }
}

enum Kept {
    Plain(Capped),
    Packed(Box<MultiGzDecoder<Capped>>),
}

/// Bytes that refuse to grow beyond a cap.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl Capped {
    const fn to(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }
}

impl Write for Capped {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
