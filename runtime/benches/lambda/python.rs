//! The Python peer: a virtual environment with its packages from PyPI, made once a machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fanggen_runtime::testing::load::pipeline::PythonPeer;

/// The peer's own text.
const PRODUCER: &str = include_str!("peer/producer.py");
const WORKER: &str = include_str!("peer/worker.py");

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("peer/requirements.txt");

/// The peer; none, and the reason on stderr, where it cannot be installed.
pub fn peer() -> Option<PythonPeer> {
    match made() {
        Ok(peer) => Some(peer),
        Err(why) => {
            eprintln!("python: skipped, the rows of the peer are absent: {why}");
            None
        }
    }
}

fn made() -> Result<PythonPeer, String> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = cache.ok_or("no `HOME` to keep it in")?.join("fanggen").join("bench-python");
    let (python, marker, modules) = (folder.join("bin/python"), folder.join("ready"), folder.join("peer"));
    if !fs::read_to_string(&marker).is_ok_and(|text| text == REQUIREMENTS) || !python.exists() {
        install(&folder, &python)?;
        fs::write(&marker, REQUIREMENTS).map_err(|error| error.to_string())?;
    }
    // Beside the packages and not where they come from: Python leaves its compiled form next to them.
    let write = |name: &str, text: &str| fs::write(modules.join(name), text).map_err(|error| error.to_string());
    fs::create_dir_all(&modules).map_err(|error| error.to_string())?;
    write("producer.py", PRODUCER)?;
    write("worker.py", WORKER)?;
    Ok(PythonPeer { python, modules })
}

fn install(folder: &Path, python: &Path) -> Result<(), String> {
    eprintln!("python: installing the peer's packages into `{}`", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/lambda/peer/requirements.txt");
    let pip =
        ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "--only-binary", ":all:"];
    run(Command::new(python).args(pip).args(["-r", requirements]))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
