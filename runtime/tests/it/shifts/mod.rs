//! Shifts in a simulation: how often noise is taken for one, and how soon a real one is found.
//!
//! `cargo test` takes a sample. The long form simulates 1,000 item-years of each kind of noise and prints the tables of
//! `docs/proofs.md`:
//!
//! ```sh
//! FANGGEN_SWEEP=full cargo test --release -p fanggen-runtime --no-default-features --test it shifts:: -- --nocapture
//! ```

mod detectors;
mod judging;
mod noise;
mod sinks;

use detectors::{CANDIDATES, Candidate, Detector};
use noise::{Distribution, Feed, NOISES};

/// Texts per day.
const RATES: [f64; 4] = [1.0, 3.0, 10.0, 50.0];
const YEAR: i32 = 365;
/// Days before a real move.
const WARM_UP: i32 = 60;

fn full() -> bool {
    std::env::var("FANGGEN_SWEEP").is_ok_and(|value| value == "full")
}

/// Gives a day of a feed to a detector, and returns the direction of each shift that it reports.
fn day(feed: &mut Feed<'_>, detector: &mut dyn Detector, day: i32, moved: f64) -> Vec<f64> {
    let runs = feed.day(day, moved);
    let runs = if detector.whole_days() { vec![runs.concat()] } else { runs };
    runs.into_iter().filter(|run| !run.is_empty()).filter_map(|run| detector.run(day, &run)).collect()
}

/// How many shifts are reported per item-year of noise.
fn false_alarms(feed: impl Fn(u64) -> Feed<'static>, candidate: Candidate, years: u64) -> f64 {
    let year = |seed| {
        let (mut feed, mut detector) = (feed(seed), candidate.1());
        (0..YEAR).map(|date| day(&mut feed, detector.as_mut(), date, 0.0).len()).sum::<usize>()
    };
    (0..years).map(year).sum::<usize>() as f64 / years as f64
}

/// The shares of moves that are found within two days and within a week, in the right direction.
fn found(feed: impl Fn(u64) -> Feed<'static>, candidate: Candidate, moved: f64, cases: u64) -> [f64; 2] {
    let mut counts = [0.0; 2];
    for seed in 0..cases {
        let (mut feed, mut detector) = (feed(seed), candidate.1());
        // The move may begin on any day of the week.
        let begin = WARM_UP + (seed % 7) as i32;
        (0..begin).for_each(|date| drop(day(&mut feed, detector.as_mut(), date, 0.0)));
        let hit = (0..7).find(|after| {
            day(&mut feed, detector.as_mut(), begin + after, moved).iter().any(|direction| direction * moved > 0.0)
        });
        counts[0] += f64::from(u8::from(hit.is_some_and(|after| after < 2)));
        counts[1] += f64::from(u8::from(hit.is_some()));
    }
    counts.map(|count| count / cases as f64)
}

/// The distributions, for as long as the tests run.
fn distributions() -> &'static [Distribution; 4] {
    static ALL: std::sync::OnceLock<[Distribution; 4]> = std::sync::OnceLock::new();
    ALL.get_or_init(Distribution::all)
}

/// Runs each of these on one of two threads, and returns the results in order.
fn in_parallel<T: Sync, R: Send>(inputs: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let middle = inputs.len().div_ceil(2);
    let (first, second) = inputs.split_at(middle);
    std::thread::scope(|scope| {
        let handle = scope.spawn(|| first.iter().map(&work).collect::<Vec<R>>());
        let rest: Vec<R> = second.iter().map(&work).collect();
        let mut all = handle.join().expect("no panic");
        all.extend(rest);
        all
    })
}

/// A row of a table in Markdown.
fn row(head: &str, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    println!("| {head} | {} |", cells.join(" | "));
}

