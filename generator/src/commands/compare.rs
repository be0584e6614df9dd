//! `fanggen compare`: sentiment engines side by side, on your own texts.

use std::cell::Cell;
use std::path::PathBuf;

use clap::Args;
use fanggen_runtime::component::services::Services;

use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{print, to_json};
use super::progress::ProgressLine;
#[cfg(not(feature = "aws"))]
use crate::compare::CompareError;
use crate::compare::{self, Engine, Sample, UnavailableServices};

/// Compare sentiment engines on your own texts
#[derive(Debug, Args)]
#[command(
    after_help = "Texts are JSON Lines ({\"text\": .., \"id\": .., \"item\": .., \"label\": .., \"language\": ..}; only
`text` is required, and `entities` with one name and its label can replace `item` and `label`), CSV
with a header of the same names, or plain text with one text per line. `-` is standard input: JSON
Lines if it begins with `{`, otherwise plain text. Labels are positive, negative, neutral or mixed.

Examples:
  fanggen compare --engines lexicon,headlines --texts headlines.jsonl
  fanggen compare --engines headlines --texts titles.txt --gold labels.txt
  fanggen compare --engines lexicon,comprehend --texts reviews.csv --yes --json"
)]
pub struct CompareArgs {
    /// The engines, separated by commas: lexicon, headlines, comprehend
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    engines: Vec<String>,
    /// The texts: .jsonl, .csv, or one text per line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// A separate file of labels, matched by `id` or by the order of the texts
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    /// The language of texts that have none
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
    /// How many of the texts on which the engines differ most to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    most: usize,
    /// The AWS region of paid engines [default: AWS_REGION, or us-east-1]
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Accept the cost of paid engines
    #[arg(short, long)]
    yes: bool,
}

impl CompareArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let engines = compare::engines(&self.engines)?;
        let texts = compare::texts(&self.texts, self.gold.as_deref())?;
        let services = self.services(&engines, &texts)?;
        let bar = ProgressLine::bar("answers", (texts.len() * engines.len()) as u64);
        let answered = Cell::new(0);
        let done = |count: usize| {
            answered.set(answered.get() + count as u64);
            bar.set(answered.get());
        };
        let work = compare::compare(&texts, &engines, &self.language, self.most, services.as_ref(), &done);
        let compared = block_on(work)??;
        bar.finish();
        print(&if global.json { to_json(&compared) } else { compared.to_string().trim_end().to_owned() });
        Ok(())
    }

    /// The services that the engines need; paid ones only with the user's consent.
    #[cfg(feature = "aws")]
    fn services(&self, engines: &[Engine], texts: &[Sample]) -> Result<Box<dyn Services>, CommandError> {
        match engines.iter().find(|engine| engine.is_paid()) {
            Some(paid) => super::paid_engine::services(paid.name(), texts, self.region.as_deref(), self.yes),
            None => Ok(Box::new(UnavailableServices)),
        }
    }

    #[cfg(not(feature = "aws"))]
    fn services(&self, engines: &[Engine], _: &[Sample]) -> Result<Box<dyn Services>, CommandError> {
        match engines.iter().find(|engine| engine.is_paid()) {
            Some(paid) => Err(CompareError::NoAws(paid.name().to_owned()).into()),
            None => Ok(Box::new(UnavailableServices)),
        }
    }
}
