//! A queue between two functions, in memory.

use async_trait::async_trait;
use fanggen_runtime::doors::Queue;
use fanggen_runtime::error::Error;
use fanggen_runtime::run::Message;
use tokio::sync::mpsc;

/// The end of a queue that messages go into; it ends when this is dropped.
pub struct Memory {
    sender: mpsc::Sender<Message>,
}

impl Memory {
    /// A queue that feeds this sender's receiver.
    pub fn new(sender: mpsc::Sender<Message>) -> Self {
        Self { sender }
    }
}

#[async_trait]
impl Queue for Memory {
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            let gone = |_| Error::permanent("worker_ended", "the worker behind the queue has ended");
            self.sender.send(message).await.map_err(gone)?;
        }
        Ok(())
    }
}
