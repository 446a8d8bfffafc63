//! The store: versions, the database's settings, the age of its backup, and its destinations.

use std::time::Duration;

use super::finding::{Level, Report, bytes};
use crate::clock;
use crate::onward::hint::{PARKED_MAX, hint};
use crate::onward::settings::Settings;
use crate::store::{
    Content, DestinationState, DestinationStatus, EngineFacts, Inspection, SqliteFacts,
};

/// The length of the log from which a long reader must be the cause.
const LOG_BYTES_MAX: u64 = 128 << 20;

/// Checks what was found in a store. `backup_within`: a backup may be this old.
pub(super) fn check(report: &mut Report, found: &Inspection, backup_within: Duration) {
    schema(report, found);
    match &found.engine {
        EngineFacts::Sqlite(facts) => sqlite(report, facts),
        EngineFacts::Postgres(facts) => super::postgres::check(report, facts),
    }
    backup(report, found.last_backup_ms, backup_within);
    match &found.content {
        Some(Ok(content)) => {
            organisations(report, content);
            destinations(report, content, server_of(found));
        }
        Some(Err(why)) => report.fault(
            "content",
            format!("the store cannot be read: {why}"),
            "run `wharfinger check`; if it reports faults, restore a backup",
        ),
        // Said with the versions.
        None => {}
    }
}

fn schema(report: &mut Report, found: &Inspection) {
    let check = "store";
    let versions = found.schema;
    let (found, known) = (versions.found, versions.known);
    if found > known {
        report.fault(
            check,
            format!("the store has schema version {found}, but this program knows only versions up to {known}"),
            "use a newer program, at least the one that last ran on this store",
        );
    } else if found < known {
        report.note(
            check,
            format!("the store has schema version {found}; this program migrates it to version {known} when a server starts"),
            "make a backup before you start the new server: there is no way back to the old one without it",
        );
    } else {
        report.ok(
            check,
            format!("the store has schema version {found}, the one of this program"),
        );
    }
}

fn sqlite(report: &mut Report, facts: &SqliteFacts) {
    let check = "sqlite";
    let running = if facts.is_held {
        "is running"
    } else {
        "is not running"
    };
    report.ok(
        "server",
        format!("a server {running} on this data directory"),
    );
    if let Some(damage) = &facts.damage {
        report.fault(
            check,
            damage.clone(),
            "restore a backup, or give up the frames as said",
        );
    }
    if facts.journal_mode != "wal" {
        let told = format!("journal_mode is {}, not wal", facts.journal_mode);
        let remedy =
            "start the server once: it sets it. Do not change the database with other programs";
        report.fault(check, told, remedy);
    }
    if facts.log_bytes > LOG_BYTES_MAX {
        report.note(
            "sqlite_log",
            format!(
                "the write-ahead log has {}, because a long read keeps it from restarting",
                bytes(facts.log_bytes)
            ),
            "end the reader, such as an open sqlite3 shell; the log of the server names it",
        );
    }
    let size = facts.pages.saturating_mul(facts.page_bytes);
    let free = facts.free_pages.saturating_mul(facts.page_bytes);
    let told = format!(
        "SQLite {}, journal_mode {}, {}, of which {} can be used again, log {}",
        facts.version,
        facts.journal_mode,
        bytes(size),
        bytes(free),
        bytes(facts.log_bytes)
    );
    if facts.damage.is_none() && facts.journal_mode == "wal" {
        report.ok(check, told);
    }
}

fn backup(report: &mut Report, last_ms: Option<i64>, within: Duration) {
    let check = "backup";
    let Some(last_ms) = last_ms else {
        return report.note(
            check,
            "no backup of this store was made by Wharfinger",
            "make backups by a timer: docs/deploy.md, \"Backups\". If your database server is backed up by other means, this is fine",
        );
    };
    let age_ms = clock::now_ms().saturating_sub(last_ms).max(0);
    let hours = age_ms / 3_600_000;
    let told = format!(
        "the last backup was made at {}, {hours} hours ago",
        clock::rfc_3339(last_ms)
    );
    if u128::from(age_ms.unsigned_abs()) > within.as_millis() {
        let remedy = "see whether the timer of the backup runs, and what its last run said";
        report.fault(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}

fn organisations(report: &mut Report, content: &Content) {
    let counts = &content.counts;
    let usable = counts.keys - counts.void_keys;
    let told = format!(
        "{} organisations, {usable} API keys that can be used",
        counts.organisations
    );
    if counts.organisations == 0 || usable == 0 {
        let remedy =
            "create them with `wharfinger org create CODE` and `wharfinger key create --org CODE`";
        report.note("organisations", told, remedy);
    } else {
        report.ok("organisations", told);
    }
}

/// The check of destinations.
pub(super) const DESTINATIONS: &str = "destinations";
/// How long a destination may fail before that is a fault, in milliseconds: the alert on destinations that are behind waits as long.
const FAILS_MAX_MS: i64 = 15 * 60 * 1_000;

/// Whether a server delivers events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// One runs, or that cannot be told.
    Perhaps,
    /// None runs on the data directory.
    None,
}

/// Whether a server runs on the store.
pub(super) fn server_of(found: &Inspection) -> Server {
    match &found.engine {
        EngineFacts::Sqlite(facts) if !facts.is_held => Server::None,
        EngineFacts::Sqlite(_) | EngineFacts::Postgres(_) => Server::Perhaps,
    }
}

/// How bad it is that a destination stands still.
fn level_of(status: &DestinationStatus) -> Level {
    let failing_since_ms = status.progress.failing_since_ms;
    let is_retried = match (status.destination.state, failing_since_ms) {
        // Somebody has paused it on purpose.
        (DestinationState::Paused, _) => return Level::Note,
        (DestinationState::Disabled, _) => false,
        (DestinationState::Active, Some(since_ms)) => {
            clock::now_ms().saturating_sub(since_ms) < FAILS_MAX_MS
        }
        (DestinationState::Active, None) => status.parked > 0 && status.parked < PARKED_MAX,
    };
    // What is tried again by itself may still come right.
    if is_retried && status.given_up == 0 {
        Level::Note
    } else {
        Level::Fault
    }
}

pub(super) fn destinations(report: &mut Report, content: &Content, server: Server) {
    let check = DESTINATIONS;
    let mut fine = 0;
    for (status, lag, failed) in &content.destinations {
        let destination = &status.destination;
        let is_active = destination.state == DestinationState::Active;
        let kind = Settings::of(destination).map_or("destination", |settings| settings.kind());
        let is_stuck = status.given_up > 0;
        if is_active && server == Server::None && !is_stuck && (lag.events > 0 || status.parked > 0)
        {
            let what = match lag.events {
                0 => format!("events of {} order keys wait", status.parked),
                events => format!("{events} events wait"),
            };
            let told = format!(
                "{kind} {}: {what}, and are not delivered, because no server runs on this data directory",
                destination.id
            );
            report.note(check, told, "start the server; it goes on where it was");
            continue;
        }
        let Some(hint) = hint(status, *lag, failed.as_ref(), clock::now_ms()) else {
            fine += 1;
            continue;
        };
        let since = hint
            .since
            .map(|since| format!(" since {since}"))
            .unwrap_or_default();
        let told = format!("{kind} {}: {}{since}", destination.id, hint.what);
        let level = level_of(status);
        report.bad(level, check, (told, hint.remedy));
    }
    if fine == content.destinations.len() {
        let told = match fine {
            0 => "there are none".to_owned(),
            _ => format!("{fine}, and none of them stands still"),
        };
        report.ok(check, told);
    }
}
