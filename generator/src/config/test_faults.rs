//! The faults of `[[tests]]`: their names, and what a component must call to meet them.

use std::fmt;

use fanggen_runtime::component::{Card, ComponentRole};
use fanggen_runtime::model::values::Bounded;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What goes wrong in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestFaultKind {
    /// AWS throttles the calls.
    Throttle,
    /// The server answers with this HTTP status.
    Http(u16),
    /// Nothing answers.
    Timeout,
    /// SQS delivers every message twice.
    DuplicateDelivery,
    /// Every text has 5,001 bytes.
    LongText,
    /// A message in the queue cannot be read.
    PoisonMessage,
    /// Comprehend answers a call, but reports an internal error for one of its texts.
    BatchErrorList,
}

/// The faults without a status, as they are written.
const FAULTS: [(&str, TestFaultKind); 6] = [
    ("throttle", TestFaultKind::Throttle),
    ("timeout", TestFaultKind::Timeout),
    ("duplicate delivery", TestFaultKind::DuplicateDelivery),
    ("long text", TestFaultKind::LongText),
    ("poison message", TestFaultKind::PoisonMessage),
    ("batch error list", TestFaultKind::BatchErrorList),
];

/// How a status is written.
const HTTP: &str = "http ";

/// All faults, with examples of a status, in the order in which messages list them.
const WRITTEN: [&str; 8] = [
    "throttle",
    "http 429",
    "http 503",
    "timeout",
    "duplicate delivery",
    "long text",
    "poison message",
    "batch error list",
];

impl TestFaultKind {
    /// Where a fault can happen.
    #[must_use]
    pub const fn place(self) -> FaultPlace {
        match self {
            Self::Throttle => FaultPlace::Aws,
            Self::Http(_) => FaultPlace::Web,
            Self::Timeout => FaultPlace::Anywhere,
            Self::BatchErrorList => FaultPlace::PaidService,
            Self::DuplicateDelivery | Self::LongText | Self::PoisonMessage => FaultPlace::Run,
        }
    }

    fn parse(written: &str) -> Option<Self> {
        if let Some((_, kind)) = FAULTS.iter().find(|(name, _)| *name == written) {
            return Some(*kind);
        }
        let status = written.strip_prefix(HTTP)?.parse().ok()?;
        (400..600).contains(&status).then_some(Self::Http(status))
    }
}

impl fmt::Display for TestFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "{HTTP}{status}"),
            kind => f.write_str(FAULTS.iter().find(|(_, known)| known == kind).map_or("", |(name, _)| name)),
        }
    }
}

/// What a component must call to meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPlace {
    /// A paid service or a store of AWS.
    Aws,
    /// A server on the web.
    Web,
    /// Either.
    Anywhere,
    /// A paid service.
    PaidService,
    /// None: the fault concerns the run as a whole.
    Run,
}

impl FaultPlace {
    /// Whether a component with this card calls what fails.
    #[must_use]
    pub fn is_called_by(self, card: &Card) -> bool {
        let paid = card.role == ComponentRole::Stage && card.local_substitute.is_some();
        let web = card.fetches || card.posts;
        let aws = paid || card.role == ComponentRole::Sink && !card.posts && !card.local_only;
        match self {
            Self::Aws => aws,
            Self::Web => web,
            Self::Anywhere => aws || web,
            Self::PaidService => paid,
            Self::Run => false,
        }
    }

    /// What a component does that meets the fault, after its name.
    #[must_use]
    pub const fn calls(self) -> &'static str {
        match self {
            Self::Aws => "calls AWS",
            Self::Web => "sends web requests",
            Self::Anywhere => "calls AWS or sends web requests",
            Self::PaidService => "calls a paid service",
            Self::Run => "",
        }
    }
}

impl<'de> Deserialize<'de> for TestFaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KindVisitor;

        impl Visitor<'_> for KindVisitor {
            type Value = TestFaultKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a fault such as \"throttle\"")
            }

            fn visit_str<E: de::Error>(self, written: &str) -> Result<TestFaultKind, E> {
                TestFaultKind::parse(written).ok_or_else(|| E::unknown_variant(written, &WRITTEN))
            }
        }

        deserializer.deserialize_str(KindVisitor)
    }
}

impl JsonSchema for TestFaultKind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TestFaultKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
        json_schema!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": "^http [45][0-9][0-9]$" }] })
    }
}

/// A fault: its name, or a table that says where and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFault {
    /// What goes wrong.
    pub kind: TestFaultKind,
    /// The stage or sink that meets it.
    pub at: Option<String>,
    /// How often; always if it is not set.
    pub times: Option<u64>,
}

/// A fault as a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    /// The fault.
    fault: TestFaultKind,
    /// The stage or sink that meets it. Default: the first stage that can.
    #[serde(default)]
    at: Option<String>,
    /// How many times it happens. Default: always.
    #[serde(default)]
    times: Option<Bounded<1, 1_000>>,
}

impl<'de> Deserialize<'de> for TestFault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FaultVisitor;

        impl<'de> Visitor<'de> for FaultVisitor {
            type Value = TestFault;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fault: its name, or a table with `fault`, `at` and `times`")
            }

            fn visit_str<E: de::Error>(self, written: &str) -> Result<TestFault, E> {
                let kind = TestFaultKind::parse(written).ok_or_else(|| E::unknown_variant(written, &WRITTEN))?;
                Ok(TestFault { kind, at: None, times: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TestFault, A::Error> {
                let table = FaultTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(TestFault { kind: table.fault, at: table.at, times: table.times.map(Bounded::get) })
            }
        }

        deserializer.deserialize_any(FaultVisitor)
    }
}

impl JsonSchema for TestFault {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TestFault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, table) = (TestFaultKind::json_schema(generator), FaultTable::json_schema(generator));
        json_schema!({ "anyOf": [name, table] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_written_as_it_is_read() {
        for written in WRITTEN {
            assert_eq!(TestFaultKind::parse(written).map(|kind| kind.to_string()).as_deref(), Some(written));
        }
        for wrong in ["http", "http 200", "http 600", "http x", "Throttle", ""] {
            assert_eq!(TestFaultKind::parse(wrong), None, "{wrong}");
        }
    }
}
