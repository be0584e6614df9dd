//! What is said about an item from run to run: when it is told, what counts, and what changes nothing.

use fanggen_runtime::model::run::RunId;
use fanggen_runtime::model::shift::Shift;
use fanggen_runtime::shift::{self, ItemHistory, ScoredText, Verdict};
use proptest::prelude::*;

/// A run on a day of November or December 2026, at an hour.
fn run(day: u32, hour: u32) -> RunId {
    let (month, day) = if day > 30 { (12, day - 30) } else { (11, day) };
    RunId::scheduled(&format!("2026-{month:02}-{day:02}T{hour:02}:00:00Z")).expect("a time")
}

fn texts(scores: &[f64]) -> Vec<ScoredText> {
    let text = |(place, score): (usize, &f64)| ScoredText {
        score: *score,
        title: format!("text {place} of {score}"),
        url: Some(format!("https://example.com/{place}")),
    };
    scores.iter().enumerate().map(text).collect()
}

/// An item whose runs are judged one after the other.
#[derive(Clone, Default)]
struct Item(Option<ItemHistory>);

impl Item {
    fn judge(&mut self, run: &RunId, scores: &[f64]) -> Option<Shift> {
        let Verdict { shift, history } = shift::judge(self.0.clone(), run, texts(scores)).expect("judged");
        self.0 = history.or(self.0.take());
        shift
    }

    /// An item with these scores at nine on each of the first days of November.
    fn with_days(days: u32, scores: &[f64]) -> Self {
        let mut item = Self::default();
        for day in 1..=days {
            assert_eq!(item.judge(&run(day, 9), scores), None, "day {day}");
        }
        item
    }
}

/// A day with good and bad news, of which the good prevails, and one on which the bad does.
const GOOD: [f64; 10] = [0.9, 0.8, -0.7, 0.0, 0.0, 0.4, 0.6, -0.2, 0.0, 0.2];
const BAD: [f64; 10] = [-0.9, -0.8, 0.7, 0.0, -0.6, -0.4, -0.6, 0.2, -0.9, -0.3];

#[test]
fn a_shift_is_told_once_with_what_it_is_made_of_and_so_is_its_return() {
    let mut item = Item::with_days(12, &GOOD);
    assert_eq!(item.judge(&run(13, 9), &BAD), None, "one day is no shift");
    let shift = item.judge(&run(14, 9), &BAD).expect("a shift");
    assert_eq!((shift.from, shift.to, shift.is_up()), (0.2, -0.36, false));
    assert_eq!((shift.texts, shift.baseline_texts, shift.since.as_str()), (20, 120, "2026-11-13"));
    let decisive: Vec<_> = shift.decisive.iter().map(|text| (text.score, text.title.as_str())).collect();
    assert_eq!(decisive, [(-0.9, "text 0 of -0.9"), (-0.9, "text 8 of -0.9"), (-0.8, "text 1 of -0.8")]);
    assert_eq!(shift.decisive[1].url.as_deref(), Some("https://example.com/8"));
    for day in 15..25 {
        assert_eq!(item.judge(&run(day, 9), &BAD), None, "day {day}: told already");
    }
    assert_eq!(item.judge(&run(25, 9), &GOOD), None);
    let back = item.judge(&run(26, 9), &GOOD).expect("the return is a shift");
    assert_eq!((back.from, back.to, back.texts), (-0.36, 0.2, 20));
    assert!(back.decisive.iter().all(|text| text.score > 0.5), "{:?}", back.decisive);
    assert_eq!(item.judge(&run(27, 9), &GOOD), None);
}

#[test]
fn nothing_is_said_before_there_are_enough_days_and_texts() {
    // Six days are no baseline, however clear the move is.
    let mut item = Item::with_days(6, &GOOD);
    assert_eq!(item.judge(&run(7, 9), &BAD), None);
    assert_eq!(item.judge(&run(8, 9), &BAD), None);
    // Nor are nineteen texts.
    let mut item = Item::with_days(19, &[0.5]);
    for day in 20..=27 {
        assert_eq!(item.judge(&run(day, 9), &[-0.5]), None, "day {day}");
    }
    // With one text per day, the latest days are the eight that make up the least number of texts.
    let mut item = Item::with_days(30, &[0.5]);
    let told: Vec<u32> = (31..=45).filter(|day| item.judge(&run(*day, 9), &[-0.5]).is_some()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0] <= 38, "{told:?}");
}

#[test]
fn small_moves_are_no_news_even_if_nothing_else_moves() {
    let mut item = Item::with_days(40, &[0.1; 20]);
    for day in 41..=50 {
        assert_eq!(item.judge(&run(day, 9), &[0.2; 20]), None, "day {day}");
    }
}

