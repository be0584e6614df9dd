//! What a security reviewer looks for in a template and no tool asserts: each rule with ways to break it.
#![allow(clippy::panic, reason = "a rule that cannot read a template must not pass")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Rule, remove, texts, texts_within};

const QUEUE: &str = "AWS::SQS::Queue";
const TABLE: &str = "AWS::DynamoDB::Table";
const TOPIC: &str = "AWS::SNS::Topic";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const BUCKET: &str = "AWS::S3::Bucket";
const GROUP: &str = "AWS::Logs::LogGroup";
const FUNCTION: &str = "AWS::Lambda::Function";
const ROLE: &str = "AWS::IAM::Role";
const KEY: &str = "AWS::KMS::Key";

/// All rules. The template that they are broken on has every type, and a customer key.
pub const RULES: &[Rule] = &[
    Rule {
        name: "a topic is never under the key of SNS, whose policy lets no other service in",
        faults: |template| {
            let all = template.each(TOPIC).filter(|(_, topic)| topic.to_string().contains("alias/aws/"));
            all.map(|(id, _)| id.to_owned()).collect()
        },
        breaks: &[|template| template.first(TOPIC)["KmsMasterKeyId"] = json!("alias/aws/sns")],
    },
    Rule {
        name: "every action that is allowed is exact, but for the account's own administration of its key",
        faults: |template| {
            let all = template.statements().into_iter().filter(|(_, one)| one["Effect"] == "Allow");
            let vague = all.filter(|(id, one)| {
                let administers = template.value["Resources"][*id]["Type"] == KEY
                    && one["Principal"]
                        == json!({ "AWS": { "!Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } });
                one.get("NotAction").is_some()
                    || !administers && texts(&one["Action"]).any(|action| action.contains('*'))
            });
            vague.map(|(id, one)| format!("{id}: {}", one["Action"])).collect()
        },
        breaks: &[
            |template| template.first(ROLE)["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = json!("sqs:*"),
            |template| template.first(KEY)["KeyPolicy"]["Statement"][0]["Principal"]["AWS"] = json!("*"),
        ],
    },
    Rule {
        name: "every resource that is no single one has its reason beside it",
        faults: |template| {
            let all = template.statements().into_iter().filter(|(_, one)| {
                one["Effect"] == "Allow"
                    && (one.get("NotResource").is_some() || texts(&one["Resource"]).any(|arn| arn == "*"))
            });
            let silent = all.filter(|(id, one)| {
                let comment = template.comment(id, one["Sid"].as_str().unwrap_or_default());
                comment.is_none_or(|words| words.len() < 30)
            });
            silent.map(|(id, one)| format!("{id}: {}", one["Sid"])).collect()
        },
        breaks: &[
            |template| {
                let said = template.text.lines().filter(|line| {
                    !line.contains("Comprehend's Detect actions do not support resource-level permissions")
                });
                template.text = said.map(|line| format!("{line}\n")).collect();
            },
            |template| template.text = template.text.replace("# Without this statement nobody", ""),
            |template| {
                let statement = &mut template.first(ROLE)["Policies"][0]["PolicyDocument"]["Statement"][0];
                (statement["Resource"], statement["Sid"]) = (json!("*"), json!("Unheard"));
            },
        ],
    },
    Rule {
        name: "every queue, topic and bucket is closed to plain HTTP",
        faults: |template| {
            let policies = [
                (QUEUE, "AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
                (TOPIC, "AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
                (BUCKET, "AWS::S3::BucketPolicy", "Bucket", "s3:*"),
            ];
            let open = policies.into_iter().flat_map(|(kind, policy, of, action)| {
                template.each(kind).filter(move |(id, _)| {
                    let own = json!({ "!Ref": id });
                    let closed = |policy: &Value| {
                        let belongs = policy[of] == own || policy[of] == json!([own]);
                        let statements = policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten();
                        belongs && statements.into_iter().any(|one| denies_plain(one, id, action))
                    };
                    !template.each(policy).any(|(_, policy)| closed(policy))
                })
            });
            open.map(|(id, _)| id.to_owned()).collect()
        },
        breaks: &[
            |template| template.first("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"] = json!([]),
            |template| {
                template.first("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"][0]["Effect"] = json!("Allow")
            },
            |template| template.first("AWS::S3::BucketPolicy")["Bucket"] = json!("another"),
            |template| {
                let statement = &mut template.first("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"][0];
                statement["Resource"].as_array_mut().expect("a list").pop();
            },
            |template| {
                let statement = &mut template.first("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"][0];
                statement["Condition"]["Bool"]["aws:SecureTransport"] = json!("true");
            },
        ],
    },
    Rule {
        name: "each role trusts one service, for this account",
        faults: |template| {
            let trust = |service: &str| {
                json!({
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": { "Service": service },
                        "Action": "sts:AssumeRole",
                        "Condition": { "StringEquals": { "aws:SourceAccount": { "!Ref": "AWS::AccountId" } } },
                    }],
                })
            };
            let known = ["lambda.amazonaws.com", "scheduler.amazonaws.com"].map(trust);
            let all = template.each(ROLE).filter(|(_, role)| !known.contains(&role["AssumeRolePolicyDocument"]));
            all.map(|(id, _)| id.to_owned()).collect()
        },
        breaks: &[
            |template| {
                let statement = &mut template.first(ROLE)["AssumeRolePolicyDocument"]["Statement"][0];
                statement.as_object_mut().expect("a statement").remove("Condition");
            },
            |template| {
                let statement = &mut template.first(ROLE)["AssumeRolePolicyDocument"]["Statement"][0];
                statement["Principal"] = json!({ "Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"] });
            },
        ],
    },
    Rule {
        name: "every queue and bucket is encrypted, and with a customer key all that knows one is under it",
        faults: |template| {
            let key = json!({ "!GetAtt": "Key.Arn" });
            let mut faults = Vec::new();
            let mut expect = |id: &str, fits: bool| faults.extend((!fits).then(|| id.to_owned()));
            let keyed = template.has_key();
            for (id, queue) in template.each(QUEUE) {
                expect(id, if keyed { queue["KmsMasterKeyId"] == key } else { queue["SqsManagedSseEnabled"] == true });
            }
            for (id, bucket) in template.each(BUCKET) {
                let rule = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
                let default = &rule["ServerSideEncryptionByDefault"];
                let own = default["SSEAlgorithm"] == "AES256";
                let customer = default["SSEAlgorithm"] == "aws:kms"
                    && default["KMSMasterKeyID"] == key
                    && rule["BucketKeyEnabled"] == true;
                expect(id, if keyed { customer } else { own });
            }
            // The services encrypt all of these by themselves; a key of another kind is no better than none.
            for (kind, place) in [
                (TABLE, "/SSESpecification/KMSMasterKeyId"),
                (TOPIC, "/KmsMasterKeyId"),
                (GROUP, "/KmsKeyId"),
                ("AWS::Scheduler::Schedule", "/KmsKeyArn"),
            ] {
                for (id, one) in template.each(kind) {
                    expect(id, one.pointer(place) == keyed.then_some(&key));
                }
            }
            // An empty key takes away that of an earlier version.
            for (id, function) in template.each(FUNCTION) {
                expect(id, if keyed { function["KmsKeyArn"] == key } else { function["KmsKeyArn"] == "" });
            }
            for (id, table) in template.each(TABLE).filter(|_| keyed) {
                let sse = &table["SSESpecification"];
                expect(id, sse["SSEEnabled"] == true && sse["SSEType"] == "KMS");
            }
            faults
        },
        breaks: &[
            |template| drop(remove(template.first(QUEUE), "KmsMasterKeyId")),
            |template| drop(remove(template.first(TABLE), "SSESpecification")),
            |template| template.first(TABLE)["SSESpecification"]["SSEEnabled"] = json!(false),
            |template| drop(remove(template.first(BUCKET), "BucketEncryption")),
            |template| drop(remove(template.first(TOPIC), "KmsMasterKeyId")),
            |template| drop(remove(template.first(GROUP), "KmsKeyId")),
            |template| drop(remove(template.first(FUNCTION), "KmsKeyArn")),
            |template| drop(remove(template.first("AWS::Scheduler::Schedule"), "KmsKeyArn")),
        ],
    },
    Rule {
        name: "only the alarms of the template may publish to their topic as CloudWatch, and nobody is told before it is ready",
        faults: |template| {
            let mut faults = Vec::new();
            let mut alarms: Vec<Value> = Vec::new();
            for (id, alarm) in template.each(ALARM) {
                let name = alarm["AlarmName"].as_str().unwrap_or_default();
                alarms.push(json!({ "!Sub": format!(
                    "arn:${{AWS::Partition}}:cloudwatch:${{AWS::Region}}:${{AWS::AccountId}}:alarm:{name}"
                ) }));
                let ready = alarm["ActionsEnabled"] == json!({ "!If": ["IsReady", true, false] });
                let text = alarm["AlarmDescription"].as_str().unwrap_or_default();
                if !ready || !text.contains(" Run first: fanggen ") || text.len() > 1_024 {
                    faults.push(id.to_owned());
                }
            }
            alarms.sort_by_key(Value::to_string);
            for (id, policy) in template.each("AWS::SNS::TopicPolicy") {
                let statements = policy["PolicyDocument"]["Statement"].as_array().expect("a list");
                let allowed: Vec<&Value> = statements.iter().filter(|one| one["Effect"] == "Allow").collect();
                let is_bound = |one: &&Value| {
                    let mut sources =
                        one["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().cloned().unwrap_or_default();
                    sources.sort_by_key(Value::to_string);
                    sources == alarms && one["Principal"] == json!({ "Service": "cloudwatch.amazonaws.com" })
                };
                let of_alarms = id == "AlarmsTopicPolicy";
                if allowed.len() != usize::from(of_alarms) || !allowed.iter().all(is_bound) {
                    faults.push(id.to_owned());
                }
            }
            faults
        },
        breaks: &[
            |template| template.first(ALARM)["ActionsEnabled"] = json!(true),
            |template| template.first(ALARM)["AlarmName"] = json!("another"),
            |template| template.first(ALARM)["AlarmDescription"] = json!("something is wrong"),
        ],
    },
    Rule {
        name: "a customer key is turned over, outlives a mistake, and is used for its account, its logs and its alarms only",
        faults: |template| {
            let mut faults = Vec::new();
            for (id, key) in template.each(KEY) {
                let statements = key["KeyPolicy"]["Statement"].as_array().expect("a list");
                let groups = template.each(GROUP).map(|(_, group)| match &group["LogGroupName"] {
                    Value::String(name) => json!({
                        "!Sub": format!("arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{name}")
                    }),
                    other => panic!("{other}"),
                });
                let mut groups: Vec<Value> = groups.collect();
                let mut named: Vec<Value> = statements
                    .get(1)
                    .and_then(|logs| logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"].as_array())
                    .cloned()
                    .unwrap_or_default();
                groups.sort_by_key(Value::to_string);
                named.sort_by_key(Value::to_string);
                let waits = key["PendingWindowInDays"] == 30 && key["EnableKeyRotation"] == true;
                let alarms = template.each(ALARM).next().map(|_| {
                    json!({
                        "Sid": "AlarmsToTheirTopic", "Effect": "Allow", "Resource": "*",
                        "Principal": { "Service": "cloudwatch.amazonaws.com" },
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                        "Condition": { "StringEquals": { "aws:SourceAccount": { "!Ref": "AWS::AccountId" } } },
                    })
                });
                if !waits || statements.len() > 3 || statements.get(2) != alarms.as_ref() || named != groups {
                    faults.push(id.to_owned());
                }
            }
            faults
        },
        breaks: &[
            |template| template.first(KEY)["EnableKeyRotation"] = json!(false),
            |template| template.first(KEY)["PendingWindowInDays"] = json!(7),
            |template| drop(remove(&mut template.first(KEY)["KeyPolicy"]["Statement"][1], "Condition")),
            |template| {
                let statements = template.first(KEY)["KeyPolicy"]["Statement"].as_array_mut().expect("a list");
                statements.insert(0, json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt" }));
            },
        ],
    },
    Rule {
        name: "a role uses the key through one service, but for what the Scheduler decrypts",
        faults: |template| {
            let key = json!([{ "!GetAtt": "Key.Arn" }]);
            let all = template.statements().into_iter().filter(|(_, one)| one["Resource"] == key);
            let free = all.filter(|(id, one)| {
                let via = &one["Condition"]["StringEquals"]["kms:ViaService"];
                let named =
                    via["Fn::Sub"].as_str().is_some_and(|name| name.ends_with(".${AWS::Region}.${AWS::URLSuffix}"));
                let payload = *id == "ScheduleRole" && one["Action"] == json!(["kms:Decrypt"]) && via.is_null();
                !named && !payload
            });
            free.map(|(id, one)| format!("{id}: {}", one["Sid"])).collect()
        },
        breaks: &[|template| {
            let all =
                template.first(ROLE)["Policies"][0]["PolicyDocument"]["Statement"].as_array_mut().expect("a list");
            let one = all.iter_mut().find(|one| one["Resource"][0]["!GetAtt"] == "Key.Arn").expect("a key's");
            drop(remove(one, "Condition"));
        }],
    },
    Rule {
        name: "whoever reads or writes what is under the key may have it decrypted or used, and nobody else may",
        faults: |template| {
            let mut faults = Vec::new();
            for (id, role) in template.each(ROLE).filter(|_| template.has_key()) {
                let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().expect("a list");
                let mut wanted: BTreeSet<(String, &str)> = BTreeSet::new();
                let mut given: BTreeSet<(String, String)> = BTreeSet::new();
                for one in statements {
                    let via = one["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"].as_str();
                    let service = via.and_then(|name| name.split('.').next()).map(str::to_owned);
                    // What is named without a place for the account is of others, or of everybody.
                    let own = one["Resource"][0]["!Sub"].is_string();
                    for action in texts(&one["Action"]) {
                        let (of, call) = action.split_once(':').expect("an action");
                        match (of, call) {
                            ("kms", _) => given.extend(service.clone().map(|service| (service, action.to_owned()))),
                            ("sqs", "ChangeMessageVisibility" | "DeleteMessage" | "GetQueueAttributes") => {}
                            ("sqs" | "sns" | "s3" | "dynamodb", _) if own => {
                                let reads = ["Receive", "Get", "BatchGet", "Query", "Scan"];
                                let writes = ["Send", "Publish", "Put", "Update", "Delete", "BatchWrite"];
                                if writes.iter().any(|start| call.starts_with(start)) {
                                    wanted.insert((of.to_owned(), "kms:GenerateDataKey"));
                                } else if reads.iter().any(|start| call.starts_with(start)) {
                                    wanted.insert((of.to_owned(), "kms:Decrypt"));
                                } else {
                                    faults.push(format!("{id}: what does {action} need of the key?"));
                                }
                            }
                            _ => {}
                        }
                    }
                }
                if id != "ScheduleRole" {
                    wanted.insert(("lambda".to_owned(), "kms:Decrypt"));
                }
                let missing = wanted.iter().filter(|(of, action)| !given.contains(&(of.clone(), (*action).to_owned())));
                faults.extend(missing.map(|(of, action)| format!("{id}: no {action} through {of}")));
                let idle = given.iter().filter(|(of, _)| !wanted.iter().any(|(service, _)| service == of));
                faults.extend(idle.map(|(of, action)| format!("{id}: {action} through {of} for nothing")));
            }
            faults
        },
        breaks: &[
            |template| {
                let all = template.first(ROLE)["Policies"][0]["PolicyDocument"]["Statement"].as_array_mut();
                all.expect("a list").retain(|one| !texts(&one["Action"]).any(|action| action == "kms:GenerateDataKey"));
            },
            |template| {
                let all = template.first(ROLE)["Policies"][0]["PolicyDocument"]["Statement"].as_array_mut();
                all.expect("a list").retain(|one| !texts(&one["Action"]).any(|action| action.starts_with("s3:")));
            },
        ],
    },
    Rule {
        name: "every function writes to a group of the stack, which keeps logs for a time",
        faults: |template| {
            let lasting = template.each(GROUP).filter(|(_, group)| !group["RetentionInDays"].is_u64());
            let groups: Vec<Value> = template.each(GROUP).map(|(id, _)| json!({ "!Ref": id })).collect();
            let elsewhere =
                template.each(FUNCTION).filter(|(_, one)| !groups.contains(&one["LoggingConfig"]["LogGroup"]));
            lasting.chain(elsewhere).map(|(id, _)| id.to_owned()).collect()
        },
        breaks: &[
            |template| drop(remove(template.first(GROUP), "RetentionInDays")),
            |template| drop(remove(template.first(FUNCTION), "LoggingConfig")),
        ],
    },
    Rule {
        name: "nothing is open to everybody",
        faults: |template| {
            let blocks = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
            let open = template.each(BUCKET).filter(|(_, bucket)| {
                let blocked = blocks.iter().all(|name| bucket["PublicAccessBlockConfiguration"][name] == true);
                !blocked
                    || bucket["OwnershipControls"]["Rules"] != json!([{ "ObjectOwnership": "BucketOwnerEnforced" }])
            });
            let urls = template.each("AWS::Lambda::Url");
            let anybody = template.statements().into_iter().filter(|(_, one)| {
                one["Effect"] == "Allow" && one.get("Principal").is_some_and(|who| texts_within(who).contains(&"*"))
            });
            open.chain(urls).map(|(id, _)| id.to_owned()).chain(anybody.map(|(id, _)| id.to_owned())).collect()
        },
        breaks: &[
            |template| drop(remove(template.first(BUCKET), "PublicAccessBlockConfiguration")),
            |template| template.first(BUCKET)["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] = json!(false),
            |template| drop(remove(template.first(BUCKET), "OwnershipControls")),
            |template| {
                template.first("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"][0]["Effect"] = json!("Allow")
            },
            |template| {
                template.value["Resources"]["Open"] = json!({ "Type": "AWS::Lambda::Url", "Properties": {} });
            },
        ],
    },
    Rule {
        name: "a secret is named by its ARN, and never in a variable or a template",
        faults: |template| {
            let mut faults = Vec::new();
            if template.text.contains("{{resolve:") || template.value.to_string().contains("{{resolve:") {
                faults.push("{{resolve:".to_owned());
            }
            for (id, function) in template.each(FUNCTION) {
                for (name, value) in function["Environment"]["Variables"].as_object().into_iter().flatten() {
                    let settings = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
                    let said = settings.as_ref().and_then(Value::as_object).into_iter().flatten();
                    let secret = |name: &str| ["secret", "token", "password"].iter().any(|word| name.contains(word));
                    for (setting, value) in said.filter(|(setting, _)| secret(setting)) {
                        let named = value.as_str().is_some_and(|arn| arn.starts_with("arn:aws:secretsmanager:"));
                        faults.extend((!named).then(|| format!("{id}: {name}.{setting}")));
                    }
                    faults.extend(secret(&name.to_lowercase()).then(|| format!("{id}: {name}")));
                }
            }
            faults
        },
        breaks: &[
            |template| {
                template.first(FUNCTION)["Environment"]["Variables"]["FANG_X"] = json!("{{resolve:ssm-secure:x}}")
            },
            |template| template.first(FUNCTION)["Environment"]["Variables"]["API_TOKEN"] = json!("x"),
            |template| {
                template.first(FUNCTION)["Environment"]["Variables"]["FANG_SINK_9"] = json!(r#"{"secret":"hunter2"}"#);
            },
        ],
    },
    Rule {
        name: "every table can be set back to any second of the last days, every bucket to an older version",
        faults: |template| {
            let tables = template
                .each(TABLE)
                .filter(|(_, table)| table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true);
            let buckets =
                template.each(BUCKET).filter(|(_, one)| one["VersioningConfiguration"]["Status"] != "Enabled");
            tables.chain(buckets).map(|(id, _)| id.to_owned()).collect()
        },
        breaks: &[
            |template| drop(remove(template.first(TABLE), "PointInTimeRecoverySpecification")),
            |template| drop(remove(template.first(BUCKET), "VersioningConfiguration")),
        ],
    },
    Rule {
        name: "whoever may call a function or write to a queue by its policy is named by ARN",
        faults: |template| {
            let calls = template.each("AWS::Lambda::Permission").filter(|(_, one)| one.get("SourceArn").is_none());
            let calls = calls.map(|(id, _)| id.to_owned());
            let policies = ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"];
            let admits = template.statements().into_iter().filter(move |(id, one)| {
                let kind = template.value["Resources"][*id]["Type"].as_str().unwrap_or_default();
                let named = ["ArnEquals", "ArnLike", "StringEquals"]
                    .iter()
                    .any(|operator| one["Condition"][*operator].get("aws:SourceArn").is_some());
                policies.contains(&kind) && one["Effect"] == "Allow" && !named
            });
            calls.chain(admits.map(|(id, _)| id.to_owned())).collect()
        },
        breaks: &[
            |template| {
                let permission = json!({ "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com" });
                template.value["Resources"]["Call"] =
                    json!({ "Type": "AWS::Lambda::Permission", "Properties": permission });
            },
            |template| {
                let statements = &mut template.first("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"];
                let admits = json!({ "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage" });
                statements.as_array_mut().expect("a list").push(admits);
            },
        ],
    },
];

fn denies_plain(one: &Value, id: &str, action: &str) -> bool {
    let (arn, reference) = (json!({ "!GetAtt": format!("{id}.Arn") }), json!({ "!Ref": id }));
    let objects = json!([arn, { "!Sub": format!("${{{id}.Arn}}/*") }]);
    one["Effect"] == "Deny"
        && one["Principal"] == "*"
        && one["Action"] == action
        && if action == "s3:*" { one["Resource"] == objects } else { [&arn, &reference].contains(&&one["Resource"]) }
        && one["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
}
