//! Completion scripts, manual pages and the schema: made from the same declarations as the commands, and used by their readers.

use std::process::Command;

use crate::harness::project::Project;

/// Whether a program is on this machine; says so if it is not.
fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|out| out.status.success());
    if !found {
        eprintln!("skipped: {program} is not on this machine");
    }
    found
}

#[test]
fn bash_completes_commands_options_and_values() {
    let project = Project::empty();
    let script = project.fanggen(&["completions", "bash"]);
    assert_eq!(script.code, 0, "{script:?}");
    project.write("fanggen.bash", &script.stdout);
    if !has("bash") {
        return;
    }
    let complete = |words: &[&str]| {
        let line = words.join(" ");
        let asked = format!(
            "source ./fanggen.bash; COMP_WORDS=({}); COMP_CWORD={}; COMP_LINE='{line}'; COMP_POINT={}; \
             _fanggen fanggen '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            line.len(),
            words[words.len() - 1],
            words[words.len() - 2],
        );
        project.run(Command::new("bash").args(["-c", &asked])).stdout
    };
    assert_eq!(complete(&["fanggen", "valid"]).trim(), "validate");
    assert!(complete(&["fanggen", "init", "--temp"]).contains("--template"));
    assert!(complete(&["fanggen", "add", "so"]).contains("source"));
    assert_eq!(complete(&["fanggen", "components", "wiki"]).trim(), "wikipedia");
}

#[test]
fn every_shell_gets_a_script_and_an_unknown_one_the_list() {
    let project = Project::empty();
    for (shell, checker) in
        [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute"), ("elvish", ""), ("powershell", "")]
    {
        let script = project.fanggen(&["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("validate"), "{shell}");
        project.write("script", &script.stdout);
        let program = checker.split(' ').next().unwrap_or_default();
        if !program.is_empty() && has(program) {
            let checked = project.run(Command::new("sh").args(["-c", &format!("{checker} script")]));
            assert_eq!(checked.code, 0, "{shell}: {checked:?}");
        }
    }
    let wrong = project.fanggen(&["completions", "csh"]);
    assert!(
        wrong.code == 2 && wrong.stderr.contains("[possible values: bash, elvish, fish, powershell, zsh]"),
        "{wrong:?}"
    );
}

#[test]
fn every_command_has_a_manual_page_that_man_can_show() {
    let project = Project::empty();
    let ran = project.fanggen(&["man", "pages", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let pages: Vec<String> = serde_json::from_value(ran.json()["pages"].clone()).expect("names");
    for page in ["fanggen.1", "fanggen-validate.1", "fanggen-items-add.1", "fanggen-init.1"] {
        assert!(pages.iter().any(|known| known == page), "{page}: {pages:?}");
    }
    assert_eq!(project.files("pages").len(), pages.len());
    let page = project.read("pages/fanggen-validate.1");
    assert!(page.contains(".SH EXAMPLES\n.nf\nfanggen validate\n"), "{page}");
    if has("man") {
        for page in &pages {
            let mut man = Command::new("man");
            let shown = project
                .run(man.args(["--warnings", "-E", "UTF-8", "-l", &format!("pages/{page}")]).env("LC_ALL", "C.UTF-8"));
            assert!(shown.code == 0 && shown.stderr.is_empty(), "{page}: {}", shown.stderr);
        }
    }
    project.write("file", "");
    let blocked = project.fanggen(&["man", "file"]);
    assert!(blocked.code == 1 && blocked.stderr.contains("`file` exists and is not a folder"), "{blocked:?}");
}

#[test]
fn the_schema_is_the_one_that_render_writes() {
    let project = Project::example("press");
    assert_eq!(project.fanggen(&["render"]).code, 0);
    let printed = project.fanggen(&["schema"]);
    assert_eq!(printed.stdout, project.read("generated/pipeline.schema.json"));
    let created = project.fanggen(&["init", "new"]);
    assert_eq!(created.code, 0, "{created:?}");
    assert_eq!(printed.stdout, project.read("new/generated/pipeline.schema.json"));
}
