//! Workers and producers are killed at random, a third of all calls fails, messages are delivered twice and out of order,
//! and the table changes: at the end each item is in each store exactly once, with the correct finding.
//!
//! Tables, bucket and queues are the emulator's; Comprehend is stood in for; the functions are the real binary, started
//! and fed by the harness in Lambda's place. `FANGGEN_SWEEP=full` takes 200 chunks and writes `docs/proofs.md`.
#![allow(clippy::panic, reason = "a test whose ground does not answer has failed")]

use crate::harness::{aws, deployed_pipeline, local_lambda};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws::emulator::block_on;
use aws::faults::{Fault, Faults};
use aws::shared::scoped;
use aws::sweep;
use aws::target_account::target_account;
use deployed_pipeline::DeployedPipeline;
use local_lambda::{LocalLambda, event};
use serde_json::{Value, json};

const NOON: &str = "2026-11-22T23:59:30Z";

const TOML: &str = r#"
[pipeline]
name = "x"
contact = "me@example.com"

[functions]
timeout_s = 10

[sources.companies]
type = "dynamodb"

[[stages]]
name = "review"
type = "text"
language = "en"

[[stages]]
name = "sentiment"
type = "comprehend"
detect = ["sentiment", "entities"]

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"
"#;

/// Of a hundred calls, 30 are throttled, 10 answered with an error of the service, 5 end without an answer (some of them
/// after they were done), 3 are answered late, and some of these after the function's time.
fn faults(seed: u64) -> Faults {
    let mut kinds = vec![Fault::Throttled; 30];
    kinds.extend([Fault::Broken; 10]);
    kinds.extend([Fault::Lost, Fault::Lost, Fault::Lost, Fault::Unheard, Fault::Unheard]);
    kinds.extend([Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(7)].map(Fault::Late));
    Faults { seed, percent: 48, kinds, only: Vec::new() }
}

/// What happens by chance, and is the same for the same seed and thread.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        // xorshift64*: all that is asked of it is to differ.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// The text of an item, or none for every fiftieth; what it says depends on its number alone.
fn text(number: usize) -> Option<String> {
    let mood = match number % 4 {
        0 => "The customers love it, and it was a great, happy year.",
        1 => "A terrible and broken product; everybody hates it.",
        2 => "The company is in a town.",
        _ => "Nobody knows what Company Seven makes.",
    };
    (number % 50 != 49).then(|| format!("Report R{number:06}x of Acme Corporation. {mood}"))
}

fn key(number: usize) -> String {
    format!("item {number:06}")
}

fn put(live: &DeployedPipeline, numbers: impl Iterator<Item = usize>) {
    use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let table = live.name("CompaniesTable");
    let numbers: Vec<usize> = numbers.collect();
    for part in numbers.chunks(25) {
        let row = |number: &usize| {
            let row = PutRequest::builder().item("name", AttributeValue::S(key(*number)));
            let row = text(*number).into_iter().fold(row, |row, text| row.item("text", AttributeValue::S(text)));
            WriteRequest::builder().put_request(row.build().expect("a row")).build()
        };
        let write = client.batch_write_item().request_items(&table, part.iter().map(row).collect());
        block_on(write.send()).unwrap_or_else(|error| panic!("not put: {error:?}"));
    }
}

fn delete(live: &DeployedPipeline, number: usize) {
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let name = aws_sdk_dynamodb::types::AttributeValue::S(key(number));
    let call = client.delete_item().table_name(live.name("CompaniesTable")).key("name", name);
    block_on(call.send()).unwrap_or_else(|error| panic!("not deleted: {error:?}"));
}

#[derive(Default)]
struct Counted {
    deliveries: AtomicUsize,
    kills: AtomicUsize,
    late: AtomicUsize,
    twice: AtomicUsize,
    back: AtomicUsize,
}

