//! Time zones by IANA name, from the database that is compiled into the program.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Describes a time zone name, for error messages.
pub const NAME_FORM: &str = "the name of an IANA time zone, such as Europe/Stockholm or UTC";

/// Returns the time zone with this name, ignoring case.
#[must_use]
pub fn named(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    // The database contains `Etc/Unknown`, which is not a time zone.
    (!zone.is_unknown() && zone.iana_name().is_some()).then_some(zone)
}

/// The IANA name of a time zone that [`named`] returned.
#[must_use]
pub fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_iana_names_alone() {
        for (text, known) in [
            ("Europe/Stockholm", Some("Europe/Stockholm")),
            ("europe/stockholm", Some("Europe/Stockholm")),
            ("Pacific/Auckland", Some("Pacific/Auckland")),
            ("UTC", Some("UTC")),
            ("CET", Some("CET")),
            ("Etc/Unknown", None),
            ("Europe/Nowhere", None),
            ("+01:00", None),
            ("../../etc/passwd", None),
            ("", None),
        ] {
            let zone = named(text);
            assert_eq!(zone.as_ref().map(name), known, "{text}");
        }
        assert_eq!(named("utc"), Some(TimeZone::UTC));
    }
}
