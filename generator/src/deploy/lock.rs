//! The lock of an environment: a conditional write in the artifact bucket, and a lock file on this machine.
//!
//! The object in the bucket keeps other machines out until it expires: when it was not renewed for a while, by S3's clock, since
//! those of two machines may differ by minutes. The system releases the lock file when its process
//! ends, so that a killed process of this machine does not block the next one until then.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::aws::call_error::CallError;
use super::aws::s3::artifacts::ArtifactBucket;
use super::diff::tidy;
use super::error::DeployError;

/// When a lock expires, and how often it is renewed.
#[derive(Clone, Copy, Debug)]
pub struct LockTiming {
    /// How long a lock is valid without a renewal.
    pub life: SignedDuration,
    /// The time between renewals: several may fail before the lock expires.
    pub renewal: Duration,
}

impl Default for LockTiming {
    fn default() -> Self {
        Self { life: SignedDuration::from_secs(180), renewal: Duration::from_secs(60) }
    }
}

/// Bytes of old tokens in the lock file: some hundred tokens.
const TOKENS_BYTES: usize = 20_000;

/// The content of the lock object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The caller's ARN.
    pub who: String,
    /// The command: `apply` or `destroy`.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed: for people, and for versions of fanggen that judge by it.
    pub expires: Timestamp,
    /// Identifies this holder.
    pub token: String,
}

/// Why the lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error(
        "`{}` is already running on `{stack}`: {} since {} (the lock expires at {expires} unless it is renewed)\n  wait until it \
         is done, then run the same command again; if it was killed, wait until the lock expires, or delete it: `{removal}`",
        .holder.what, .holder.who, .holder.since
    )]
    Held {
        /// The stack.
        stack: String,
        /// Who has it.
        holder: Box<LockHolder>,
        /// When it expires, by S3's clock.
        expires: Timestamp,
        /// The command that deletes it.
        removal: String,
    },
    /// Another process of this machine has it.
    #[error(
        "another fanggen process on this machine is working on `{0}`\n  wait until it is done, then run the same command again"
    )]
    Here(String),
    /// The lock object is not one of ours.
    #[error(
        "the lock `{key}` in the artifact bucket was not written by fanggen\n  if no deployment is running, delete it: `{removal}`"
    )]
    Unreadable {
        /// The key of the object.
        key: String,
        /// The command that deletes it.
        removal: String,
    },
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The lock file on this machine.
    #[error("`{}` cannot be locked: {source}", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The lock of an environment, taken.
#[derive(Debug)]
pub struct DeployLock {
    bucket: ArtifactBucket,
    stack: String,
    key: String,
    token: String,
    renewal: JoinHandle<()>,
    lost: Arc<AtomicBool>,
    /// Whose lock had expired, and was taken over.
    expired: Option<ExpiredLock>,
    /// Unlocked by the system when this process ends, however it ends.
    here: File,
}

/// A lock that was taken over, since its holder no longer renewed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredLock {
    /// Who had it.
    pub holder: LockHolder,
    /// When it expired, by S3's clock.
    pub at: Timestamp,
}

impl fmt::Display for ExpiredLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holder: LockHolder { who, what, since, .. }, at } = self;
        write!(f, "took over the lock of `{what}` by {who} since {since}, which expired at {at}")
    }
}

/// The key of the lock object of a stack.
#[must_use]
pub fn key(stack: &str) -> String {
    format!("locks/{stack}.json")
}

impl DeployLock {
    /// Takes the lock of a stack. `folder` holds the lock files of this machine.
    ///
    /// # Errors
    /// A lock that somebody else has, and failed calls.
    pub async fn take(
        bucket: &ArtifactBucket,
        stack: &str,
        who: &str,
        what: &str,
        folder: &Path,
    ) -> Result<Self, LockError> {
        Self::take_at(LockTiming::default(), bucket, stack, who, what, folder).await
    }

