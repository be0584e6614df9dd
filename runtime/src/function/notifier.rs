//! The notifier: posts alarms of CloudWatch, as SNS delivers them, to Slack.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::component::services::Services;
use crate::fetch::webhook::{Webhook, WebhookUrl};
use crate::fetch::{Fetcher, user_agent};
use crate::function::Function;
use crate::model::error::{Error, ErrorCode};
use crate::model::slack::{self, SlackMessage};
use crate::model::values::{HostPort, SecretArn};

/// What separates the text of an alarm from the command to type first.
pub const RUN_FIRST: &str = " Run first: ";

/// Maximum length of a paragraph before it is escaped, in characters. CloudWatch's own limit is 1,024 for a description
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
const MAX_TEXT_CHARS: usize = 1_100;

/// The settings of a notifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifierSettings {
    /// The ARN of the secret that holds the URL of Slack's incoming webhook.
    pub url_secret: SecretArn,
    /// Private or local addresses that the URL may have nevertheless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<HostPort>,
}

/// An event of SNS (<https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsEvent {
    records: Vec<SnsRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsRecord {
    sns: SnsNotification,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsNotification {
    message_id: String,
    message: String,
}

/// What CloudWatch publishes when an alarm changes its state
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlarmChange {
    alarm_name: String,
    alarm_description: Option<String>,
    new_state_value: String,
    new_state_reason: Option<String>,
    state_change_time: Option<String>,
}

/// An alarm that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedAlarm {
    /// Its name.
    pub alarm: String,
    /// Its new state, such as `ALARM` or `OK`.
    pub state: String,
}

/// A notifier, ready to post.
pub struct Notifier {
    webhook: Webhook,
}

impl Notifier {
    /// The notifier of a function. The secret is read by the first post.
    ///
    /// # Errors
    /// `settings_unreadable`; there is no secret store here.
    pub fn open(settings: &NotifierSettings, function: &Function, services: &dyn Services) -> Result<Self, Error> {
        let fetcher = Fetcher::new(&user_agent(function.contact.as_deref()), &settings.allow)?;
        let url = WebhookUrl::in_secret(&settings.url_secret, services)?;
        Ok(Self { webhook: Webhook::new(url, fetcher.on(services.network())) })
    }

    /// Posts the alarms of an event, and returns what came of each.
    ///
    /// # Errors
    /// `event_unreadable` if it is no event of SNS.
    pub async fn notify(&self, event: Value) -> Result<Vec<Result<PostedAlarm, Error>>, Error> {
        let event: SnsEvent =
            serde_json::from_value(event).map_err(|error| unreadable(&format!("no event of SNS: {error}")))?;
        let mut outcomes = Vec::new();
        for record in event.records {
            outcomes.push(self.post(&record.sns).await);
        }
        Ok(outcomes)
    }

    async fn post(&self, notification: &SnsNotification) -> Result<PostedAlarm, Error> {
        // The message may be anything that somebody published, so it is not quoted.
        let change: AlarmChange = serde_json::from_str(&notification.message)
            .map_err(|_| unreadable(&format!("the message {} is no alarm of CloudWatch", notification.message_id)))?;
        // SNS delivers at least once, and the same message has the same id.
        let headers =
            [("content-type", "application/json".to_owned()), ("webhook-id", notification.message_id.clone())];
        self.webhook.post(&headers, change.message().body()).await?;
        Ok(PostedAlarm { alarm: change.alarm_name, state: change.new_state_value })
    }
}

fn unreadable(why: &str) -> Error {
    Error::permanent(ErrorCode::EventUnreadable, format!("unexpected event: {why}"))
}

impl AlarmChange {
    /// Which alarm, what happened, what to type first, and why CloudWatch thinks so. A message that an alarm is over does not
    /// ask anybody to do anything.
    fn message(&self) -> SlackMessage {
        let line = |text: &str| slack::line(text, MAX_TEXT_CHARS);
        let mut message = SlackMessage::default();
        let mut say = |paragraph: String| {
            let _ = message.push(paragraph, 0);
        };
        say(format!("*{}: {}*", line(&self.new_state_value), line(&self.alarm_name)));
        let description = self.alarm_description.as_deref().unwrap_or("The alarm has no description.");
        let (text, first) = match description.rsplit_once(RUN_FIRST) {
            Some((text, first)) => (text, Some(first)),
            None => (description, None),
        };
        if self.new_state_value == "OK" {
            say(format!("This alarm is over. It said: {}", line(text)));
        } else {
            say(line(text));
            if let Some(first) = first {
                say(format!("Run first: `{}`", line(first)));
            }
        }
        let reason = [self.state_change_time.as_deref(), self.new_state_reason.as_deref()];
        let reason: Vec<&str> = reason.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        if !reason.is_empty() {
            say(line(&reason.join(": ")));
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(change: Value) -> String {
        let change: AlarmChange = serde_json::from_value(change).expect("an alarm");
        let body: Value = serde_json::from_slice(&change.message().body()).expect("JSON");
        body["text"].as_str().expect("a text").to_owned()
    }

    fn alarm(state: &str, description: Value) -> Value {
        json!({
            "AlarmName": "press-prod-no-run", "AlarmDescription": description, "NewStateValue": state,
            "NewStateReason": "Threshold Crossed: 2 datapoints < 1.", "StateChangeTime": "2026-11-22T09:00:07.000+0000",
            "AWSAccountId": "123456789012", "Region": "US East (N. Virginia)", "OldStateValue": "OK", "Trigger": {},
        })
    }

    #[test]
    fn an_alarm_says_what_happened_what_to_type_first_and_when_it_is_over() {
        let description = json!("press, prod: no run has completed. Run first: fanggen runs --env prod");
        assert_eq!(
            text(alarm("ALARM", description.clone())),
            "*ALARM: press-prod-no-run*\npress, prod: no run has completed.\nRun first: `fanggen runs --env prod`\n\
             2026-11-22T09:00:07.000+0000: Threshold Crossed: 2 datapoints &lt; 1."
        );
        assert_eq!(
            text(alarm("OK", description)),
            "*OK: press-prod-no-run*\nThis alarm is over. It said: press, prod: no run has completed.\n\
             2026-11-22T09:00:07.000+0000: Threshold Crossed: 2 datapoints &lt; 1."
        );
    }

    #[test]
    fn an_alarm_of_somebody_else_is_posted_as_far_as_it_is_known() {
        let no_text = text(alarm("INSUFFICIENT_DATA", Value::Null));
        assert!(
            no_text.starts_with("*INSUFFICIENT_DATA: press-prod-no-run*\nThe alarm has no description.\n"),
            "{no_text}"
        );
        let bare = json!({ "AlarmName": "<!channel>", "NewStateValue": "ALARM", "AlarmDescription": "<@U1>\n`x`" });
        assert_eq!(text(bare), "*ALARM: &lt;!channel&gt;*\n&lt;@U1&gt; `x`");
        let long = json!({ "AlarmName": "a", "NewStateValue": "ALARM", "AlarmDescription": "x".repeat(9_000) });
        assert_eq!(text(long).lines().nth(1).map(|line| line.chars().count()), Some(MAX_TEXT_CHARS + 1));
    }
}
