//! Finds the end of a CSV record byte by byte, by the same rules as the parser that reads it afterwards.

/// The state before the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum QuoteState {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: either the closing quote, or the first half of an escaped one.
    Quote,
}

/// Tracks the quotes of a record.
#[derive(Debug)]
pub(super) struct RecordSplitter {
    delimiter: u8,
    state: QuoteState,
    opened: bool,
    strayed: bool,
}

impl RecordSplitter {
    /// For records whose cells are separated by this byte.
    pub(super) const fn new(delimiter: u8) -> Self {
        Self { delimiter, state: QuoteState::FieldStart, opened: false, strayed: false }
    }

    /// Whether this byte ends the record.
    pub(super) fn ends(&mut self, byte: u8) -> bool {
        let before = self.state;
        self.state = match (before, byte) {
            (QuoteState::Quoted, b'"') => QuoteState::Quote,
            (QuoteState::Quoted, _) | (QuoteState::FieldStart | QuoteState::Quote, b'"') => QuoteState::Quoted,
            (_, b'\n' | b'\r') => {
                *self = Self::new(self.delimiter);
                return true;
            }
            (_, byte) if byte == self.delimiter => QuoteState::FieldStart,
            // A quote inside an unquoted field is an ordinary character.
            _ => QuoteState::Plain,
        };
        self.opened = before == QuoteState::FieldStart && self.state == QuoteState::Quoted;
        self.strayed = before == QuoteState::Quote && self.state == QuoteState::Plain && byte != b' ';
        false
    }

    /// Whether the last byte was an opening quote.
    pub(super) const fn opens(&self) -> bool {
        self.opened
    }

    /// Whether the last byte follows a closing quote, where there should be none.
    pub(super) const fn strays(&self) -> bool {
        self.strayed
    }

    /// Whether the record is inside quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.state == QuoteState::Quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of records that the splitter finds.
    fn split(text: &[u8]) -> usize {
        let mut splitter = RecordSplitter::new(b',');
        let (mut records, mut bytes) = (0, 0);
        for byte in text {
            let ends = splitter.ends(*byte);
            records += usize::from(ends && bytes > 0);
            bytes = if ends { 0 } else { bytes + 1 };
        }
        records + usize::from(bytes > 0)
    }

    #[test]
    fn records_end_where_the_parser_ends_them() {
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
