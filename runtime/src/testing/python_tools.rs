//! Python packages at pinned versions, installed once per machine into virtual environments that all test processes share.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file that is written last. An environment without it was not installed completely.
const MARKER: &str = "ready";

/// The `bin` folder of an environment with these packages and versions.
///
/// # Panics
/// The packages cannot be installed.
pub fn shared(packages: &[(&str, &str)]) -> PathBuf {
    let pins: Vec<_> = packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
    environment(&cache(&pins), &pins).join("bin")
}

/// A program from a package with an environment of its own, because its dependencies conflict with other tools.
///
/// # Panics
/// The package cannot be installed.
pub fn isolated(package: &str, version: &str, program: &str) -> PathBuf {
    let pins = [format!("{package}=={version}")];
    program_of(&environment(&cache(&pins).join(package), &pins).join("bin"), program)
}

/// A program of an environment, by its `bin` folder.
///
/// # Panics
/// The packages do not install this program.
pub fn program_of(programs: &Path, name: &str) -> PathBuf {
    let program = programs.join(name);
    assert!(program.is_file(), "`{name}` was installed, but `{}` is not there", program.display());
    program
}

/// The folder that holds the lock and the environment. Other pins get another folder.
fn cache(pins: &[String]) -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("FANGGEN_TOOLS_DIR").unwrap_or_else(|| {
        let home = || set("HOME").map(|home| home.join(".cache"));
        let Some(base) = set("XDG_CACHE_HOME").or_else(home) else {
            panic!("no folder for the Python tools: set `FANGGEN_TOOLS_DIR`, `XDG_CACHE_HOME` or `HOME`");
        };
        base.join("fanggen").join(format!("tools-{:016x}", hash(&pins.join(" "))))
    });
    // Absolute, because programs are started in other folders.
    std::path::absolute(&folder).unwrap_or(folder)
}

/// FNV-1a. The hasher of std may change with the compiler, and then everything would be installed again.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The folder of the finished environment; the first process that needs it creates it.
fn environment(cache: &Path, pins: &[String]) -> PathBuf {
    // Only this subfolder is ever removed: the user may have chosen the folder around it.
    let folder = cache.join("fanggen-venv");
    done(fs::create_dir_all(cache), "create", cache);
    // Held until the end of this function, and released by the system if the process dies.
    let lock = lock(&cache.join("fanggen-venv.lock"));
    if is_ready(&folder, pins) {
        return folder;
    }
    if folder.exists() {
        eprintln!("tools: `{}` is incomplete or has other versions: creating it again", folder.display());
        done(fs::remove_dir_all(&folder), "remove", &folder);
    }
    install(&folder, pins);
    // Written under another name first, so that a half-written marker is never valid.
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
            eprintln!("tools: waiting for another process that is installing them")
        }
        Err(TryLockError::Error(_)) => {}
    }
    done(file.lock(), "lock", path);
    file
}

fn is_ready(folder: &Path, pins: &[String]) -> bool {
    let same = fs::read_to_string(folder.join(MARKER)).is_ok_and(|text| text == pins.join("\n"));
    // The interpreter is a symbolic link, which is broken after an upgrade of Python.
    same && folder.join("bin/python").exists()
}

fn install(folder: &Path, pins: &[String]) {
    eprintln!("tools: installing {} into `{}`", pins.join(", "), folder.display());
    let advice = "install Python 3.9 or later with its `venv` module (Debian, Ubuntu: `apt-get install python3-venv`)";
    run(Command::new("python3").args(["-m", "venv"]).arg(folder), advice);
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]);
    // Building `taplo` from source needs a compiler and takes minutes.
    pip.args(["--only-binary", ":all:"]).args(pins);
    run(&mut pip, "the packages come from PyPI: check the network, or the index that pip uses");
}

/// Runs a command to its end. On failure it panics with the command, its output and what to do.
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
