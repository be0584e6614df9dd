//! The account in which the dead letters are.

use super::super::args::GlobalArgs;
use super::super::aws_session::EnvironmentAccount;
use super::super::error::CommandError;
use super::super::output::{Style, message};
use super::super::pipeline_file::LoadedPipeline;
use super::QueueArgs;
use crate::config::mistake::Severity;
use crate::deploy::aws::sqs::messages::MessagesClient;
use crate::deploy::interrupt::Interrupt;
use crate::operate::dead_letters::{DeadLetterQueue, OpenQueue};

/// The exit code of a process that Ctrl-C ends.
const INTERRUPTED: u8 = 130;

/// The pipeline's file and the environment that was asked for.
pub struct DlqFile {
    pub file: LoadedPipeline,
    pub environment: String,
}

/// The dead-letter queues of an environment.
pub struct DlqAccount {
    pub environment: String,
    pub client: MessagesClient,
    /// Raised when the user wants to stop.
    pub interrupt: Interrupt,
    /// The queues that were asked for.
    pub queues: Vec<DeadLetterQueue>,
}

impl DlqFile {
    pub fn load(args: &QueueArgs, global: &GlobalArgs) -> Result<Self, CommandError> {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(args.env.as_deref())?.to_owned();
        Ok(Self { file, environment })
    }
}

impl DlqAccount {
    /// Loads the credentials. One call, if the file names the account; otherwise none.
    pub async fn load(file: &DlqFile, args: &QueueArgs, global: &GlobalArgs) -> Result<Self, CommandError> {
        let account = EnvironmentAccount::open(&file.file, &file.environment, global).await?;
        let queues = DeadLetterQueue::chosen(DeadLetterQueue::all(&account.manifest), &args.queues)?;
        if account.manifest.account.is_some() {
            account.caller().await?;
        }
        Ok(Self {
            environment: file.environment.clone(),
            client: MessagesClient::open(&account.account),
            interrupt: account.interrupt,
            queues,
        })
    }

    /// The exit code after Ctrl-C, when all that was read is visible again.
    pub fn interrupted(&self) -> Result<(), CommandError> {
        if self.interrupt.raised() { Err(CommandError::Exit(INTERRUPTED)) } else { Ok(()) }
    }

    /// The URLs and counts of these queues. A queue that does not exist while others do is told.
    pub async fn open(&self, queues: Vec<DeadLetterQueue>) -> Result<Vec<OpenQueue>, CommandError> {
        let (open, missing) = DeadLetterQueue::open(&self.client, queues, &self.environment).await?;
        for queue in missing {
            message(&format!(
                "{}warning{}: the queue `{}` does not exist\n  `fanggen drift --env {}` shows what else is missing",
                Style::WARNING,
                Style::END,
                queue.name,
                self.environment
            ));
        }
        Ok(open)
    }
}
