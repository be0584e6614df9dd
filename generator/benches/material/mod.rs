//! What the benches work on: the root pipeline, one near the limit of a stack, and one with texts of its own.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::fmt::Write as _;
use std::path::PathBuf;

/// Stages with a function of their own that bring a stack near the 500 resources that CloudFormation admits.
pub const STAGES: usize = 60;
/// Items of the large pipeline, and texts of the run.
pub const ITEMS: usize = 10_000;

/// The folder of the root pipeline.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A pipeline with so many isolated stages, and so many items in the file itself.
pub fn large(stages: usize, items: usize) -> String {
    let mut text = String::from(
        "[pipeline]\nname = \"large\"\ncontact = \"data-team@example.com\"\n\n\
         [sources.companies]\ntype = \"dynamodb\"\nitems = [\n",
    );
    for item in 0..items {
        // Half of them bare keys, half of them tables: files have both.
        let _ = if item % 2 == 0 {
            writeln!(text, "    \"Company {item:05}\",")
        } else {
            writeln!(text, "    {{ name = \"Company {item:05}\", title = \"Company {item:05} Inc.\" }},")
        };
    }
    text.push_str("]\n\n[[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\n");
    for stage in 1..stages {
        // Paid stages have the larger roles; their shares of the quota stay below one.
        let kind = if stage % 4 == 0 { "\"comprehend\"\nshare = 0.05" } else { "\"lexicon\"" };
        let _ = write!(text, "\n[[stages]]\nname = \"s{stage:02}\"\nisolate = true\ntype = {kind}\n");
    }
    text.push_str("\n[sinks.archive]\ntype = \"s3\"\n\n[sinks.latest]\ntype = \"dynamodb\"\n");
    text
}

/// A pipeline that reads `texts.csv` beside it, judges every row, and keeps whole records.
pub const READER: &str = "\
[pipeline]
name = \"reader\"

[sources.reviews]
type = \"file\"
path = \"texts.csv\"
key = \"id\"

[[stages]]
name = \"review\"
type = \"text\"
language = \"en\"

[[stages]]
name = \"sentiment\"
type = \"lexicon\"

[sinks.results]
type = \"jsonl\"
";

/// So many rows of `texts.csv`, each a few sentences of 40 words or so, as reviews and summaries are.
pub fn texts(rows: usize) -> String {
    const OPENINGS: [&str; 4] = [
        "The company opened its third factory in the spring and hired two thousand people.",
        "Its newest product was a great success, and customers love how simple it is.",
        "A horrible quarter: sales fell, two managers left, and the recall was badly handled.",
        "Analysts expected more; the results were fine, but not what anybody had hoped for!",
    ];
    const ENDINGS: [&str; 3] = [
        "The shares hardly moved, and the board will meet again in the autumn to talk about the dividend.",
        "Critics call the plan dangerous and the price outrageous, while its friends are VERY happy about it.",
        "It is based in a quiet town near the coast, where it was founded by three engineers in 1984.",
    ];
    let mut text = String::from("id,text\n");
    for row in 0..rows {
        let (opening, ending) = (OPENINGS[row % OPENINGS.len()], ENDINGS[row / OPENINGS.len() % ENDINGS.len()]);
        let _ = writeln!(text, "r{row:05},\"Report {row}. {opening} {ending}\"");
    }
    text
}