    /// Takes the lock of a stack, with another timing.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn take_at(
        pace: LockTiming,
        bucket: &ArtifactBucket,
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
        let now = bucket.now();
        let holder = LockHolder {
            who: who.to_owned(),
            what: what.to_owned(),
            since: now,
            expires: now + pace.life,
            token: token(now),
        };
        // Before the bucket is written: a process that finds this file unlocked, and our token in both, knows that we
        // have ended. Earlier tokens stay, since the bucket may still hold one of them.
        if tokens.len() > TOKENS_BYTES {
            here.set_len(0).map_err(disk)?;
        }
        here.seek(SeekFrom::End(0)).map_err(disk)?;
        writeln!(here, "{}", holder.token).and_then(|()| here.sync_all()).map_err(disk)?;
        let key = key(stack);
        let (tag, expired) = match bucket.write(&key, &text(&holder), None).await? {
            Some(tag) => (tag, None),
            None => match replace(bucket, &key, stack, &holder, &tokens, pace.life).await {
                Err(held @ LockError::Held { .. }) => {
                    // The holder is another machine, so none of our tokens is in the bucket.
                    here.set_len(0).map_err(disk)?;
                    return Err(held);
                }
                other => other?,
            },
        };
        let lost = Arc::new(AtomicBool::new(false));
        let renewal = LockRenewal { pace, bucket: bucket.clone(), key: key.clone(), lost: Arc::clone(&lost) };
        let renewal = tokio::spawn(renewal.run(holder.clone(), tag));
        Ok(Self {
            bucket: bucket.clone(),
            stack: stack.to_owned(),
            key,
            token: holder.token,
            renewal,
            lost,
            expired,
            here,
        })
    }

    /// The expired lock that was taken over, if there was one.
    #[must_use]
    pub const fn expired(&self) -> Option<&ExpiredLock> {
        self.expired.as_ref()
    }

    /// Stops a deployment that has lost its lock: after a machine slept, or was without a network, for minutes.
    ///
    /// # Errors
    /// A lock that expired, or that somebody else has by now.
    pub fn check(&self) -> Result<(), DeployError> {
        if self.is_lost() { Err(DeployError::LockLost(self.stack.clone())) } else { Ok(()) }
    }

    /// Whether it expired, or somebody else has it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Stops the renewal, as if this process had been killed: the lock stays in the bucket until it expires.
    #[must_use]
    pub fn forget(self) -> File {
        self.renewal.abort();
        self.here
    }

    /// Releases it, if it is still ours.
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
        // If this fails, the next process only looks at the bucket once more.
        let _ = self.here.set_len(0);
        Ok(())
    }

    /// Whether a process of this machine was killed before it released its lock: its token is left, and nobody has the file.
    #[must_use]
    pub fn is_abandoned(bucket: &ArtifactBucket, stack: &str, folder: &Path) -> bool {
        let Ok(here) = File::open(file(bucket, stack, folder)) else { return false };
        here.metadata().is_ok_and(|about| about.len() > 0) && here.try_lock().is_ok()
    }
}

/// Replaces a holder whose lock has expired, or whose process on this machine has ended. Gives the new entity tag, and the
/// lock that had expired.
async fn replace(
    bucket: &ArtifactBucket,
    key: &str,
    stack: &str,
    ours: &LockHolder,
    dead: &str,
    life: SignedDuration,
) -> Result<(String, Option<ExpiredLock>), LockError> {
    let held = |holder: &LockHolder, expires: Timestamp| LockError::Held {
        stack: stack.to_owned(),
        holder: Box::new(holder.clone()),
        expires,
        removal: bucket.removal_command(key),
    };
    let Some(found) = bucket.read(key).await? else {
        // Released in the meantime.
        let taken = bucket.write(key, &text(ours), None).await?;
        return taken.map(|tag| (tag, None)).ok_or_else(|| held(ours, ours.expires));
    };
    // The response that was just read carried S3's time.
    let now = bucket.now();
    let unreadable = || LockError::Unreadable { key: key.to_owned(), removal: bucket.removal_command(key) };
    let holder = parsed(&found.text).ok_or_else(unreadable)?;
    // What the holder wrote is the time of its machine, which may be in 2030.
    let expires = found.written.map_or(holder.expires, |written| written + life);
    let ended_here = dead.lines().any(|token| token == holder.token);
    if expires >= now && !ended_here {
        return Err(held(&holder, expires));
    }
    let tag = bucket.write(key, &text(ours), Some(&found.tag)).await?.ok_or_else(|| held(&holder, expires))?;
    Ok((tag, (!ended_here).then_some(ExpiredLock { holder, at: expires })))
}

