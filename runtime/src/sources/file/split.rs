//! Where a CSV record ends, byte by byte and by the very rules of the reader that takes it apart afterwards.

/// What the next byte would stand in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: either the end of them, or the first half of a quote that is meant.
    Quote,
}

/// Follows the quotes of a record.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    state: State,
    opened: bool,
    strayed: bool,
}

impl Splitter {
    /// Whether this byte ends the record.
    pub(super) fn ends(&mut self, byte: u8) -> bool {
        let before = self.state;
        self.state = match (before, byte) {
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) | (State::FieldStart | State::Quote, b'"') => State::Quoted,
            (_, b'\n' | b'\r') => {
                *self = Self::default();
                return true;
            }
            (_, b',') => State::FieldStart,
            // A quote within a plain field is a character like any other.
            _ => State::Plain,
        };
        self.opened = before == State::FieldStart && self.state == State::Quoted;
        self.strayed = before == State::Quote && self.state == State::Plain && byte != b' ';
        false
    }

    /// Whether the last byte was a quote that opens a field.
    pub(super) const fn opens(&self) -> bool {
        self.opened
    }

    /// Whether the last byte stands right behind a quote that closed its field, where no character should.
    pub(super) const fn strays(&self) -> bool {
        self.strayed
    }

    /// Whether the record is inside of quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.state == State::Quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text, as the splitter sees them.
    fn split(text: &[u8]) -> usize {
        let mut splitter = Splitter::default();
        let (mut records, mut bytes) = (0, 0);
        for byte in text {
            let ends = splitter.ends(*byte);
            records += usize::from(ends && bytes > 0);
            bytes = if ends { 0 } else { bytes + 1 };
        }
        records + usize::from(bytes > 0)
    }

    #[test]
    fn records_end_where_the_reader_ends_them() {
        // All texts of up to six of the characters that matter.
        let alphabet = b"a\",\n\r";
        for length in 0..=6 {
            for number in 0..alphabet.len().pow(length) {
                let text: Vec<u8> = (0..length).map(|place| alphabet[number / 5_usize.pow(place) % 5]).collect();
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
                let records = reader.byte_records().count();
                assert_eq!(split(&text), records, "{:?}", String::from_utf8_lossy(&text));
            }
        }
    }
}
