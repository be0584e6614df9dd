//! Who is at work on an environment: a conditional write in the bucket of artifacts, beside a lock of this machine.
//!
//! The lock in the bucket keeps other machines out until it expires. The lock of this machine, which the system gives
//! up with the process, tells at once that a holder on this machine was ended, so that nobody waits for a dead one.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::aws::bucket::Bucket;
use super::aws::call::CallError;

/// How long a lock lives, and how often it is renewed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After this time a lock that nobody renews has had its time.
    pub life: SignedDuration,
    /// Between renewals: several of them may fail before the lock expires.
    pub renewal: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { life: SignedDuration::from_secs(180), renewal: Duration::from_secs(60) }
    }
}

/// Bytes of old tokens that are kept on this machine: some hundreds.
const TOKENS_BYTES: usize = 20_000;

/// What is written in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The caller's ARN.
    pub who: String,
    /// What they do: `apply` or `destroy`.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed.
    pub expires: Timestamp,
    /// Tells one holder from another.
    pub token: String,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody is at work.
    #[error(
        "`{}` is at work on `{stack}`: {} since {} (the lock expires at {} unless it is renewed)\n  wait for them, then run \
         the same command again", .holder.what, .holder.who, .holder.since, .holder.expires
    )]
    Held {
        /// The stack.
        stack: String,
        /// By whom.
        holder: Box<Holder>,
    },
    /// Another process of this machine is at work.
    #[error("another fanggen on this machine is at work on `{0}`\n  wait for it, then run the same command again")]
    Here(String),
    /// The lock is there, but nobody can read it.
    #[error(
        "the lock `{0}` in the bucket of artifacts is not what fanggen writes\n  if nobody is at work, remove that object"
    )]
    Unreadable(String),
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// This machine's lock file.
    #[error("`{}` cannot be locked: {source}", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The lock, held.
#[derive(Debug)]
pub struct Lock {
    bucket: Bucket,
    key: String,
    token: String,
    renewal: JoinHandle<()>,
    lost: Arc<AtomicBool>,
    /// Given up by the system when this process ends, however it ends.
    here: File,
}

/// Where the lock of a stack is.
#[must_use]
pub fn key(stack: &str) -> String {
    format!("locks/{stack}.json")
}

impl Lock {
    /// Takes the lock of a stack. `folder` is where this machine's locks are.
    ///
    /// # Errors
    /// Somebody who is at work, and failed calls.
    pub async fn take(bucket: &Bucket, stack: &str, who: &str, what: &str, folder: &Path) -> Result<Self, LockError> {
        Self::take_at(Pace::default(), bucket, stack, who, what, folder).await
    }

    /// Takes the lock of a stack, to be renewed at another pace.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn take_at(
        pace: Pace,
        bucket: &Bucket,
        stack: &str,
        who: &str,
        what: &str,
        folder: &Path,
    ) -> Result<Self, LockError> {
        let path = file(bucket, stack, folder);
        let disk = |source| LockError::Disk { path: path.clone(), source };
        let mut here = open(&path).map_err(disk)?;
        match here.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(LockError::Here(stack.to_owned())),
            Err(fs::TryLockError::Error(source)) => return Err(disk(source)),
        }
        let mut tokens = String::new();
        here.read_to_string(&mut tokens).map_err(disk)?;
        let now = Timestamp::now();
        let holder = Holder {
            who: who.to_owned(),
            what: what.to_owned(),
            since: now,
            expires: now + pace.life,
            token: token(now),
        };
        // Before the bucket is written: a process that finds this file unlocked, and our token in both, knows that we
        // are dead. Earlier tokens stay: one of them may be what the bucket still holds.
        if tokens.len() > TOKENS_BYTES {
            here.set_len(0).map_err(disk)?;
        }
        here.seek(SeekFrom::End(0)).map_err(disk)?;
        writeln!(here, "{}", holder.token).and_then(|()| here.sync_all()).map_err(disk)?;
        let key = key(stack);
        let tag = match bucket.write(&key, &text(&holder), None).await? {
            Some(tag) => tag,
            None => match replace(bucket, &key, stack, &holder, &tokens).await {
                Err(held @ LockError::Held { .. }) => {
                    // What the bucket holds is none of ours, now or ever.
                    here.set_len(0).map_err(disk)?;
                    return Err(held);
                }
                other => other?,
            },
        };
        let lost = Arc::new(AtomicBool::new(false));
        let kept = Renewal { pace, bucket: bucket.clone(), key: key.clone(), lost: Arc::clone(&lost) };
        let renewal = tokio::spawn(kept.run(holder.clone(), tag));
        Ok(Self { bucket: bucket.clone(), key, token: holder.token, renewal, lost, here })
    }

    /// Set once it is somebody else's, or had its time without a renewal.
    #[must_use]
    pub fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.lost)
    }

    /// Renews it no more, as if this process had ended: it stays in the bucket until it expires.
    #[must_use]
    pub fn forget(self) -> File {
        self.renewal.abort();
        self.here
    }

    /// Gives it up, if it still is ours.
    ///
    /// # Errors
    /// A failed call.
    pub async fn release(self) -> Result<(), CallError> {
        self.renewal.abort();
        if let Some(object) = self.bucket.read(&self.key).await?
            && parsed(&object.text).is_some_and(|holder| holder.token == self.token)
        {
            self.bucket.remove(&self.key).await?;
        }
        // Nothing of ours is left in the bucket; if the file says otherwise, that costs the next one a look.
        let _ = self.here.set_len(0);
        Ok(())
    }

    /// Whether a process of this machine was ended before it gave its lock up: its token is there, and nobody holds it.
    #[must_use]
    pub fn is_left(bucket: &Bucket, stack: &str, folder: &Path) -> bool {
        let Ok(here) = File::open(file(bucket, stack, folder)) else { return false };
        here.metadata().is_ok_and(|about| about.len() > 0) && here.try_lock().is_ok()
    }
}

