//! `fanggen plan`: what an apply would change in the account.

use std::path::PathBuf;

use serde_json::json;

use super::apply::order_of;
use super::open::{Cloud, placed, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Ended, Failure, Global, Opened, Style, pretty, print, words};
use crate::deploy::apply::Order;
use crate::deploy::look::Look;

/// How a look is wanted.
pub struct Wish {
    /// Whether the change set is to be kept.
    pub save: bool,
    /// The folder for generated files.
    pub out: Option<PathBuf>,
}

/// Shows what an apply would change. Exit code 2 where there is something.
pub fn plan(opened: &Opened, environment: &str, wish: Wish, global: &Global) -> Done {
    let rendered = Rendered::of(opened, global, wish.out)?;
    if rendered.is_stale(environment) {
        let (style, end) = (Style::WARNING, Style::END);
        words(&format!(
            "{style}note{end}: {} is stale; apply wants a `fanggen render` first",
            rendered.folder.display()
        ));
    }
    let look = wait_for(look(opened, environment, &rendered, wish.save, global))??;
    let change = look.changes.is_some();
    if global.json {
        print(&pretty(
            &json!({ "stack": look.stack, "changed": change, "changes": look.changes, "change_set": look.change_set }),
        ));
    }
    if let Some(changes) = look.changes.as_ref().filter(|_| !global.json) {
        print(changes.text().to_string().trim_end());
    }
    match &look.change_set {
        Some(name) => words(&format!(
            "saved as {name}; carry out exactly this with\n  fanggen apply --env {environment} --change-set {name}"
        )),
        None if change => words(&format!("make it so with `fanggen apply --env {environment}`")),
        None => {
            words(&format!("{}nothing to do{}: stack `{}` is what was rendered", Style::GOOD, Style::END, look.stack));
        }
    }
    if change { Err(Ended(2).into()) } else { Ok(()) }
}

struct Looked {
    stack: String,
    changes: Option<crate::deploy::changes::Changes>,
    change_set: Option<String>,
}

async fn look(
    opened: &Opened,
    environment: &str,
    rendered: &Rendered,
    save: bool,
    global: &Global,
) -> Result<Looked, Failure> {
    let cloud = Cloud::open(opened, environment, rendered).await?;
    let deployment = cloud.deployment(false, global.json)?;
    let found = deployment.find().await?;
    let (runtime, no_runtime) = order_of(opened, &deployment, found.as_ref(), save);
    let order = Order { runtime: runtime.as_ref(), no_runtime, ..Order::default() };
    let looked = deployment.look(found, &order, save).await.map_err(|error| placed(error, opened, environment))?;
    let Look { changes, change_set } = looked;
    Ok(Looked { stack: deployment.stack.name.clone(), changes, change_set })
}
