//! Checks whether Lambda can run a program: its architecture, its loader, and the glibc version that it needs.

use object::elf::{EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{FileKind, LittleEndian};

use super::Flaw;
use crate::config::sections::Architecture;

/// The version of glibc in Amazon Linux 2023, which `provided.al2023` is
/// (<https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>).
pub const GLIBC: (u32, u32) = (2, 34);

/// A symbol version that linkers set for relative relocations, which glibc supports since 2.36
/// (<https://sourceware.org/glibc/wiki/Release/2.36>).
const RELR: &str = "GLIBC_ABI_DT_RELR";

type Header = FileHeader64<LittleEndian>;

/// Checks the bytes of an ELF file.
pub fn program(bytes: &[u8], architecture: Architecture) -> Result<(), Flaw> {
    let damaged = |error: object::Error| Flaw::Damaged(error.to_string());
    if FileKind::parse(bytes).map_err(damaged)? != FileKind::Elf64 {
        return Err(Flaw::Bits);
    }
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(|_| Flaw::Bits)?;
    if ![ET_EXEC, ET_DYN].contains(&header.e_type(endian)) {
        return Err(Flaw::NoProgram("it is not linked"));
    }
    let (machine, loader) = match architecture {
        Architecture::Arm64 => (EM_AARCH64, "/lib/ld-linux-aarch64.so.1"),
        Architecture::X86_64 => (EM_X86_64, "/lib64/ld-linux-x86-64.so.2"),
    };
    let found = header.e_machine(endian);
    if found != machine {
        let found = match found {
            EM_AARCH64 => Architecture::Arm64.word().to_owned(),
            EM_X86_64 => Architecture::X86_64.word().to_owned(),
            other => format!("another machine (ELF number {})", other.0),
        };
        return Err(Flaw::Machine { found, wanted: architecture.word() });
    }
    if header.e_entry(endian) == 0 {
        return Err(Flaw::NoProgram("it is a library without an entry point"));
    }
    for segment in header.program_headers(endian, bytes).map_err(damaged)? {
        if let Some(found) = segment.interpreter(endian, bytes).map_err(damaged)?
            && found != loader.as_bytes()
        {
            return Err(Flaw::Loader { found: String::from_utf8_lossy(found).into_owned(), wanted: loader });
        }
    }
    let sections = header.sections(endian, bytes).map_err(damaged)?;
    if sections.is_empty() {
        return Err(Flaw::Damaged("it has no section table, so its requirements are unknown".into()));
    }
    let mut newest: Option<((u32, u32), Flaw)> = None;
    if let Some((mut libraries, names)) = sections.gnu_verneed(endian, bytes).map_err(damaged)? {
        let names = sections.strings(endian, bytes, names).map_err(damaged)?;
        while let Some((library, mut versions)) = libraries.next().map_err(damaged)? {
            while let Some(version) = versions.next().map_err(damaged)? {
                let found = String::from_utf8_lossy(version.name(endian, names).map_err(damaged)?).into_owned();
                let Some(number) = number(&found) else { continue };
                if number > GLIBC && newest.as_ref().is_none_or(|(known, _)| number > *known) {
                    let library = library.file(endian, names).map_err(damaged)?;
                    let library = String::from_utf8_lossy(library).into_owned();
                    newest = Some((number, Flaw::Glibc { found, library }));
                }
            }
        }
    }
    newest.map_or(Ok(()), |(_, flaw)| Err(flaw))
}

/// The version of glibc behind a symbol version.
fn number(version: &str) -> Option<(u32, u32)> {
    if version == RELR {
        return Some((2, 36));
    }
    // `GLIBC_2.2.5` has a third part, which does not matter for today's versions.
    let mut parts = version.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(number("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(number("GLIBC_2.2.5"), Some((2, 2)));
        assert!(number("GLIBC_2.4") < number("GLIBC_2.34"));
        assert!(number(RELR) > Some(GLIBC));
        assert_eq!(number("GCC_3.0"), None);
        assert_eq!(number("GLIBC_PRIVATE"), None);
    }
}
