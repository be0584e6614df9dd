//! `fanggen build`: a program that Lambda can run becomes a reproducible zip; anything else is refused with a reason.

use crate::harness::{elf, project};

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use elf::{ARM64, LOADER, LOADER_ARM64, X86_64, elf, good};
use fanggen::artifact;
use fanggen::config::sections::Architecture;
use fanggen_runtime::testing::process::ProcessOutput;
use project::Project;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o600)).expect("an entry");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

/// A pipeline for x86_64 in `dev`, and for arm64 in `arm`.
fn project() -> Project {
    Project::with(
        "[pipeline]\nname = \"p\"\n[functions]\narchitecture = \"x86_64\"\n[sources.a]\ntype = \"inline\"\n\
         items = [\"x\"]\n[[stages]]\nname = \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\n\
         type = \"lexicon\"\n[sinks.b]\ntype = \"s3\"\n[environments.dev]\n[environments.arm]\n\
         functions.architecture = \"arm64\"\n",
    )
}

fn given(project: &Project, bytes: &[u8], more: &[&str]) -> ProcessOutput {
    fs::write(project.path().join("given"), bytes).expect("written");
    project.fanggen(&[&["build", "--runtime", "given"], more].concat())
}

#[test]
fn the_zip_of_a_program_is_reproducible() {
    let project = project();
    assert_eq!(artifact::artifact(project.path(), Architecture::X86_64).expect("readable"), None);
    let first = given(&project, &good(), &["--json"]);
    assert_eq!(first.code, 0, "{first:?}");
    let artifact = artifact::artifact(project.path(), Architecture::X86_64).expect("readable").expect("there");
    let told = first.json();
    assert_eq!(told["path"], ".fanggen/x86_64/bootstrap.zip");
    assert_eq!((&told["architecture"], &told["changed"]), (&"x86_64".into(), &true.into()));
    assert_eq!((&told["bytes"], &told["sha256"]), (&artifact.bytes.into(), &artifact.sha256.clone().into()));
    assert_eq!(told["unpacked"], good().len());
    let bytes = fs::read(&artifact.path).expect("the zip");
    assert_eq!(bytes.len() as u64, artifact.bytes);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    assert_eq!(archive.len(), 1);
    let mut entry = archive.by_index(0).expect("an entry");
    assert_eq!(entry.name().expect("a name"), "bootstrap");
    assert_eq!(entry.unix_mode(), Some(0o100_755));
    let mut program = Vec::new();
    entry.read_to_end(&mut program).expect("unpacked");
    assert_eq!(program, good());
    // Again, and out of somebody else's zip: nothing has changed.
    for bytes in [good(), zipped(&[("readme.txt", b"x"), ("bootstrap", &good())])] {
        let again = given(&project, &bytes, &[]);
        let said = format!(
            "unchanged: .fanggen/x86_64/bootstrap.zip, 0.00 MB (0.00 MB unpacked)\n   sha256 {}\n",
            artifact.sha256
        );
        assert_eq!((again.code, again.stdout.as_str(), again.stderr), (0, "", said));
    }
    let other = given(&project, &elf(X86_64, LOADER, "GLIBC_2.17"), &[]);
    assert!(other.stderr.starts_with("built: .fanggen/x86_64/bootstrap.zip, "), "{other:?}");
    let arm = given(&project, &elf(ARM64, LOADER_ARM64, "GLIBC_2.34"), &["--env", "arm"]);
    assert!(arm.stderr.starts_with("built: .fanggen/arm64/bootstrap.zip, "), "{arm:?}");
}

