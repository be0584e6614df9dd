//! The tests of the examples catch mistakes: a condition turned, a stage dropped, an engine changed, a threshold moved.
//!
//! Every mutant is a valid pipeline. `cargo test -- mutations --nocapture` lists those that no test notices.

use crate::harness::project;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fanggen::config::Config;
use fanggen::plan::Plan;
use project::{Project, workspace};
use toml_edit::{DocumentMut, Item, TableLike, value};

/// The engines, any of which may stand in place of another.
const ENGINES: [&str; 3] = ["lexicon", "headlines", "comprehend"];

/// What a condition may turn into by one slip.
const SLIPS: [(&str, &str); 8] = [
    ("==", "!="),
    ("!=", "=="),
    (" > ", " < "),
    (" > ", " <= "),
    ("&&", "||"),
    ("NEGATIVE", "POSITIVE"),
    ("NEUTRAL", "POSITIVE"),
    ("NEUTRAL", "NEGATIVE"),
];

/// How many thresholds are tried in place of one, from this seed.
const THRESHOLDS: usize = 20;
const SEED: u64 = 13;

/// The least number of mutants that the tests must catch, in a hundred.
const LEAST: usize = 90;

/// A pipeline with one change.
struct Mutant {
    what: String,
    document: DocumentMut,
}

/// The mutants of a file.
struct Mutants {
    original: DocumentMut,
    all: Vec<Mutant>,
    seed: u64,
}

impl Mutants {
    fn of(text: &str) -> Vec<Mutant> {
        let mut mutants = Self { original: text.parse().expect("TOML"), all: Vec::new(), seed: SEED };
        mutants.stages();
        mutants.sinks();
        mutants.settings();
        mutants.all
    }

    /// Adds a mutant, if the change applies.
    fn add(&mut self, what: String, change: impl FnOnce(&mut DocumentMut) -> Option<()>) {
        let mut document = self.original.clone();
        if change(&mut document).is_some() {
            self.all.push(Mutant { what, document });
        }
    }

    fn stages(&mut self) {
        let stages = self.original["stages"].as_array_of_tables().expect("stages").clone();
        for (index, stage) in stages.iter().enumerate() {
            let name = stage["name"].as_str().expect("a name").to_owned();
            let kind = stage["type"].as_str().expect("a type").to_owned();
            self.add(format!("stage {name} dropped"), |file| {
                file["stages"].as_array_of_tables_mut()?.remove(index);
                for environment in environments(file) {
                    remove(environment, &["stages", &name]);
                }
                Some(())
            });
            if index > 0 {
                self.add(format!("stage {name} moved up"), |file| {
                    let tables = file["stages"].as_array_of_tables_mut()?;
                    let (mut one, mut two) = (tables.get(index - 1)?.clone(), tables.get(index)?.clone());
                    let (first, second) = (one.position(), two.position());
                    one.set_position(second);
                    two.set_position(first);
                    *tables.get_mut(index - 1)? = two;
                    *tables.get_mut(index)? = one;
                    Some(())
                });
            }
            for other in ENGINES.into_iter().filter(|other| ENGINES.contains(&kind.as_str()) && *other != kind) {
                self.add(format!("engine {kind} of {name} changed to {other}"), |file| {
                    let stage = file["stages"].as_array_of_tables_mut()?.get_mut(index)?;
                    stage.remove("detect");
                    stage.insert("type", value(other));
                    Some(())
                });
            }
            if let Some(when) = stage.get("when").and_then(Item::as_str) {
                self.conditions(&name, when, &|file, when| {
                    let stage = file["stages"].as_array_of_tables_mut()?.get_mut(index)?;
                    stage.insert("when", value(when));
                    Some(())
                });
            }
        }
    }

    fn sinks(&mut self) {
        let sinks = self.original["sinks"].as_table().expect("sinks").clone();
        for (name, sink) in sinks.iter() {
            self.add(format!("sink {name} dropped"), |file| file["sinks"].as_table_mut()?.remove(name).map(drop));
            if let Some(when) = sink.get("when").and_then(Item::as_str) {
                self.add(format!("condition of {name} dropped"), |file| {
                    file["sinks"][name].as_table_mut()?.remove("when").map(drop)
                });
                self.conditions(name, when, &|file, when| {
                    file["sinks"][name]["when"] = value(when);
                    Some(())
                });
            }
        }
    }

    fn conditions(&mut self, name: &str, when: &str, set: &dyn Fn(&mut DocumentMut, String) -> Option<()>) {
        let mut others = vec![format!("!({when})"), "item != null".to_owned(), "failed".to_owned()];
        for (from, to) in SLIPS.into_iter().filter(|(from, _)| when.contains(from)) {
            others.push(when.replacen(from, to, 1));
        }
        others.extend(when.split_once(" && ").into_iter().flat_map(|(one, other)| [one.to_owned(), other.to_owned()]));
        let number = when.split(|c: char| !(c.is_ascii_digit() || c == '.')).find(|part| part.parse::<f64>().is_ok());
        for _ in 0..if number.is_some() { THRESHOLDS } else { 0 } {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let moved = format!("0.{:03}", (self.seed >> 33) % 1_000);
            others.push(when.replacen(number.unwrap_or_default(), &moved, 1));
        }
        for other in others.into_iter().filter(|other| other != when) {
            self.add(format!("condition of {name}: {when} -> {other}"), |file| set(file, other.clone()));
        }
    }

