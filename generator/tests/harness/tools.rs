//! Linters and an emulator of AWS from PyPI at pinned versions, installed once per machine and shared by every test process.
#![allow(
    clippy::panic,
    reason = "a test without its linter has nothing to judge: stopping with the cause is the answer"
)]
#![allow(dead_code, reason = "each test crate uses only some of the tools")]

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Every tool and its version: a tool more is a line here and a function below.
///
/// The emulator learns the actions of REST services from `botocore`, which `cfn-lint` brings: without it, Scheduler's
/// calls would pass unchecked.
const PINS: &[(&str, &str)] =
    &[("cfn-lint", "1.58.0"), ("check-jsonschema", "0.39.0"), ("ministack", "1.5.33"), ("taplo", "0.9.3")];

/// The program that judges what is safe in a template: with other needs than the tools above, so kept apart.
const CHECKOV: &str = "3.3.30";

/// Written last into the environment: without it an installation was interrupted.
const MARKER: &str = "ready";

/// The program that judges CloudFormation templates.
pub fn cfn_lint() -> PathBuf {
    tool("cfn-lint")
}

/// The program that checks JSON and YAML against schemas, and carries that of GitHub's workflows.
pub fn check_jsonschema() -> PathBuf {
    tool("check-jsonschema")
}

/// The Python that has the emulator of AWS.
pub fn ministack_python() -> PathBuf {
    tool("ministack").with_file_name("python")
}

/// The program that says what of a CloudFormation template a security reviewer would ask about.
pub fn checkov() -> PathBuf {
    alone("checkov", CHECKOV, "checkov")
}

/// The program that checks and formats TOML.
pub fn taplo() -> PathBuf {
    tool("taplo")
}

/// A program that goes with none of the tools above, from a package in an environment of its own.
pub fn alone(package: &str, version: &str, program: &str) -> PathBuf {
    let pins = [format!("{package}=={version}")];
    program_of(&environment(&cache(&pins).join(package), &pins).join("bin"), program)
}

fn tool(name: &str) -> PathBuf {
    // One look at the lock per process: its tests run in threads, and all ask for tools.
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    program_of(PROGRAMS.get_or_init(|| environment(&cache(&pins()), &pins()).join("bin")), name)
}

fn program_of(programs: &Path, name: &str) -> PathBuf {
    let program = programs.join(name);
    assert!(program.is_file(), "`{name}` was installed, but `{}` is not there", program.display());
    program
}

fn pins() -> Vec<String> {
    PINS.iter().map(|(name, version)| format!("{name}=={version}")).collect()
}

/// The folder that holds the lock and the environment; other pins have another folder.
fn cache(pins: &[String]) -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("FANGGEN_TOOLS_DIR").unwrap_or_else(|| {
        let home = || set("HOME").map(|home| home.join(".cache"));
        let Some(base) = set("XDG_CACHE_HOME").or_else(home) else {
            panic!("no place for the linters: set `FANGGEN_TOOLS_DIR`, `XDG_CACHE_HOME` or `HOME`");
        };
        base.join("fanggen").join(format!("tools-{:016x}", hash(&pins.join(" "))))
    });
    // Programs are started from other folders than this one.
    std::path::absolute(&folder).unwrap_or(folder)
}

/// FNV-1a: the hasher of std may change with the compiler, and would then install everything anew.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The folder of the finished environment, which the first process to come makes.
fn environment(cache: &Path, pins: &[String]) -> PathBuf {
    // Only this subfolder is ever removed: the folder around it may be one that the user named.
    let folder = cache.join("fanggen-venv");
    done(fs::create_dir_all(cache), "create", cache);
    // Held until the end of this function, and given up by the system when the process dies.
    let lock = lock(&cache.join("fanggen-venv.lock"));
    if is_ready(&folder, pins) {
        return folder;
    }
    if folder.exists() {
        eprintln!("tools: `{}` is unfinished or of other versions: made anew", folder.display());
        done(fs::remove_dir_all(&folder), "remove", &folder);
    }
    install(&folder, pins);
    // Under another name first, so that a half-written marker is never taken for a whole one.
    let marker = folder.join(MARKER);
    let draft = folder.join("ready.draft");
    done(fs::write(&draft, pins.join("\n")), "write", &draft);
    done(fs::rename(&draft, &marker), "write", &marker);
    eprintln!("tools: ready in `{}`", folder.display());
    drop(lock);
    folder
}

fn lock(path: &Path) -> File {
    let file = done(File::create(path), "create", path);
    match file.try_lock() {
        Ok(()) => return file,
        Err(TryLockError::WouldBlock) => {
            eprintln!("tools: waiting for another process that installs them")
        }
        Err(TryLockError::Error(_)) => {}
    }
    done(file.lock(), "lock", path);
    file
}

fn is_ready(folder: &Path, pins: &[String]) -> bool {
    let same = fs::read_to_string(folder.join(MARKER)).is_ok_and(|text| text == pins.join("\n"));
    // The interpreter is a link into the system, and dangles after an upgrade of Python.
    same && folder.join("bin/python").exists()
}

fn install(folder: &Path, pins: &[String]) {
    eprintln!("tools: installing {} into `{}`", pins.join(", "), folder.display());
    let advice = "install Python 3.9 or later with its `venv` module (Debian, Ubuntu: `apt-get install python3-venv`)";
    run(Command::new("python3").args(["-m", "venv"]).arg(folder), advice);
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]);
    // From source, `taplo` would ask for a compiler and many minutes.
    pip.args(["--only-binary", ":all:"]).args(pins);
    run(&mut pip, "the linters come from PyPI: check the network, or the index that pip is set to");
}

/// Runs to the end; when that fails, stops with what was run, what it said, and what to do.
fn run(command: &mut Command, advice: &str) {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot start `{}`: {error}\n{advice}", command.get_program().display()),
    };
    assert!(
        output.status.success(),
        "{command:?} failed ({})\n{}{}\n{advice}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn done<T>(result: std::io::Result<T>, verb: &str, path: &Path) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {verb} `{}`: {error}", path.display()),
    }
}
