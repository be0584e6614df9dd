//! Writes the generated pages of `docs/`, or with `--check` says whether they are up to date.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use fanggen::show::{errors::errors, reference::reference};

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut code = ExitCode::SUCCESS;
    for (name, page) in [("errors.md", errors()), ("reference.md", reference())] {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|current| current == page) {
            eprintln!("up to date: docs/{name}");
        } else if check {
            eprintln!("out of date: docs/{name}; run `cargo run --example docs`");
            code = ExitCode::FAILURE;
        } else if let Err(error) = fs::write(&path, page) {
            eprintln!("cannot write docs/{name}: {error}");
            code = ExitCode::FAILURE;
        } else {
            eprintln!("wrote docs/{name}");
        }
    }
    code
}
