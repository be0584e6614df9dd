//! The pipeline's words for resources, and values made fit for printing.

use serde_json::Value;

use super::Caller;
use super::flow::Flow;
use super::template::Definition;

/// What a type is called, what the names of its resources end in, and what is lost with one.
struct Kind {
    name: &'static str,
    noun: &'static str,
    plural: &'static str,
    ending: &'static str,
    holds: Option<&'static str>,
    /// Properties of which another value is another resource.
    identity: &'static [&'static str],
}

const fn kind(name: &'static str, noun: &'static str, plural: &'static str, ending: &'static str) -> Kind {
    Kind { name, noun, plural, ending, holds: None, identity: &[] }
}

/// In the order in which they are counted.
const KINDS: [Kind; 19] = [
    Kind { identity: &["Name"], ..kind("AWS::Scheduler::Schedule", "schedule", "schedules", "") },
    Kind { identity: &["FunctionName"], ..kind("AWS::Lambda::Function", "function", "functions", "Function") },
    Kind {
        holds: Some("messages"),
        identity: &["QueueName", "FifoQueue"],
        ..kind("AWS::SQS::Queue", "queue", "queues", "Queue")
    },
    Kind {
        holds: Some("rows"),
        identity: &["TableName", "KeySchema"],
        ..kind("AWS::DynamoDB::Table", "table", "tables", "Table")
    },
    Kind {
        holds: Some("objects"),
        identity: &["BucketName"],
        ..kind("AWS::S3::Bucket", "bucket", "buckets", "Bucket")
    },
    Kind {
        // Whoever subscribed by hand, or has said yes to a mail, has to do so again.
        holds: Some("subscriptions"),
        identity: &["TopicName"],
        ..kind("AWS::SNS::Topic", "topic", "topics", "Topic")
    },
    Kind {
        identity: &["TopicArn", "Protocol", "Endpoint"],
        ..kind("AWS::SNS::Subscription", "subscription", "subscriptions", "Subscription")
    },
    Kind {
        identity: &["DatabaseInput/Name"],
        ..kind("AWS::Glue::Database", "catalog database", "catalog databases", "Database")
    },
    Kind {
        identity: &["DatabaseName", "TableInput/Name"],
        ..kind("AWS::Glue::Table", "catalog table", "catalog tables", "Catalog")
    },
    Kind { identity: &["RoleName"], ..kind("AWS::IAM::Role", "role", "roles", "Role") },
    Kind {
        holds: Some("log"),
        identity: &["LogGroupName"],
        ..kind("AWS::Logs::LogGroup", "log group", "log groups", "Logs")
    },
    Kind { identity: &["EventSourceArn"], ..kind("AWS::Lambda::EventSourceMapping", "mapping", "mappings", "Mapping") },
    Kind {
        identity: &["FunctionName", "Qualifier"],
        ..kind("AWS::Lambda::EventInvokeConfig", "failure destination", "failure destinations", "Invoke")
    },
    kind("AWS::SQS::QueuePolicy", "queue policy", "queue policies", "Policy"),
    kind("AWS::SNS::TopicPolicy", "topic policy", "topic policies", "Policy"),
    kind("AWS::S3::BucketPolicy", "bucket policy", "bucket policies", "Policy"),
    kind("AWS::CloudWatch::Alarm", "alarm", "alarms", "Alarm"),
    Kind { holds: Some("key"), ..kind("AWS::KMS::Key", "encryption key", "encryption keys", "Key") },
    Kind {
        identity: &["AliasName"],
        ..kind("AWS::KMS::Alias", "name of the encryption key", "names of encryption keys", "KeyAlias")
    },
];

fn known(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What is lost with a resource of this type, where anything is: `rows`.
pub fn holds(name: &str) -> Option<&'static str> {
    known(name)?.holds
}

/// The properties of which another value is another resource.
pub fn identity(name: &str) -> &'static [&'static str] {
    known(name).map_or(&[], |kind| kind.identity)
}

/// How many there are of each kind, in words: `2 functions, 4 queues`.
pub fn counted<'a>(kinds: impl Iterator<Item = &'a str>) -> String {
    let kinds: Vec<&str> = kinds.collect();
    let count = |kind: &Kind| kinds.iter().filter(|name| **name == kind.name).count();
    let mut parts: Vec<String> = KINDS
        .iter()
        .map(|kind| (count(kind), kind))
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {}", if count == 1 { kind.noun } else { kind.plural }))
        .collect();
    let others = kinds.iter().filter(|name| known(name).is_none()).count();
    if others > 0 {
        parts.push(format!("{others} more"));
    }
    parts.join(", ")
}

