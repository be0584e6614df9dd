//! Warnings about schedules that depend on the clock: times that are past, and times that the clocks skip or repeat.

use jiff::Timestamp;

use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::Pipeline;
use crate::config::schedule::firings::{self, ClockChange};
use crate::config::schedule::{ScheduleExpression, parse};

/// A warning for each schedule that never fires, or that a clock change concerns.
pub fn mistakes(config: &Config, now: Timestamp) -> Vec<Mistake> {
    let enabled = config.pipelines.iter().chain(&config.unusable).filter(|(_, pipeline)| pipeline.schedule.enabled);
    enabled.filter_map(|(environment, pipeline)| mistake(config, environment, pipeline, now)).collect()
}

fn mistake(config: &Config, environment: &str, pipeline: &Pipeline, now: Timestamp) -> Option<Mistake> {
    let (written, timezone) = (&pipeline.schedule.expression, &pipeline.schedule.timezone);
    // Other mistakes of the two are told by the rules.
    let (expression, zone) = (parse(written).ok()?, firings::zone(timezone)?);
    let span = config.span(environment, "schedule.expression");
    let never = firings::next(&expression, &zone, now, 1).is_empty();
    let mistake = match (&expression, firings::clock_change(&expression, &zone, now)) {
        (ScheduleExpression::Rate { .. }, _) => return None,
        (ScheduleExpression::At(time), _) if never => {
            let past = time.to_zoned(zone).is_ok_and(|time| time.timestamp() <= now);
            let label = match past {
                true => format!("this time is past in `{timezone}`"),
                false => format!("the clocks of `{timezone}` skip this time"),
            };
            Mistake::new(MistakeCode::ScheduleNeverFires, &span, format!("the schedule `{written}` never fires"), label)
                .help("write a time that is still to come, or pause the schedule with `enabled = false`".to_owned())
        }
        (ScheduleExpression::Cron(_), _) if never => {
            let (label, help) = match firings::ever(&expression) {
                true => ("all its times are past", "correct the year, or write `*` for every year"),
                false => ("there is no such day", "`L` in day-of-month is the last day of a month, whichever it is"),
            };
            Mistake::new(MistakeCode::ScheduleNeverFires, &span, format!("the schedule `{written}` never fires"), label)
                .help(help.to_owned())
        }
        (_, None) => return None,
        (_, Some(ClockChange { time, skipped, end })) => {
            let (day, at) = (time.date(), time.strftime("%H:%M"));
            let (title, label) = match skipped {
                true => (
                    format!("the schedule `{written}` does not fire at {at} on {day}"),
                    format!("the clocks of `{timezone}` skip this time"),
                ),
                false => (
                    format!("the schedule `{written}` fires once at {at} on {day}"),
                    format!("the clocks of `{timezone}` show this time twice"),
                ),
            };
            let help = format!("choose a time from {} on, or set `timezone = \"UTC\"`", end.strftime("%H:%M"));
            Mistake::new(MistakeCode::ClockChange, &span, title, label).help(help)
        }
    };
    Some(mistake)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The warning about a schedule as on 2026-11-29: code, title, label.
    fn warned(schedule: &str) -> Option<(&'static str, String, String)> {
        let text = format!("[pipeline]\nname = \"x\"\n\n[schedule]\n{schedule}\n");
        let config = Config::read("pipeline.toml", &text);
        let now = "2026-11-29T12:00:00Z".parse().expect("a time");
        let found = mistakes(&config, now).into_iter().next()?;
        assert!(found.help.is_some() && text[found.span.clone()].starts_with('"'), "{found:?}");
        Some((found.code.as_str(), found.title, found.label))
    }

    fn in_new_york(expression: &str) -> Option<(&'static str, String, String)> {
        warned(&format!("expression = \"{expression}\"\ntimezone = \"America/New_York\""))
    }

    #[test]
    fn a_time_that_the_clocks_skip_or_repeat_is_a_warning_with_its_next_date() {
        let skipped = |expression: &str, when: &str| {
            let title = format!("the schedule `{expression}` does not fire at {when}");
            Some(("W113", title, "the clocks of `America/New_York` skip this time".to_owned()))
        };
        let twice = |expression: &str, when: &str| {
            let title = format!("the schedule `{expression}` fires once at {when}");
            Some(("W113", title, "the clocks of `America/New_York` show this time twice".to_owned()))
        };
        for (expression, when) in [
            ("cron(30 2 * * ? *)", "02:30 on 2027-03-14"),
            ("cron(0/20 1-3 ? * SUN *)", "02:00 on 2027-03-14"),
            ("cron(0 2 14 3 ? 2027-2030)", "02:00 on 2027-03-14"),
        ] {
            assert_eq!(in_new_york(expression), skipped(expression, when));
        }
        assert_eq!(in_new_york("cron(30 1 * * ? *)"), twice("cron(30 1 * * ? *)", "01:30 on 2027-11-07"));
        // Not on a Sunday; at another hour; every hour; a rate; and clocks that never change.
        for expression in ["cron(30 2 ? * MON-SAT *)", "cron(0 3 * * ? *)", "cron(30 * * * ? *)", "rate(1 hour)"] {
            assert_eq!(in_new_york(expression), None, "{expression}");
        }
        assert_eq!(warned("expression = \"cron(30 2 * * ? *)\""), None);
    }

    #[test]
    fn a_schedule_that_never_fires_is_a_warning() {
        let label = |expression: &str| {
            let (code, title, label) = in_new_york(expression)?;
            assert_eq!((code, title), ("W114", format!("the schedule `{expression}` never fires")));
            Some(label)
        };
        for (expression, why) in [
            ("cron(0 8 31 2 ? *)", "there is no such day"),
            ("cron(0 8 31 4,6 ? *)", "there is no such day"),
            ("cron(0 8 29 2 ? 2027)", "there is no such day"),
            ("cron(0 8 * * ? 2025)", "all its times are past"),
            ("at(2026-11-29T06:59:59)", "this time is past in `America/New_York`"),
            ("at(2027-03-14T02:30:00)", "the clocks of `America/New_York` skip this time"),
        ] {
            assert_eq!(label(expression).as_deref(), Some(why), "{expression}");
        }
        for expression in ["cron(0 8 29 2 ? *)", "cron(0 8 * * ? 2027)", "at(2026-11-29T07:00:01)"] {
            assert_eq!(label(expression), None, "{expression}");
        }
        assert_eq!(warned("expression = \"cron(0 8 31 2 ? *)\"\nenabled = false"), None, "paused on purpose");
    }
}
