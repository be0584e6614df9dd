//! The CI workflow: checks and plans every pull request, applies what is merged.

use std::collections::BTreeMap;

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::{PINS, RenderError, RenderedFile, check_name, engine, render_template};
use crate::config::pipeline::Pipeline;
use crate::config::sections::Architecture;
use crate::config::{default_environment, partition_of};
use crate::plan::Plan;

pub(super) const GITHUB: &str = "github.yml";

/// The actions, by commit, with the version that it is. Each pair of commit and version was found on 2026-11-29 in public
/// workflows of several independent repositories, astral-sh/uv among them for the first and third.
const ACTIONS: [(&str, [&str; 2]); 5] = [
    ("checkout", ["actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"]),
    ("credentials", ["aws-actions/configure-aws-credentials@e1253824e5c10ff9df46874f81ed3ec929e19cfd", "v6.3.0"]),
    ("download", ["actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"]),
    ("script", ["actions/github-script@3a2844b7e9c422d3c10d287c895573f7108da1b3", "v9.0.0"]),
    ("upload", ["actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", "v7.0.1"]),
];

/// GitHub's expressions use double braces, the delimiters of the other templates.
const DELIMITERS: (&str, &str) = ("[[", "]]");

/// Paths within the repository.
#[derive(Clone, Debug)]
pub struct RepositoryPaths<'a> {
    /// The folder of the pipeline's file, from the root of the repository; `.` for the root itself.
    pub folder: &'a str,
    /// The pipeline's file, relative to that folder.
    pub file: &'a str,
    /// fanggen's source, from the root of the repository, if it is part of it.
    pub source: Option<&'a str>,
}

/// The jobs of an environment.
#[derive(Debug, Serialize)]
struct EnvironmentJobs {
    name: String,
    region: String,
    /// The audience of the token, where it is not that of the action's default.
    audience: Option<&'static str>,
    architecture: &'static str,
    /// Names of jobs allow the same characters as names of environments: letters, digits, `-` and `_`.
    plan: String,
    apply: String,
    /// The jobs that must succeed before it is applied.
    needs: Vec<String>,
    /// Whether a reviewer has to approve.
    guarded: bool,
    plan_title: String,
    apply_title: String,
    plan_role: String,
    plan_if: String,
    role: String,
    plan_group: String,
    group: String,
    /// Marks the comment with the plan, so that a later run can replace it.
    marker: String,
}

/// The binary for an architecture; one build serves all environments with it.
#[derive(Debug, Serialize)]
struct RuntimeBinary {
    architecture: &'static str,
    target: &'static str,
    environment: String,
}

/// Renders the GitHub workflow; its path is relative to the folder of workflows.
///
/// # Errors
/// See [`RenderError`].
pub fn github(
    pipelines: &BTreeMap<String, Pipeline>,
    plans: &BTreeMap<String, Plan>,
    places: &RepositoryPaths<'_>,
) -> Result<RenderedFile, RenderError> {
    [Some(places.folder), Some(places.file), places.source].into_iter().flatten().try_for_each(check_name)?;
    let names: Vec<String> = plans.keys().cloned().collect();
    let first = default_environment(&names);
    let mut stages: Vec<EnvironmentJobs> = Vec::new();
    let mut binaries: BTreeMap<&str, RuntimeBinary> = BTreeMap::new();
    // The default environment first, then the others.
    for (name, plan) in plans.iter().filter(|(name, _)| *name == first).chain(plans.iter().filter(|(n, _)| *n != first))
    {
        let Some(pipeline) = pipelines.get(name) else { continue };
        let architecture: Architecture = pipeline.functions.architecture;
        let word = architecture.word();
        let binary = RuntimeBinary { architecture: word, target: architecture.target(), environment: name.clone() };
        binaries.entry(word).or_insert(binary);
        stages.push(stage(name, plan, word, first));
    }
    let pipeline = plans.values().next().map(|plan| plan.pipeline.clone()).unwrap_or_default();
    let origin =
        if places.folder == "." { places.file.to_owned() } else { format!("{}/{}", places.folder, places.file) };
    let text = render_template(
        &engine(DELIMITERS)?,
        GITHUB,
        context! {
            pipeline => pipeline.as_str(), origin, folder => places.folder, file => places.file,
            source => places.source, stages => Value::from(Serde(&stages)),
            binaries => Value::from(Serde(binaries.into_values().collect::<Vec<_>>())),
            check_group => format!("check-{pipeline}-${{{{ github.ref }}}}"),
            pins => BTreeMap::from(PINS), actions => BTreeMap::from(ACTIONS),
        },
    )?;
    Ok(RenderedFile { path: format!("{pipeline}.yml"), text })
}

fn stage(name: &str, plan: &Plan, architecture: &'static str, first: &str) -> EnvironmentJobs {
    // Names of variables allow capitals, digits and `_`.
    let variable: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let is_first = name == first;
    let mut needs = vec!["check".to_owned()];
    if !is_first {
        needs.push(format!("apply-{first}"));
    }
    EnvironmentJobs {
        name: name.to_owned(),
        region: plan.region.clone(),
        audience: (partition_of(&plan.region) == "aws-cn").then_some("sts.amazonaws.com.cn"),
        architecture,
        plan: format!("plan-{name}"),
        apply: format!("apply-{name}"),
        needs,
        // `prod` needs an approval even if it is the only environment.
        guarded: !is_first || name.starts_with("prod"),
        plan_title: format!("plan {name}"),
        apply_title: format!("apply {name}"),
        plan_role: format!("${{{{ vars.AWS_PLAN_ROLE_ARN_{variable} }}}}"),
        plan_if: format!(
            "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository && \
             vars.AWS_PLAN_ROLE_ARN_{variable} != ''"
        ),
        role: format!("${{{{ vars.AWS_ROLE_ARN_{variable} }}}}"),
        plan_group: format!("plan-{}-${{{{ github.ref }}}}", plan.stack),
        group: plan.stack.clone(),
        marker: format!("<!-- fanggen plan {} -->", plan.stack),
    }
}
