//! Reads a response body up to a limit, which counts both the bytes received and the bytes decompressed.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::Response;
use url::Url;

use super::{client, guard};
use crate::model::error::{Error, ErrorCode};

/// The decompressed body; reading stops at the limit, so memory is bounded.
pub async fn read(
    url: &Url,
    encoding: Option<String>,
    mut response: Response,
    max_bytes: usize,
) -> Result<Vec<u8>, Error> {
    let origin = guard::origin(url);
    let too_large = || {
        Error::permanent(
            ErrorCode::TooLarge,
            format!("the response of `{origin}` exceeds the limit of {max_bytes} bytes"),
        )
    };
    let gzip = match encoding.as_deref().unwrap_or("identity") {
        coding if coding.eq_ignore_ascii_case("identity") || coding.is_empty() => false,
        coding if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => true,
        coding => {
            let message = format!("`{origin}` sent the encoding `{coding}`, although only gzip was accepted");
            return Err(Error::permanent(ErrorCode::AnswerUnreadable, message));
        }
    };
    let max_length = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > max_length) {
        return Err(too_large());
    }
    let mut received = 0;
    let mut writer = if gzip {
        BodyWriter::Gzip(Box::new(MultiGzDecoder::new(LimitedBuffer::new(max_bytes))))
    } else {
        BodyWriter::Plain(LimitedBuffer::new(max_bytes))
    };
    let write_error = |error: &io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(),
        _ => Error::transient(ErrorCode::AnswerUnreadable, format!("`{origin}` sent invalid gzip: {error}")),
    };
    while let Some(part) = response.chunk().await.map_err(|error| client::request_error(url, &error))? {
        // Empty gzip blocks decompress to nothing, so the limit on decompressed bytes would never stop them.
        received += part.len();
        if received > max_bytes {
            return Err(too_large());
        }
        match &mut writer {
            BodyWriter::Plain(buffer) => buffer.write_all(&part),
            BodyWriter::Gzip(decoder) => decoder.write_all(&part),
        }
        .map_err(|error| write_error(&error))?;
    }
    match writer {
        BodyWriter::Plain(buffer) => Ok(buffer.bytes),
        // A response without a body has no gzip header either.
        BodyWriter::Gzip(_) if received == 0 => Ok(Vec::new()),
        BodyWriter::Gzip(decoder) => decoder.finish().map(|buffer| buffer.bytes).map_err(|error| write_error(&error)),
    }
}

enum BodyWriter {
    Plain(LimitedBuffer),
    Gzip(Box<MultiGzDecoder<LimitedBuffer>>),
}

/// A buffer that refuses to grow beyond a limit.
struct LimitedBuffer {
    bytes: Vec<u8>,
    max: usize,
}

impl LimitedBuffer {
    const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }
}

impl Write for LimitedBuffer {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
