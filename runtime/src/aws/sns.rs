//! Topics: whoever subscribed is told.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;

use super::call::failed;
use crate::component::services::{OutboundMessage, Publisher};
use crate::model::error::{Error, ErrorCode};

const PUBLISH: &str = "sns:Publish";

/// Bytes of a notification, at most, and characters of its subject
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const BYTES: usize = 256 * 1024;
const SUBJECT: usize = 100;

/// A topic, by its ARN.
pub struct Topic {
    /// The client.
    pub client: Client,
    /// The ARN.
    pub arn: String,
}

/// A subject as SNS takes it: a line of printable ASCII that starts with no blank.
fn subject(words: &str) -> Option<String> {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else if c.is_whitespace() {
            ' '
        } else {
            '?'
        }
    };
    let line: String = words.trim().chars().map(plain).take(SUBJECT).collect();
    Some(line).filter(|line| !line.is_empty())
}

#[async_trait]
impl Publisher for Topic {
    async fn publish(&self, posts: Vec<OutboundMessage>) -> Result<(), Error> {
        for post in posts {
            if post.body.len() > BYTES {
                let words = format!("a notification takes {} bytes, and SNS takes {BYTES} at most", post.body.len());
                return Err(Error::permanent(ErrorCode::MessageTooLong, words));
            }
            let mut call = self.client.publish().topic_arn(&self.arn).message(post.body);
            call = call.set_subject(post.subject.as_deref().and_then(subject));
            let key = ("key", post.key);
            for (name, value) in post.attributes.into_iter().chain([key]).filter(|(_, value)| !value.is_empty()) {
                let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                let unmade = |error| Error::permanent(ErrorCode::AwsRefused, format!("`{PUBLISH}`: {error}"));
                call = call.message_attributes(name, value.map_err(unmade)?);
            }
            call.send().await.map_err(|error| failed(PUBLISH, &self.arn, error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_line_of_ascii() {
        assert_eq!(subject(" fang-prod: 5 of 5\nitems \u{e9} ").as_deref(), Some("fang-prod: 5 of 5 items ?"));
        assert_eq!(subject(&"x".repeat(200)).map(|line| line.len()), Some(SUBJECT));
        assert_eq!(subject(" \n"), None);
    }
}
