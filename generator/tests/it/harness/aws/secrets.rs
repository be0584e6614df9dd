//! Secrets of the emulator's, made by a stack, since only a stack tells their ARNs.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::StackStatus;
use serde_json::{Map, Value, json};

use super::emulator::block_on;
use super::target_account::target_account;

/// The ARNs of new secrets with these names and values, in their order.
pub fn secrets<const N: usize>(stack: &str, secrets: [(&str, &str); N]) -> [String; N] {
    let id = |place: usize| format!("Secret{place}");
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    for (place, (name, value)) in secrets.iter().enumerate() {
        let properties = json!({ "Name": name, "SecretString": value });
        resources.insert(id(place), json!({ "Type": "AWS::SecretsManager::Secret", "Properties": properties }));
        outputs.insert(id(place), json!({ "Value": { "Fn::GetAtt": [id(place), "Id"] } }));
    }
    let template = Value::from(Map::from_iter([
        ("Resources".to_owned(), Value::from(resources)),
        ("Outputs".to_owned(), Value::from(outputs)),
    ]));
    let client = aws_sdk_cloudformation::Client::new(&target_account().sdk);
    block_on(client.create_stack().stack_name(stack).template_body(template.to_string()).send()).expect("a stack");
    let begin = Instant::now();
    loop {
        let answer = block_on(client.describe_stacks().stack_name(stack).send()).expect("an answer");
        let made = answer.stacks().first().filter(|one| one.stack_status() == Some(&StackStatus::CreateComplete));
        if let Some(made) = made {
            return std::array::from_fn(|place| {
                let output = made.outputs().iter().find(|output| output.output_key() == Some(&id(place)));
                output.and_then(|output| output.output_value()).expect("an ARN").to_owned()
            });
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
