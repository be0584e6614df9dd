//! From plans to files in memory, through the templates. Pure: the same plan gives the same bytes.

pub mod ci;
pub mod disk;
mod yaml;

use std::collections::BTreeMap;

use fanggen_runtime::model::hash::hex;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::config::mistake::tidy;
use crate::config::{self, schema};
use crate::plan::Plan;

/// How a plan is laid out as a template.
const TEMPLATE_TEXT: &str = include_str!("../../templates/template.yaml.j2");

/// The largest template that CloudFormation takes, from S3: "1 MB"
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>), which the service
/// reportedly counts as a million bytes.
const TEMPLATE_BYTES: usize = 1_000_000;

/// Versions of the tools that the Makefile installs.
const PINS: [(&str, &str); 3] = [("cfn_lint", "1.58.0"), ("cargo_lambda", "1.9.2"), ("ziglang", "0.15.2")];

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its path below the folder of generated files.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Where generated files come from and go to, as they say it themselves.
#[derive(Clone, Debug)]
pub struct RenderPaths<'a> {
    /// The pipeline's file, relative to where the Makefile runs its commands.
    pub file: &'a str,
    /// The folder of generated files, relative to the same place.
    pub folder: &'a str,
    /// Where the Makefile runs its commands, relative to the folder of generated files; absent if there is no fixed relation.
    pub root: Option<&'a str>,
}

/// Why a file cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template and the plan do not match: a bug in fanggen.
    #[error("the template `{0}` does not match the plan; this is a bug in fanggen: {1:#}")]
    Template(&'static str, minijinja::Error),
    /// CloudFormation would refuse the template.
    #[error(
        "the template of environment `{0}` has {1} bytes, and CloudFormation accepts {TEMPLATE_BYTES}; isolate fewer \
         stages, or split the pipeline"
    )]
    TooLarge(String, usize),
    /// The name means something else within a recipe of the Makefile.
    #[error(
        "the Makefile cannot use the name `{name}`, which {what}; rename it: {NOT_ALLOWED} have a special meaning for make \
         and the shell"
    )]
    Name {
        /// The file or folder, safe to print.
        name: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Characters with a special meaning in a variable of make or in double quotes of a shell.
const NOT_ALLOWED: &str = "$ ` \\ \" #";

/// Stands for bytes of a path that are not UTF-8.
const LOST: char = char::REPLACEMENT_CHARACTER;

/// Checks that a name reaches the shell unchanged. Spaces and single quotes do, since recipes use double quotes.
fn check_name(name: &str) -> Result<(), RenderError> {
    let mut odd: Vec<String> = Vec::new();
    let wrong = |c: &char| c.is_control() || *c == LOST || !c.is_whitespace() && NOT_ALLOWED.contains(*c);
    for c in name.chars().filter(wrong) {
        let shown = match c {
            LOST => "bytes that are not UTF-8".to_owned(),
            c if c.is_control() => c.escape_default().to_string(),
            c => format!("`{c}`"),
        };
        if !odd.contains(&shown) {
            odd.push(shown);
        }
    }
    let what = if !odd.is_empty() {
        format!("has {}", odd.join(", "))
    } else if name.trim() == name {
        return Ok(());
    } else {
        "begins or ends with a space".to_owned()
    };
    Err(RenderError::Name { name: tidy(name), what })
}

/// Renders all files of a pipeline.
///
/// # Errors
/// See [`RenderError`].
pub fn render(plans: &BTreeMap<String, Plan>, names: &RenderPaths<'_>) -> Result<Vec<RenderedFile>, RenderError> {
    [Some(names.file), Some(names.folder), names.root].into_iter().flatten().try_for_each(check_name)?;
    let engine = engine(DELIMITERS)?;
    let mut artifacts = Vec::new();
    for (environment, plan) in plans {
        let sha = sha(plan);
        let text = render_template(
            &engine,
            TEMPLATE,
            context! {
                plan => Value::from(Serde(plan)), metadata => Value::from(Serde(plan.metadata())),
                sha => sha.as_str(), source => names.file
            },
        )?;
        if text.len() > TEMPLATE_BYTES {
            return Err(RenderError::TooLarge(environment.clone(), text.len()));
        }
        artifacts.push(RenderedFile { path: format!("{environment}/template.yaml"), text });
        artifacts.push(RenderedFile { path: format!("{environment}/plan.json"), text: plan_json(plan, &sha) });
    }
    let environments: Vec<String> = plans.keys().cloned().collect();
    let default = config::default_environment(&environments).to_owned();
    let pins: BTreeMap<&str, &str> = PINS.into();
    let makefile = render_template(
        &engine,
        MAKEFILE,
        context! {
            file => names.file, folder => names.folder, root => names.root,
            environments, default_environment => default, pins
        },
    )?;
    artifacts.push(RenderedFile { path: MAKEFILE.into(), text: makefile });
    artifacts.push(RenderedFile { path: "pipeline.schema.json".into(), text: pretty(&schema::schema()) });
    Ok(artifacts)
}

const TEMPLATE: &str = "template.yaml";
const MAKEFILE: &str = "Makefile";

/// The delimiters of a value in a template.
const DELIMITERS: (&str, &str) = ("{{", "}}");

fn engine((open, close): (&'static str, &'static str)) -> Result<Environment<'static>, RenderError> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_recursion_limit(50);
    let syntax = SyntaxConfig::builder()
        .variable_delimiters(open, close)
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(|error| RenderError::Template(TEMPLATE, error))?;
    engine.set_syntax(syntax);
    let is_yaml = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
    engine.set_auto_escape_callback(move |name| if is_yaml(name) { AutoEscape::Json } else { AutoEscape::None });
    engine.set_formatter(yaml::format);
    engine.add_filter("line", yaml::line);
    for (name, text) in [
        (TEMPLATE, TEMPLATE_TEXT),
        (MAKEFILE, include_str!("../../templates/Makefile.j2")),
        (ci::GITHUB, include_str!("../../templates/github.yml.j2")),
    ] {
        engine.add_template(name, text).map_err(|error| RenderError::Template(name, error))?;
    }
    Ok(engine)
}

