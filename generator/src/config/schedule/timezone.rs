//! Time zones, by the names of the IANA database.

use jiff::tz::TimeZoneDatabase;

use super::{ScheduleError, SpannedStr};

/// Bytes of the longest name that is compared with those of the database, whose own have 30 at most.
const LONGEST: usize = 100;

/// Checks whether AWS knows a time zone: a name of the IANA database, in its exact case.
pub fn check_timezone(name: &str) -> Result<(), ScheduleError> {
    let piece = SpannedStr { text: name, start: 0 };
    // The database inside the program: what a machine has installed must not change a verdict.
    let database = TimeZoneDatabase::bundled();
    // Guide: at most 50 characters, which every name of the database keeps to. The database itself does not mind the
    // case, and has a zone for those who do not know theirs. All names are listed only for whoever needs help.
    if database.get(name).is_ok_and(|zone| !zone.is_unknown() && zone.iana_name() == Some(name)) {
        return Ok(());
    }
    let allowed = "a name from the IANA time zone database";
    if name.len() > LONGEST {
        return Err(piece.refuse(allowed, None));
    }
    let known = database.available().map(|known| known.to_string()).collect::<Vec<_>>();
    let flat = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
    let wanted = flat(name);
    let likeness = |known: &str| {
        let known = flat(known);
        let city = known.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(&wanted, &known).max(strsim::jaro_winkler(&wanted, city))
    };
    // Among equals the first with a continent: `US/..` and bare names are links kept for old systems.
    let rank = |known: &str| (likeness(known), known.contains('/') && !known.starts_with("US/"));
    let best =
        known.iter().map(|known| (rank(known), known)).max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let help = match best {
        Some(((likeness, _), best)) if likeness > 0.87 && !wanted.is_empty() => {
            format!("did you mean `{best}`?")
        }
        _ => "name a place such as `Europe/Zurich`, or `UTC`: an offset cannot follow daylight saving time".to_owned(),
    };
    Err(piece.refuse(allowed, help))
}