impl Counted {
    fn one(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A ground on which things break by chance.
trait Broken {
    fn produce(&self, chance: &mut Chance, counted: &Counted, between: impl FnMut(usize));
    fn work(&self, seed: u64, workers: u64, counted: &Counted);
}

impl Broken for LocalLambda {
    /// Produces a run with a producer that is killed again and again, while the table changes.
    fn produce(&self, chance: &mut Chance, counted: &Counted, mut between: impl FnMut(usize)) {
        let mut last = Value::Null;
        for attempt in 0.. {
            assert!(attempt < 300, "the run is never produced: {last}");
            let mut producer = self.start("ProducerFunction");
            let until = Duration::from_millis(20 + chance.below(400) * (1 + attempt / 8));
            let event = json!({ "scheduled_time": NOON });
            // Each attempt is another invocation of the same event, which has the same id.
            match producer.invoke_or_kill("the-firing", Duration::from_secs(60), &event, until) {
                None => Counted::one(&counted.kills),
                Some(Err(error)) => last = error,
                Some(Ok(_)) => return,
            }
            between(usize::try_from(attempt).expect("few"));
        }
    }

    /// Feeds workers until the queue is empty, killing some of them, delivering some messages twice.
    fn work(&self, seed: u64, workers: u64, counted: &Counted) {
        let begin = Instant::now();
        let idle = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let idle = &idle;
                scoped(scope, move || {
                    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + worker + 1);
                    let mut lambda = None;
                    while idle.load(Ordering::Relaxed) < 40 {
                        assert!(begin.elapsed() < Duration::from_secs(1_500), "the queue is never empty");
                        let Some(message) = self.receive(8) else {
                            if self.live.message_count("WorkerQueue") == 0 {
                                idle.fetch_add(1, Ordering::Relaxed);
                            }
                            std::thread::sleep(Duration::from_millis(100));
                            continue;
                        };
                        idle.store(0, Ordering::Relaxed);
                        let (id, event) = (message.message_id.clone().unwrap_or_default(), event(&message));
                        if chance.percent(10) {
                            // Two workers at once have the same message.
                            Counted::one(&counted.twice);
                            let (event, id) = (event.clone(), id.clone());
                            scoped(scope, move || {
                                self.start("WorkerFunction").invoke_or_kill(
                                    &id,
                                    Duration::from_secs(6),
                                    &event,
                                    Duration::from_secs(6),
                                )
                            });
                        }
                        Counted::one(&counted.deliveries);
                        let own = lambda.get_or_insert_with(|| self.start("WorkerFunction"));
                        let (killed, until) = match chance.percent(25) {
                            true => (true, Duration::from_millis(chance.below(700))),
                            // Lambda ends a function whose time is over.
                            false => (false, Duration::from_secs(6)),
                        };
                        match own.invoke_or_kill(&id, Duration::from_secs(6), &event, until) {
                            None => {
                                Counted::one(if killed { &counted.kills } else { &counted.late });
                                lambda = None;
                            }
                            Some(Ok(answer)) if answer == json!({ "batchItemFailures": [] }) => {
                                self.delete(message);
                            }
                            Some(_) => Counted::one(&counted.back),
                        }
                    }
                });
            }
        });
    }
}

/// What became of all items.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    items: usize,
    lost: usize,
    doubled: usize,
    invented: usize,
    /// Typed failures by their codes, where an item has one.
    failed: BTreeMap<String, usize>,
}

/// Looks at each item in each store: in the bucket once, in the table once, with the same finding, which is the right one.
fn sum(live: &DeployedPipeline, expected: &BTreeSet<usize>, maybe: &BTreeSet<usize>) -> Sum {
    let mut sum = Sum { items: expected.len(), ..Sum::default() };
    let mut objects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in live.objects("ArchiveBucket").into_values().flatten() {
        objects.entry(record["item"]["key"].as_str().expect("a key").to_owned()).or_default().push(record);
    }
    let rows: BTreeMap<String, _> =
        live.rows("LatestTable").into_iter().map(|row| (row["item"].as_s().expect("a key").clone(), row)).collect();
    let mut labels: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let known: BTreeMap<String, usize> = expected.iter().chain(maybe).map(|number| (key(*number), *number)).collect();
    for (name, records) in &objects {
        let Some(number) = known.get(name) else {
            sum.invented += 1;
            continue;
        };
        sum.doubled += records.len() - 1;
        let record = &records[0];
        let label = record["findings"][0]["label"].as_str().map(str::to_owned);
        if let Some(code) = record["failure"]["code"].as_str() {
            *sum.failed.entry(code.to_owned()).or_default() += 1;
            // A failure has no finding with it, and a finding no failure.
            sum.invented += usize::from(label.is_some());
        } else {
            let text = record["text"]["body"].as_str().map(str::to_owned);
            sum.invented += usize::from(text != text_of(*number));
            labels.entry(number % 4).or_default().insert(label.clone().unwrap_or_default());
        }
        match rows.get(name) {
            None => sum.lost += 1,
            Some(row) => {
                let stored = row.get("label").and_then(|label| label.as_s().ok()).cloned();
                // Both stores were written by some delivery of the chunk: only a failure may differ between them.
                let settled = record["failure"].is_null() && row.get("failure").is_none();
                sum.invented += usize::from(settled && stored != label);
            }
        }
    }
    sum.invented += rows.keys().filter(|name| !known.contains_key(*name)).count();
    sum.lost += expected.iter().filter(|number| !objects.contains_key(&key(**number))).count();
    // Texts of one mood have one label, whoever judged them and however often.
    assert!(labels.values().all(|labels| labels.len() == 1 && !labels.contains("")), "{labels:?}");
    sum
}

