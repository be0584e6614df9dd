//! What a template asks for, every reference followed: beside it lies what the services say that is there.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::yaml;
use super::deployed::Deployed;
use super::stacks::parameter;
use super::target_account::target_account;

/// Properties that are not compared: the emulator keeps none of the first four, and answers to nobody about tags in one
/// way; code is compared by its hash; and by the rest the resource was asked for.
const LEFT_OUT: [&str; 18] = [
    "BucketEncryption",
    "LifecycleConfiguration",
    "PointInTimeRecoverySpecification",
    "TimeToLiveSpecification",
    "Code",
    "Tags",
    "Bucket",
    "BucketName",
    "FunctionName",
    "LogGroupName",
    "Name",
    "Qualifier",
    "QueueName",
    "Queues",
    "RoleName",
    "TableName",
    "TopicName",
    "Topics",
];

/// A resource of a template.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: String,
    /// Its physical name, or that of what it is part of.
    pub name: String,
    /// What it should be like.
    pub properties: Value,
}

/// Numbers and flags as texts: some services give one, some the other.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Array(all) => all.iter().map(plain).collect(),
        Value::Object(all) => all.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Value::Null | Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

/// The resources of an environment as it is rendered now.
pub fn asked(deployed: &Deployed, environment: &str) -> BTreeMap<String, Asked> {
    let text = deployed.project.read(&format!("generated/{environment}/template.yaml"));
    let template = yaml::read(&text).expect("YAML");
    let plan = deployed.plan(environment);
    let names = names(&plan);
    let all = template["Resources"].as_object().expect("resources");
    let stack = plan["stack"].as_str().expect("a name");
    let ready = &parameter(stack, "Ready").unwrap_or_default();
    let one = |(id, resource): (&String, &Value)| {
        let kind = resource["Type"].as_str().expect("a type").to_owned();
        let places = Places { names: &names, all, ready };
        let mut properties = places.resolved(&resource["Properties"]);
        let whole =
            ["Bucket", "FunctionName", "Queues", "Topics", "TopicArn"].iter().find_map(|name| {
                match &properties[*name] {
                    Value::Array(all) => all.first()?.as_str().map(str::to_owned),
                    other => other.as_str().map(str::to_owned),
                }
            });
        let name = names.get(id).cloned().or(whole).unwrap_or_else(|| panic!("{id} has no name"));
        // A queue is referred to by its address, a topic by its ARN: both end in the name.
        let last = |end: char| name.rsplit(end).next().expect("a name").to_owned();
        let name = match name.split(':').next() {
            Some("http" | "https") => last('/'),
            Some("arn") => last(':'),
            _ => name,
        };
        let table = properties.as_object_mut().expect("properties");
        if let Some(code) = table.get("Code") {
            assert!(code["S3Key"].is_string(), "{code}");
            table.insert("CodeSha256".to_owned(), hash(deployed).into());
        }
        LEFT_OUT.iter().for_each(|name| drop(table.remove(*name)));
        // An empty key is none.
        if table.get("KmsKeyArn").is_some_and(|key| key == "") {
            table.remove("KmsKeyArn");
        }
        if target_account().emulator.is_some() {
            // It forgets the boundary of a role that CloudFormation made, and the time zone of a schedule.
            ["PermissionsBoundary", "ScheduleExpressionTimezone"].iter().for_each(|name| drop(table.remove(*name)));
        }
        if kind == "AWS::Lambda::EventSourceMapping" {
            table.remove("FunctionName");
        }
        (id.clone(), Asked { kind, name, properties: plain(&properties) })
    };
    all.iter().map(one).collect()
}

/// What all of them should be like.
pub fn wanted(asked: &BTreeMap<String, Asked>) -> BTreeMap<String, Option<Value>> {
    asked.iter().map(|(id, asked)| (id.clone(), Some(asked.properties.clone()))).collect()
}

