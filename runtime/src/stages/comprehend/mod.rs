//! Stage `comprehend`: sentiment, entities and more by Amazon Comprehend.

mod batch;
mod language;
mod merge;
mod questions;
mod sender;
mod stage;

use serde::{Deserialize, Serialize};

use crate::component::services::Services;
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, Quota, RegionalService,
    RequiredPermission, TextFlow,
};
use crate::fetch::RateLimiter;
use crate::model::error::{Error, ErrorCode};
use crate::model::metric::COMPREHEND_UNIT;
use crate::model::run::MAX_CHUNK_ITEMS;
use crate::model::values::Bounded;

use self::questions::Questions;
use self::sender::BatchSender;
use self::stage::ComprehendStage;

/// Analyses texts with Amazon Comprehend, 25 texts of one language per call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ComprehendSettings {
    /// Which analyses to run; each is billed separately.
    #[serde(default = "sentiment")]
    pub detect: Questions,
    /// Maximum number of bytes of a text that are analysed and billed. For a longer text, `coverage` is the share that was
    /// analysed.
    #[serde(default = "bytes")]
    pub max_bytes: Bounded<300, 1_000_000>,
    /// Your account's quota of batch calls per second. It is 10 unless AWS has raised it.
    #[serde(default = "calls")]
    pub calls_per_second: Bounded<1, 10_000>,
}

fn sentiment() -> Questions {
    Questions::sentiment()
}

fn bytes() -> Bounded<300, 1_000_000> {
    Bounded::new::<5_000>()
}

fn calls() -> Bounded<1, 10_000> {
    Bounded::new::<10>()
}

/// Where Comprehend is.
const REGIONS: RegionalService = RegionalService {
    name: "Amazon Comprehend",
    regions: &[
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "us-east-1",
        "us-east-2",
        "us-gov-west-1",
        "us-west-2",
    ],
    as_of: "November 2026",
    docs_url: "https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html",
};

impl Described for ComprehendSettings {
    const CARD: Card = Card {
        text: TextFlow::Analyses,
        failures: &[&[
            ErrorCode::AnswerUnreadable,
            ErrorCode::AwsUnavailable,
            ErrorCode::LanguageUnknown,
            ErrorCode::LanguageUnsupported,
            ErrorCode::RateLimited,
            ErrorCode::TextEmpty,
            ErrorCode::TextRefused,
            ErrorCode::Throttled,
            ErrorCode::TimedOut,
        ]],
        local_substitute: Some("lexicon"),
        regional: Some(REGIONS),
        ..Card::new(
            ComponentRole::Stage,
            "comprehend",
            "sentiment, entities and key phrases from Amazon Comprehend",
            "[[stages]]\nname = \"sentiment\"\ntype = \"comprehend\"\ndetect = [\"sentiment\", \"entities\"]\n",
        )
    };
}

impl Component for ComprehendSettings {
    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        vec![
            RequiredPermission {
                actions: self.detect.sorted().into_iter().map(questions::action).collect(),
                target: PermissionTarget::AllResources(
                    "Comprehend's Detect actions do not support resource-level permissions",
                ),
                reason: "the stage analyses each text with Comprehend",
            },
            RequiredPermission {
                actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
                target: PermissionTarget::StateTable,
                reason: "findings are stored, so that no text is paid for twice",
            },
        ]
    }

    fn units(&self) -> Vec<BilledUnit> {
        // 100 characters a unit, at least 3 a text (facts of the price list, 2026-11-22).
        let asked = u32::try_from(self.detect.as_slice().len()).unwrap_or(u32::MAX);
        vec![BilledUnit {
            name: COMPREHEND_UNIT,
            per_record: f64::from(asked) * 15.0,
            reason: "a unit is 100 characters, at least 3 per text; assuming texts of 1,500 characters",
        }]
    }

    fn quota(&self) -> Option<Quota> {
        #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
        Some(Quota {
            service: "Amazon Comprehend",
            per_account: true,
            calls_per_second: self.calls_per_second.get() as f64,
            max_concurrent: None,
            records_per_call: 25,
            docs_url: "https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html",
        })
    }

    fn answers(&self) -> Vec<&'static str> {
        self.detect.as_slice().iter().map(|question| question.as_str()).collect()
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let detect = self.detect.sorted();
        let limiter = match binding.rate_limit {
            Some(pace) => {
                let calls =
                    detect.iter().map(|question| MAX_CHUNK_ITEMS.div_ceil(questions::texts_per_call(*question)));
                RateLimiter::with_pace(pace, u32::try_from(calls.sum::<usize>()).unwrap_or(u32::MAX))
            }
            None => RateLimiter::with_concurrency(self.calls_per_second.get()),
        };
        let sender = BatchSender::new(services.text_analyzer()?, services.meter(), limiter);
        let max_bytes = usize::try_from(self.max_bytes.get()).unwrap_or(usize::MAX);
        Ok(Instance::Stage(Box::new(ComprehendStage::new(binding.name, detect, max_bytes, sender))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::{Entry, Fault, FaultKind, Tree, Value};
    use std::sync::Arc;

    /// Settings with this list, which is at the bytes 9 to 30 of its file.
    fn read(words: &[&str]) -> Result<ComprehendSettings, Fault> {
        let word = |word: &&str| Tree { span: 10..12, value: Value::String((*word).into()) };
        let list = Value::List(Arc::new(words.iter().map(word).collect()));
        let entry = Entry { key: 0..6, tree: Tree { span: 9..30, value: list } };
        Tree { span: 0..30, value: Value::Table([("detect".to_owned(), entry)].into()) }.read()
    }

    #[test]
    fn a_list_of_questions_is_not_empty_and_without_duplicates() {
        for (words, wrong) in [(&[][..], "an empty list"), (&["pii", "sentiment", "pii"][..], "`pii` twice")] {
            let fault = read(words).expect_err("refused");
            assert_eq!(fault.span, Some(9..30), "the span of the list");
            let FaultKind::Mismatch { found, allowed } = fault.kind else { panic!("{fault}") };
            assert_eq!(found, wrong);
            assert!(allowed.contains("`key_phrases`"), "{allowed}");
        }
        let settings = read(&["sentiment", "entities"]).expect("two questions");
        assert!((settings.units()[0].per_record - 30.0).abs() < 1e-9);
    }
}
