//! Checks the row checksums of all tables. The database lists the tables, so that additions to the schema are included.

use super::Check;
use crate::store::engine::fault::Fault;
use crate::store::maintain::copy::tables::{self, quoted};

/// Checks every row.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    for table in tables::list_all(check.connection)? {
        let name = quoted(&table.name);
        let select = format!("select count(*) from {name} where not {name}.intact");
        let damaged: i64 = check.connection.query_row(&select, (), |row| row.get(0))?;
        check.expect(damaged == 0, || {
            format!(
                "the checksums of {damaged} rows of table {} are wrong",
                table.name
            )
        });
    }
    Ok(())
}
