//! Verdicts: our own table, and those that the real service gave.

use super::*;

const ACCEPTED: &str = "\
rate(1 minute)
rate(1 hours)
rate(5 minute)
rate(15 minutes)
rate(7 days)
rate(05 minutes)
cron(0 18 ? * MON-FRI *)
cron(0 0 1 1 ? 2027)
cron(15 10 ? * 6L 2022-2023)
cron(0 2 ? * SAT#3 *)
cron(0 9 ? * 2#1 *)
cron(0 8 L * ? *)
cron(0 8 LW * ? *)
cron(0 8 15W * ? *)
cron(0 8 L-2 * ? *)
cron(0 8 ? * L *)
cron(5,35 14 * * ? *)
cron(0 0 1/10,2,3/8 * ? *)
cron(0 22-2 * * ? *)
cron(0 8 ? * fri-Mon *)
cron(0 8 1 nov-feb,JUL ? *)
cron(0/5 8-17 ? * MON-FRI *)
cron(00 07 * * ? *)
cron(0 0 1 */3 ? 1970-2199/2)
cron(59 23 31 12 ? 2199)
cron(0  8 * * ? *)
at(2028-02-29T00:00:00)
at(2027-12-31T23:59:59)
";

/// Expressions, what the span covers, and a part of the help.
const REFUSED: &str = "\
rate(10 seconds) => seconds => `rate(1 minute)`
rate(120 seconds) => seconds => `rate(2 minutes)`
rate(30 s) => s => `rate(1 minute)`
rate(2 weeks) => weeks => `rate(14 days)`
rate(10 MINUTES) => MINUTES => `rate(10 minutes)`
rate(1 month) => month => cron(0 0 1 * ? *)
rate(0 minutes) => 0 =>
rate(+5 minutes) => +5 =>
rate(1.5 hours) => 1.5 =>
rate(5  minutes) => 5  minutes => `rate(5 minutes)`
rate(5) => 5 => `rate(5 minutes)`
rate(99999999999999999999 days) => 99999999999999999999 =>
Rate(10 minutes) => Rate(10 minutes) => `rate(10 minutes)`
rate (10 minutes) => rate (10 minutes) => `rate(10 minutes)`
rate(10 minutes => rate(10 minutes => `rate(10 minutes)`
15 minutes => 15 minutes => `rate(15 minutes)`
0 18 * * * => 0 18 * * * => `cron(0 18 * * ? *)`
cron(0 18 * * MON) => 0 18 * * MON => `cron(0 18 ? * MON *)`
cron(0 18 * * 1) => 0 18 * * 1 => write `cron(0 18 ? * MON *)`
cron(0 0 18 * * ? *) => 0 0 18 * * ? * => cron(0 18
cron( 0 18 * * ? *) =>  0 18 * * ? * => `cron(0 18 * * ? *)`
cron(0 1 * * * *) => * => `cron(0 1 * * ? *)`
cron(0 1 * * MON *) => * => `cron(0 1 ? * MON *)`
cron(0 1 1 * MON *) => MON => keep one
cron(0 1 ? * ? *) => ? => `cron(0 1 * * ? *)`
cron(60 8 * * ? *) => 60 =>
cron(0 24 * * ? *) => 24 =>
cron(0 8 32 * ? *) => 32 =>
cron(0 8 0 * ? *) => 0 =>
cron(0 8 1 13 ? *) => 13 =>
cron(0 8 ? * 0 *) => 0 => `1` is `SUN`
cron(0 8 ? * 2-8 *) => 8 =>
cron(0 8 ? * MONDAY *) => MONDAY => `MON`
cron(0 8 * * ? 1969) => 1969 =>
cron(0 8 * * ? 2200) => 2200 =>
cron(0 8 * * ? 2030-2028) => 2030-2028 =>
cron(? 8 * * ? *) => ? => write `*`
cron(*/60 * * * ? *) => 60 => every hour
cron(*/0 * * * ? *) => 0 =>
cron(0/ * * * ? *) =>  =>
cron(5, * * * ? *) =>  =>
cron(-5 * * * ? *) => -5 =>
cron(1-2-3 * * * ? *) => 2-3 =>
cron(L * * * ? *) => L =>
cron(0 8 1,L * ? *) => L =>
cron(0 8 32W * ? *) => 32 =>
cron(0 8 ? * 3#1,6#3 *) => 3#1 =>
cron(0 8 ? * 3#6 *) => 6 =>
cron(0 8 ? * */2 *) => */2 => MON,WED,FRI
cron(0 8 ? * é *) => é =>
at(2027-01-01T00:00:00Z) => Z => `timezone`
at(2027-01-01T00:00:00+01:00) => +01:00 => `timezone`
at(2027-01-01T00:00:00.5) => .5 => `at(2027-01-01T00:00:00)`
at(2027-01-01) => 2027-01-01 => `at(2027-01-01T00:00:00)`
at(2027-01-01 00:00:00) => 2027-01-01 00:00:00 => `at(2027-01-01T00:00:00)`
at(2027-02-29T00:00:00) => 2027-02-29T00:00:00 =>
at(2027-01-01T24:00:00) => 2027-01-01T24:00:00 =>
at(2027-01-01T00:00:60) => 2027-01-01T00:00:60 =>
at(tomorrow) => tomorrow =>
é( => é( =>
";

#[test]
fn accepts_what_aws_accepts() {
    for expression in ACCEPTED.lines() {
        assert!(parse(expression).is_ok(), "{expression}: {:?}", parse(expression));
    }
}

#[test]
fn refuses_at_the_wrong_place_with_help() {
    for line in REFUSED.lines() {
        let (expression, rest) = line.split_once(" =>").expect(line);
        let (covered, help) = rest.split_once(" =>").expect(line);
        let refusal = parse(expression).expect_err(expression);
        let shown = format!("{expression}: {refusal:?}");
        assert_eq!(expression[refusal.span.clone()].trim(), covered.trim(), "{shown}");
        assert!(refusal.help.unwrap_or_default().contains(help.trim()), "{shown}");
        assert!(!refusal.found.is_empty() && !refusal.allowed.is_empty(), "{shown}");
    }
    let trailing = parse("rate(10 minutes) ").expect_err("a trailing blank");
    assert_eq!(trailing.help.as_deref(), Some("write `rate(10 minutes)`"));
    let long = format!("cron(0 8 {} * ? *)", vec!["1"; 200].join(","));
    assert!(parse("").is_err() && parse(&long).is_err());
}

#[test]
fn points_at_the_right_one_of_equal_fields() {
    assert_eq!(parse("cron(0 1 * * * *)").expect_err("two days").span, 13..14);
    assert_eq!(parse("cron(5, * * * ? *)").expect_err("empty item").span, 7..7);
}

#[test]
fn knows_the_period_of_a_rate_only() {
    let period = |expression| parse(expression).expect(expression).period();
    assert_eq!(period("rate(2 hours)"), Some(Duration::from_secs(7_200)));
    assert_eq!(period("rate(1 day)"), Some(Duration::from_secs(86_400)));
    assert_eq!(period("cron(0 8 * * ? *)"), None);
}

#[test]
fn judges_time_zones() {
    for name in ["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "US/Eastern", "Etc/GMT+5"] {
        assert_eq!(check_timezone(name), Ok(()), "{name}");
    }
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        assert_eq!(check_timezone(name.as_str()), Ok(()), "{name}");
    }
    let helps = [
        ("Europe/Zürich", "`Europe/Zurich`"),
        ("europe/zurich", "`Europe/Zurich`"),
        ("New York", "`America/New_York`"),
        ("Asia/Tokio", "`Asia/Tokyo`"),
        ("utc", "UTC`"),
        ("+01:00", "name a place"),
        ("", "name a place"),
        ("Etc/Unknown", "name a place"),
    ];
    for (name, help) in helps {
        let refusal = check_timezone(name).expect_err(name);
        assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{name}: {refusal:?}");
    }
}

/// The answers that the real service gave.
#[test]
fn agrees_with_the_recorded_verdicts() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/events/services_scheduler_test_scheduler.snapshot.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return;
    };
    let recorded = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).expect("valid JSON");
    let mut seen = (0, 0);
    for (name, _) in recorded {
        let Some((test, expression)) =
            name.split_once('[').and_then(|(test, rest)| Some((test, rest.strip_suffix(']')?)))
        else {
            continue;
        };
        let verdict = parse(expression);
        if test.ends_with("invalid_schedule_expression") {
            assert!(verdict.is_err(), "AWS refused {expression:?}");
            seen.0 += 1;
        } else if test.ends_with("valid_cron_expressions") {
            assert!(verdict.is_ok(), "AWS accepted {expression:?}: {verdict:?}");
            seen.1 += 1;
        }
    }
    assert!(seen.0 >= 17 && seen.1 >= 6, "only {seen:?} verdicts were found");
}

#[test]
fn a_unix_crontab_becomes_what_it_means() {
    for (unix, aws) in [
        ("0 8-18 * * 1-5", "`cron(0 8-18 ? * MON-FRI *)`"),
        ("0 8 * * 0", "`cron(0 8 ? * SUN *)`"),
        ("*/5 * * * 7", "`cron(*/5 * ? * SUN *)`"),
        ("0 8 * * 1,3,5", "`cron(0 8 ? * MON,WED,FRI *)`"),
        ("0 8 * * */2", "`cron(0 8 ? * SUN,TUE,THU,SAT *)`"),
        ("0 8 * * 5-7", "`cron(0 8 ? * FRI-SUN *)`"),
        ("0 8 * * mon", "`cron(0 8 ? * MON *)`"),
        ("0 8 1 * *", "`cron(0 8 1 * ? *)`"),
        ("0 8 1 * 1", "choose `cron(0 8 1 * ? *)` or `cron(0 8 ? * MON *)`"),
        ("0 8 * * 9", "for example `cron(0 18 ? * MON-FRI *)`"),
        ("0 8 * * 5-1", "for example `cron(0 18 ? * MON-FRI *)`"),
        ("61 8 * * 1", "for example `cron(0 18 ? * MON-FRI *)`"),
    ] {
        for written in [unix.to_owned(), format!("cron({unix})")] {
            let help = parse(&written).expect_err("five fields").help.expect("help");
            assert!(help.ends_with(aws), "{written}: {help}");
        }
    }
}
