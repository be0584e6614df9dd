//! Two commands on one environment: one runs, the other names the holder of the lock; and an expired lock blocks nobody.

use crate::harness::aws;

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use aws::emulator::{REGION, block_on};
use aws::fresh_account::{FreshAccount, LIMIT, Pipelines, run_to_end};
use aws::inventory::difference;
use aws::proxy::{Cut, Proxy};
use fanggen::deploy::aws::account::{Account, CallerIdentity};
use fanggen::deploy::aws::s3::artifacts::ArtifactBucket;
use fanggen::deploy::lock::{DeployLock, LockError, LockHolder, LockTiming, key};
use fanggen_runtime::testing::process::ProcessOutput;
use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;

const APPLY: &[&str] = &["apply", "--env", "dev", "--yes"];
const DESTROY: &[&str] = &["destroy", "--env", "dev", "--yes"];
const STACK: &str = "cut-dev";
const WAY_OUT: &str = "  wait until it is done, then run the same command again; if it was killed, wait until the lock expires, or \
                       delete it: `aws s3api delete-object --bucket fanggen-artifacts-ACCOUNT-us-east-1 --key \
                       locks/cut-dev.json --region us-east-1`\n";

fn pipelines() -> &'static Pipelines {
    static PIPELINES: OnceLock<Pipelines> = OnceLock::new();
    PIPELINES.get_or_init(Pipelines::new)
}

/// The place of the first call of an operation in a whole run of a command, which is then undone.
fn place(scene: &FreshAccount, before: &[&[&str]], arguments: &[&str], operation: &str) -> usize {
    prepare(scene, before);
    let done = scene.run(pipelines().before(), arguments);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let operations = scene.proxy.operations();
    let place = 1 + operations.iter().position(|one| one == operation).expect("an operation");
    prepare(scene, before);
    place
}

fn prepare(scene: &FreshAccount, before: &[&[&str]]) {
    scene.reset();
    for arguments in before {
        let done = scene.run(pipelines().before(), arguments);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    scene.proxy.clear();
}

/// Times and accounts are not the same each time.
fn plain(scene: &FreshAccount, ended: &ProcessOutput) -> String {
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").expect("a pattern");
    let said = times.replace_all(&ended.stderr, "TIME").replace(&scene.account(), "ACCOUNT");
    said.lines().filter(|line| !line.starts_with("note")).map(|line| format!("{line}\n")).collect()
}

/// Runs one command up to a call, another one meanwhile, and then the first one to its end.
fn meanwhile(
    scene: &FreshAccount,
    at: usize,
    one: &[&str],
    other: &[&str],
    machine: &Path,
) -> (ProcessOutput, ProcessOutput) {
    let way = Proxy::before(&scene.emulator);
    scene.proxy.stop_at(Cut::Before(at));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run_to_end(&mut scene.command(pipelines().before(), one)));
        assert!(scene.proxy.has_stopped(LIMIT), "{one:?} comes to call {at}");
        let environment = scene.emulator.environment_of(&way.endpoint(), &scene.root());
        let mut command = aws::fanggen(pipelines().before(), &environment, other);
        let second = run_to_end(command.env("XDG_CACHE_HOME", machine).stdin(Stdio::null()));
        scene.proxy.resume();
        (first.join().expect("ended"), second)
    })
}