#[test]
fn programs_that_lambda_cannot_run_are_refused() {
    let mut library = good();
    library[24..32].fill(0);
    let mut object = good();
    object[16] = 1;
    let mut narrow = good();
    narrow[4] = 1;
    let mut stripped = good();
    stripped[40..48].fill(0);
    stripped[60..64].fill(0);
    let cases: [(&str, Vec<u8>, &str); 16] = [
        ("empty", Vec::new(), "is empty"),
        ("a script", b"#!/bin/sh\n".to_vec(), "is neither a Linux program (ELF) nor a zip: it starts with `#!/b`"),
        ("half", good()[..40].to_vec(), "is damaged: Invalid ELF header size or alignment"),
        ("32 bits", narrow, "is not a 64-bit little-endian program, as Lambda needs"),
        ("an object", object, "is an ELF file, but not a program: it is not linked"),
        ("a library", library, "is an ELF file, but not a program: it is a library without an entry point"),
        (
            "arm64",
            elf(ARM64, LOADER_ARM64, "GLIBC_2.17"),
            "is for arm64, and the functions are x86_64; build it for x86_64, or set `[functions] architecture`",
        ),
        (
            "riscv",
            elf(243, LOADER, "GLIBC_2.17"),
            "is for another machine (ELF number 243), and the functions are x86_64; build it for x86_64, or set \
             `[functions] architecture`",
        ),
        (
            "musl",
            elf(X86_64, "/lib/ld-musl-x86_64.so.1", "GLIBC_2.17"),
            "needs the loader `/lib/ld-musl-x86_64.so.1`, and Amazon Linux 2023 has `/lib64/ld-linux-x86-64.so.2`; build \
             it for a `-gnu` target, or link it statically",
        ),
        (
            "too new",
            elf(X86_64, LOADER, "GLIBC_2.39"),
            "needs GLIBC_2.39 of libc.so.6, and Lambda's Amazon Linux 2023 has glibc 2.34; build it with \
             `fanggen build`, or with cargo-lambda for that glibc",
        ),
        (
            "relative relocations",
            elf(X86_64, LOADER, "GLIBC_ABI_DT_RELR"),
            "needs GLIBC_ABI_DT_RELR of libc.so.6, and Lambda's Amazon Linux 2023 has glibc 2.34; build it with \
             `fanggen build`, or with cargo-lambda for that glibc",
        ),
        ("no sections", stripped, "is damaged: it has no section table, so its requirements are unknown"),
        (
            "a zip of others",
            zipped(&[("a/bootstrap", &good()), ("x\u{1b}[31m", b"")]),
            "is a zip without a program named `bootstrap` at its top level; it has `a/bootstrap`, `x\\u{1b}[31m`",
        ),
        ("an empty zip", zipped(&[]), "is a zip without a program named `bootstrap` at its top level; it has nothing"),
        (
            "a zip of a script",
            zipped(&[("bootstrap", b"#!/bin/sh\n")]),
            "is a zip that cannot be used: the `bootstrap` in it is not a Linux program (ELF): it starts with `#!/b`",
        ),
        ("half a zip", zipped(&[("bootstrap", &good())])[..60].to_vec(), "is a zip that cannot be used: "),
    ];
    for (name, bytes, reason) in cases {
        let project = project();
        let ran = given(&project, &bytes, &[]);
        assert_eq!(ran.code, 1, "{name}: {ran:?}");
        let start = format!("error: `given` {reason}");
        let whole = ran.stderr.trim_end() == start || reason.ends_with(": ") && ran.stderr.starts_with(&start);
        assert!(whole, "{name}: {}\n{start}", ran.stderr);
        assert!(!project.path().join(".fanggen").exists(), "{name}");
    }
    let project = project();
    for (path, reason) in [
        ("nowhere", "does not exist; name a Linux program, or a zip with one named `bootstrap`"),
        (".", "is a folder; name the program in it, or a zip with one named `bootstrap`"),
    ] {
        let ran = project.fanggen(&["build", "--runtime", path]);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: `{path}` {reason}\n")));
    }
}

