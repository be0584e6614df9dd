//! Reads the program from a file or zip, and writes it into a zip that depends on nothing but its bytes.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write as _};
use std::path::Path;

use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{BuildError, Flaw, UNPACKED_BYTES};

/// The program that Lambda starts (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>).
const BOOTSTRAP: &str = "bootstrap";

/// The program of a file: the file itself, or the `bootstrap` in a zip.
pub fn program(path: &Path) -> Result<Vec<u8>, BuildError> {
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => BuildError::of(path, Flaw::Absent),
        _ => BuildError::Disk { path: path.to_owned(), what: "read", source },
    };
    let file = File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(BuildError::of(path, Flaw::Folder));
    }
    let bytes = limited(file).map_err(fail)?;
    let flaw = match bytes.as_deref() {
        None => Flaw::TooLarge,
        Some([]) => Flaw::Empty,
        Some([0x7f, b'E', b'L', b'F', ..]) => return Ok(bytes.unwrap_or_default()),
        // The second is the signature of an empty zip.
        Some(zip @ ([b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..])) => match bootstrap(zip) {
            Ok(program) => return Ok(program),
            Err(flaw) => flaw,
        },
        Some(other) => {
            let start = other.get(..4).unwrap_or(other);
            Flaw::Kind(format!("`{}`", start.escape_ascii()))
        }
    };
    Err(BuildError::of(path, flaw))
}

fn bootstrap(bytes: &[u8]) -> Result<Vec<u8>, Flaw> {
    let wrong = |error: &dyn std::fmt::Display| Flaw::Zip(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| wrong(&error))?;
    let Some(place) = archive.index_for_name(BOOTSTRAP) else {
        let mut names: Vec<String> = archive.file_names().flatten().take(5).map(|name| format!("`{name}`")).collect();
        match archive.len() {
            0 => names.push("nothing".into()),
            all if all > names.len() => names.push(format!("{} more", all - names.len())),
            _ => {}
        }
        return Err(Flaw::NoBootstrap(crate::config::mistake::tidy(&names.join(", "))));
    };
    let entry = archive.by_index(place).map_err(|error| wrong(&error))?;
    let program = limited(entry).map_err(|error| wrong(&error))?.ok_or(Flaw::TooLarge)?;
    match program.as_slice() {
        [] => Err(Flaw::Zip("the `bootstrap` in it is empty".into())),
        [0x7f, b'E', b'L', b'F', ..] => Ok(program),
        other => {
            let start = other.get(..4).unwrap_or(other).escape_ascii();
            Err(Flaw::Zip(format!("the `bootstrap` in it is not a Linux program (ELF): it starts with `{start}`")))
        }
    }
}

/// All bytes; nothing if there are more than Lambda accepts, since a zip may unpack to far more than it says.
fn limited(from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(UNPACKED_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= UNPACKED_BYTES).then_some(bytes))
}

/// A zip of one program, without a time, an owner or another name than `bootstrap`.
pub fn zip(program: &[u8]) -> ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    zip.start_file(BOOTSTRAP, options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

/// Writes a file atomically.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let fail = |source| BuildError::Disk { path: path.to_owned(), what: "written", source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail)?;
    let mut builder = tempfile::Builder::new();
    // Like everything in its folder, it is readable by its owner only.
    builder.prefix(".bootstrap-");
    let mut file = builder.tempfile_in(folder).map_err(fail)?;
    if let Ok(before) = fs::metadata(path) {
        file.as_file().set_permissions(before.permissions()).map_err(fail)?;
    }
    file.write_all(bytes).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_depends_on_the_program_only() {
        let one = zip(b"program").expect("a zip");
        assert_eq!(one, zip(b"program").expect("a zip"));
        let mut archive = ZipArchive::new(Cursor::new(one)).expect("a zip");
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).expect("an entry");
        assert_eq!(entry.name().expect("a name"), "bootstrap");
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        assert_eq!(entry.last_modified(), Some(DateTime::DEFAULT));
        assert_eq!(DateTime::DEFAULT.to_string(), "1980-01-01 00:00:00");
    }
}
