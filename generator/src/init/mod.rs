//! New pipelines: the templates of `fanggen init`, and how one is made the user's own. Pure.

mod customize;

use fanggen_runtime::model::values::Name;

pub use customize::{InitError, KEY, NewPipeline};

/// A template: the files of a pipeline that runs at once.
#[derive(Clone, Copy, Debug)]
pub struct PipelineTemplate {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// `pipeline.toml`.
    toml: &'static str,
    /// The file of sample data: its name and its text.
    data: Option<(&'static str, &'static str)>,
    /// The sample text of an item that the user named; none if items are not named in `pipeline.toml`.
    sample: Option<SampleText>,
}

/// The text that an item gets in the file of sample data.
#[derive(Clone, Copy, Debug)]
struct SampleText {
    /// Before the name of the item.
    before: &'static str,
    /// After it.
    after: &'static str,
    /// Whether it is an entry of a feed, whose title is its text. Each item then needs a feed.
    entry: bool,
}

/// The feed of an item for which the user named none, before its number.
const EXAMPLE_FEED: &str = "https://feeds.example.com/";

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its path below the folder of the pipeline.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The longest name of a pipeline.
const MAX_NAME: usize = 40;

/// All templates.
pub const TEMPLATES: [PipelineTemplate; 5] = [
    PipelineTemplate {
        name: "companies",
        summary: "what Wikipedia says about companies",
        toml: include_str!("../../data/init/companies/pipeline.toml"),
        data: Some(("texts.jsonl", include_str!("../../data/init/companies/texts.jsonl"))),
        sample: Some(SampleText {
            before: "This is a sample text: the customers of ",
            after: " are happy with its products.",
            entry: false,
        }),
    },
    PipelineTemplate {
        name: "press",
        summary: "headlines about companies, from news feeds",
        toml: include_str!("../../data/init/press/pipeline.toml"),
        data: Some(("texts.jsonl", include_str!("../../data/init/press/texts.jsonl"))),
        sample: Some(SampleText { before: "Sample headline: ", after: " profit rises on strong sales", entry: true }),
    },
    PipelineTemplate {
        name: "reviews",
        summary: "customer reviews in a CSV file",
        toml: include_str!("../../data/init/reviews/pipeline.toml"),
        data: Some(("reviews.csv", include_str!("../../data/init/reviews/reviews.csv"))),
        sample: None,
    },
    PipelineTemplate {
        name: "tickets",
        summary: "support tickets in a JSON Lines file, the angry ones in a queue",
        toml: include_str!("../../data/init/tickets/pipeline.toml"),
        data: Some(("tickets.jsonl", include_str!("../../data/init/tickets/tickets.jsonl"))),
        sample: None,
    },
    PipelineTemplate {
        name: "blank",
        summary: "the smallest pipeline that runs",
        toml: include_str!("../../data/init/blank/pipeline.toml"),
        data: None,
        sample: None,
    },
];

impl PipelineTemplate {
    /// The template with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// Whether its items are named in `pipeline.toml`, so that others can take their place.
    #[must_use]
    pub const fn names_items(&self) -> bool {
        self.sample.is_some()
    }
}

/// The name of a pipeline in a folder of this name: what a name allows of it, or nothing if it begins with no letter.
#[must_use]
pub fn name_of_folder(folder: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let letters: String = folder.chars().map(allowed).collect();
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let mut name = parts.join("-");
    name.truncate(MAX_NAME);
    Some(name.trim_end_matches('-').to_owned()).filter(|name| Name::new(name.as_str()).is_ok())
}

/// The text of `.gitignore` with what a pipeline needs; nothing if it has that already.
#[must_use]
pub fn gitignore(before: Option<&str>) -> Option<String> {
    const IGNORED: &str = ".fanggen/";
    let before = before.unwrap_or_default();
    let same = |line: &str| line.trim().trim_start_matches('/').trim_end_matches('/') == IGNORED.trim_end_matches('/');
    if before.lines().any(same) {
        return None;
    }
    let break_before = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    Some(format!("{before}{break_before}# Local runs of fanggen, its tools and binaries\n{IGNORED}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_a_name_that_a_pipeline_may_have() {
        let names =
            [("Press Watch", Some("press-watch")), ("a__b.c", Some("a-b-c")), ("2026", None), ("é", None), ("", None)];
        for (folder, name) in names {
            assert_eq!(name_of_folder(folder).as_deref(), name, "{folder}");
        }
    }

    #[test]
    fn what_is_ignored_already_is_not_added() {
        assert_eq!(gitignore(Some("target\n/.fanggen")), None);
        let added = gitignore(Some("target")).expect("added");
        assert!(added.starts_with("target\n# ") && added.ends_with("\n.fanggen/\n"), "{added}");
        assert_eq!(gitignore(Some(&added)), None);
        assert!(gitignore(None).is_some_and(|text| text.starts_with('#')));
    }
}
