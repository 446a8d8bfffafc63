//! The checksums of all rows of all tables, as the database itself lists them: what is added to the schema is checked without
//! being named here.

use super::Check;
use crate::store::engine::fault::Fault;
use crate::store::maintain::copy::tables::{self, quoted};

/// Checks every row.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    for table in tables::list(check.connection)? {
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
