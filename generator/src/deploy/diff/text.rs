//! Prints changes for people: removals in red, additions in green, consequences dimmed.

use std::fmt;

use super::Changes;
use super::permissions::{Boundary, Effect, GrantChange, Holder, Permission, PolicyKind};
use super::resources::{Change, Danger, Loss, Verb};
use super::settings::SettingChange;
use super::words::{counted, plural, shown, tidy};

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const END: &str = "\x1b[0m";

/// Changes as they are printed.
pub struct ChangesText<'a>(pub &'a Changes);

impl fmt::Display for ChangesText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes = self.0;
        head(f, changes)?;
        resources(f, changes)?;
        if changes.creation {
            return Ok(());
        }
        settings(f, changes)?;
        permissions(f, &changes.permissions, &changes.boundaries)?;
        outputs(f, changes)?;
        followers(f, &changes.followers)
    }
}

impl Verb {
    fn sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Add => (GREEN, "+"),
            Self::Change => (YELLOW, "~"),
            Self::Replace => (RED, "±"),
            Self::Remove => (RED, "-"),
            Self::Adopt => (GREEN, "←"),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Add => "to add",
            Self::Change => "to change",
            Self::Replace => "to replace",
            Self::Remove => "to remove",
            Self::Adopt => "to adopt",
        }
    }
}

fn head(f: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    write!(f, "{} in {}", tidy(&changes.stack), tidy(&changes.region))?;
    if changes.creation {
        let kinds = changes.resources.iter().map(|change| change.kind.as_str());
        let statements = changes.permissions.iter().filter(|it| it.policy == PolicyKind::Role).count();
        return writeln!(f, " is new: {}; its roles have {}", counted(kinds), plural(statements, "permission"));
    }
    let count = |(verb, count): (&Verb, &usize)| format!("{count} {}", verb.words());
    let counts: Vec<String> = changes.counts.iter().map(count).collect();
    match counts.as_slice() {
        [] if changes.is_empty() => write!(f, ": nothing to change")?,
        [] => write!(f, ": no resource to change")?,
        counts => write!(f, ": {}", counts.join(", "))?,
    }
    let lost = changes.dangers.iter().filter(|danger| !danger.kept).count();
    if lost > 0 {
        write!(f, "; {RED}data of {} would be lost{END}", plural(lost, "resource"))?;
    }
    writeln!(f)
}

fn resources(f: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    if changes.resources.is_empty() {
        return Ok(());
    }
    writeln!(f)?;
    let width = |text: &dyn Fn(&Change) -> usize| changes.resources.iter().map(text).max().unwrap_or_default();
    let words = width(&|change| tidy(&change.words).chars().count());
    let paths = width(&|change| tidy(change.path.as_deref().unwrap_or_default()).chars().count());
    for change in &changes.resources {
        let (colour, sign) = change.action.sign();
        let (word, path) = (tidy(&change.words), tidy(change.path.as_deref().unwrap_or_default()));
        let (id, kind) = (tidy(&change.id), tidy(&change.kind));
        let properties = tidy(&change.properties.join(", "));
        let properties = if properties.is_empty() { properties } else { format!(": {properties}") };
        writeln!(f, "  {colour}{sign}{END} {word:words$}  {path:paths$}  {DIM}{id} ({kind}){properties}{END}")?;
        if let Some(danger) = changes.dangers.iter().find(|danger| danger.id == change.id) {
            lost(f, danger)?;
        }
        if change.perhaps_replaced {
            writeln!(f, "      {YELLOW}CloudFormation cannot tell yet whether it is replaced{END}")?;
        }
        if !change.follows.is_empty() {
            writeln!(f, "      {DIM}refers to replaced resources: {}{END}", tidy(&change.follows.join(", ")))?;
        }
    }
    Ok(())
}

fn lost(f: &mut fmt::Formatter<'_>, danger: &Danger) -> fmt::Result {
    let name = tidy(danger.physical.as_deref().unwrap_or(&danger.id));
    let (loss, what) = match danger.holds {
        "messages" => ("MESSAGES LOST", "the messages in it"),
        "log" => ("LOG LOST", "its log"),
        "subscriptions" => ("SUBSCRIBERS LOST", "all subscriptions to it"),
        "key" => ("DATA LOSS", "all that only it can decrypt"),
        "objects" => ("DATA LOSS", "its objects and their versions"),
        _ => ("DATA LOSS", "its rows"),
    };
    if danger.kept {
        return writeln!(f, "      {YELLOW}kept, no longer managed{END}: {name} stays in the account");
    }
    match danger.loss {
        Loss::Deleted => writeln!(f, "      {RED}{loss}{END}: {name} is deleted with {what}"),
        Loss::Replaced => {
            writeln!(f, "      {RED}{loss}{END}: {name} would be replaced by an empty one, losing {what}")
        }
    }
}

