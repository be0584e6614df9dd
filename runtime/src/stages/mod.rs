//! The stages: components that give a record a text, analyse it, or drop the record.

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
    Kind::of::<comprehend::ComprehendSettings>(),
    Kind::of::<feed::FeedSettings>(),
    Kind::of::<filter::FilterSettings>(),
    Kind::of::<headlines::HeadlinesSettings>(),
    Kind::of::<http::HttpSettings>(),
    Kind::of::<language::LanguageSettings>(),
    Kind::of::<lexicon::LexiconSettings>(),
    Kind::of::<split::SplitSettings>(),
    Kind::of::<text::TextSettings>(),
    Kind::of::<wikipedia::WikipediaSettings>(),
];