#[test]
fn of_two_concurrent_commands_one_runs_and_the_other_names_the_lock_holder() {
    let scene = FreshAccount::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let held = |what: &str| {
        format!(
            "error: `{what}` is already running on `cut-dev`: arn:aws:iam::ACCOUNT:root since TIME (the lock expires at TIME \
             unless it is renewed)\n{WAY_OUT}"
        )
    };
    let here = "error: another fanggen process on this machine is working on `cut-dev`\n  wait until it is done, then run the same command again\n";

    // An apply, and meanwhile an apply on another machine.
    let executes = place(&scene, &[], APPLY, "cloudformation:ExecuteChangeSet");
    let (first, second) = meanwhile(&scene, executes, APPLY, APPLY, elsewhere.path());
    assert_eq!((second.code, plain(&scene, &second)), (1, held("apply")));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let applied = scene.inventory();
    assert_eq!(applied.iter().filter(|line| line.starts_with("row of cut-dev-companies")).count(), 30);
    let again = run_to_end(&mut scene.elsewhere(elsewhere.path(), pipelines().before(), APPLY));
    assert_eq!(plain(&scene, &again), "nothing to do: stack `cut-dev` is up to date\n");

    // And on the same one.
    prepare(&scene, &[]);
    let (first, second) = meanwhile(&scene, executes, APPLY, APPLY, &scene.machine());
    assert_eq!((second.code, plain(&scene, &second).as_str()), (1, here));
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(difference(&applied, &scene.inventory()), [""; 0]);

    // An apply, and meanwhile a destroy.
    prepare(&scene, &[]);
    let (first, second) = meanwhile(&scene, executes, APPLY, DESTROY, elsewhere.path());
    assert_eq!(second.code, 1);
    assert!(plain(&scene, &second).ends_with(&held("apply")), "{}", second.stderr);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(difference(&applied, &scene.inventory()), [""; 0]);

    // A destroy, and meanwhile an apply.
    let deletes = place(&scene, &[APPLY], DESTROY, "cloudformation:DeleteStack");
    let changed = ["apply", "--env", "dev", "--yes", "--no-items"];
    let (first, second) = meanwhile(&scene, deletes, DESTROY, DESTROY, elsewhere.path());
    assert!(plain(&scene, &second).ends_with(&held("destroy")), "{}", second.stderr);
    assert_eq!((first.code, second.code), (0, 1), "{}", first.stderr);
    let looks = place(&scene, &[APPLY], DESTROY, "s3:DeleteObject");
    let (first, second) = meanwhile(&scene, looks, DESTROY, &changed, elsewhere.path());
    assert_eq!((second.code, plain(&scene, &second)), (1, held("destroy")));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let left = scene.inventory();
    assert!(left.iter().all(|line| line.contains("fanggen-artifacts-")), "{left:?}");
}

fn bucket(scene: &FreshAccount) -> ArtifactBucket {
    let account = Account::of(scene.sdk(), REGION);
    let arn = format!("arn:aws:iam::{}:root", scene.account());
    ArtifactBucket::new(&account, &CallerIdentity { account: scene.account(), arn })
}

#[test]
fn a_live_lock_is_respected_an_expired_one_taken_over_and_an_unreadable_one_reported() {
    let scene = FreshAccount::new();
    scene.reset();
    let bucket = bucket(&scene);
    let write = |text: &str| {
        block_on(async {
            bucket.ensure().await.expect("a bucket");
            bucket.remove(&key(STACK)).await.expect("removed");
            bucket.write(&key(STACK), text, None).await.expect("written").expect("the first")
        })
    };
    let holder = |minutes: i64| {
        let now = Timestamp::now();
        let holder = LockHolder {
            who: "arn:aws:iam::1:user/somebody".into(),
            what: "apply".into(),
            since: now - SignedDuration::from_mins(9),
            expires: now + SignedDuration::from_mins(minutes),
            token: "theirs".into(),
        };
        serde_json::to_string(&holder).expect("JSON")
    };
    write(&holder(2));
    let stopped = scene.run(pipelines().before(), APPLY);
    assert_eq!(
        (stopped.code, plain(&scene, &stopped)),
        (
            1,
            format!(
                "error: `apply` is already running on `cut-dev`: arn:aws:iam::1:user/somebody since TIME (the lock expires at \
                 TIME unless it is renewed)\n{WAY_OUT}"
            )
        )
    );
    write("{}");
    let stopped = scene.run(pipelines().before(), APPLY);
    assert_eq!(
        (stopped.code, plain(&scene, &stopped).as_str()),
        (
            1,
            "error: the lock `locks/cut-dev.json` in the artifact bucket was not written by fanggen\n  if no deployment is running, delete it: `aws s3api delete-object --bucket fanggen-artifacts-ACCOUNT-us-east-1 --key locks/cut-dev.json --region us-east-1`\n"
        )
    );
    assert!(!scene.inventory().iter().any(|line| line.starts_with("stack")), "nothing was deployed");
    // Until 2030 by a wrong clock, and nobody renews it: time is S3's, which is three minutes later now.
    write(&holder(3 * 365 * 24 * 60));
    scene.proxy.set_clock(190, 0);
    let done = scene.run(pipelines().before(), APPLY);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").expect("a pattern");
    let said =
        "note: took over the lock of `apply` by arn:aws:iam::1:user/somebody since TIME, which expired at TIME\n";
    assert!(times.replace_all(&done.stderr, "TIME").contains(said), "who had it, and since when: {}", done.stderr);
    scene.proxy.clear();
    assert!(!scene.inventory().iter().any(|line| line.contains("/locks/")), "and it is given up");

    // What is deployed already needs nobody's leave.
    write(&holder(2));
    let done = scene.run(pipelines().before(), APPLY);
    assert_eq!(plain(&scene, &done), "nothing to do: stack `cut-dev` is up to date\n");
}

