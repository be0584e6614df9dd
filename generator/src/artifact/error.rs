//! Why there is no artifact: what was found, and what to do next.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::UNPACKED_BYTES;
use super::check::GLIBC;

/// What kept a build from its end.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What is wrong with the program that was given or built.
    #[error("`{}` {flaw}", .path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The disk refuses.
    #[error("`{}` cannot be {what}: {source}", .path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What should have been done with it.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder that was named as the source holds none.
    #[error("`{}` has no `runtime/Cargo.toml` of fanggen-runtime; name the root of fanggen's source", .0.display())]
    NotSource(PathBuf),
    /// No source anywhere.
    #[error(
        "fanggen's source, which the functions' binary is compiled from, was {}\n  name it with `fanggen build \
         --source FOLDER`, or take a ready binary with `fanggen build --runtime FILE`", nowhere(.root, .here)
    )]
    NoSource {
        /// The pipeline's folder.
        root: PathBuf,
        /// The folder we are in.
        here: PathBuf,
    },
    /// A tool is missing.
    #[error(
        "{what} was found neither on the PATH nor in `{}`\n  run `make -f generated/Makefile setup`, which installs it \
         there from PyPI, or install it yourself: {how}\n  or take a ready binary with `--runtime FILE`",
        .tools.display()
    )]
    NoTool {
        /// Which one.
        what: &'static str,
        /// How to install it without us.
        how: &'static str,
        /// The project's own tools.
        tools: PathBuf,
    },
    /// There is no compiler.
    #[error(
        "`{0}` is not on the PATH: install Rust from <https://rustup.rs>, or take a ready binary with `--runtime FILE`"
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
        /// Where the compiler is asked, since a folder can choose its own.
        source_folder: PathBuf,
    },
    /// A program does not start.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program gives an answer that makes no sense.
    #[error("`{0}` gave no answer that can be used: {1}")]
    Answer(&'static str, String),
    /// The compiler gave up.
    #[error("the functions' binary did not compile ({0}); the compiler's reason is above")]
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
    /// It is not there.
    #[error("is not there; name a Linux program, or a zip with one called `bootstrap`")]
    Absent,
    /// A folder.
    #[error("is a folder; name the program in it, or a zip with one called `bootstrap`")]
    Folder,
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// More than Lambda takes.
    #[error("has more than {} MB unpacked, which is Lambda's limit", UNPACKED_BYTES / 1024 / 1024)]
    TooLarge,
    /// Another kind of file.
    #[error("is neither a Linux program (ELF) nor a zip: it begins with {0}")]
    Kind(String),
    /// A zip that cannot be read or written.
    #[error("is a zip that cannot be used: {0}")]
    Zip(String),
    /// A zip of something else.
    #[error("is a zip without a program called `bootstrap` at its top; it has {0}")]
    NoBootstrap(String),
    /// An ELF file that makes no sense.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// For 32 bits, or the other order of bytes.
    #[error("is no program for 64 bits, little-endian, as Lambda's machines are")]
    Bits,
    /// A library, or an object to be linked.
    #[error("is an ELF file, but no program that can be started: {0}")]
    NoProgram(&'static str),
    /// For another machine.
    #[error("is for {found}, and the functions are {wanted}; build it for {wanted}, or set `[functions] architecture`")]
    Machine {
        /// Whose code it is.
        found: String,
        /// What the pipeline asks for.
        wanted: &'static str,
    },
    /// Started by something that Lambda has not.
    #[error(
        "is started by `{found}`, and Amazon Linux 2023 has `{wanted}`; build it for a `-gnu` target, or link it statically"
    )]
    Loader {
        /// What it names.
        found: String,
        /// What there is.
        wanted: &'static str,
    },
    /// For a newer C library.
    #[error(
        "needs {found} of {library}, and Lambda's Amazon Linux 2023 has glibc {}.{}; build it with `fanggen build`, \
         or with cargo-lambda for that glibc", GLIBC.0, GLIBC.1
    )]
    Glibc {
        /// The symbol version.
        found: String,
        /// Whose it is.
        library: String,
    },
}
