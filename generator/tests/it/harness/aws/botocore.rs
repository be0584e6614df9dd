//! The models of AWS's services that botocore brings: which operation a call is, and what its request may look like.

mod decode;
pub mod patterns;
mod validate;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use hyper::http::request::Parts;
use serde_json::{Map, Value};

use super::wire::{Call, form};
use crate::harness::tools;

/// The model of a service, as in its `service-2.json`.
pub struct Model(Value);

/// The parameters of a request, by the names of the model, and what in it does not fit the model.
pub struct Request {
    pub parameters: Value,
    pub mistakes: Vec<String>,
}

/// How a service's requests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Cbor,
    Json,
    Query,
    RestJson,
    RestXml,
}

/// Folders whose name is not that for which requests are signed.
const FOLDERS: [(&str, &str); 4] = [
    ("email", "sesv2"),
    ("monitoring", "cloudwatch"),
    ("states", "stepfunctions"),
    ("tagging", "resourcegroupstaggingapi"),
];

/// The model of the service for which a request is signed.
pub fn model(service: &str) -> Option<&'static Model> {
    static MODELS: Mutex<BTreeMap<String, Option<&'static Model>>> = Mutex::new(BTreeMap::new());
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = models.get(service) {
        return *known;
    }
    let model: Option<&'static Model> = read(service).map(|model| &*Box::leak(Box::new(Model(model))));
    models.insert(service.to_owned(), model);
    model
}

fn read(service: &str) -> Option<Value> {
    let folder = FOLDERS.iter().find(|(signed, _)| *signed == service).map_or(service, |(_, folder)| folder);
    // Names of services come from requests: no path is made of anything else.
    if !folder.chars().all(|one| one.is_ascii_alphanumeric() || one == '-') {
        return None;
    }
    let versions = fs::read_dir(data().join(folder)).ok()?.flatten();
    let latest = versions.map(|version| version.path()).filter(|path| path.is_dir()).max()?;
    let packed = File::open(latest.join("service-2.json.gz")).unwrap_or_else(|error| panic!("{latest:?}: {error}"));
    let model = serde_json::from_reader(std::io::BufReader::new(flate2::read::GzDecoder::new(packed)));
    Some(model.unwrap_or_else(|error| panic!("{latest:?}: {error}")))
}

/// The folder with botocore's models.
pub fn data() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| tools::site_packages().join("botocore/data"))
}

impl Model {
    /// The operation that a call is, by its target, its action or its address.
    pub fn operation(&self, head: &Parts, body: &[u8]) -> Option<String> {
        if let Some(target) = head.headers.get("x-amz-target") {
            return Some(target.to_str().ok()?.rsplit('.').next()?.to_owned());
        }
        match self.protocol()? {
            Protocol::RestJson | Protocol::RestXml => self.by_address(head).map(str::to_owned),
            // https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
            Protocol::Cbor => Some(head.uri.path().split_once("/operation/")?.1.to_owned()),
            Protocol::Json | Protocol::Query => form(body).remove("Action"),
        }
    }

    /// The parameters of a call, and what does not fit; an operation that the model does not have is a mistake too.
    pub fn request(&self, call: &Call) -> Request {
        let mut mistakes = Vec::new();
        if self.0["operations"].get(&call.name).is_none() {
            mistakes.push("the service has no such operation".to_owned());
            return Request { parameters: Value::Null, mistakes };
        }
        let parameters = decode::request(self, call, &mut mistakes);
        if let Some(input) = self.0["operations"][&call.name]["input"]["shape"].as_str() {
            validate::value(self, input, &parameters, "", &mut mistakes);
        }
        Request { parameters, mistakes }
    }

    fn protocol(&self) -> Option<Protocol> {
        match self.0["metadata"]["protocol"].as_str()? {
            "smithy-rpc-v2-cbor" => Some(Protocol::Cbor),
            "json" => Some(Protocol::Json),
            "query" => Some(Protocol::Query),
            "rest-json" => Some(Protocol::RestJson),
            "rest-xml" => Some(Protocol::RestXml),
            _ => None,
        }
    }