/// The physical names of a plan's resources.
pub fn names(plan: &Value) -> BTreeMap<String, String> {
    let all = plan["resources"].as_object().expect("resources");
    let name = |resource: &Value| match &resource["name"] {
        Value::String(name) => Some(name.clone()),
        Value::Object(sub) => Some(substituted(sub["Fn::Sub"].as_str()?)),
        _ => None,
    };
    all.iter().filter_map(|(id, resource)| Some((id.clone(), name(resource)?))).collect()
}

fn substituted(text: &str) -> String {
    let text = text
        .replace("${AWS::AccountId}", &target_account().account)
        .replace("${AWS::Region}", &target_account().region);
    text.replace("${AWS::Partition}", "aws")
}

/// The hash of the artifact, as Lambda writes it.
fn hash(deployed: &Deployed) -> String {
    use sha2::Digest as _;
    let zip = std::fs::read(deployed.path().join(".fanggen/x86_64/bootstrap.zip")).expect("an artifact");
    base64(&sha2::Sha256::digest(zip))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place > three.len() { '=' } else { digit.into() });
        }
    }
    text
}

struct Places<'a> {
    names: &'a BTreeMap<String, String>,
    all: &'a Map<String, Value>,
    /// The time of the first run, if the environment is ready.
    ready: &'a str,
}

impl Places<'_> {
    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(all) => all.iter().map(|one| self.resolved(one)).collect(),
            Value::Object(table) => match table.iter().next() {
                Some((tag, inner)) if tag == "!Ref" => self.reference(inner.as_str().expect("a name")).into(),
                Some((tag, inner)) if tag == "!GetAtt" => self.attribute(inner.as_str().expect("a name")).into(),
                Some((tag, inner)) if tag == "!If" => {
                    assert_eq!(inner[0], "IsReady");
                    self.resolved(&inner[if self.ready.is_empty() { 2 } else { 1 }])
                }
                Some((tag, inner)) if tag == "Fn::Sub" => {
                    let rest = inner[1]["Rest"].as_str().expect("a text");
                    let text = inner[0].as_str().expect("a text");
                    text.replace("${Ready}", self.ready).replace("${Rest}", rest).into()
                }
                Some((tag, inner)) if tag == "!Sub" => self.text(inner.as_str().expect("a text")).into(),
                _ => table.iter().map(|(name, value)| (name.clone(), self.resolved(value))).collect(),
            },
            other => other.clone(),
        }
    }

    fn reference(&self, id: &str) -> String {
        if id == "AWS::AccountId" {
            return target_account().account.clone();
        }
        // What is no resource is one of the two parameters, which are compared by the hash of the code.
        let Some(resource) = self.all.get(id) else { return id.to_owned() };
        let name = self.names.get(id).unwrap_or_else(|| panic!("{id} has no name"));
        let (account, region) = (&target_account().account, &target_account().region);
        match resource["Type"].as_str() {
            Some("AWS::SQS::Queue") => {}
            Some("AWS::SNS::Topic") => return format!("arn:aws:sns:{region}:{account}:{name}"),
            _ => return name.clone(),
        }
        match target_account().emulator {
            Some(emulator) => format!("{}/{account}/{name}", emulator.address()),
            None => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
        }
    }

    fn attribute(&self, path: &str) -> String {
        let (id, attribute) = path.split_once('.').expect("an attribute");
        assert_eq!(attribute, "Arn", "{path}");
        let (name, account, region) = (&self.names[id], &target_account().account, &target_account().region);
        match self.all[id]["Type"].as_str().expect("a type") {
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{name}"),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{region}:{account}:{name}"),
            "AWS::IAM::Role" => format!("arn:aws:iam::{account}:role/{name}"),
            "AWS::Lambda::Function" => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
            other => panic!("{path} of {other}"),
        }
    }

    fn text(&self, text: &str) -> String {
        // What begins with `!` is no place of CloudFormation's, and stays without the mark.
        let mut text = substituted(text).replace("${!", "\u{0}");
        while let Some((before, (name, after))) =
            text.split_once("${").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            let value = if name.contains('.') { self.attribute(name) } else { self.reference(name) };
            text = format!("{before}{value}{after}");
        }
        text.replace('\u{0}', "${")
    }
}
