//! Why a build failed: what was found, and what to do next.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::UNPACKED_BYTES;
use super::check::GLIBC;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The program cannot run on Lambda.
    #[error("`{}` {flaw}", .path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be {what}: {source}", .path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The named folder is not fanggen's source.
    #[error("`{}` is not fanggen's source: it has no `runtime/Cargo.toml` of fanggen-runtime; name the root of fanggen's source", .0.display())]
    NotSource(PathBuf),
    /// fanggen's source was not found.
    #[error(
        "fanggen's source, which the functions' binary is compiled from, was {}\n  name it with `fanggen build \
         --source FOLDER`, or use a ready binary with `fanggen build --runtime FILE`", nowhere(.root, .here)
    )]
    NoSource {
        /// The pipeline's folder.
        root: PathBuf,
        /// The current folder.
        here: PathBuf,
    },
    /// A tool is missing.
    #[error(
        "{what} was found neither on the PATH nor in `{}`\n  run `make -f generated/Makefile setup`, which installs it \
         there from PyPI, or install it yourself: {how}\n  or use a ready binary with `--runtime FILE`",
        .tools.display()
    )]
    NoTool {
        /// Which one.
        what: &'static str,
        /// How to install it.
        how: &'static str,
        /// The folder of tools.
        tools: PathBuf,
    },
    /// Rust is not installed.
    #[error(
        "`{0}` is not on the PATH: install Rust from <https://rustup.rs>, or use a ready binary with `--runtime FILE`"
    )]
    NoRust(&'static str),
    /// The compiler lacks the target's standard library.
    #[error(
        "the Rust compiler has no standard library for {target}\n  run `rustup target add {target}` (in `{}`), or set \
         `[functions] architecture` to what you have",
        .source_folder.display()
    )]
    NoStd {
        /// The target.
        target: &'static str,
        /// Where the compiler runs, since a folder can choose its own toolchain.
        source_folder: PathBuf,
    },
    /// A program cannot be started.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program failed, or its output cannot be used.
    #[error("`{0}` failed: {1}")]
    Answer(&'static str, String),
    /// The compiler failed.
    #[error("the functions' binary did not compile ({0}); see the compiler's output above")]
    Compiler(ExitStatus),
}

fn nowhere(root: &Path, here: &Path) -> String {
    if root == here {
        format!("not found above `{}`", here.display())
    } else {
        format!("found neither above `{}` nor above `{}`", root.display(), here.display())
    }
}

impl BuildError {
    pub(super) fn of(path: &Path, flaw: Flaw) -> Self {
        Self::Program { path: path.to_owned(), flaw }
    }
}

/// Why Lambda could not run a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not exist.
    #[error("does not exist; name a Linux program, or a zip with one named `bootstrap`")]
    Absent,
    /// A folder.
    #[error("is a folder; name the program in it, or a zip with one named `bootstrap`")]
    Folder,
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is too large for Lambda.
    #[error("is larger than {} MB unpacked, which is Lambda's limit", UNPACKED_BYTES / 1024 / 1024)]
    TooLarge,
    /// It is neither a program nor a zip.
    #[error("is neither a Linux program (ELF) nor a zip: it starts with {0}")]
    Kind(String),
    /// A zip that cannot be read or written.
    #[error("is a zip that cannot be used: {0}")]
    Zip(String),
    /// A zip without the program.
    #[error("is a zip without a program named `bootstrap` at its top level; it has {0}")]
    NoBootstrap(String),
    /// A damaged ELF file.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A program for 32 bits, or big-endian.
    #[error("is not a 64-bit little-endian program, as Lambda needs")]
    Bits,
    /// A library, or an object to be linked.
    #[error("is an ELF file, but not a program: {0}")]
    NoProgram(&'static str),
    /// A program for another architecture.
    #[error("is for {found}, and the functions are {wanted}; build it for {wanted}, or set `[functions] architecture`")]
    Machine {
        /// Its architecture.
        found: String,
        /// What the pipeline asks for.
        wanted: &'static str,
    },
    /// A program with a loader that Lambda does not have.
    #[error(
        "needs the loader `{found}`, and Amazon Linux 2023 has `{wanted}`; build it for a `-gnu` target, or link it statically"
    )]
    Loader {
        /// The loader that it needs.
        found: String,
        /// The loader that Lambda has.
        wanted: &'static str,
    },
    /// A program for a newer glibc.
    #[error(
        "needs {found} of {library}, and Lambda's Amazon Linux 2023 has glibc {}.{}; build it with `fanggen build`, \
         or with cargo-lambda for that glibc", GLIBC.0, GLIBC.1
    )]
    Glibc {
        /// The symbol version.
        found: String,
        /// The library that has it.
        library: String,
    },
}