/// A resource in words: `function worker`, `dead-letter queue of worker`, `table companies`.
pub fn words(
    id: &str,
    name: &str,
    definition: Option<&Definition>,
    flows: &[&Flow],
    stack: &str,
    by: &Caller<'_>,
) -> String {
    let Some(kind) = known(name) else { return format!("{name} {id}") };
    let owner = |ending: &str| {
        let prefix = id.strip_suffix(ending).unwrap_or(id);
        let owner = flows.iter().find_map(|flow| flow.owner(prefix));
        owner.map_or_else(|| prefix.to_owned(), |owner| owner.word.clone())
    };
    let of_sink = |ending: &str| {
        let prefix = id.strip_suffix(ending).unwrap_or(id);
        let sink = flows.iter().find_map(|flow| flow.sink(prefix));
        sink.map_or_else(|| prefix.to_lowercase(), |sink| sink.name.clone())
    };
    let part = |property: &str| {
        let name = definition.and_then(|definition| definition.text(property));
        name.map_or_else(|| owner(kind.ending), |name| short(name, stack, by))
    };
    match kind.ending {
        "" | "Key" | "KeyAlias" => kind.noun.to_owned(),
        "Table" => format!("table {}", part("TableName")),
        "Bucket" => format!("bucket {}", part("BucketName")),
        "Function" => format!("function {}", owner("Function")),
        "Queue" if is_listened(id.strip_suffix("Queue").unwrap_or(id), flows) => format!("queue {}", part("QueueName")),
        "Queue" if id.ends_with("DeadQueue") => format!("dead-letter queue of {}", owner("DeadQueue")),
        "Topic" => format!("topic {}", part("TopicName")),
        "Database" => kind.noun.to_owned(),
        "Catalog" => format!("catalog table {}", part("TableInput/Name")),
        "Subscription" => format!("subscription to the topic {}", of_sink("Subscription")),
        "Mapping" => format!("mapping to {}", owner("Mapping")),
        "Policy" if is_listened(id.strip_suffix("QueuePolicy").unwrap_or(id), flows) => {
            format!("policy of the queue {}", of_sink("QueuePolicy"))
        }
        "Policy" if id.ends_with("TopicPolicy") => format!("policy of the topic {}", of_sink("TopicPolicy")),
        "Policy" if id.ends_with("DeadQueuePolicy") => {
            format!("policy of the dead-letter queue of {}", owner("DeadQueuePolicy"))
        }
        "Policy" if id.ends_with("QueuePolicy") => format!("policy of the queue of {}", owner("QueuePolicy")),
        "Policy" => format!("policy of the bucket {}", owner("BucketPolicy").to_lowercase()),
        ending => format!("{} of {}", kind.noun, owner(ending)),
    }
}

/// Whether something is the queue of a sink, to which others listen, by what its name within the template begins with.
fn is_listened(prefix: &str, flows: &[&Flow]) -> bool {
    flows.iter().any(|flow| flow.sink(prefix).is_some()) && flows.iter().all(|flow| flow.owner(prefix).is_none())
}

/// The part of a physical name that stands in the file: without pipeline and environment, and without the hash or the
/// account and region behind it.
pub fn short(name: &str, stack: &str, by: &Caller<'_>) -> String {
    let part = name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name);
    if let Some(bucket) = part.strip_suffix(&format!("-{}-{}", by.account, by.region)) {
        return bucket.to_owned();
    }
    match part.rsplit_once('-') {
        Some((table, hash)) if hash.len() == 6 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => table.to_owned(),
        _ => part.to_owned(),
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// A text fit for printing: on one line, and nothing in it that commands a terminal or turns the direction of writing.
pub fn tidy(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut tidied = String::new();
    for c in text.chars() {
        if c.is_control() || turns(c) || !fanggen_runtime::model::values::printable(c) {
            tidied.extend(c.escape_default());
        } else {
            tidied.push(c);
        }
    }
    tidied
}

/// A value for people: as JSON, and no longer than anybody reads.
pub fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "unset".into() };
    let text = tidy(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// So many of something: `1 function`, `2 functions`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_commands_the_terminal() {
        assert_eq!(tidy("a\u{1b}[31m\u{202e}\nb\u{9b}"), "a\\u{1b}[31m\\u{202e}\\nb\\u{9b}");
        assert_eq!(shown(Some(&"\u{1b}x".into())), "\"\\u001bx\"");
        assert_eq!(shown(Some(&"x".repeat(500).into())).len(), 123);
        assert_eq!(shown(None), "unset");
    }

    #[test]
    fn a_physical_name_becomes_the_word_of_the_file() {
        let by = Caller { account: "123456789012", partition: "aws", region: "eu-west-1" };
        for (name, expected) in [
            ("fang-dev-companies-182da4", "companies"),
            ("fang-dev-archive-123456789012-eu-west-1", "archive"),
            ("somebody-else", "somebody-else"),
        ] {
            assert_eq!(short(name, "fang-dev", &by), expected);
        }
    }
}
