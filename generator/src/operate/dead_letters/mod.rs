//! The dead letters of an environment: what failed for good, read, moved back, or saved and deleted.

mod error;
pub mod letter;
pub mod letter_file;
pub mod rate;
pub mod reader;
pub mod redrive;

pub use error::DeadLettersError;

use fanggen_runtime::model::tree::quoted_list;
use futures_util::future::try_join_all;

use crate::config::suggestion::did_you_mean;
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::sqs::messages::{MessagesClient, QueueCounts};
use crate::deploy::generated::{Manifest, ManifestResource};
use crate::not_deployed::NotDeployed;
use crate::resources;

/// A dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Whose failures it has: `producer`, `worker`, `worker-sentiment`, `schedule`.
    pub of: String,
    /// Its physical name.
    pub name: String,
    /// Where they come from.
    pub origin: LetterOrigin,
}

/// Where dead letters come from, which decides what can be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterOrigin {
    /// Messages of this queue, to which they can be moved back.
    Queue(String),
    /// Failed invocations of a function: records of what Lambda gave up.
    Function,
    /// Invocations of which the schedule never heard.
    Schedule,
}

/// A dead-letter queue that exists.
#[derive(Clone, Debug)]
pub struct OpenQueue {
    /// The queue.
    pub queue: DeadLetterQueue,
    /// Its URL.
    pub url: String,
    /// How many messages it has.
    pub counts: QueueCounts,
}

impl DeadLetterQueue {
    /// The dead-letter queues of an environment.
    #[must_use]
    pub fn all(manifest: &Manifest) -> Vec<Self> {
        let start = format!("{}-", manifest.stack);
        let name = |resource: &ManifestResource| Some(resource.name.as_ref()?.as_str()?.to_owned());
        let queue = |resource: &ManifestResource| {
            let of = manifest.resources.get(resource.dead_letters_of.as_ref()?)?;
            let source = name(of)?;
            Some(Self {
                of: source.strip_prefix(&start).unwrap_or(&source).to_owned(),
                name: name(resource)?,
                origin: match of.kind.as_str() {
                    kind if kind == resources::sqs::QUEUE.name => LetterOrigin::Queue(source),
                    kind if kind == resources::lambda::FUNCTION.name => LetterOrigin::Function,
                    _ => LetterOrigin::Schedule,
                },
            })
        };
        manifest.resources.values().filter_map(queue).collect()
    }

    /// Those of these names, or all of them.
    ///
    /// # Errors
    /// An unknown queue.
    pub fn chosen(all: Vec<Self>, asked: &[String]) -> Result<Vec<Self>, DeadLettersError> {
        let is = |queue: &Self, asked: &String| queue.of == *asked || queue.name == *asked;
        let known: Vec<&str> = all.iter().map(|queue| queue.of.as_str()).collect();
        if let Some(found) = asked.iter().find(|asked| !all.iter().any(|queue| is(queue, asked))) {
            return Err(DeadLettersError::NoQueue {
                found: found.clone(),
                known: quoted_list(&known),
                help: did_you_mean(found, &known).map(|help| format!("; {help}")).unwrap_or_default(),
            });
        }
        Ok(all.into_iter().filter(|queue| asked.is_empty() || asked.iter().any(|one| is(queue, one))).collect())
    }

    /// Its URL and its counts: two calls per queue, all at once. Also gives the queues that do not exist.
    ///
    /// # Errors
    /// A failed call; none of the queues exists.
    pub async fn open(
        client: &MessagesClient,
        queues: Vec<Self>,
        environment: &str,
    ) -> Result<(Vec<OpenQueue>, Vec<Self>), DeadLettersError> {
        let opened = queues.into_iter().map(|queue| async move {
            let failed = |error: CallError| error.on(&queue.name).by_operator();
            let Some(url) = client.url(&queue.name).await.map_err(failed)? else { return Ok(Err(queue)) };
            let counts = client.counts(&url).await.map_err(failed)?;
            Ok::<_, CallError>(Ok(OpenQueue { queue, url, counts }))
        });
        let (mut open, mut missing) = (Vec::new(), Vec::new());
        for queue in try_join_all(opened).await? {
            match queue {
                Ok(queue) => open.push(queue),
                Err(queue) => missing.push(queue),
            }
        }
        match missing.first().filter(|_| open.is_empty()) {
            Some(first) => Err(NotDeployed::new(environment, "queue", &first.name).into()),
            None => Ok((open, missing)),
        }
    }
}
