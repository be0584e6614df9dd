//! Publishes messages to SNS topics.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;

use super::call::{build_error, call_error};
use crate::component::services::{OutboundMessage, Publisher};
use crate::model::error::{Error, ErrorCode};

const PUBLISH: &str = "sns:Publish";

/// Maximum bytes of a message, and characters of its subject
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const MAX_BYTES: usize = 256 * 1024;
const MAX_SUBJECT: usize = 100;

/// A topic.
pub struct SnsTopic {
    /// The client.
    pub client: Client,
    /// The ARN of the topic.
    pub arn: String,
}

/// A valid subject for SNS: one line of printable ASCII that does not start with a space.
fn subject(text: &str) -> Option<String> {
    let clean = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else if c.is_whitespace() {
            ' '
        } else {
            '?'
        }
    };
    let line: String = text.trim().chars().map(clean).take(MAX_SUBJECT).collect();
    Some(line).filter(|line| !line.is_empty())
}

#[async_trait]
impl Publisher for SnsTopic {
    async fn publish(&self, messages: Vec<OutboundMessage>) -> Result<(), Error> {
        for message in messages {
            if message.body.len() > MAX_BYTES {
                let bytes = message.body.len();
                let text = format!("the message has {bytes} bytes; the limit of SNS is {MAX_BYTES}");
                return Err(Error::permanent(ErrorCode::MessageTooLong, text));
            }
            let mut call = self.client.publish().topic_arn(&self.arn).message(message.body);
            call = call.set_subject(message.subject.as_deref().and_then(subject));
            let key = ("key", message.key);
            for (name, value) in message.attributes.into_iter().chain([key]).filter(|(_, value)| !value.is_empty()) {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                let value = value.map_err(|error| build_error(PUBLISH, &error))?;
                call = call.message_attributes(name, value);
            }
            call.send().await.map_err(|error| call_error(PUBLISH, &self.arn, error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_ascii() {
        assert_eq!(subject(" fang-prod: 5 of 5\nitems \u{e9} ").as_deref(), Some("fang-prod: 5 of 5 items ?"));
        assert_eq!(subject(&"x".repeat(200)).map(|line| line.len()), Some(MAX_SUBJECT));
        assert_eq!(subject(" \n"), None);
    }
}
