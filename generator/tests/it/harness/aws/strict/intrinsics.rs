//! CloudFormation's functions: parameters and conditions are followed, names and ARNs of resources are as long as in AWS.

use serde_json::{Map, Value};

/// Where a stack is.
pub struct Place {
    pub account: String,
    pub region: String,
}

pub struct Resolver<'a> {
    template: &'a Value,
    parameters: &'a Map<String, Value>,
    place: &'a Place,
}

/// What is left of a value that `AWS::NoValue` stands for.
const NOTHING: &str = "\u{0}nothing";

/// A flag, which a parameter gives as a text.
pub fn is_true(value: &Value) -> bool {
    *value == true || *value == "true"
}

impl<'a> Resolver<'a> {
    pub fn new(template: &'a Value, parameters: &'a Map<String, Value>, place: &'a Place) -> Self {
        Self { template, parameters, place }
    }

    pub fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(all) => all.iter().map(|one| self.resolved(one)).filter(|one| one != NOTHING).collect(),
            Value::Object(table) => match function(table) {
                Some((name, inner)) => self.called(name, inner),
                None => {
                    let all = table.iter().map(|(name, inner)| (name.clone(), self.resolved(inner)));
                    Value::Object(all.filter(|(_, inner)| inner != NOTHING).collect())
                }
            },
            other => other.clone(),
        }
    }

    fn called(&self, name: &str, inner: &Value) -> Value {
        match name {
            "Ref" => self.reference(inner.as_str().unwrap_or_default()),
            "GetAtt" => match inner {
                Value::Array(parts) => {
                    let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                    self.attribute(&parts.join(".")).into()
                }
                other => self.attribute(other.as_str().unwrap_or_default()).into(),
            },
            "Sub" => self.text(inner.as_str().or_else(|| inner[0].as_str()).unwrap_or_default()).into(),
            "If" => {
                let branch =
                    if self.holds(&self.template["Conditions"][inner[0].as_str().unwrap_or_default()]) { 1 } else { 2 };
                self.resolved(&inner[branch])
            }
            "Join" => {
                let parts = self.resolved(&inner[1]);
                let parts: Vec<&str> = parts.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                parts.join(inner[0].as_str().unwrap_or_default()).into()
            }
            _ => Value::Bool(self.holds(&serde_json::json!({ name: inner }))),
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        let Some((name, inner)) = condition.as_object().and_then(function) else { return is_true(condition) };
        let mut all = inner.as_array().into_iter().flatten();
        match name {
            "Equals" => self.resolved(&inner[0]) == self.resolved(&inner[1]),
            "Not" => !self.holds(&inner[0]),
            "And" => all.all(|one| self.holds(one)),
            "Or" => all.any(|one| self.holds(one)),
            "Condition" => self.holds(&self.template["Conditions"][inner.as_str().unwrap_or_default()]),
            other => panic!("these tests do not know CloudFormation's `{other}`: {condition}"),
        }
    }

    fn reference(&self, name: &str) -> Value {
        let (account, region) = (&self.place.account, &self.place.region);
        match name {
            "AWS::NoValue" => return NOTHING.into(),
            "AWS::AccountId" => return account.as_str().into(),
            "AWS::Region" => return region.as_str().into(),
            "AWS::Partition" => return "aws".into(),
            "AWS::URLSuffix" => return "amazonaws.com".into(),
            _ => {}
        }
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        if let Some(parameter) = self.template["Parameters"].get(name) {
            return parameter["Default"].clone();
        }
        let physical = self.physical(name);
        match self.template["Resources"][name]["Type"].as_str() {
            Some("AWS::SQS::Queue") => format!("https://sqs.{region}.amazonaws.com/{account}/{physical}").into(),
            Some("AWS::SNS::Topic") => format!("arn:aws:sns:{region}:{account}:{physical}").into(),
            _ => physical.into(),
        }
    }

    /// The name that a template gives to a resource.
    fn physical(&self, id: &str) -> String {
        const NAMES: [&str; 8] =
            ["BucketName", "FunctionName", "LogGroupName", "Name", "QueueName", "RoleName", "TableName", "TopicName"];
        let properties = &self.template["Resources"][id]["Properties"];
        let name = NAMES.iter().find_map(|name| properties.get(name));
        name.and_then(|name| self.resolved(name).as_str().map(str::to_owned)).unwrap_or_else(|| id.to_owned())
    }

    fn attribute(&self, path: &str) -> String {
        let (id, attribute) = path.split_once('.').unwrap_or((path, ""));
        let (name, account, region) = (self.physical(id), &self.place.account, &self.place.region);
        match (self.template["Resources"][id]["Type"].as_str(), attribute) {
            (Some("AWS::S3::Bucket"), "Arn") => format!("arn:aws:s3:::{name}"),
            (Some("AWS::SQS::Queue"), "Arn") => format!("arn:aws:sqs:{region}:{account}:{name}"),
            (Some("AWS::DynamoDB::Table"), "Arn") => format!("arn:aws:dynamodb:{region}:{account}:table/{name}"),
            (Some("AWS::Lambda::Function"), "Arn") => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
            (Some("AWS::IAM::Role"), "Arn") => format!("arn:aws:iam::{account}:role/{name}"),
            (Some("AWS::KMS::Key"), "Arn") => {
                format!("arn:aws:kms:{region}:{account}:key/00000000-0000-4000-8000-000000000000")
            }
            _ => path.to_owned(),
        }
    }

    fn text(&self, text: &str) -> String {
        // What begins with `!` is no place of CloudFormation's, and stays without the mark.
        let mut text = text.replace("${!", "\u{1}");
        while let Some((before, (name, after))) =
            text.split_once("${").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            let value = match self.reference(name) {
                _ if name.contains('.') => self.attribute(name),
                Value::String(value) => value,
                other => other.to_string(),
            };
            text = format!("{before}{value}{after}");
        }
        text.replace('\u{1}', "${")
    }
}

/// The function that a table is, in its short or its long form.
fn function(table: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = table.iter();
    let (name, inner) = all.next()?;
    let name = match name.as_str() {
        "Ref" => "Ref",
        name => name.strip_prefix('!').or_else(|| name.strip_prefix("Fn::"))?,
    };
    all.next().is_none().then_some((name, inner))
}
