//! The file to which dead letters are saved: JSON Lines, readable by its owner only, on the disk before anything is deleted.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::letter::LetterReason;
use super::{DeadLetterQueue, DeadLettersError};
use crate::deploy::aws::sqs::messages::{AttributeValue, ReceivedMessage};
use crate::results_folder::sync_folder;

/// A new file of saved messages.
#[derive(Debug)]
pub struct LetterFile {
    path: PathBuf,
    file: File,
    /// How many messages it has.
    pub saved: u64,
}

/// A message in the file: everything that is needed to send it again.
#[derive(Serialize)]
struct SavedLetter<'a> {
    queue: &'a str,
    message_id: &'a str,
    reason: Option<String>,
    sent: Option<Timestamp>,
    first_received: Option<Timestamp>,
    receives: u64,
    moved_from: Option<&'a str>,
    trace: Option<&'a str>,
    attributes: BTreeMap<&'a str, SavedAttribute<'a>>,
    body: &'a str,
}

#[derive(Serialize)]
struct SavedAttribute<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> SavedAttribute<'a> {
    fn of(value: &'a AttributeValue) -> Self {
        let base64 = value.bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        Self { kind: &value.kind, text: value.text.as_deref(), base64 }
    }
}

impl LetterFile {
    /// Creates the file, which must not exist.
    ///
    /// # Errors
    /// A file that exists, and one that cannot be created.
    pub fn create(path: &Path) -> Result<Self, DeadLettersError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let created = options.open(path).and_then(|file| sync_folder(path).map(|()| file));
        match created {
            Ok(file) => Ok(Self { path: path.to_owned(), file, saved: 0 }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(DeadLettersError::FileExists(path.to_owned()))
            }
            Err(source) => Err(DeadLettersError::FileUncreatable { path: path.to_owned(), source }),
        }
    }

    /// Saves messages; they are on the disk when this returns.
    ///
    /// # Errors
    /// A full disk, and the like.
    pub fn save(&mut self, queue: &DeadLetterQueue, messages: &[&ReceivedMessage]) -> Result<(), DeadLettersError> {
        let failed = |source| DeadLettersError::File { path: self.path.clone(), source };
        let mut out = BufWriter::new(&self.file);
        for message in messages {
            let letter = SavedLetter {
                queue: &queue.of,
                message_id: &message.id,
                reason: LetterReason::of(queue, message).code,
                sent: message.sent,
                first_received: message.first_received,
                receives: message.receives,
                moved_from: message.moved_from.as_deref(),
                trace: message.trace.as_deref(),
                attributes: message
                    .attributes
                    .iter()
                    .map(|(name, one)| (name.as_str(), SavedAttribute::of(one)))
                    .collect(),
                body: &message.body,
            };
            serde_json::to_writer(&mut out, &letter).map_err(io::Error::from).map_err(failed)?;
            out.write_all(b"\n").map_err(failed)?;
        }
        out.flush().and_then(|()| self.file.sync_all()).map_err(failed)?;
        self.saved += messages.len() as u64;
        Ok(())
    }

    /// Removes the file again if nothing was saved, so that the same command can be run again.
    pub fn remove_if_empty(self) {
        if self.file.metadata().is_ok_and(|file| file.len() == 0) {
            drop(self.file);
            let _ = fs::remove_file(&self.path);
        }
    }
}
