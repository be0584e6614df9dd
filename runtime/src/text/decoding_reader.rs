//! Reads a file of another encoding as UTF-8, piece by piece.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16LE, WINDOWS_1252};

use crate::model::file_format::FileEncoding;

/// A byte that no UTF-8 has: it stands for what the encoding does not know, so that its row fails and no other does.
const INVALID: u8 = 0xff;

/// Bytes that are read, and decoded, at once.
const PIECE: usize = 8 * 1024;

/// A file of any encoding, as UTF-8.
pub fn decoded(file: Box<dyn Read + Send + Sync>, encoding: FileEncoding) -> Box<dyn Read + Send + Sync> {
    // Both also obey a byte order mark, which says more than the setting.
    let decoder = match encoding {
        FileEncoding::Utf8 => return file,
        FileEncoding::Utf16 => UTF_16LE.new_decoder(),
        FileEncoding::Windows1252 | FileEncoding::Latin1 => WINDOWS_1252.new_decoder(),
    };
    Box::new(DecodingReader { file, decoder, ended: false, output: Vec::new(), given: 0 })
}

struct DecodingReader {
    file: Box<dyn Read + Send + Sync>,
    decoder: Decoder,
    /// Whether the decoder knows that there is no more.
    ended: bool,
    /// Decoded bytes, and how many of them were given.
    output: Vec<u8>,
    given: usize,
}

impl DecodingReader {
    fn decode(&mut self, mut piece: &[u8]) {
        let last = piece.is_empty();
        let mut room = vec![0; PIECE * 4];
        loop {
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(piece, &mut room, last);
            self.output.extend_from_slice(&room[..written]);
            piece = &piece[read..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.output.push(INVALID),
            }
        }
        self.ended = last;
    }
}

impl Read for DecodingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A piece may end within its first character, and give nothing.
        while self.given == self.output.len() && !self.ended {
            self.output.clear();
            self.given = 0;
            let mut piece = [0; PIECE];
            let bytes = self.file.read(&mut piece)?;
            self.decode(&piece[..bytes]);
        }
        let count = buffer.len().min(self.output.len() - self.given);
        buffer[..count].copy_from_slice(&self.output[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drops(Vec<u8>);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.0.len()).min(1);
            buffer[..count].copy_from_slice(&self.0.drain(..count).collect::<Vec<_>>());
            Ok(count)
        }
    }

    #[test]
    fn every_encoding_is_read_in_pieces_of_any_size() {
        let text = "Zürich € 😀\r\n".repeat(4_000);
        let utf_16 = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
            [mark, &text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
        };
        let western = text.replace(" 😀", "");
        let in_1252 = WINDOWS_1252.encode(&western).0.into_owned();
        for (bytes, encoding, expected) in [
            (utf_16(b"\xff\xfe", u16::to_le_bytes), FileEncoding::Utf16, &text),
            (utf_16(b"\xfe\xff", u16::to_be_bytes), FileEncoding::Utf16, &text),
            (utf_16(b"", u16::to_le_bytes), FileEncoding::Utf16, &text),
            (in_1252.clone(), FileEncoding::Windows1252, &western),
            (in_1252, FileEncoding::Latin1, &western),
            (text.clone().into_bytes(), FileEncoding::Utf8, &text),
        ] {
            for drops in [false, true] {
                let file: Box<dyn Read + Send + Sync> = match drops {
                    true => Box::new(Drops(bytes[..bytes.len().min(3_000)].to_vec())),
                    false => Box::new(io::Cursor::new(bytes.clone())),
                };
                let mut found = Vec::new();
                decoded(file, encoding).read_to_end(&mut found).expect("no fault of the disk");
                let found = String::from_utf8_lossy(&found);
                let whole = found.trim_end_matches('\u{fffd}');
                assert!(expected.starts_with(whole) && whole.len() > 1_000, "{encoding:?} {drops}");
                assert!(drops || found == expected.as_str(), "{encoding:?}");
            }
        }
    }

    #[test]
    fn what_the_encoding_does_not_know_stays_invalid() {
        let mut found = Vec::new();
        // A lone half of a pair, and half a unit at the end.
        let file = io::Cursor::new(b"a\0\x3d\xd8b\0c".to_vec());
        decoded(Box::new(file), FileEncoding::Utf16).read_to_end(&mut found).expect("no fault of the disk");
        assert_eq!(found, b"a\xffb\xff");
    }
}
