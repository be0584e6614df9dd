//! Trains the weights of the engine `headlines`, and updates the table of its documentation that shows how well it judges.
//!
//! ```sh
//! cargo run --release -p fanggen-runtime --no-default-features --features training --example train-headlines -- ../shared/data/sentiment/headlines.dev.jsonl
//! ```
//!
//! writes `runtime/data/headlines.bin` and the table in `docs/engines.md`. The same file gives the same bytes, on any machine.

use std::error::Error;
use std::path::Path;

use fanggen_runtime::engines::headlines::training::examples::Headline;
use fanggen_runtime::engines::headlines::training::{folds, model, report};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else {
        return Err("usage: train-headlines FILE, with lines of {\"text\": .., \"entities\": {name: label}}".into());
    };
    let headlines = Headline::read_all(&std::fs::read_to_string(&path).map_err(|error| format!("`{path}`: {error}"))?)?;
    eprintln!("{} headlines: cross-validating ..", headlines.len());
    let judged = folds::judge_all(&headlines, folds::FOLDS);
    eprintln!("training on all of them ..");
    let weights = model::pack(&headlines, folds::sharpness(&judged));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::write(root.join("runtime/data/headlines.bin"), weights)?;
    let table = report::table(&headlines, &judged);
    let page = root.join("docs/engines.md");
    let text = report::put(&std::fs::read_to_string(&page)?, &table)
        .ok_or("`docs/engines.md` has no markers for the table")?;
    std::fs::write(page, text)?;
    println!("{table}");
    Ok(())
}