/// A program of a few lines, which stands for one of the tools.
fn script(folder: &Path, name: &str, lines: &str) {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(name), format!("#!/bin/sh\n{lines}\n")).expect("written");
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn missing_build_tools_are_named_with_advice() {
    let project = project();
    let path = project.path().join("path");
    fs::create_dir(&path).expect("a folder");
    let build = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
        command.arg("build").args(more).current_dir(project.path()).env_clear();
        command.env("PATH", &path).env("HOME", project.path()).env("RUSTFLAGS", "-C target-cpu=native");
        let output = command.output().expect("started");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let said = |found: (Option<i32>, String), words: &str| {
        assert_eq!(found.0, Some(1), "{}", found.1);
        assert!(found.1.contains(words), "{}\n{words}", found.1);
    };
    said(
        build(&["--source", "."]),
        "error: `.` is not fanggen's source: it has no `runtime/Cargo.toml` of fanggen-runtime; name the root of",
    );
    // A folder of all temporary files is below no source.
    said(build(&[]), "error: fanggen's source, which the functions' binary is compiled from, was not found above `");
    project.write("source/Cargo.toml", "");
    project.write("source/runtime/Cargo.toml", "[package]\nname = \"fanggen-runtime\"\n");
    let source = ["--source", "source"];
    said(build(&source), "error: `cargo` is not on the PATH: install Rust from <https://rustup.rs>");
    script(&path, "cargo", r#"echo '{"target_directory": "/somewhere/target"}'"#);
    let root = project.path().display();
    script(&path, "rustc", &format!("case \"$*\" in *libdir*) echo {root}/lib ;; *) echo /sysroot ;; esac"));
    let tools = project.path().join(".fanggen/tools/bin");
    said(
        build(&source),
        "error: cargo-lambda was found neither on the PATH nor in `.fanggen/tools`\n  run `make -f generated/Makefile \
         setup`, which installs it there from PyPI, or install it yourself: \
         <https://www.cargo-lambda.info/guide/installation.html>\n  or use a ready binary with `--runtime FILE`",
    );
    script(&tools, "cargo-lambda", "echo no compiler >&2; exit 7");
    said(build(&source), "error: zig was found neither on the PATH nor in `.fanggen/tools`\n  run `make ");
    script(&tools, "python", "test \"$*\" = '-m ziglang version'");
    let target = "x86_64-unknown-linux-gnu";
    let how = format!("has no standard library for {target}\n  run `rustup target add {target}` (in `");
    said(build(&source), &how);
    project.write("lib/libstd-0.rlib", "");
    let failed = build(&source);
    assert!(failed.1.contains("\nno compiler\n"), "{failed:?}");
    said(failed, "error: the functions' binary did not compile (exit status: 7); see the compiler's output above");
    // A compiler that works: what it is asked for, and where its result goes.
    fs::write(project.path().join("program"), good()).expect("written");
    script(
        &tools,
        "cargo-lambda",
        &format!(
            "echo \"$*\" > {root}/asked; echo \"$CARGO_ENCODED_RUSTFLAGS\" > {root}/flags\n\
             echo \"$CARGO_ZIGBUILD_PYTHON_PATH\" > {root}/zig\necho words of the compiler\n\
             for last; do :; done; /bin/mkdir $last/bootstrap; /bin/cp {root}/program $last/bootstrap/bootstrap"
        ),
    );
    let (code, words) = build(&source);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("\nwords of the compiler\nbuilt: .fanggen/x86_64/bootstrap.zip, "), "{words}");
    let asked = project.read("asked");
    let start = format!(
        "lambda build --profile lambda --locked --skip-target-check --features aws --package fanggen-runtime --bin bootstrap \
         --target {target}.2.34 --lambda-dir /"
    );
    assert!(asked.starts_with(&start), "{asked}");
    let flags = project.read("flags").trim_end().replace('\u{1f}', "\n");
    let expected = format!(
        "-Ctarget-cpu=haswell\n--remap-path-prefix={root}/.cargo=/cargo\n\
         --remap-path-prefix=/sysroot/lib/rustlib/src/rust=/rust\n--remap-path-prefix={root}/source=/fanggen\n\
         --remap-path-prefix=/somewhere/target=/target"
    );
    assert_eq!(flags, expected);
    assert_eq!(project.read("zig").trim_end(), tools.join("python").display().to_string());
    // What is on the PATH goes before the project's own.
    script(&path, "cargo-lambda", "exit 8");
    said(build(&source), "did not compile (exit status: 8)");
}