#[test]
fn the_runs_of_a_day_add_up() {
    let (mut one, mut several) = (Item::default(), Item::default());
    let mut told = [Vec::new(), Vec::new()];
    for day in 1..=20 {
        let scores = if day < 15 { GOOD } else { BAD };
        told[0].extend(one.judge(&run(day, 23), &scores).map(|shift| (shift.from, shift.to)));
        for (hour, scores) in scores.chunks(5).enumerate() {
            told[1].extend(several.judge(&run(day, 8 + hour as u32), scores).map(|shift| (shift.from, shift.to)));
        }
    }
    assert_eq!((told[0].len(), told[1].len()), (1, 1), "{told:?}");
    assert_eq!(told[0][0].0, told[1][0].0, "of the same baseline");
    // The second half of the day may find it with the same texts, the first half earlier.
    assert!(told[1][0].1 <= -0.3, "{told:?}");
}

#[test]
fn the_first_texts_of_a_day_do_not_make_it_a_day() {
    let mut item = Item::with_days(12, &GOOD);
    item.judge(&run(13, 9), &BAD);
    // Less than half a usual day: the latest days are still the two before.
    assert_eq!(item.judge(&run(14, 1), &BAD[..4]), None);
    assert!(item.judge(&run(14, 2), &BAD[4..]).is_some());
}

#[test]
fn days_end_at_midnight_in_utc() {
    let mut item = Item::with_days(12, &GOOD);
    let late = RunId::scheduled("2026-11-14T01:00:00+02:00").expect("a time");
    assert_eq!(late.date(), "2026-11-13");
    assert_eq!(item.judge(&late, &BAD), None);
    assert!(item.judge(&run(14, 0), &BAD).is_some());
}

#[test]
fn a_run_without_scores_changes_nothing() {
    let mut item = Item::with_days(3, &GOOD);
    let before = item.0.clone();
    assert_eq!(item.judge(&run(4, 9), &[]), None);
    assert_eq!(item.0, before);
}

#[test]
fn what_is_stored_stays_small() {
    let mut item = Item::default();
    let mut longest = 0;
    for day in 0..400 {
        let time = jiff::Timestamp::from_second(1_800_000_000 + day * 86_400).expect("a time");
        let text = |place: i64| ScoredText {
            score: ((day * 7 + place * 13) % 200 - 100) as f64 / 100.0,
            title: format!("{day}-{place}-{}", "x".repeat(150)),
            url: Some(format!("https://example.com/{day}/{place}/{}", "y".repeat(250))),
        };
        let verdict = shift::judge(item.0.take(), &RunId::at(time), (0..50).map(text).collect()).expect("judged");
        item.0 = verdict.history;
        longest = longest.max(serde_json::to_string(&item.0).expect("JSON").len());
    }
    assert!(longest < 14 * 1024, "{longest} bytes");
    // With titles and links as they usually are, a row is a few kilobytes.
    let mut item = Item::with_days(30, &GOOD);
    (31..=61).for_each(|day| drop(item.judge(&run(day, 9), &GOOD)));
    let usual = serde_json::to_string(&item.0).expect("JSON").len();
    assert!(usual < 4 * 1024, "{usual} bytes");
}

/// The scores of a run, of which some are equal.
fn scores() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-20..=20_i8).prop_map(|step| f64::from(step) / 20.0), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_texts_of_a_run_does_not_matter(
        days in prop::collection::vec(scores().prop_shuffle(), 1..40),
        seed in any::<u64>(),
    ) {
        let (mut one, mut other) = (Item::default(), Item::default());
        for (day, scores) in days.iter().enumerate() {
            let run = run(1 + day as u32, 9);
            let mut texts = texts(scores);
            let verdict = shift::judge(one.0.clone(), &run, texts.clone()).expect("judged");
            let places = texts.len().max(1);
            texts.rotate_left(seed as usize % places);
            texts.reverse();
            prop_assert_eq!(&shift::judge(other.0.clone(), &run, texts).expect("judged"), &verdict);
            one.0 = verdict.history.or(one.0);
            other.0.clone_from(&one.0);
        }
    }

    #[test]
    fn a_retry_says_the_same_and_a_late_run_says_nothing(
        days in prop::collection::vec((scores(), 0..3_usize), 1..40),
        moved in 10..40_usize,
    ) {
        let (mut once, mut often) = (Item::default(), Item::default());
        for (day, (scores, retries)) in days.iter().enumerate() {
            let moved = if day >= moved { -0.8 } else { 0.0 };
            let scores: Vec<f64> = scores.iter().map(|score| (score / 5.0 + moved).max(-1.0)).collect();
            let today = run(1 + day as u32, 9);
            let said = once.judge(&today, &scores);
            // The first delivery brought only some of the texts.
            often.judge(&today, &scores[..scores.len() / 2]);
            for _ in 0..=*retries {
                prop_assert_eq!(often.judge(&today, &scores), said.clone());
            }
            prop_assert_eq!(&often.0, &once.0);
            if !scores.is_empty() {
                prop_assert_eq!(often.judge(&run(1 + day as u32, 8), &[1.0; 40]), None);
                prop_assert_eq!(&often.0, &once.0);
            }
        }
    }

    #[test]
    fn any_stored_text_is_a_history_or_ignored(text in "\\PC{0,80}") {
        if let Ok(history) = serde_json::from_str::<ItemHistory>(&text) {
            prop_assert!(shift::judge(Some(history), &run(1, 9), texts(&GOOD)).is_ok());
        }
    }
}
