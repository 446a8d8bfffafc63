//! Every row says whose it is, as its place does: by that tables are distributed.

use super::Check;
use crate::store::engine::fault::Fault;

/// Tables, and the columns with a block or a place that an organisation's rows have.
const TABLES: [(&str, &str, u32); 5] = [
    ("admissions", "block", BITS_OF_BLOCK),
    ("blocks", "id", BITS_OF_BLOCK),
    ("erasures", "id", BITS_OF_PLACE),
    ("fulfilments", "id", BITS_OF_PLACE),
    ("open_orders", "block", BITS_OF_BLOCK),
];
/// Bits of a block's id, and of a place, that stand behind the organisation.
const BITS_OF_BLOCK: u32 = 32;
const BITS_OF_PLACE: u32 = BITS_OF_BLOCK + 10;

impl Check<'_> {
    /// Holds the organisations of rows against their places.
    pub(super) fn organisations(&mut self) -> Result<(), Fault> {
        for (table, column, bits) in TABLES {
            let select =
                format!("select count(*) from {table} where organisation != {column} >> {bits}");
            let wrong: i64 = self.connection.query_row(&select, (), |row| row.get(0))?;
            self.expect(wrong == 0, || {
                format!("{wrong} rows of {table} have the wrong organisation")
            });
        }
        Ok(())
    }
}
