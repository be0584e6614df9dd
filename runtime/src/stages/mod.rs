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

use crate::component::ComponentKind;

/// The kinds of stages.
pub const KINDS: &[ComponentKind] = &[
    ComponentKind::of::<comprehend::ComprehendSettings>(),
    ComponentKind::of::<feed::FeedSettings>(),
    ComponentKind::of::<filter::FilterSettings>(),
    ComponentKind::of::<headlines::HeadlinesSettings>(),
    ComponentKind::of::<http::HttpSettings>(),
    ComponentKind::of::<language::LanguageSettings>(),
    ComponentKind::of::<lexicon::LexiconSettings>(),
    ComponentKind::of::<split::SplitSettings>(),
    ComponentKind::of::<text::TextSettings>(),
    ComponentKind::of::<wikipedia::WikipediaSettings>(),
];