    fn shape(&self, name: &str) -> &Value {
        &self.0["shapes"][name]
    }

    /// All patterns of the model.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        let shapes = self.0["shapes"].as_object().into_iter().flatten();
        shapes.filter_map(|(_, shape)| shape["pattern"].as_str())
    }

    /// The members of an operation's input.
    fn input(&self, operation: &str) -> Option<&Map<String, Value>> {
        let shape = self.0["operations"][operation]["input"]["shape"].as_str()?;
        self.shape(shape)["members"].as_object()
    }

    /// Of the operations that fit a method and an address, the one that says most about them.
    fn by_address(&self, head: &Parts) -> Option<&str> {
        let all = self.0["operations"].as_object()?;
        let query = form(head.uri.query().unwrap_or_default().as_bytes());
        if let Some((name, _)) = query.get("x-id").and_then(|name| all.get_key_value(name)) {
            return Some(name);
        }
        let fits = |(name, operation): (&'_ String, &Value)| {
            let http = &operation["http"];
            let is_one = operation["deprecated"] != true && http["method"] == head.method.as_str();
            let places = places(http["requestUri"].as_str()?, head.uri.path(), &query)?;
            is_one.then_some(places.literals + self.required(name, head, &query)?)
        };
        // The first of equals: `ListBuckets` before `ListDirectoryBuckets`.
        let all = all.iter().filter_map(|one| Some((fits(one)?, one.0)));
        all.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, name)| name.as_str())
    }

    /// How many required headers and queries of an operation are there; nothing where one is not.
    fn required(&self, operation: &str, head: &Parts, query: &BTreeMap<String, String>) -> Option<usize> {
        let Some(shape) = self.0["operations"][operation]["input"]["shape"].as_str() else { return Some(0) };
        let shape = self.shape(shape);
        let mut count = 0;
        for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let member = &shape["members"][name];
            let wire = wire_name(name, member);
            let is_there = match member["location"].as_str() {
                Some("header") => head.headers.contains_key(wire),
                Some("querystring") => query.contains_key(wire),
                _ => continue,
            };
            if !is_there {
                return None;
            }
            count += 1;
        }
        Some(count)
    }
}

/// The name of a member in a request.
fn wire_name<'a>(name: &'a str, member: &'a Value) -> &'a str {
    member["locationName"].as_str().unwrap_or(name)
}

/// What an address has in the places of its template, and how much of the template is literal.
struct Places {
    values: BTreeMap<String, String>,
    literals: usize,
}

/// Nothing where the template is that of another address.
fn places(template: &str, path: &str, query: &BTreeMap<String, String>) -> Option<Places> {
    let (template, literal) = template.split_once('?').unwrap_or((template, ""));
    let mut literals = 0;
    for (name, value) in form(literal.as_bytes()) {
        if query.get(&name).is_none_or(|given| *given != value) {
            return None;
        }
        literals += 1;
    }
    let mut values = BTreeMap::new();
    let mut rest = path.strip_prefix('/')?;
    let parts: Vec<&str> = template.trim_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let place = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let greedy = place.is_some_and(|place| place.ends_with('+'));
        let (found, after) = if greedy { (rest, "") } else { rest.split_once('/').unwrap_or((rest, "")) };
        match place {
            _ if found.is_empty() => return None,
            Some(place) => drop(values.insert(place.trim_end_matches('+').to_owned(), decoded(found))),
            None if found == *part => literals += 1,
            None => return None,
        }
        rest = after;
        if !is_last && rest.is_empty() {
            return None;
        }
    }
    rest.is_empty().then_some(Places { values, literals })
}

fn decoded(text: &str) -> String {
    // A plus sign in a path is one.
    let text = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