/// Takes the place of a holder that is no more.
async fn replace(bucket: &Bucket, key: &str, stack: &str, ours: &Holder, dead: &str) -> Result<String, LockError> {
    let Some(found) = bucket.read(key).await? else {
        // Given up in this moment.
        let taken = bucket.write(key, &text(ours), None).await?;
        return taken.ok_or_else(|| LockError::Held { stack: stack.to_owned(), holder: Box::new(ours.clone()) });
    };
    let holder = parsed(&found.text).ok_or_else(|| LockError::Unreadable(key.to_owned()))?;
    let stale = holder.expires < ours.since || dead.lines().any(|token| token == holder.token);
    let held = || LockError::Held { stack: stack.to_owned(), holder: Box::new(holder.clone()) };
    if !stale {
        return Err(held());
    }
    bucket.write(key, &text(ours), Some(&found.tag)).await?.ok_or_else(held)
}

/// Keeps a lock alive.
struct Renewal {
    pace: Pace,
    bucket: Bucket,
    key: String,
    lost: Arc<AtomicBool>,
}

impl Renewal {
    /// Renews until it is somebody else's.
    async fn run(self, mut holder: Holder, mut tag: String) {
        loop {
            tokio::time::sleep(self.pace.renewal).await;
            let before = holder.expires;
            holder.expires = Timestamp::now() + self.pace.life;
            match self.bucket.write(&self.key, &text(&holder), Some(&tag)).await {
                Ok(Some(new)) => tag = new,
                Ok(None) => match self.ours(&holder.token).await {
                    // An earlier renewal got through though its answer did not.
                    Some(now) => tag = now,
                    None => return self.lost.store(true, Ordering::SeqCst),
                },
                // Tried again at the next turn, of which there are several before it expires.
                Err(_) => {
                    holder.expires = before;
                    if before < Timestamp::now() {
                        return self.lost.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
    }

    async fn ours(&self, token: &str) -> Option<String> {
        let object = self.bucket.read(&self.key).await.ok()??;
        parsed(&object.text).filter(|holder| holder.token == token).map(|_| object.tag)
    }
}

/// This machine's lock of a stack.
fn file(bucket: &Bucket, stack: &str, folder: &Path) -> PathBuf {
    folder.join(format!("{}-{stack}.lock", bucket.name))
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)
}

fn text(holder: &Holder) -> String {
    serde_json::to_string_pretty(holder).unwrap_or_default()
}

fn parsed(text: &str) -> Option<Holder> {
    serde_json::from_str(text).ok()
}

/// The moment and the process make it the only one: two processes of one machine cannot hold its lock at once.
fn token(now: Timestamp) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    format!("{:x}-{random:016x}", now.as_nanosecond())
}
