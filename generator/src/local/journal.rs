//! The journal of a run: a line per chunk. The summary is made from it, so that memory does not grow with the items, and an
//! interrupted run goes on from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fanggen_runtime::model::run::RunId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use super::summary::{ResultRow, RunFailure};

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The run.
    pub run: RunId,
    /// `running`, also if the run was killed.
    pub state: String,
    /// What it began with.
    pub inputs: Inputs,
}

/// What a function did with a chunk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkLine {
    /// The number of the chunk in the run, and its id.
    pub chunk: u64,
    pub id: String,
    /// The index of the function, and whether it is the last one.
    pub function: usize,
    pub last: bool,
    /// Number of items.
    pub items: u64,
    pub rows: Vec<ResultRow>,
    pub failed: Vec<RunFailure>,
    /// How many records each stage dropped.
    pub dropped: Vec<(String, u64)>,
    pub files: Vec<SinkFile>,
}

/// What a sink wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkFile {
    pub sink: String,
    /// Where: a file's path is relative to the folder of the pipeline's file.
    pub place: String,
    /// Its length after this chunk, if it is a file of this machine.
    pub bytes: Option<u64>,
}

impl SinkFile {
    /// What a sink wrote to this location.
    pub fn of(root: &Path, sink: String, location: String) -> Self {
        match fs::metadata(&location) {
            Ok(file) if file.is_file() => {
                let place = Path::new(&location).strip_prefix(root).map(|path| path.display().to_string());
                Self { sink, place: place.unwrap_or(location), bytes: Some(file.len()) }
            }
            _ => Self { sink, place: location, bytes: None },
        }
    }

    /// The location, for people.
    pub fn location(&self, root: &Path) -> String {
        match self.bytes {
            Some(_) => root.join(&self.place).display().to_string(),
            None => self.place.clone(),
        }
    }

    /// Whether everything is still there. After a loss of power, a file may be shorter than it was.
    fn is_whole(&self, root: &Path) -> bool {
        self.bytes.is_none_or(|bytes| fs::metadata(root.join(&self.place)).is_ok_and(|file| file.len() >= bytes))
    }
}

impl ChunkLine {
    /// Whether nothing needs to be done again: no sink failed, and its files are there.
    fn is_good(&self, root: &Path) -> bool {
        self.failed.iter().all(|failed| failed.item.is_some()) && self.files.iter().all(|file| file.is_whole(root))
    }
}

/// The last line of a run that has ended and whose summary is not written yet.
#[derive(Debug, Serialize, Deserialize)]
struct EndLine {
    ended: String,
}

/// Where a line is.
#[derive(Clone, Copy, Debug)]
enum Place {
    File {
        start: u64,
        bytes: u64,
    },
    /// Its index among the lines that could not be written.
    Memory(usize),
}

/// The journal of a run.
pub struct Journal {
    path: PathBuf,
    /// Locked as long as the run lasts. `None` if there can be no file.
    file: Option<File>,
    /// The length of all whole lines.
    length: u64,
    /// The last line of each chunk and function.
    lines: BTreeMap<(u64, usize), Place>,
    /// The lines that could not be written.
    kept: Vec<Vec<u8>>,
}

impl Journal {
    /// A journal in a new file, which is locked. Its first line says what the run began with.
    pub fn create(path: PathBuf, file: File, header: &JournalHeader) -> io::Result<Self> {
        file.lock()?;
        let mut journal = Self { path, file: Some(file), length: 0, lines: BTreeMap::new(), kept: Vec::new() };
        journal.append(&line_bytes(header)?)?;
        Ok(journal)
    }

    /// A journal in memory, for a run that cannot write its own.
    pub fn in_memory() -> Self {
        Self { path: PathBuf::new(), file: None, length: 0, lines: BTreeMap::new(), kept: Vec::new() }
    }