    /// Single settings: items, languages, columns, and what an environment overrides.
    fn settings(&mut self) {
        let stages = self.original["stages"].as_array_of_tables().expect("stages").clone();
        for (index, stage) in stages.iter().enumerate() {
            let name = stage["name"].as_str().expect("a name").to_owned();
            if stage.contains_key("language") {
                for (what, other) in [("dropped", None), ("changed to de", Some("de"))] {
                    self.add(format!("language of {name} {what}"), |file| {
                        let stage = file["stages"].as_array_of_tables_mut()?.get_mut(index)?;
                        match other {
                            Some(other) => stage.insert("language", value(other)).map(drop),
                            None => stage.remove("language").map(drop),
                        }
                    });
                }
            }
            for at in 0..stage.get("among").and_then(Item::as_array).map_or(0, |among| among.len()) {
                self.add(format!("language {at} of {name} dropped"), |file| {
                    let stage = file["stages"].as_array_of_tables_mut()?.get_mut(index)?;
                    stage["among"].as_array_mut()?.remove(at);
                    Some(())
                });
            }
        }
        let sources = self.original["sources"].as_table().expect("sources").clone();
        for (source, table) in sources.iter() {
            for at in 0..table.get("items").and_then(Item::as_array).map_or(0, |items| items.len()) {
                self.add(format!("item {at} of {source} dropped"), |file| {
                    file["sources"][source]["items"].as_array_mut()?.remove(at);
                    Some(())
                });
            }
            let columns = table.get("columns").and_then(Item::as_table_like);
            for (column, _) in columns.into_iter().flat_map(TableLike::iter) {
                self.add(format!("column {column} of {source} dropped"), |file| {
                    file["sources"][source]["columns"].as_table_like_mut()?.remove(column).map(drop)
                });
            }
        }
        let all = environments(&mut self.original.clone()).count();
        for (index, stage) in (0..all).flat_map(|index| stages.iter().map(move |stage| (index, stage))) {
            let path = ["stages", stage["name"].as_str().expect("a name"), "type"];
            self.add(format!("environment {index} no longer overrides {}", path[1]), |file| {
                remove(environments(file).nth(index)?, &path)
            });
            for other in ENGINES {
                self.add(format!("engine of {} in environment {index} changed to {other}", path[1]), |file| {
                    let kind = path
                        .iter()
                        .try_fold(environments(file).nth(index)?, |item, key| item.as_table_like_mut()?.get_mut(key))?;
                    let changed = kind.as_str() != Some(other);
                    *kind = value(other);
                    changed.then_some(())
                });
            }
        }
    }
}

fn environments(file: &mut DocumentMut) -> impl Iterator<Item = &mut Item> {
    let table = file.get_mut("environments").and_then(Item::as_table_like_mut);
    table.into_iter().flat_map(|table| table.iter_mut().map(|(_, item)| item).collect::<Vec<_>>())
}

/// Removes what is at a path of keys.
fn remove(item: &mut Item, path: &[&str]) -> Option<()> {
    let (last, before) = path.split_last()?;
    let mut table = item.as_table_like_mut()?;
    for key in before {
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    table.remove(last).map(drop)
}

/// Whether the pipeline would be deployed, without its tests.
fn is_valid(document: &DocumentMut) -> bool {
    let mut document = document.clone();
    document.remove("tests");
    let mut config = Config::read("pipeline.toml", &document.to_string());
    let _ = Plan::all(&mut config);
    !config.broken()
}

#[test]
fn the_tests_of_the_examples_catch_mistakes() {
    let root = Project::root();
    let mut files = vec!["pipeline.toml".to_owned()];
    for entry in fs::read_dir(workspace().join("examples")).expect("a folder") {
        let folder = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let file = format!("examples/{folder}/pipeline.toml");
        files.extend(Path::new(&workspace()).join(&file).is_file().then_some(file));
    }
    files.sort();
    let (mut all, mut refused, mut missed) = (0, 0, Vec::new());
    let mut by_kind: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for file in &files {
        let text = root.read(file);
        for mutant in Mutants::of(&text).into_iter().filter(|mutant| is_valid(&mutant.document)) {
            root.write(file, &mutant.document.to_string());
            let ran = root.fanggen(&["test", "--file", file]);
            all += 1;
            let kind = mutant.what.split(' ').next().unwrap_or_default().to_owned();
            let counts = by_kind.entry(kind).or_default();
            counts[1] += 1;
            if ran.code == 0 {
                missed.push(format!("{file}: {}", mutant.what));
                continue;
            }
            counts[0] += 1;
            // A test that names what is gone is a mistake in the file; all others fail.
            refused += usize::from(ran.stdout.is_empty());
            assert!(ran.stdout.contains("FAILED ") || ran.stderr.contains("error[E07"), "{}: {ran:?}", mutant.what);
        }
        root.write(file, &text);
    }
    let caught = all - missed.len();
    println!(
        "{caught} of {all} mutants are caught, {refused} of them since a test names what is gone: {by_kind:?}\n\
         missed:\n  {}",
        missed.join("\n  ")
    );
    assert!(all >= 100, "only {all} mutants");
    assert!(caught * 100 >= all * LEAST, "{caught} of {all} are caught; missed:\n{}", missed.join("\n"));
}
