//! The overview of `fanggen --help`: the commands in groups, in the order in which they are used.

use std::fmt::Write as _;

use clap::Command;

/// Every command belongs to one group; a build without AWS has fewer commands.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Write a pipeline", &["init", "add", "validate", "components"]),
    ("Deploy", &["render", "build", "plan", "apply", "status", "outputs", "drift", "destroy"]),
    ("Run locally", &["run", "test", "compare"]),
    ("Operate", &["items", "invoke", "runs", "results", "replay", "logs", "dlq"]),
    ("Permissions", &["iam"]),
    ("Set up", &["doctor", "schema", "completions", "man"]),
];

/// The styles of clap's own headings and literals.
const HEADING: &str = "\x1b[1m\x1b[4m";
const LITERAL: &str = "\x1b[1m";
const END: &str = "\x1b[0m";

/// Replaces clap's single list of commands by the groups.
#[must_use]
pub fn grouped(command: Command) -> Command {
    let mut list = String::new();
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    for (title, names) in GROUPS {
        let commands = names.iter().filter_map(|name| command.find_subcommand(name));
        let commands: Vec<&Command> = commands.filter(|command| !command.is_hide_set()).collect();
        if !commands.is_empty() {
            let _ = writeln!(list, "{HEADING}{title}:{END}");
        }
        for one in &commands {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(list, "  {LITERAL}{:<width$}{END}  {about}", one.get_name());
        }
        if !commands.is_empty() {
            list.push('\n');
        }
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}{HEADING}Options:{END}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_is_in_one_group_and_has_examples() {
        let command = Cli::command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        known.sort_unstable();
        assert_eq!(grouped, known);
        for one in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let after = one.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:\n  fanggen "), "`{}` has no example", one.get_name());
        }
    }
}