    /// Opens the journal of a run whose process has ended. It keeps the lines of the chunks that are done, and removes an
    /// unfinished last line. Returns it with its header, and with the state in which the run ended, if it did.
    pub fn open(root: &Path, path: PathBuf, file: File) -> io::Result<(Self, JournalHeader, Option<String>)> {
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        let mut length = read_line(&mut reader, &mut line)?;
        let header: JournalHeader = serde_json::from_slice(&line)?;
        let (mut lines, mut ended) = (BTreeMap::new(), None);
        let (mut finished, mut broken) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let bytes = read_line(&mut reader, &mut line)?;
            if bytes == 0 {
                break;
            }
            if let Ok(read) = serde_json::from_slice::<ChunkLine>(&line) {
                if read.last {
                    finished.insert(read.chunk);
                }
                // A later line of the same chunk replaces an earlier one.
                let key = (read.chunk, read.function);
                if read.is_good(root) {
                    broken.remove(&key)
                } else {
                    broken.insert(key)
                };
                lines.insert(key, Place::File { start: length, bytes });
            } else if let Ok(end) = serde_json::from_slice::<EndLine>(&line) {
                ended = Some(end.ended);
            }
            length += bytes;
        }
        drop(reader);
        file.set_len(length)?;
        if ended.is_none() {
            finished.retain(|chunk| broken.range((*chunk, 0)..=(*chunk, usize::MAX)).next().is_none());
            lines.retain(|(chunk, _), _| finished.contains(chunk));
        }
        Ok((Self { path, file: Some(file), length, lines, kept: Vec::new() }, header, ended))
    }

    /// Adds a line. If it cannot be written, it is kept in memory, and the error returned.
    pub fn add(&mut self, line: &ChunkLine) -> io::Result<()> {
        let bytes = line_bytes(line)?;
        let written = self.append(&bytes);
        let place = *written.as_ref().unwrap_or(&Place::Memory(self.kept.len()));
        self.lines.insert((line.chunk, line.function), place);
        written.map(drop).inspect_err(|_| self.kept.push(bytes))
    }

    /// Writes that the run has ended, so that it does not go on if its summary cannot be written. A journal that lacks lines
    /// gets no end: the next run does those chunks again.
    pub fn end(&mut self, state: &str) -> io::Result<()> {
        if !self.kept.is_empty() {
            return Err(io::Error::other("the journal is incomplete"));
        }
        self.append(&line_bytes(&EndLine { ended: state.to_owned() })?).map(drop)
    }

    /// Appends a whole line or nothing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<Place> {
        let Some(file) = &mut self.file else { return Err(io::Error::other("there is no journal")) };
        if let Err(error) = file.write_all(bytes) {
            // If this fails, too, whoever opens the journal removes the rest, and nothing is appended to it.
            if file.set_len(self.length).is_err() {
                self.file = None;
            }
            return Err(error);
        }
        let place = Place::File { start: self.length, bytes: bytes.len() as u64 };
        self.length += bytes.len() as u64;
        Ok(place)
    }

    /// The lines in the order of the chunks, one at a time, or the part of each that is asked for.
    pub fn lines<T: DeserializeOwned>(&self) -> impl Iterator<Item = io::Result<T>> {
        self.lines.values().map(|place| match *place {
            Place::Memory(index) => Ok(serde_json::from_slice(self.kept.get(index).map_or(b"null", Vec::as_slice))?),
            Place::File { start, bytes } => {
                let mut file = match &self.file {
                    Some(file) => file,
                    None => &File::open(&self.path)?,
                };
                let mut line = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut line)?;
                Ok(serde_json::from_slice(&line)?)
            }
        })
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        let mut chunks: Vec<u64> = self.lines.keys().map(|(chunk, _)| *chunk).collect();
        chunks.dedup();
        chunks.len()
    }

    /// Removes the file, when the summary is written and read.
    pub fn discard(self) {
        if self.file.is_some() {
            // What is left is removed by the next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn line_bytes(line: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a whole line, and returns its length; 0 at the end and for an unfinished line.
fn read_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let bytes = reader.read_until(b'\n', line)? as u64;
    Ok(if line.ends_with(b"\n") { bytes } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanggen_runtime::sinks::private_file;

    fn line(chunk: u64) -> ChunkLine {
        ChunkLine { chunk, id: format!("id {chunk}"), last: true, items: 1, ..ChunkLine::default() }
    }

    fn numbers(journal: &Journal) -> Vec<u64> {
        journal.lines::<ChunkLine>().map(|line| line.expect("readable").chunk).collect()
    }

    fn begin(path: &Path) -> Journal {
        let file = private_file().create_new(true).read(true).append(true).open(path).expect("created");
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let header = JournalHeader { run, state: "running".into(), inputs: Inputs::default() };
        Journal::create(path.to_owned(), file, &header).expect("begun")
    }

    fn reopen(path: &Path) -> (Journal, Option<String>) {
        let file = private_file().read(true).append(true).open(path).expect("there");
        let (journal, header, ended) = Journal::open(Path::new(""), path.to_owned(), file).expect("readable");
        assert_eq!(header.run.as_str(), "20261122T090000Z");
        (journal, ended)
    }

    #[test]
    fn chunks_are_kept_whose_files_are_whole_and_whose_sinks_did_not_fail() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        let written = folder.path().join("results");
        fs::write(&written, "12345").expect("written");
        let with = |chunk, bytes| {
            let place = written.display().to_string();
            ChunkLine { files: vec![SinkFile { sink: "s".into(), place, bytes }], ..line(chunk) }
        };
        let failed = RunFailure::of_chunk(
            "s",
            &fanggen_runtime::model::error::Error::permanent(
                fanggen_runtime::model::error::ErrorCode::FileUnwritable,
                "the disk is full",
            ),
        );
        let mut journal = begin(&path);
        for line in [
            with(0, Some(5)),
            with(1, Some(6)),
            with(2, None),
            ChunkLine { failed: vec![failed], ..line(3) },
            ChunkLine { last: false, ..line(4) },
            line(6),
            line(5),
        ] {
            journal.add(&line).expect("written");
        }
        drop(journal);
        // The process was killed in the middle of a line.
        let whole = fs::read(&path).expect("there");
        fs::write(&path, [whole.as_slice(), b"{\"chunk\":7,\"id\":"].concat()).expect("written");
        let (mut journal, ended) = reopen(&path);
        assert_eq!((numbers(&journal), ended), (vec![0, 2, 5, 6], None));
        assert_eq!(fs::read(&path).expect("there"), whole);
        journal.add(&ChunkLine { items: 7, ..line(3) }).expect("written");
        journal.end("ended").expect("written");
        drop(journal);
        let (journal, ended) = reopen(&path);
        assert_eq!(ended.as_deref(), Some("ended"));
        let items: Vec<u64> = journal.lines::<ChunkLine>().map(|line| line.expect("readable").items).collect();
        assert_eq!(items, [1, 1, 1, 7, 1, 1, 1], "all of a run that has ended, and the later line of a chunk");
    }

    #[test]
    fn lines_that_cannot_be_written_are_kept_in_memory() {
        let mut journal = Journal::in_memory();
        for chunk in [1, 0] {
            journal.add(&line(chunk)).expect_err("no file");
        }
        assert_eq!((numbers(&journal), journal.chunks()), (vec![0, 1], 2));
    }
}
