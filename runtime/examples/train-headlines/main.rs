//! Makes the weights of engine `headlines`, and the part of its documentation that says how well it judges.
//!
//! ```sh
//! cargo run --release -p fanggen-runtime --no-default-features --example train-headlines -- ../shared/data/sentiment/headlines.dev.jsonl
//! ```
//!
//! writes `runtime/data/headlines.bin` and the table in `docs/engines.md`. The same file gives the same bytes, on any machine.

mod examples;
mod folds;
mod report;
mod train;

use std::error::Error;
use std::path::Path;

use examples::Headline;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else {
        return Err("name the file of labelled headlines: lines of {\"text\": .., \"entities\": {name: label}}".into());
    };
    let headlines = Headline::read_all(&std::fs::read_to_string(&path).map_err(|error| format!("`{path}`: {error}"))?)?;
    eprintln!("{} headlines: judged by models that have not seen them ..", headlines.len());
    let judged = folds::judge_all(&headlines, folds::FOLDS);
    eprintln!("all together ..");
    let weights = train::pack(&headlines, folds::sharpness(&judged));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::write(root.join("runtime/data/headlines.bin"), weights)?;
    let table = report::table(&headlines, &judged);
    let page = root.join("docs/engines.md");
    let text =
        report::put(&std::fs::read_to_string(&page)?, &table).ok_or("`docs/engines.md` has no place for the table")?;
    std::fs::write(page, text)?;
    println!("{table}");
    Ok(())
}
