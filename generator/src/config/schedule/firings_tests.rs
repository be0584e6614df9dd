//! When schedules fire: AWS's documented examples, and the changes of clocks.

use super::firings::{next, zone};
use super::*;

/// The next firings after a time, as in the zone.
fn fires(expression: &str, timezone: &str, now: &str, count: usize) -> String {
    let (expression, zone) = (parse(expression).expect(expression), zone(timezone).expect(timezone));
    let now = now.parse().expect("a time");
    let times = next(&expression, &zone, now, count);
    times.iter().map(|time| time.strftime("%a %Y-%m-%d %H:%M %:z").to_string()).collect::<Vec<_>>().join(", ")
}

/// Guide, "Schedule types" (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>), and the tables of
/// the older rules (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>): each
/// expression with what the page says that it means, by hand as dates.
#[test]
fn documented_expressions_fire_as_documented() {
    for (expression, expected) in [
        ("cron(15 10 ? * 6L 2026-2027)", "Fri 2026-12-25 10:15, Fri 2027-01-29 10:15, Fri 2027-02-26 10:15"),
        ("cron(0 10 * * ? *)", "Sun 2026-11-29 10:00, Mon 2026-11-30 10:00, Tue 2026-12-01 10:00"),
        ("cron(0 18 ? * MON-FRI *)", "Mon 2026-11-30 18:00, Tue 2026-12-01 18:00, Wed 2026-12-02 18:00"),
        ("cron(0 8 1 * ? *)", "Tue 2026-12-01 08:00, Fri 2027-01-01 08:00, Mon 2027-02-01 08:00"),
        ("cron(0/15 * * * ? *)", "Sun 2026-11-29 00:15, Sun 2026-11-29 00:30, Sun 2026-11-29 00:45"),
        ("cron(0/30 20-2 ? * MON-FRI *)", "Mon 2026-11-30 00:00, Mon 2026-11-30 00:30, Mon 2026-11-30 01:00"),
        ("cron(0 9 ? * 2#1 *)", "Mon 2026-12-07 09:00, Mon 2027-01-04 09:00, Mon 2027-02-01 09:00"),
        ("cron(0 9 ? * 3#5 *)", "Tue 2026-12-29 09:00, Tue 2027-03-30 09:00, Tue 2027-06-29 09:00"),
        ("cron(0 8 L * ? *)", "Mon 2026-11-30 08:00, Thu 2026-12-31 08:00, Sun 2027-01-31 08:00"),
        ("cron(0 8 LW * ? *)", "Mon 2026-11-30 08:00, Thu 2026-12-31 08:00, Fri 2027-01-29 08:00"),
        ("cron(0 8 L-2 2 ? *)", "Fri 2027-02-26 08:00, Sun 2028-02-27 08:00, Mon 2029-02-26 08:00"),
        ("cron(0 8 3W * ? *)", "Thu 2026-12-03 08:00, Mon 2027-01-04 08:00, Wed 2027-02-03 08:00"),
        ("cron(0 8 1W * ? 2027)", "Fri 2027-01-01 08:00, Mon 2027-02-01 08:00, Mon 2027-03-01 08:00"),
        ("cron(0 8 1W 5,8 ? 2027)", "Mon 2027-05-03 08:00, Mon 2027-08-02 08:00"),
        ("cron(0 8 31W 1,10 ? 2027)", "Fri 2027-01-29 08:00, Fri 2027-10-29 08:00"),
        ("cron(0 8 ? * L *)", "Sat 2026-12-05 08:00, Sat 2026-12-12 08:00, Sat 2026-12-19 08:00"),
        ("cron(0 0 1 nov-feb ? *)", "Tue 2026-12-01 00:00, Fri 2027-01-01 00:00, Mon 2027-02-01 00:00"),
        ("cron(0 0 29 2 ? *)", "Tue 2028-02-29 00:00, Sun 2032-02-29 00:00, Fri 2036-02-29 00:00"),
        ("at(2026-12-24T18:00:00)", "Thu 2026-12-24 18:00"),
        ("rate(1 hour)", ""),
    ] {
        let found = fires(expression, "UTC", "2026-11-29T00:00:00Z", 3).replace(" +00:00", "");
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn a_skipped_time_does_not_fire_and_one_that_comes_twice_fires_once() {
    let new_york = |expression, now| fires(expression, "America/New_York", now, 3);
    assert_eq!(
        new_york("cron(30 2 * * ? *)", "2027-03-13T00:00:00Z"),
        "Sat 2027-03-13 02:30 -05:00, Mon 2027-03-15 02:30 -04:00, Tue 2027-03-16 02:30 -04:00"
    );
    assert_eq!(
        new_york("cron(30 1 * * ? *)", "2026-11-01T05:00:00Z"),
        "Sun 2026-11-01 01:30 -04:00, Mon 2026-11-02 01:30 -05:00, Tue 2026-11-03 01:30 -05:00"
    );
    // Between the two, the first has fired already.
    assert!(new_york("cron(30 1 * * ? *)", "2026-11-01T06:00:00Z").starts_with("Mon 2026-11-02"));
}
