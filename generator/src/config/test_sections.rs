//! The `[[tests]]` of `pipeline.toml`: every field is a TOML key, and its doc comment is the documentation users read.

use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::error::{ErrorCode, ErrorScope};
use fanggen_runtime::model::items::InlineItem;
use fanggen_runtime::model::record::Label;
use fanggen_runtime::model::values::{ALLOWED, Bounded, Language, Line, Name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::test_faults::TestFault;

/// A test of the pipeline: items with texts, and what is expected of them. `fanggen test` runs it on your machine, through the
/// same functions, queues and retries as in AWS. Tests have no effect on what is deployed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineTest {
    /// What the test shows, in a sentence. Unique in the file.
    pub name: Line,
    /// The environment to test. Default: the one of `fanggen test --env`, which is `dev` or the first of the file.
    #[serde(default)]
    pub environment: Option<Name>,
    /// The items of the run: keys, or tables of attributes as in a source. A key that a source lists has the attributes it has
    /// there. Without `items`, the test runs all items of the sources.
    #[serde(default)]
    pub items: Vec<InlineItem>,
    /// The text of every item. Without `text` and `texts`, stages that fetch use `[local] texts`, and items keep their own text.
    #[serde(default)]
    pub text: Option<String>,
    /// The texts by item, instead of `text`.
    #[serde(default)]
    pub texts: Vec<CannedText>,
    /// The texts of an earlier run of the same items, as in `texts`, for conditions such as `changed` and `shift`.
    #[serde(default)]
    pub before: Vec<CannedText>,
    /// The earlier run is repeated once a day for this many days. Default: 1.
    #[serde(default)]
    pub before_days: Option<TestDays>,
    /// The run is repeated once a day for this many days; the last one is tested. Default: 1.
    #[serde(default)]
    pub days: Option<TestDays>,
    /// What goes wrong during the run: see [faults](#faults).
    #[serde(default)]
    pub faults: Vec<TestFault>,
    /// What is expected: see [expectations](#expectations). `fanggen test --record` writes them.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

/// How many days a run is repeated; more would add nothing that a pipeline remembers.
pub type TestDays = Bounded<1, 60>;

/// The text of an item in a test.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CannedText {
    /// The key of the item.
    pub item: String,
    /// The id of the entry, if the item has several texts.
    #[serde(default)]
    pub entry: Option<String>,
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// The stage that fetches gets no text: the record fails with this code, as with `page_missing`.
    #[serde(default)]
    pub failed: Option<FailureCode>,
    /// Its title.
    #[serde(default)]
    pub title: Option<String>,
    /// Its language. Default: that of the item or of the stage.
    #[serde(default)]
    pub language: Option<Language>,
    /// Its address.
    #[serde(default)]
    pub url: Option<String>,
    /// When it was published, in RFC 3339.
    #[serde(default)]
    pub published: Option<String>,
}

/// What is expected of a run: of a record (`item`), of a sink (`sink`), or of the dead-letter queue (`dead_letter`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The key of an item. Its records reach the sinks without a failure, unless `failed` or `dropped_by` says otherwise.
    pub item: Option<String>,
    /// One of the item's entries. Default: all of them.
    pub entry: Option<String>,
    /// The label of the record.
    pub label: Option<Label>,
    /// A condition that the record matches, such as `score > 0.5`.
    pub when: Option<Condition>,
    /// The record fails with this code.
    pub failed: Option<FailureCode>,
    /// The source or stage in which it fails.
    pub at: Option<String>,
    /// The stage that drops the record.
    pub dropped_by: Option<String>,
    /// The name of a sink.
    pub sink: Option<String>,
    /// The items that reach the sink: exactly these, in any order.
    pub items: Option<Vec<String>>,
    /// The number of records in the sink. Bucket and table keep a record once; a message that is sent twice counts twice.
    pub records: Option<u64>,
    /// A message ends up in the dead-letter queue with this reason.
    pub dead_letter: Option<FailureCode>,
}

/// The code of a failure, as it is written. The rules say whether it exists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct FailureCode(String);

impl FailureCode {
    /// The code as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All codes that a record or a message may have.
    pub fn known() -> impl Iterator<Item = ErrorCode> {
        ErrorCode::ALL.iter().copied().filter(|code| code.scope() != ErrorScope::Setup)
    }
}

impl JsonSchema for FailureCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FailureCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A list of them, at four places, would be half of the schema.
        json_schema!({ "type": "string", "pattern": "^[a-z]+(_[a-z]+)*$", ALLOWED: "a code of [errors.md](errors.md)" })
    }
}