fn text_of(number: usize) -> Option<String> {
    text(number)
}

#[test]
fn no_item_is_lost_duplicated_or_invented_under_faults() {
    let (chunks, seeds) = if sweep::full() { (200, 3) } else { (12, 1) };
    let mut table = String::from(
        "| seed | items | chunks | deliveries | killed | out of time | twice at once | handed back | calls | faulty | \
         lost | doubled | invented | typed failures |\n\
         | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |\n",
    );
    for seed in 1..=seeds {
        let items = chunks * 100;
        let ground = LocalLambda::of(DeployedPipeline::new(TOML, &[], &format!("crash{seed}"), "dev"));
        put(&ground.live, 0..items);
        ground.proxy.faults(faults(seed));
        ground.comprehend.faults(faults(seed + 1_000));
        let (counted, mut chance) = (Counted::default(), Chance(seed));
        // While the producer is at it, items go and others come: those may be in the run or not.
        let changed = Mutex::new((BTreeSet::new(), BTreeSet::new()));
        ground.produce(&mut chance, &counted, |attempt| {
            if attempt < 20 {
                let mut changed = changed.lock().expect("no panic");
                delete(&ground.live, attempt * 31 % items);
                changed.0.insert(attempt * 31 % items);
                put(&ground.live, std::iter::once(items + attempt));
                changed.1.insert(items + attempt);
            }
        });
        // The schedule fires twice, and messages that nobody can read lie between the others.
        let again = ground.start("ProducerFunction").invoke_or_kill(
            "a-second-firing",
            Duration::from_secs(60),
            &json!({ "scheduled_time": NOON }),
            Duration::from_secs(60),
        );
        if let Some(Ok(again)) = again {
            assert_eq!(again["before"], true, "{again}");
        }
        let poison = ["", "no JSON", "{\"version\":1}", "[]"].map(|body| format!("{body} "));
        poison.iter().for_each(|body| ground.live.send("WorkerQueue", body));
        ground.work(seed, 3, &counted);
        let mut seen = ground.proxy.calls().into_iter().map(|seen| seen.fault).collect::<Vec<_>>();
        seen.extend(ground.comprehend.asked().into_iter().map(|asked| asked.fault));
        ground.proxy.clear();
        let (gone, come) = changed.into_inner().expect("no panic");
        let expected: BTreeSet<usize> = (0..items).filter(|number| !gone.contains(number)).collect();
        let maybe: BTreeSet<usize> = gone.union(&come).copied().collect();
        let sum = sum(&ground.live, &expected, &maybe);
        let dead: BTreeSet<String> =
            ground.live.receive_all("WorkerDeadQueue").into_iter().filter_map(|message| message.body).collect();
        assert_eq!(dead, poison.into_iter().collect::<BTreeSet<_>>(), "and nothing else is dead");
        let faulty = seen.iter().flatten().count();
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let failed: Vec<String> = sum.failed.iter().map(|(code, count)| format!("`{code}` {count}")).collect();
        let row = format!(
            "| {seed} | {} | {chunks} | {} | {} | {} | {} | {} | {} | {faulty} | {} | {} | {} | {} |",
            sum.items,
            count(&counted.deliveries),
            count(&counted.kills),
            count(&counted.late),
            count(&counted.twice),
            count(&counted.back),
            seen.len(),
            sum.lost,
            sum.doubled,
            sum.invented,
            failed.join(", ")
        );
        sweep::print(&row);
        table += &(row + "\n");
        assert_eq!((sum.lost, sum.doubled, sum.invented), (0, 0, 0), "seed {seed}: {sum:?}");
        assert!(sum.failed["text_missing"] >= items / 50 - 5, "{sum:?}");
    }
    if sweep::full() {
        sweep::record("crashes", &table);
    }
}
