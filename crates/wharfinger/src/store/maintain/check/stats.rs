//! Checks the sums of the statistics: against the receipts, and those of one length against those of another.

use std::collections::BTreeSet;

use wharfinger_core::order::outcome::Counts;

use super::Check;
use crate::clock;
use crate::store::api::Step;
use crate::store::engine::fault::Fault;
use crate::store::journal;
use crate::store::stats::{Totals, first_ms, logged, summed};

/// Checks all sums of outcomes. `receipts` has what the receipts count, without those that are not counted yet.
pub(super) fn check(check: &mut Check<'_>, receipts: &Totals) -> Result<(), Fault> {
    let connection = check.connection;
    let days = summed(connection, Step::Day, i64::MIN)?;
    let mut counted = days.each.clone();
    for (key, counts) in logged(connection)? {
        *counted.entry(key).or_default() += counts;
    }
    // A purge deletes receipts, and leaves the sums.
    let is_purged = !journal::start::all(connection)?.is_empty();
    for key in keys(receipts, &counted) {
        let [told, sums] = [receipts, &counted].map(|of| of.get(&key).copied().unwrap_or_default());
        let is_right = told == sums || is_purged && is_within(&told, &sums);
        check.expect(is_right, || {
            let (organisation, dialect) = named(key);
            format!("the statistics of organisation {organisation} in dialect {dialect} count {sums:?}, but its receipts count {told:?}")
        });
    }
    let mut together = Totals::new();
    for ((organisation, dialect), counts) in &days.each {
        if organisation.is_some() {
            *together.entry((None, *dialect)).or_default() += *counts;
        }
    }
    compare(
        check,
        "days of all organisations together",
        (&days.together, &together),
        Counts::eq,
    );
    shorter(check)
}

/// Checks that sums of shorter steps add up to those of longer ones, as far back as both are kept. A server whose clock was ahead may
/// have deleted more of the shorter ones than this clock says. In the first of the longer ones that still has some, any of them may
/// be missing. There they are no more.
fn shorter(check: &mut Check<'_>) -> Result<(), Fault> {
    let now_ms = clock::now_ms();
    for (short, long, name) in [
        (Step::Minute, Step::Hour, "minutes"),
        (Step::Hour, Step::Day, "hours"),
    ] {
        let Some(first_short_ms) = first_ms(check.connection, short)? else {
            continue;
        };
        let kept_ms = long.ceiling(short.kept_from_ms(now_ms));
        let first_long_ms = long.floor(first_short_ms);
        let all_ms = kept_ms.max(first_long_ms);
        let whole_ms = kept_ms.max(first_long_ms + long.length_ms());
        let begins: [(i64, IsRight); 2] = [(all_ms, is_within), (whole_ms, Counts::eq)];
        // Mostly both begin at the same time: then one look is enough.
        for (from_ms, is_right) in begins.into_iter().skip(usize::from(all_ms == whole_ms)) {
            let short = summed(check.connection, short, from_ms)?;
            let long = summed(check.connection, long, from_ms)?;
            compare(check, name, (&short.each, &long.each), is_right);
        }
    }
    Ok(())
}

fn compare(
    check: &mut Check<'_>,
    name: &str,
    (found, expected): (&Totals, &Totals),
    is_right: IsRight,
) {
    for key in keys(found, expected) {
        let [found, expected] =
            [found, expected].map(|of| of.get(&key).copied().unwrap_or_default());
        check.expect(is_right(&found, &expected), || {
            let (organisation, dialect) = named(key);
            format!("the statistics of {name} count {found:?} of organisation {organisation} in dialect {dialect}, but {expected:?} is right")
        });
    }
}

/// Whether counts fit those that are expected.
type IsRight = fn(&Counts, &Counts) -> bool;

type Key = (
    Option<wharfinger_core::order::ids::OrganisationId>,
    crate::store::format::dialect_id::DialectId,
);

fn keys(one: &Totals, other: &Totals) -> BTreeSet<Key> {
    one.keys().chain(other.keys()).copied().collect()
}

fn named((organisation, dialect): Key) -> (String, i64) {
    let organisation = organisation.map_or_else(|| "none".to_owned(), |id| id.0.to_string());
    (organisation, dialect.0)
}

/// Whether no count is greater than another one.
fn is_within(told: &Counts, sums: &Counts) -> bool {
    told.accepted <= sums.accepted
        && told.updated <= sums.updated
        && told.unchanged <= sums.unchanged
        && told.rejected <= sums.rejected
        && told.withheld <= sums.withheld
}
