//! Text extraction: character encodings, sentence boundaries, feeds, and the readable text of HTML pages.

pub mod charset;
pub mod decoding_reader;
pub mod feed;
pub mod html;
pub mod sentences;
