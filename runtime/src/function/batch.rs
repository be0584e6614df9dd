//! A batch: the chunks of one call to the queue, within the limits of messages and of the saved progress.

use crate::model::record::Record;
use crate::model::run::{MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_CHUNK_BYTES, MAX_PENDING_BYTES};

/// Chunks that are sent in one call.
pub(super) struct Batch {
    /// Maximum number of items per chunk.
    chunk_items: usize,
    /// The index of the source that all items come from.
    pub source: usize,
    /// The records of each chunk.
    pub chunks: Vec<Vec<Record>>,
    /// Bytes of the last chunk.
    last_chunk_bytes: usize,
    /// Bytes of all chunks.
    total_bytes: usize,
    /// Bytes of the keys of all items.
    key_bytes: usize,
    /// The cursor after the last item.
    pub after: String,
}

impl Batch {
    /// An empty batch.
    pub(super) fn new(chunk_items: usize) -> Self {
        let (last_chunk_bytes, total_bytes, key_bytes) = (0, 0, 0);
        Self {
            chunk_items,
            source: 0,
            chunks: Vec::new(),
            last_chunk_bytes,
            total_bytes,
            key_bytes,
            after: String::new(),
        }
    }

    /// Whether there is room for a record of this source and size.
    pub(super) fn has_room(&self, source: usize, record: &Record, size: usize) -> bool {
        let bytes_fit =
            self.total_bytes + size <= MAX_BATCH_BYTES && self.key_bytes + record.item.key.len() <= MAX_PENDING_BYTES;
        let chunk_fits = !self.needs_new_chunk(size) || self.chunks.len() < MAX_BATCH_MESSAGES;
        self.chunks.is_empty() || source == self.source && bytes_fit && chunk_fits
    }

    /// Whether a record of this size does not fit in the last chunk.
    fn needs_new_chunk(&self, size: usize) -> bool {
        self.chunks
            .last()
            .is_none_or(|last| last.len() >= self.chunk_items || self.last_chunk_bytes + size > MAX_CHUNK_BYTES)
    }

    /// Adds a record to the last chunk, or to a new one if it does not fit. `after` is the cursor after it.
    pub(super) fn add(&mut self, source: usize, record: Record, size: usize, after: String) {
        if self.needs_new_chunk(size) {
            self.chunks.push(Vec::new());
            self.last_chunk_bytes = 0;
        }
        self.last_chunk_bytes += size;
        self.total_bytes += size;
        self.key_bytes += record.item.key.len();
        (self.source, self.after) = (source, after);
        if let Some(last) = self.chunks.last_mut() {
            last.push(record);
        }
    }
}
