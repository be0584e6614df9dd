//! Steps that add to a record: they give it a text, or analyse the text that it has.

mod comprehend;
mod feed;
mod filter;
mod headlines;
mod http;
mod language;
mod lexicon;
mod split;
mod text;
mod wikipedia;

use crate::component::Kind;

/// The kinds of stages.
pub const KINDS: &[Kind] = &[
    Kind::of::<comprehend::Comprehend>(),
    Kind::of::<feed::Feed>(),
    Kind::of::<filter::Filter>(),
    Kind::of::<headlines::Headlines>(),
    Kind::of::<http::Http>(),
    Kind::of::<language::Detect>(),
    Kind::of::<lexicon::Lexicon>(),
    Kind::of::<split::Split>(),
    Kind::of::<text::Text>(),
    Kind::of::<wikipedia::Wikipedia>(),
];
