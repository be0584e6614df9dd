//! `fanggen plan`: what an apply would change in the account.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::apply::order_of;
use super::items::{files, wanted};
use super::open::{Cloud, placed, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Ended, Failure, Global, Opened, Style, pretty, print, words};
use crate::deploy::apply::Order;
use crate::deploy::items::Agenda;
use crate::deploy::preview::Look;
use crate::deploy::seed::Filling;

/// How a look is wanted.
pub struct Wish {
    /// Whether the change set is to be kept.
    pub save: bool,
    /// The folder for generated files.
    pub out: Option<PathBuf>,
}

/// Shows what an apply would change. Exit code 2 where there is something.
pub fn plan(opened: &Opened, environment: &str, wish: Wish, global: &Global) -> Done {
    let rendered = Rendered::of(opened, global, wish.out.clone())?;
    let stale = rendered.is_stale(environment);
    if stale {
        let (style, end) = (Style::WARNING, Style::END);
        words(&format!(
            "{style}note{end}: {} is stale; apply wants a `fanggen render` first",
            rendered.folder.display()
        ));
    }
    let Looked { stack, look, items, files } = wait_for(look(opened, environment, &rendered, wish.save, global))??;
    let writes: usize = items.values().map(Agenda::writes).sum();
    let changed = look.changes.is_some() || writes > 0 || !files.is_empty();
    if global.json {
        let (changes, set) = (&look.changes, &look.change_set);
        print(&pretty(&json!({
            "stack": stack, "changed": changed, "changes": changes, "change_set": set, "items": items,
            "files": files,
        })));
    } else {
        if let Some(changes) = &look.changes {
            print(changes.text().to_string().trim_end());
        }
        for (table, agenda) in &items {
            print(&format!("\nitems of table `{table}`: {agenda}"));
        }
        for file in &files {
            print(&format!("\nput `s3://{file}`"));
        }
    }
    let dangers = look.changes.iter().flat_map(|changes| changes.dangers()).filter(|danger| !danger.kept);
    let lost: Vec<String> = dangers.map(|danger| format!("--replace {}", danger.id)).collect();
    let stops = match lost.is_empty() {
        true => String::new(),
        false => format!("\n  it stops at what would be lost, unless you add `{}`", lost.join(" ")),
    };
    match &look.change_set {
        Some(name) => words(&format!(
            "saved as {name}; carry out exactly this with\n  fanggen apply --env {environment} --change-set {name}{stops}"
        )),
        None if changed => {
            if wish.save {
                words("only items differ, which no change set holds: nothing was saved");
            }
            let render = if stale { "fanggen render && " } else { "" };
            words(&format!("make it so with `{render}fanggen apply --env {environment}`{stops}"));
        }
        None => words(&format!("{}nothing to do{}: stack `{stack}` is what was rendered", Style::GOOD, Style::END)),
    }
    if changed { Err(Ended(2).into()) } else { Ok(()) }
}

struct Looked {
    stack: String,
    look: Look,
    items: BTreeMap<String, Agenda>,
    files: Vec<String>,
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
    let (wanted, files) = (wanted(opened, &deployment).await?, files(opened, &deployment)?);
    let filling = Filling { wanted, files, ..Filling::default() };
    let found = deployment.find().await?;
    let (runtime, no_runtime) = order_of(opened, &deployment, found.as_ref(), save)?;
    let order = Order { runtime: runtime.as_ref(), no_runtime, ..Order::default() };
    let id = found.as_ref().map(|found| found.id.clone()).unwrap_or_default();
    let looked = deployment.look(found, &order, save).await.map_err(|error| placed(error, opened, environment))?;
    let known = deployment.remembered(&id, &filling).await?;
    let items = if known.settled { BTreeMap::new() } else { deployment.agendas(&known, &filling).await? };
    let files = deployment.files(&id, &known, &filling);
    Ok(Looked { stack: deployment.stack.name.clone(), look: looked, items, files })
}
