//! The long form of a test (`FANGGEN_SWEEP=full`), which runs everything instead of a sample and writes its result to `docs/`.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use jiff::Zoned;

const PROOFS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/proofs.md");

/// Whether the long form is enabled.
pub fn full() -> bool {
    std::env::var("FANGGEN_SWEEP").is_ok_and(|value| value == "full")
}

/// Prints a line at once, not captured by the test harness: it shows the progress of a long form.
pub fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes a result, with its date, into its part of `docs/proofs.md`.
pub fn record(part: &str, result: &str) {
    let path = Path::new(PROOFS);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (begin, end) = (format!("<!-- {part} -->"), format!("<!-- end of {part} -->"));
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("no part `{part}` in {}", path.display()));
    let day = Zoned::now().strftime("%Y-%m-%d");
    let text = format!("{before}{begin}\nRun on {day}.\n\n{}\n{end}{after}", result.trim_end());
    fs::write(path, text).expect("written");
}
