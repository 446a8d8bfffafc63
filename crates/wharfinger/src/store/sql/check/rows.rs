//! The checksums of all rows of all tables, as the database itself lists them: what is added to the schema is checked without
//! being named here.

use super::super::copy::tables::{self, quoted};
use super::super::fault::Fault;
use super::Check;

/// Checks every row.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), Fault> {
    for table in tables::list(check.connection)? {
        let name = quoted(&table.name);
        let select = format!("select count(*) from {name} where not {name}.intact");
        let damaged: i64 = check.connection.query_row(&select, (), |row| row.get(0))?;
        check.expect(damaged == 0, || {
            format!(
                "the checksums of {damaged} rows of table {} do not hold",
                table.name
            )
        });
    }
    Ok(())
}
