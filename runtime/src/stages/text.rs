//! Stage `text`: the text that came with the item.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{self, Record};
use crate::model::values::Language;

/// Uses the text that comes with the item, from a column of its file or an attribute of its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TextSettings {
    /// The language of texts whose item has none. By default they have no language; it is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl Described for TextSettings {
    const CARD: Card = Card {
        text: TextFlow::Provides,
        failures: &[&[ErrorCode::TextMissing]],
        ..Card::new(
            ComponentRole::Stage,
            "text",
            "the text that came with the item",
            "[[stages]]\nname = \"review\"\ntype = \"text\"\nlanguage = \"en\"\n",
        )
    };
}

impl Component for TextSettings {
    fn default_language(&self) -> Option<&str> {
        self.language.as_ref().map(|language| language.as_str())
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        Ok(Instance::Stage(Box::new(TextStage { name: binding.name, language: self.language.clone() })))
    }
}

struct TextStage {
    name: String,
    language: Option<Language>,
}

#[async_trait]
impl Stage for TextStage {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            // The text moves: results carry it once, with its provenance.
            match record.item.text.take() {
                Some(body) => {
                    record.text = Some(record::Text {
                        body,
                        language: record
                            .item
                            .language
                            .clone()
                            .or_else(|| self.language.as_ref().map(ToString::to_string)),
                        source: "text".into(),
                        url: record.item.url.clone(),
                        ..record::Text::default()
                    });
                }
                None => {
                    let message = format!("`{}` has no text", record.item.key);
                    record.fail(&self.name, Error::permanent(ErrorCode::TextMissing, message));
                }
            }
        }
        records
    }
}