#[test]
fn a_lock_is_renewed_as_long_as_its_holder_lives_and_no_longer() {
    let scene = FreshAccount::new();
    scene.reset();
    let bucket = bucket(&scene);
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    block_on(async {
        bucket.ensure().await.expect("a bucket");
        let read = async || {
            let object = bucket.read(&key(STACK)).await.expect("an answer").expect("a lock");
            serde_json::from_str::<LockHolder>(&object.text).expect("a holder")
        };
        let pace = LockTiming { life: SignedDuration::from_secs(3), renewal: Duration::from_millis(100) };
        let lock = DeployLock::take_at(pace, &bucket, STACK, "one", "apply", one.path()).await.expect("a lock");
        let first = read().await;
        while read().await.expires <= first.expires {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let taken = DeployLock::take(&bucket, STACK, "other", "apply", other.path()).await;
        assert!(matches!(taken, Err(LockError::Held { holder, .. }) if holder.who == "one"));
        // Its process stops without a word: here its renewal does, and its file stays locked.
        drop(lock.forget());
        let last = read().await;
        while bucket.now() <= last.expires {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Dates have no fractions of a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let taken = DeployLock::take_at(pace, &bucket, STACK, "other", "apply", other.path()).await;
        let taken = taken.expect("an expired lock");
        assert_eq!(taken.expired().map(|lock| lock.holder.who.as_str()), Some("one"));
        assert_eq!(read().await.who, "other");
        taken.release().await.expect("released");
        assert!(bucket.read(&key(STACK)).await.expect("an answer").is_none());
    });
}

#[test]
fn a_lock_is_judged_by_the_clock_of_s3_and_not_by_this_machines() {
    let scene = FreshAccount::new();
    scene.reset();
    let bucket = bucket(&scene);
    // This machine is four minutes ahead of S3 and of the holder, whose lock is valid for three.
    scene.proxy.set_clock(-240, -240);
    let now = Timestamp::now() - SignedDuration::from_mins(4);
    let holder = LockHolder {
        who: "arn:aws:iam::1:user/somebody".into(),
        what: "apply".into(),
        since: now,
        expires: now + SignedDuration::from_mins(3),
        token: "theirs".into(),
    };
    block_on(async {
        bucket.ensure().await.expect("a bucket");
        let text = serde_json::to_string(&holder).expect("JSON");
        bucket.write(&key(STACK), &text, None).await.expect("written").expect("the first");
    });
    let stopped = scene.run(pipelines().before(), APPLY);
    assert_eq!(stopped.code, 1, "a live lock is not taken: {}", stopped.stderr);
    assert!(stopped.stderr.contains("error: `apply` is already running on `cut-dev`"), "{}", stopped.stderr);
    // And behind: what expired by S3's clock is free.
    scene.proxy.set_clock(240, 0);
    let done = scene.run(pipelines().before(), APPLY);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("note: took over the lock of `apply` by "), "{}", done.stderr);
}
