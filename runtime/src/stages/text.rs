//! Stage `text`: the text that came with the item.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role, Stage, TextFlow};
use crate::model::error::Error;
use crate::model::record::{self, Record};
use crate::model::values::Language;

/// Takes the item's own text: a column of its file, an attribute of its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Language of texts whose item names none. Without it such texts stay without a language: it is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl Component for Text {
    const CARD: Card = Card {
        text: TextFlow::Gives,
        ..Card::new(
            Role::Stage,
            "text",
            "the text that came with the item",
            "[[stages]]\nname = \"review\"\ntype = \"text\"\nlanguage = \"en\"\n",
        )
    };

    fn open(&self, binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        Ok(Opened::Stage(Box::new(Own { name: binding.name, language: self.language.clone() })))
    }
}

struct Own {
    name: String,
    language: Option<Language>,
}

#[async_trait]
impl Stage for Own {
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
                    let words = format!("`{}` came without a text", record.item.key);
                    record.fail(&self.name, Error::permanent("text_missing", words));
                }
            }
        }
        records
    }
}
