//! What a PostgreSQL server tells of itself.

use std::time::Instant;

use crate::clock;
use crate::store::api::PostgresFacts;
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;

/// The settings that matter for what is acknowledged, and for how many servers there is room.
const SETTINGS: [&str; 14] = [
    "autovacuum",
    "data_checksums",
    "fsync",
    "full_page_writes",
    "max_connections",
    "max_wal_size",
    "reserved_connections",
    "server_encoding",
    "server_version",
    "shared_buffers",
    "superuser_reserved_connections",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_level",
];
/// Statements whose time is measured.
const ROUND_TRIPS: usize = 15;
/// Tables that are listed, at most.
const TABLES_MAX: i64 = 100;

/// What it tells.
pub(super) fn facts(connection: &Connection) -> Result<PostgresFacts, Fault> {
    let mut facts = PostgresFacts::default();
    let select = "select current_setting('server_version_num')::bigint, pg_is_in_recovery(), \
                  pg_database_size(current_database())";
    (facts.version, facts.is_standby, facts.bytes) = connection.query_row(select, (), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let mut setting = connection.prepare_cached("select current_setting(?1, true)")?;
    for name in SETTINGS {
        let value: Option<String> = setting.query_row([name], |row| row.get(0))?;
        facts
            .settings
            .extend(value.map(|value| (name.to_owned(), value)));
    }
    replication(connection, &mut facts)?;
    // A user without rights to others' sessions sees that they exist, but not of which program they are.
    let select = "select count(*) filter (where datid is not null), count(*) filter (where application_name = 'wharfinger') \
                  from pg_stat_activity where pid <> pg_backend_pid()";
    (facts.connections, facts.own_connections) =
        connection.query_row(select, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    facts.round_trip_us = round_trip_us(connection)?;
    let before_ms = clock::now_ms();
    let select = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
    let there_ms: i64 = connection.query_row(select, (), |row| row.get(0))?;
    facts.clock_ahead_ms = there_ms - i64::midpoint(before_ms, clock::now_ms());
    let select = "select relname::text, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint from pg_class \
                  where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace \
                  order by 2 desc, 1 limit ?1";
    let mut select = connection.prepare_cached(select)?;
    facts.tables = select.query_map([TABLES_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(facts)
}

/// How far standbys are behind, or how far it is behind itself.
fn replication(connection: &Connection, facts: &mut PostgresFacts) -> Result<(), Fault> {
    if facts.is_standby {
        // Once everything is replayed that has arrived, the time since the last transaction says nothing.
        let select = "select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0 \
                      else (extract(epoch from now() - pg_last_xact_replay_timestamp()) * 1000)::bigint end";
        facts.replay_lag_ms = connection.query_row(select, (), |row| row.get(0))?;
        return Ok(());
    }
    let select = "select count(*), count(*) filter (where sync_state in ('sync', 'quorum')), \
                  coalesce(max(extract(epoch from replay_lag) * 1000), 0)::bigint \
                  from pg_stat_replication where state is distinct from 'backup'";
    (
        facts.standbys,
        facts.synchronous_standbys,
        facts.standby_lag_ms,
    ) = connection.query_row(select, (), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(())
}

/// The median time of a statement, in microseconds.
fn round_trip_us(connection: &Connection) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("select 1::bigint")?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        select.exists(())?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let median = times.get(ROUND_TRIPS / 2).copied().unwrap_or_default();
    Ok(u64::try_from(median.as_micros()).unwrap_or(u64::MAX))
}
