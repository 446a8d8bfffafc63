//! Requirements on a PostgreSQL server, checked before it gets any orders.

use super::driver::Connection;
use super::fault::Fault;

/// Version 14, in the numbering of `server_version_num`. The first version with all required features.
const VERSION_MIN: i64 = 140_000;

/// Checks that a server keeps what it acknowledges. Warns of settings that may be mistakes.
pub(crate) fn check(connection: &Connection) -> Result<(), Fault> {
    let text = |setting: &str| -> Result<String, Fault> {
        let select = "select current_setting(?1)";
        Ok(connection.query_row(select, [setting], |row| row.get(0))?)
    };
    let refuse = |why: &str| Err(Fault::Refused(why.to_owned()));
    let version = text("server_version_num")?;
    if version.parse().unwrap_or(0) < VERSION_MIN {
        return refuse("the database is older than PostgreSQL 14; use a newer version");
    }
    if text("server_encoding")? != "UTF8" {
        return refuse(
            "the database's encoding is not UTF8; create a database with `encoding 'UTF8'`",
        );
    }
    if text("fsync")? != "on" {
        return refuse(
            "the database server runs with fsync = off, and can lose or corrupt acknowledged orders; set fsync = on",
        );
    }
    if text("full_page_writes")? != "on" {
        tracing::warn!(
            "The database server runs with full_page_writes = off; a crash may corrupt the database."
        );
    }
    // A base backup in progress is not a standby. Only privileged users see the state of a standby. For others, the setting
    // decides.
    let select = "select count(*), count(sync_state), count(*) filter (where sync_state in ('sync', 'quorum')) \
                  from pg_stat_replication where state is distinct from 'backup'";
    let (standbys, told, synchronous): (i64, i64, i64) =
        connection.query_row(select, (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let has_synchronous = if told > 0 {
        synchronous > 0
    } else {
        !text("synchronous_standby_names")?.is_empty()
    };
    if standbys > 0 && !has_synchronous {
        tracing::warn!(
            standbys,
            "No standby of the database is synchronous, so a failover loses the latest acknowledged orders. \
             Set synchronous_standby_names on the primary."
        );
    }
    Ok(())
}
