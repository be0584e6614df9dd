//! A pseudo-terminal, for what a command asks of people.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs a command at a terminal at which somebody types a line; its exit code, and its words without colours.
pub fn at_a_terminal(plain: &Command, answer: &str) -> (i32, String) {
    let mut command = Command::new("script");
    let words: Vec<String> = std::iter::once(plain.get_program())
        .chain(plain.get_args())
        .map(|word| format!("'{}'", word.display()))
        .collect();
    command.args(["-qec", &words.join(" "), "/dev/null"]).env_clear();
    if let Some(folder) = plain.get_current_dir() {
        command.current_dir(folder);
    }
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("SHELL", "/bin/sh");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{answer}").expect("typed");
    let out = child.wait_with_output().expect("ended");
    drop(stdin);
    let colours = regex_lite::Regex::new("\x1b\\[[0-9;?]*[A-Za-z]|\r").expect("a pattern");
    let words = String::from_utf8_lossy(&out.stdout);
    (out.status.code().unwrap_or(-1), colours.replace_all(&words, "").into_owned())
}
