//! The settings and the state of a PostgreSQL server.

use super::finding::{Report, bytes};
use crate::store::PostgresFacts;

/// The first version with all required features, as `server_version_num`.
const VERSION_MIN: i64 = 140_000;
/// Connections that a server keeps open, at most.
const OF_SERVER: i64 = 6;
/// Connections for commands.
const OF_COMMANDS: i64 = 5;
/// A standby that is further behind has a problem.
const LAG_MAX_MS: i64 = 60_000;
/// How far the clocks of both machines may be apart.
const CLOCKS_APART_MAX_MS: i64 = 5_000;
/// Above this, orders wait mostly for the network.
const ROUND_TRIP_MAX_US: u64 = 5_000;

/// Checks them.
pub(super) fn check(report: &mut Report, facts: &PostgresFacts) {
    version(report, facts);
    durability(report, facts);
    replication(report, facts);
    connections(report, facts);
    let told = format!(
        "a statement takes {} µs, there and back (median)",
        facts.round_trip_us
    );
    if facts.round_trip_us > ROUND_TRIP_MAX_US {
        let remedy = "run the servers near the database: a batch needs several statements";
        report.note("postgres_network", told, remedy);
    } else {
        report.ok("postgres_network", told);
    }
    let apart_ms = facts.clock_ahead_ms;
    if apart_ms.abs() > CLOCKS_APART_MAX_MS {
        let told = format!(
            "the clock of the database server differs by {apart_ms} ms from this machine's"
        );
        report.fault(
            "postgres_clock",
            told,
            "run a time service such as chrony on both machines",
        );
    }
}

fn version(report: &mut Report, facts: &PostgresFacts) {
    let check = "postgres_version";
    let told = format!(
        "PostgreSQL {}, the database has {}",
        facts.setting("server_version"),
        bytes(facts.bytes.unsigned_abs())
    );
    if facts.version < VERSION_MIN {
        report.fault(check, told, "servers refuse it: use PostgreSQL 14 or newer");
    } else {
        report.ok(check, told);
    }
    let encoding = facts.setting("server_encoding");
    if encoding != "UTF8" {
        let told = format!("the database's encoding is {encoding}");
        report.fault(
            check,
            told,
            "servers refuse it: create a database with `encoding 'UTF8'`",
        );
    }
}

fn durability(report: &mut Report, facts: &PostgresFacts) {
    let check = "postgres_durability";
    let before = report.checks.len();
    if facts.setting("fsync") != "on" {
        report.fault(
            check,
            "fsync is off: a crash loses or corrupts acknowledged orders. Servers refuse the database",
            "set fsync = on in postgresql.conf, and reload",
        );
    }
    if facts.setting("full_page_writes") != "on" {
        report.fault(
            check,
            "full_page_writes is off: a crash may corrupt the database",
            "set full_page_writes = on in postgresql.conf, and reload; only file systems that write pages as a whole need it not",
        );
    }
    let commit = facts.setting("synchronous_commit");
    if !matches!(commit, "on" | "remote_apply") {
        report.note(
            check,
            format!(
                "synchronous_commit is {commit}; transactions of Wharfinger set it to on themselves"
            ),
            "set synchronous_commit = on, if other programs write to the server too",
        );
    }
    if facts.setting("data_checksums") == "off" {
        report.note(
            check,
            "the server has no data checksums, so that it may not notice damage of its disk",
            "stop it and run pg_checksums --enable; Wharfinger's own checksums are verified by `wharfinger check`",
        );
    }
    if facts.setting("autovacuum") == "off" {
        report.fault(
            check,
            "autovacuum is off: tables grow without end, and transaction ids run out",
            "set autovacuum = on in postgresql.conf, and reload",
        );
    }
    if report.checks.len() == before {
        report.ok(
            check,
            format!(
                "fsync, full_page_writes and autovacuum are on, synchronous_commit is {commit}"
            ),
        );
    }
}

fn replication(report: &mut Report, facts: &PostgresFacts) {
    let check = "postgres_replication";
    if facts.is_standby {
        let remedy = "servers need the primary; this standby takes over once it is promoted";
        let Some(lag_ms) = facts.replay_lag_ms else {
            let told = "this is a standby that has replayed no transaction since it started";
            return report.note(check, told, remedy);
        };
        let told = format!("this is a standby, {} s behind", lag_ms / 1_000);
        if lag_ms > LAG_MAX_MS {
            report.fault(
                check,
                told,
                "see the log of the standby, and the network to its primary",
            );
        } else {
            report.note(check, told, remedy);
        }
        return;
    }
    if facts.standbys == 0 {
        return report.ok(check, "this is a primary; no standby is connected");
    }
    let told = format!(
        "{} standbys, {} of them synchronous; the slowest is {} ms behind",
        facts.standbys, facts.synchronous_standbys, facts.standby_lag_ms
    );
    if facts.standby_lag_ms > LAG_MAX_MS {
        report.fault(
            check,
            told,
            "see the log of the standby, and the network to it",
        );
    } else if facts.synchronous_standbys == 0
        && facts.setting("synchronous_standby_names").is_empty()
    {
        let remedy = "a failover loses the latest acknowledged orders; set synchronous_standby_names on the primary";
        report.note(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}

fn connections(report: &mut Report, facts: &PostgresFacts) {
    let check = "postgres_connections";
    let number = |name: &str| facts.setting(name).parse::<i64>().unwrap_or(0);
    let reserved = number("superuser_reserved_connections") + number("reserved_connections");
    let usable = number("max_connections") - reserved;
    let free = usable - facts.connections;
    let told = format!(
        "{} of {usable} connections are in use, {} of them by Wharfinger; a server keeps up to {OF_SERVER}",
        facts.connections, facts.own_connections
    );
    let remedy = "raise max_connections, or run fewer servers: 6 for each server, 5 for commands, and what other programs take";
    if free <= 0 || usable < OF_SERVER + OF_COMMANDS {
        report.fault(check, told, remedy);
    } else if free < OF_SERVER + OF_COMMANDS {
        report.note(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}