#[test]
fn noise_shifts_less_than_once_in_an_item_year() {
    let (years, rates): (u64, &[f64]) = if full() { (1_000, &RATES) } else { (6, &[10.0]) };
    let texts = &distributions()[..if full() { 4 } else { 2 }];
    let (mut all, mut settings) = (0.0, 0.0);
    for noise in NOISES {
        let settings_of_noise: Vec<(f64, &'static Distribution)> =
            rates.iter().flat_map(|rate| texts.iter().map(|texts| (*rate, texts))).collect();
        let alarms = in_parallel(&settings_of_noise, |(rate, texts)| {
            false_alarms(|seed| Feed::new(noise, texts, *rate, seed), CANDIDATES[0], years)
        });
        let worst = alarms.chunks(texts.len()).map(|alarms| alarms.iter().copied().fold(0.0, f64::max));
        row(noise.name, worst.map(|worst| format!("{worst:.2}")));
        for ((rate, texts), alarms) in settings_of_noise.iter().zip(&alarms) {
            // A few years are too few to judge one kind of noise by.
            let limit = if full() { 1.0 } else { 1.5 };
            assert!(*alarms <= limit, "{alarms} in a year: {} texts per day, {}, {}", rate, texts.name, noise.name);
            (all, settings) = (all + alarms, settings + 1.0);
        }
    }
    assert!(all / settings <= 0.6, "{} in a year of all kinds of noise", all / settings);
    assert!(all > 0.0, "a threshold that noise never reaches would hide real moves too");
}

#[test]
fn a_move_by_one_standard_deviation_is_found_within_two_days() {
    let (cases, rates): (u64, &[f64]) = if full() { (1_000, &[3.0, 5.0, 10.0, 20.0, 50.0]) } else { (60, &[20.0]) };
    for texts in distributions() {
        for (what, size) in [("0.4", 0.4), ("one deviation", texts.deviation)] {
            let shares = in_parallel(rates, |rate| {
                found(|seed| Feed::new(NOISES[0], texts, *rate, seed), CANDIDATES[0], -size, cases)
            });
            row(
                &format!("{} | {what} ({size:.2})", texts.name),
                shares.iter().map(|[soon, week]| format!("{:.0}, {:.0}", soon * 100.0, week * 100.0)),
            );
            for (rate, [soon, _]) in rates.iter().zip(&shares) {
                let promised = what == "one deviation" && *rate >= 20.0;
                // Sixty cases are too few for 0.9.
                let least = if full() { 0.9 } else { 0.8 };
                assert!(!promised || *soon >= least, "{soon} of {}, {rate} per day, moved by {size}", texts.name);
            }
        }
    }
}

#[test]
fn the_test_in_use_is_the_best_of_those_that_stand_the_noise() {
    let years = if full() { 100 } else { 3 };
    let texts = &distributions()[0];
    for (place, candidate) in CANDIDATES.into_iter().enumerate() {
        let rates: &[f64] = if full() { &RATES } else { &[50.0] };
        // Hourly runs are left out: the others are given whole days.
        let noises: Vec<_> = NOISES.into_iter().filter(|noise| noise.runs == 1).collect();
        let settings: Vec<_> = noises.iter().flat_map(|noise| rates.iter().map(move |rate| (*noise, *rate))).collect();
        let alarms = in_parallel(&settings, |(noise, rate)| {
            false_alarms(|seed| Feed::new(*noise, texts, *rate, seed), candidate, years)
        });
        let plain = alarms[..rates.len()].iter().copied().fold(0.0, f64::max);
        let worst = alarms.iter().copied().fold(0.0, f64::max);
        let cases = if full() { 1_000 } else { 20 };
        let [soon, week] = found(|seed| Feed::new(NOISES[0], texts, 20.0, seed), candidate, -texts.deviation, cases);
        let cells = [format!("{plain:.2}"), format!("{worst:.2}")].into_iter();
        row(candidate.0, cells.chain([soon, week].map(|share| format!("{:.0}", share * 100.0))));
        if place > 0 {
            assert!(worst > 1.0, "`{}` would do as well: {worst}", candidate.0);
        }
    }
}

/// A shift that lasts for five days is told twice: when it comes, and when it goes.
#[test]
fn a_return_is_a_shift_of_its_own() {
    let cases: u64 = if full() { 1_000 } else { 40 };
    let texts = &distributions()[0];
    for rate in if full() { &[10.0, 20.0, 50.0][..] } else { &[20.0] } {
        for length in [3, 5, 10] {
            let (mut back, mut more) = (0.0, 0.0);
            for seed in 0..cases {
                let (mut feed, mut detector) = (Feed::new(NOISES[0], texts, *rate, seed), CANDIDATES[0].1());
                (0..WARM_UP).for_each(|date| drop(day(&mut feed, detector.as_mut(), date, 0.0)));
                let mut told = Vec::new();
                for date in 0..length + 5 {
                    let moved = if date < length { -1.2 * texts.deviation } else { 0.0 };
                    let directions = day(&mut feed, detector.as_mut(), WARM_UP + date, moved);
                    told.extend(directions.iter().map(|direction| *direction > 0.0));
                }
                back += f64::from(u8::from(told == [false, true]));
                more += f64::from(u8::from(told.len() > 2));
            }
            let [back, more] = [back, more].map(|count| count / cases as f64);
            row(&format!("{rate} | {length} days"), [back, more].map(|share| format!("{:.0}", share * 100.0)));
            assert!(*rate < 20.0 || back >= 0.8, "{back} of {rate} per day, for {length} days");
            assert!(more <= 0.05, "{more} of {rate} per day told more than once, for {length} days");
        }
    }
}

/// One day of bad news is no shift, unless chance makes the next one bad as well.
#[test]
fn a_single_day_is_no_shift() {
    let cases: u64 = if full() { 1_000 } else { 40 };
    let texts = &distributions()[0];
    for rate in if full() { &RATES[..] } else { &[20.0] } {
        let mut told = 0.0;
        for seed in 0..cases {
            let (mut feed, mut detector) = (Feed::new(NOISES[0], texts, *rate, seed), CANDIDATES[0].1());
            (0..WARM_UP).for_each(|date| drop(day(&mut feed, detector.as_mut(), date, 0.0)));
            let week = (0..7).flat_map(|date| {
                let moved = if date == 0 { -1.2 * texts.deviation } else { 0.0 };
                day(&mut feed, detector.as_mut(), WARM_UP + date, moved)
            });
            told += f64::from(u8::from(week.count() > 0));
        }
        let told = told / cases as f64;
        row(&format!("{rate} per day"), [format!("{:.1}", told * 100.0)]);
        assert!(told <= if full() { 0.05 } else { 0.15 }, "{told} of {rate} per day");
    }
}
