//! `fanggen compare`: engines of sentiment side by side, on texts of one's own.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Done, Failure, Global, pretty, print, to_person};
#[cfg(not(feature = "aws"))]
use crate::compare::CompareError;
use crate::compare::{self, Engine, Given, Shut};

/// Compare engines of sentiment on texts of yours
#[derive(Debug, Args)]
#[command(
    after_help = "Texts are JSON Lines ({\"text\": .., \"id\": .., \"item\": .., \"label\": .., \"language\": ..}, all but
`text` optional; `entities` with one name and its label says item and label), CSV with a header of
the same names, or plain text, one a line. Labels are positive, negative, neutral or mixed.

Examples:
  fanggen compare --engines lexicon,headlines --texts headlines.jsonl
  fanggen compare --engines headlines --texts titles.txt --gold labels.txt
  fanggen compare --engines lexicon,comprehend --texts reviews.csv --yes --json"
)]
pub struct Compare {
    /// The engines, with commas between: lexicon, headlines, comprehend
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    engines: Vec<String>,
    /// The texts: .jsonl, .csv, or one a line
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// Labels from a file of their own: by `id`, or in the order of the texts
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    /// The language of texts that name none
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
    /// How many of the texts to show on which the engines differ most
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    most: usize,
    /// The region whose service is asked, where one is paid for [default: the shell's, or us-east-1]
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Agree to what paid services cost
    #[arg(short, long)]
    yes: bool,
}

impl Compare {
    pub fn execute(self, global: &Global) -> Done {
        let engines = compare::engines(&self.engines)?;
        let texts = compare::texts(&self.texts, self.gold.as_deref())?;
        let doors = self.doors(&engines, &texts)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::System("no runtime could be started", error))?;
        let bar = bar(texts.len() * engines.len());
        let asked = Cell::new(0);
        let done = |count: usize| {
            asked.set(asked.get() + count as u64);
            bar.set_position(asked.get());
        };
        let work = compare::compare(&texts, &engines, &self.language, self.most, doors.as_ref(), &done);
        let compared = runtime.block_on(work)?;
        bar.finish_and_clear();
        print(&if global.json { pretty(&compared) } else { compared.to_string().trim_end().to_owned() });
        Ok(())
    }

    /// The way to what the engines need; where money is asked for, with somebody's yes.
    #[cfg(feature = "aws")]
    fn doors(
        &self,
        engines: &[Engine],
        texts: &[Given],
    ) -> Result<Box<dyn fanggen_runtime::component::services::Doors>, Failure> {
        match engines.iter().find(|engine| engine.is_paid()) {
            Some(paid) => super::cloud::paid::doors(paid.name(), texts, self.region.as_deref(), self.yes),
            None => Ok(Box::new(Shut)),
        }
    }

    #[cfg(not(feature = "aws"))]
    fn doors(
        &self,
        engines: &[Engine],
        _: &[Given],
    ) -> Result<Box<dyn fanggen_runtime::component::services::Doors>, Failure> {
        match engines.iter().find(|engine| engine.is_paid()) {
            Some(paid) => Err(CompareError::NoAws(paid.name().to_owned()).into()),
            None => Ok(Box::new(Shut)),
        }
    }
}

/// A progress bar for anything over a second, where a person looks.
fn bar(questions: usize) -> ProgressBar {
    let target = if to_person() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(questions as u64), target);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} answers {elapsed}, another {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌ "));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}
