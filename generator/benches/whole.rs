//! Whole processes: what a user waits for, and the most memory it takes, as a Markdown table.
//!
//! `cargo bench -p fanggen --no-default-features --bench whole`, and `-- --cold` for the cold build too.

mod material;

use std::path::Path;
use std::process::Command;

use fanggen_runtime::testing::measure::{Measured, machine, measure, print};
use material::{ITEMS, READER, STAGES, large, root, texts};

fn fanggen(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    command.arg("--file").arg(file);
    command
}

/// How many resources the only environment of a file has.
fn resources(file: &Path) -> String {
    let output = fanggen(file).args(["plan", "--offline"]).output().expect("a plan");
    let words = String::from_utf8_lossy(&output.stdout);
    words.lines().next().and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
}

fn main() {
    println!("{}\n", machine());
    println!("| command | median, ms | fastest | slowest | peak, MB | must, aim |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("generated");
    let file = root().join("pipeline.toml");
    let nothing = || {};
    let anew = || drop(std::fs::remove_dir_all(&out));

    print("`--version`: the bare process", &measure(40, nothing, || command(&file, &["--version"])), "");
    print("`validate`, root", &measure(40, nothing, || command(&file, &["validate"])), "");
    let render = |file: &Path| {
        let mut command = command(file, &["render", "--out"]);
        command.arg(&out);
        command
    };
    print("`render`, root, every file new", &measure(40, anew, || render(&file)), "10, 5");
    print("`render`, root, nothing changed", &measure(40, nothing, || render(&file)), "10, 5");
    for part in [4, 2, 1] {
        let file = folder.path().join(format!("large-{part}.toml"));
        std::fs::write(&file, large(STAGES / part, ITEMS / part)).expect("written");
        let what = format!("`render`, {}, {} items", resources(&file), ITEMS / part);
        print(&what, &measure(20, anew, || render(&file)), if part == 1 { "80, 50" } else { "linear" });
    }
    let file = folder.path().join("reader.toml");
    std::fs::write(&file, READER).expect("written");
    std::fs::write(folder.path().join("texts.csv"), texts(ITEMS)).expect("written");
    let results = || drop(std::fs::remove_dir_all(folder.path().join(".fanggen")));
    print(&format!("`run`, {ITEMS} local texts"), &measure(10, results, || command(&file, &["run"])), "");
    if std::env::args().any(|argument| argument == "--cold") {
        print("`cargo build`, cold", &cold(folder.path()), "240000, 120000");
    }
}

fn command(file: &Path, arguments: &[&str]) -> Command {
    let mut command = fanggen(file);
    command.args(arguments);
    command
}

/// The first command of the README, with nothing built and all crates fetched.
fn cold(folder: &Path) -> Measured {
    let target = folder.join("target");
    let mut measured = Measured::default();
    let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    build.current_dir(root()).args(["build", "-p", "fanggen", "--no-default-features", "--offline", "--quiet"]);
    assert!(measured.add(build.arg("--target-dir").arg(&target)).success(), "{build:?} failed");
    measured
}
