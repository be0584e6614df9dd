//! Security review of every template of this repository in every environment: checkov, and our own rules.

use crate::harness::{audit, checkov, rendered, yaml};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use audit::{RULES, Template};
use checkov::{Finding, bare, judge, write};
use fanggen::resources::{self, AcceptedFinding, ResourceType};
use rendered::{cases, own_templates, repository};

/// All templates: the root's, the examples', the golden cases', by names that are files' as well.
fn all() -> &'static BTreeMap<String, String> {
    static ALL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    ALL.get_or_init(rendered_now)
}

fn rendered_now() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, project) in cases() {
        for (path, text) in project.render().files() {
            if let Some(environment) = path.strip_suffix("/template.yaml") {
                all.insert(format!("{name}-{environment}.yaml"), text);
            }
        }
    }
    let cases = all.len();
    let out = tempfile::tempdir().expect("a folder");
    for path in own_templates(out.path()) {
        let name = path.strip_prefix(out.path()).expect("inside").to_string_lossy().replace('/', "-");
        all.insert(format!("own-{name}"), fs::read_to_string(path).expect("a text"));
    }
    assert!(cases >= 18 && all.len() >= cases + 4, "{} templates", all.len());
    all
}

/// What the templates accept, as checkov names it, with the reasons.
fn accepted(templates: &BTreeMap<String, String>) -> BTreeMap<Finding, String> {
    let mut all = BTreeMap::new();
    for (name, text) in templates {
        let template = yaml::read(text).expect("a template");
        for (id, resource) in template["Resources"].as_object().expect("resources") {
            for skip in resource["Metadata"]["checkov"]["skip"].as_array().into_iter().flatten() {
                let word = |name: &str| skip[name].as_str().expect("a text").to_owned();
                let resource = format!("{}.{id}", resource["Type"].as_str().expect("a type"));
                let before = all.insert((name.clone(), resource, word("id")), word("comment"));
                assert_eq!(before, None, "{name}: {id} accepts something twice");
            }
        }
    }
    all
}

#[test]
fn checkov_finds_what_the_templates_accept_with_a_reason_and_nothing_else() {
    let templates = all();
    let accepted = accepted(templates);
    let folder = tempfile::Builder::new().prefix("templates").tempdir().expect("a folder");
    write(&folder.path().join("whole"), templates.clone());
    write(&folder.path().join("bare"), templates.iter().map(|(name, text)| (name.clone(), bare(text))));
    let said = judge(folder.path());
    let of = |part: &str, findings: &BTreeSet<Finding>| -> BTreeSet<Finding> {
        let own = findings.iter().filter_map(|(path, resource, check)| {
            Some((path.strip_prefix(&format!("{part}/"))?.to_owned(), resource.clone(), check.clone()))
        });
        own.collect()
    };
    let none: BTreeSet<Finding> = BTreeSet::new();
    assert_eq!(of("whole", &said.failed), none, "what nobody accepted");
    let reasons: BTreeSet<Finding> = accepted.keys().cloned().collect();
    assert_eq!(of("whole", &said.skipped), reasons);
    // Without the reasons all of it is found: none is stale, and checkov has really looked.
    assert_eq!(of("bare", &said.failed), reasons);
    assert!(reasons.len() > 300 && said.passed > 2_000, "{} accepted, {} passed", reasons.len(), said.passed);
    // Each reason is one that is declared, and each declared one stands somewhere.
    let declared: BTreeSet<(&str, &str)> = accepted_findings().map(|(_, one)| (one.check, one.reason)).collect();
    let written: BTreeSet<(&str, &str)> =
        accepted.iter().map(|((.., check), reason)| (check.as_str(), reason.as_str())).collect();
    assert_eq!(written, declared);
}

#[test]
fn with_a_customer_key_only_findings_unrelated_to_keys_remain() {
    let templates: BTreeMap<_, _> = all().clone().into_iter().filter(|(name, _)| name.starts_with("kms-")).collect();
    assert_eq!(templates.len(), 2);
    let checks: BTreeSet<String> = accepted(&templates).into_keys().map(|(.., check)| check).collect();
    assert_eq!(checks, ["CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_18"].map(String::from).into());
}

#[test]
fn every_template_follows_our_own_rules() {
    let mut faults = Vec::new();
    for (name, text) in all() {
        let template = Template::of(text);
        for rule in RULES {
            faults.extend((rule.faults)(&template).into_iter().map(|fault| format!("{name}: {}: {fault}", rule.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_rule_detects_its_violation() {
    let templates = all();
    let whole = Template::of(&templates["kms-dev.yaml"]);
    for rule in RULES {
        assert_eq!((rule.faults)(&whole), [""; 0], "{}", rule.name);
        assert!(!rule.breaks.is_empty(), "{}", rule.name);
        for (place, break_it) in rule.breaks.iter().enumerate() {
            let mut broken = whole.clone();
            break_it(&mut broken);
            assert!(!(rule.faults)(&broken).is_empty(), "{}: number {place} is not seen", rule.name);
        }
    }
    // Without a customer key other properties keep the queues and buckets.
    let rule =
        RULES.iter().find(|rule| rule.name.starts_with("every queue and bucket is encrypted")).expect("the rule");
    let whole = Template::of(&templates["sinks-dev.yaml"]);
    for (id, place) in [
        ("LatestTable", None),
        ("WorkerQueue", Some("SqsManagedSseEnabled")),
        ("ArchiveBucket", Some("BucketEncryption")),
        ("WorkerFunction", Some("KmsKeyArn")),
    ] {
        let mut broken = whole.clone();
        let properties = broken.value["Resources"][id]["Properties"].as_object_mut().expect("properties");
        match place {
            Some(name) => assert!(properties.remove(name).is_some(), "{name}"),
            None => {
                drop(properties.insert("SSESpecification".into(), serde_json::json!({ "KMSMasterKeyId": "alias/x" })))
            }
        }
        assert_eq!((rule.faults)(&broken), [id]);
    }
}

/// Every accepted finding, with the card that carries it.
fn accepted_findings() -> impl Iterator<Item = (&'static ResourceType, &'static AcceptedFinding)> {
    resources::ALL.iter().flat_map(|card| card.accepted.iter().map(move |one| (*card, one)))
}

#[test]
fn the_page_for_reviewers_lists_what_is_accepted() {
    let page = repository().join("docs/security.md");
    let text = fs::read_to_string(&page).expect("the page");
    let row = |(card, one): (&ResourceType, &AcceptedFinding)| {
        let kind = card.name.trim_start_matches("AWS::");
        format!("| `{}` | {kind} | {} | {} | {} |\n", one.check, one.wants, one.when, one.reason)
    };
    let rows: String = accepted_findings().map(row).collect();
    let table = format!("| check | on | it wants | accepted | reason |\n| --- | --- | --- | --- | --- |\n{rows}");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() && std::env::var_os("CI").is_none() {
        let (before, rest) = text.split_once("| check |").expect("the table");
        let (_, after) = rest.split_once("\n\n").expect("what follows");
        fs::write(&page, format!("{before}{table}\n{after}")).expect("the page");
        return;
    }
    assert!(text.contains(&table), "UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it security writes the table anew");
}