/// Renews a lock in the background.
struct LockRenewal {
    pace: LockTiming,
    bucket: ArtifactBucket,
    key: String,
    lost: Arc<AtomicBool>,
}

impl LockRenewal {
    /// Renews until the lock is lost.
    async fn run(self, mut holder: LockHolder, mut tag: String) {
        loop {
            tokio::time::sleep(self.pace.renewal).await;
            let before = holder.expires;
            holder.expires = self.bucket.now() + self.pace.life;
            match self.bucket.write(&self.key, &text(&holder), Some(&tag)).await {
                Ok(Some(new)) => tag = new,
                Ok(None) => match self.ours(&holder.token).await {
                    // An earlier renewal succeeded, but its response was lost.
                    Some(now) => tag = now,
                    None => return self.lost.store(true, Ordering::SeqCst),
                },
                // Tried again later: there are several renewals before it expires.
                Err(_) => {
                    holder.expires = before;
                    if before < self.bucket.now() {
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

/// The lock file of a stack.
fn file(bucket: &ArtifactBucket, stack: &str, folder: &Path) -> PathBuf {
    folder.join(format!("{}-{stack}.lock", bucket.name))
}

/// Opens the lock file of this machine, for its user alone. A link is not followed: the file is truncated at times.
fn open(path: &Path) -> std::io::Result<File> {
    let (mut folders, mut options) = (fs::DirBuilder::new(), OpenOptions::new());
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    if let Some(folder) = path.parent() {
        folders.recursive(true).create(folder)?;
    }
    if path.is_symlink() {
        return Err(std::io::Error::other("it is a link: delete it"));
    }
    options.create(true).read(true).write(true).truncate(false).open(path)
}

fn text(holder: &LockHolder) -> String {
    serde_json::to_string_pretty(holder).unwrap_or_default()
}

/// The holder that an object names. Others can write to the bucket, and what they wrote is printed.
#[must_use]
pub fn parsed(text: &str) -> Option<LockHolder> {
    let holder: LockHolder = serde_json::from_str(text).ok()?;
    Some(LockHolder { who: tidy(&holder.who), what: tidy(&holder.what), ..holder })
}

/// Time and process id make it unique, since two processes of one machine cannot have its lock file at once.
fn token(now: Timestamp) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    format!("{:x}-{random:016x}", now.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_into_a_lock_is_printed_without_control_characters() {
        let now = "2026-11-29T00:00:00Z";
        let lock = serde_json::json!({
            "who": "a\u{1b}]0;b\u{7}\nerror: c", "what": "apply\u{9b}2J", "since": now, "expires": now, "token": "t",
        });
        let holder = parsed(&lock.to_string()).expect("a holder");
        let at = holder.expires;
        let error = LockError::Held { stack: "s".into(), holder: Box::new(holder), expires: at, removal: "r".into() };
        let first = error.to_string().lines().next().map(str::to_owned).expect("a line");
        assert_eq!(
            first,
            format!(
                "`apply\\u{{9b}}2J` is already running on `s`: a\\u{{1b}}]0;b\\u{{7}}\\nerror: c since {now} (the lock \
                 expires at {now} unless it is renewed)"
            )
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_lock_file_is_for_its_user_alone_and_no_link_is_followed() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fanggen/locks/demo.lock");
        drop(open(&path).expect("opened"));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!([mode(&path), mode(&folder.path().join("fanggen/locks"))], [0o600, 0o700]);
        let (other, link) = (folder.path().join("other"), folder.path().join("fanggen/locks/link.lock"));
        fs::write(&other, "precious").expect("written");
        symlink(&other, &link).expect("a link");
        assert_eq!(open(&link).expect_err("a link").to_string(), "it is a link: delete it");
        assert_eq!(fs::read_to_string(&other).expect("there"), "precious");
    }
}
