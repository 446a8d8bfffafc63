//! Entries of the audit log, written in the transaction of the change that they name.

use serde_json::Value;

use super::txn::WriteTxn;
use crate::store::engine::driver::params;
use crate::store::engine::fault::Fault;

/// Adds an entry to the audit log. Returns its id.
pub(crate) fn write_audit(
    txn: &WriteTxn<'_>,
    who: &str,
    action: &str,
    subject: &str,
    details: Option<&Value>,
) -> Result<i64, Fault> {
    let insert = "insert into audit (at_ms, who, action, subject, details) \
                  values (?1, ?2, ?3, ?4, ?5) returning id";
    let details = details.map(Value::to_string);
    let entry = params![txn.now_ms(), who, action, subject, details];
    Ok(txn.connection.query_row(insert, entry, |row| row.get(0))?)
}
