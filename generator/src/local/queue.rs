//! A queue between two functions, in memory.

use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::services::MessageQueue;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use tokio::sync::mpsc;

/// Maximum number of waiting messages, so that memory does not grow with the items.
const WAITING: usize = 8;

/// The sending end of a queue. The queue closes when this is dropped.
pub struct MemoryQueue {
    sender: mpsc::Sender<Message>,
}

impl MemoryQueue {
    /// A queue: its sending and its receiving end.
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self { sender }, receiver)
    }
}

#[async_trait]
impl MessageQueue for MemoryQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            let gone = |_| Error::permanent(ErrorCode::WorkerEnded, "the worker of this queue has ended");
            self.sender.send(message).await.map_err(gone)?;
        }
        Ok(())
    }

    async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
        // There is nothing to hide: the worker takes each message once.
        Ok(())
    }
}
