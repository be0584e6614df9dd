//! Files as other programs write them, in a run and as standard input.

use std::process::Command;

use serde_json::Value;

use crate::harness::project::Project;

const PIPELINE: &str = "[pipeline]\nname = \"x\"\n\n[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\nFORMAT
[[stages]]\nname = \"own\"\ntype = \"text\"\n\n[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n
[sinks.table]\ntype = \"s3\"\n";

#[test]
fn a_run_reads_the_delimiter_and_the_encoding_that_are_set() {
    let sheet = "name;language;text\r\nCafé Zürich;en;a great, friendly café\r\n";
    let utf_16: Vec<u8> = format!("\u{feff}{sheet}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let western: Vec<u8> = sheet.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    for (format, bytes) in [
        ("delimiter = \";\"", sheet.as_bytes()),
        ("delimiter = \";\"\nencoding = \"utf-16\"", &utf_16),
        ("delimiter = \";\"\nencoding = \"windows-1252\"", &western),
        ("delimiter = \";\"\nencoding = \"latin1\"", &western),
        ("delimiter = \"\\t\"", sheet.replace(';', "\t").as_bytes()),
        ("delimiter = \"|\"", sheet.replace(';', "|").as_bytes()),
    ] {
        let project = Project::with(&PIPELINE.replace("FORMAT", format));
        std::fs::write(project.path().join("reviews.csv"), bytes).expect("written");
        let ran = project.fanggen(&["run", "--json"]);
        assert_eq!(ran.code, 0, "{format}: {ran:?}");
        let row = &ran.json()["items"][0];
        assert_eq!(
            (row["item"].as_str(), row["label"].as_str()),
            (Some("Café Zürich"), Some("POSITIVE")),
            "{format}: {row}"
        );
    }
}

/// Runs a comparison with these bytes as its standard input.
fn piped(project: &Project, input: &str, more: &str) -> fanggen_runtime::testing::process::ProcessOutput {
    project.write("input", input);
    let line = format!("\"$0\" compare --engines lexicon {more} < input");
    project.run(Command::new("sh").args(["-c", &line, env!("CARGO_BIN_EXE_fanggen")]))
}

#[test]
fn a_dash_is_standard_input_read_once() {
    let project = Project::empty();
    let count = |input: &str, more: &str| {
        let ran = piped(&project, input, more);
        assert_eq!(ran.code, 0, "{ran:?}");
        let json = ran.json();
        (json["texts"].as_u64(), json["labelled"].as_u64())
    };
    let plain = "A great, friendly service!\nA horrible, broken product.\n";
    assert_eq!(count(plain, "--texts - --json"), (Some(2), Some(0)));
    let lines = "{\"text\": \"A great day\", \"label\": \"positive\"}\n";
    assert_eq!(count(lines, "--texts - --json"), (Some(1), Some(1)));
    project.write("texts.txt", plain);
    assert_eq!(count("positive\nnegative\n", "--texts texts.txt --gold - --json"), (Some(2), Some(2)));

    let words = |input: &str, more: &str| {
        let ran = piped(&project, input, more);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        ran.stderr
    };
    let both = words(plain, "--texts - --gold -");
    assert!(
        both.contains("standard input cannot be both the texts and the labels: name a file for one of them"),
        "{both}"
    );
    let broken = words("{\"text\": \"a\"}\n{oops\n", "--texts -");
    assert!(broken.contains("-:2: this is not a JSON object"), "{broken}");
    let empty = words("", "--texts -");
    assert!(empty.contains("`-` has no texts"), "{empty}");
}

#[cfg(unix)]
#[test]
fn a_terminal_is_not_waited_for() {
    // `script` gives the command a terminal.
    let project = Project::empty();
    let line = format!("{} compare --engines lexicon --texts -", env!("CARGO_BIN_EXE_fanggen"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path()).env_clear().env("PATH", path);
    let Ok(output) = command.output() else {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: this machine has no `script`\n");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("standard input is a terminal: pipe a file into it, or name a file"), "{said}");
}

#[test]
fn validate_says_which_setting_reads_the_file() {
    let mistakes = |bytes: &[u8]| -> Vec<(String, String)> {
        let project = Project::with(&PIPELINE.replace("FORMAT", ""));
        std::fs::write(project.path().join("reviews.csv"), bytes).expect("written");
        let json: Value = project.fanggen(&["validate", "--json"]).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        json["mistakes"].as_array().into_iter().flatten().map(|one| (text(&one["code"]), text(&one["help"]))).collect()
    };
    let one = |code: &str, help: &str| vec![(code.to_owned(), help.to_owned())];
    let help = "set `delimiter = \";\"`, or save the file with `,` between the cells";
    assert_eq!(mistakes(b"name;text\nA;b\n"), one("E081", help));
    let help = "set `delimiter = \"\\t\"`, or save the file with `,` between the cells";
    assert_eq!(mistakes(b"name\ttext\nA\tb\n"), one("E081", help));
    assert_eq!(mistakes(b"\xff\xfen\0a\0"), one("E082", "set `encoding = \"utf-16\"`, or save the file as UTF-8"));
    assert_eq!(mistakes(b"name,text\nA,b\n"), []);
}