fn settings(f: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    let nothing = changes.settings.is_empty() && changes.derived.is_empty() && changes.unexplained.is_empty();
    if nothing && (changes.settings_compared || changes.is_empty()) {
        return Ok(());
    }
    writeln!(f, "\nsettings")?;
    for setting in &changes.settings {
        let name = tidy(&setting.name);
        let note = setting.note.as_ref().map(|note| format!("  {DIM}{}{END}", tidy(note))).unwrap_or_default();
        let kind = |value: &Option<serde_json::Value>| {
            tidy(value.as_ref().and_then(serde_json::Value::as_str).unwrap_or("of no type"))
        };
        match setting.change {
            SettingChange::Added => writeln!(f, "  {GREEN}+{END} {name}: {}{note}", kind(&setting.after))?,
            SettingChange::Removed => writeln!(f, "  {RED}-{END} {name}: {}{note}", kind(&setting.before))?,
            SettingChange::Changed => {
                let (before, after) = (shown(setting.before.as_ref()), shown(setting.after.as_ref()));
                writeln!(f, "  {YELLOW}~{END} {name}: {before} -> {after}{note}")?;
            }
        }
    }
    for it in &changes.derived {
        let (what, of, why) = (tidy(&it.what), tidy(&it.of.join(", ")), tidy(&it.why));
        let (before, after) = (shown(it.before.as_ref()), shown(it.after.as_ref()));
        writeln!(f, "    {DIM}derived, {of}: {what}: {before} -> {after} ({why}){END}")?;
    }
    if !changes.settings_compared {
        let line = "this stack was deployed by an older fanggen, so other settings cannot be compared";
        writeln!(f, "  {YELLOW}{line}{END}")?;
    }
    for change in changes.resources.iter().filter(|change| changes.unexplained.contains(&change.id)) {
        let (words, properties) = (tidy(&change.words), tidy(&change.properties.join(", ")));
        writeln!(f, "  {YELLOW}no setting explains the change of the {words}{END}: {properties}")?;
    }
    Ok(())
}

fn permissions(f: &mut fmt::Formatter<'_>, permissions: &[Permission], boundaries: &[Boundary]) -> fmt::Result {
    if permissions.is_empty() && boundaries.is_empty() {
        return Ok(());
    }
    writeln!(f, "\npermissions")?;
    for it in permissions.iter().filter(|it| it.holder != Holder::Gone) {
        permission(f, it)?;
    }
    let mut gone: Vec<(&str, usize)> = Vec::new();
    for it in permissions.iter().filter(|it| it.holder == Holder::Gone && it.policy == PolicyKind::Role) {
        match gone.last_mut() {
            Some((of, count)) if *of == it.of => *count += 1,
            _ => gone.push((&it.of, 1)),
        }
    }
    for (of, count) in gone {
        let count = plural(count, "permission");
        writeln!(f, "  {GREEN}-{END} the role of {} is removed, with its {count}  {GREEN}narrowed{END}", tidy(of))?;
    }
    for it in boundaries {
        let (colour, effect) = meaning(it.effect);
        let policy = |policy: &Option<String>| policy.as_deref().map_or_else(|| "unset".to_owned(), tidy);
        let (of, before, after) = (tidy(&it.of.join(", ")), policy(&it.before), policy(&it.after));
        writeln!(f, "  {colour}~{END} boundary of {of}: {before} -> {after}  {colour}{effect}{END}")?;
    }
    Ok(())
}

fn meaning(effect: Effect) -> (&'static str, &'static str) {
    match effect {
        Effect::Broadened => (YELLOW, "broadened"),
        Effect::Narrowed => (GREEN, "narrowed"),
        Effect::Same => (DIM, "unchanged access"),
        Effect::Unclear => (YELLOW, "different conditions"),
    }
}

fn permission(f: &mut fmt::Formatter<'_>, it: &Permission) -> fmt::Result {
    let (colour, effect) = meaning(it.effect);
    let sign = match it.change {
        GrantChange::Given => "+",
        GrantChange::Taken => "-",
        GrantChange::Conditioned => "~",
    };
    let may = if it.allows { "may" } else { "may never" };
    let everybody = |who: &str| if who == "*" { "everybody".to_owned() } else { tidy(who) };
    let who = it.who.as_deref().map_or_else(|| tidy(&it.of), everybody);
    let actions = tidy(&it.actions.join(", "));
    let resources: Vec<String> = it.resources.iter().map(|resource| tidy(resource)).collect();
    let sentence = match it.policy {
        PolicyKind::Trust => format!("{who} {may} assume the role of {}", tidy(&it.of)),
        PolicyKind::Role | PolicyKind::Resource => format!("{who} {may} {actions} on {}", resources.join(", ")),
    };
    let when = match (it.change, &it.condition_before, &it.condition) {
        (GrantChange::Conditioned, _, Some(now)) => format!(", now only when {}", tidy(now)),
        (GrantChange::Conditioned, Some(was), None) => format!(", no longer only when {}", tidy(was)),
        (GrantChange::Given, _, Some(when)) | (GrantChange::Taken, Some(when), _) => format!(" when {}", tidy(when)),
        _ => String::new(),
    };
    let wide =
        if it.wide && it.change != GrantChange::Taken { format!("  {RED}everything{END}") } else { String::new() };
    let path = it.path.as_ref().map(|path| format!("  {DIM}({}){END}", tidy(path))).unwrap_or_default();
    let effect = match it.holder {
        Holder::New => "of a new role",
        _ => effect,
    };
    writeln!(f, "  {colour}{sign}{END} {sentence}{when}{wide}{path}  {colour}{effect}{END}")
}

fn outputs(f: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    let signed = |names: &[String], colour: &str, sign: &str| -> Vec<String> {
        names.iter().map(|name| format!("{colour}{sign}{END} {}", tidy(name))).collect()
    };
    let mut all = signed(&changes.outputs_added, GREEN, "+");
    all.extend(signed(&changes.outputs_removed, RED, "-"));
    if all.is_empty() { Ok(()) } else { writeln!(f, "\noutputs: {}", all.join(", ")) }
}

fn followers(f: &mut fmt::Formatter<'_>, ids: &[String]) -> fmt::Result {
    if ids.is_empty() {
        return Ok(());
    }
    let refer = if ids.len() == 1 { "refers" } else { "refer" };
    writeln!(f, "\n{DIM}{} that {refer} to these: {}{END}", plural(ids.len(), "other"), tidy(&ids.join(", ")))
}
