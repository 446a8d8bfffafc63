//! Vacuuming the tables with personal data, on PostgreSQL.

use crate::store::engine::connection::Use;
use crate::store::engine::fault::Fault;
use crate::store::engine::home::Home;

/// Tables with data that can identify a person.
const TABLES_OF_PERSONS: [&str; 16] = [
    "answers",
    "batch_files",
    "block_packs",
    "blocks",
    "closed_rejections",
    "customers",
    "delivery_attempts",
    "email_parts",
    "error_causes",
    "fulfilments",
    "holds",
    "order_leaves",
    "parked_orders",
    "recent_changes",
    "rejections",
    "stats_log",
];

/// Vacuums the tables with personal data, on PostgreSQL. A full vacuum rewrites them, so that no old row versions remain.
pub(super) fn vacuum(home: &Home, is_whole: bool) -> Result<bool, Fault> {
    let connection = home.connect(Use::Write)?;
    connection.execute_batch("set statement_timeout = 0")?;
    let how = if is_whole { "vacuum (full)" } else { "vacuum" };
    for table in TABLES_OF_PERSONS {
        connection.execute_batch(&format!("{how} {table}"))?;
    }
    Ok(is_whole)
}