fn render_template(engine: &Environment<'_>, name: &'static str, context: Value) -> Result<String, RenderError> {
    engine
        .get_template(name)
        .and_then(|template| template.render(context))
        .map_err(|error| RenderError::Template(name, error))
}

/// The hash that apply compares: the same plan, rendered by the same version through the same template, has the same hash.
fn sha(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(TEMPLATE_TEXT);
    hash.update(serde_json::to_vec(plan).unwrap_or_default());
    hex(&hash.finalize())
}

/// The resources with the paths of the file that asked for them, so that a deployment can refer to the file.
fn plan_json(plan: &Plan, sha: &str) -> String {
    let mut resources: BTreeMap<&str, _> =
        plan.resources().map(|resource| (resource.id.as_str(), json!(resource))).collect();
    // A deployer may pass a role to this service only.
    for role in &plan.roles {
        if let Some(resource) = resources.get_mut(role.id.as_str()) {
            resource["service"] = json!(role.service);
        }
    }
    // An account may run only so many functions at once.
    for mapping in &plan.mappings {
        if let Some(resource) = resources.get_mut(mapping.id.as_str()) {
            resource["concurrency"] = json!(mapping.concurrency);
        }
    }
    // `dlq` reads dead letters, and knows from this where each can go.
    for (dead, of) in plan.dead_letter_queues() {
        if let Some(resource) = resources.get_mut(dead.as_str()) {
            resource["dead_letters_of"] = json!(of);
        }
    }
    pretty(&json!({
        "pipeline": plan.pipeline,
        "environment": plan.environment,
        "stack": plan.stack,
        "region": plan.region,
        "account": plan.account,
        "retain": plan.retain,
        "first_run": plan.schedule.first_run,
        "architecture": plan.functions.first().map(|function| function.architecture),
        "render_sha": sha,
        "resources": resources,
    }))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
