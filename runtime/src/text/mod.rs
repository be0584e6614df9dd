//! From bytes to words: encodings, sentences, feeds, and the readable text of pages.

pub mod charset;
pub mod feed;
pub mod html;
pub mod sentences;
