//! Checks that the organisation of each row matches its block id or entry address. Tables are distributed by organisation.

use super::Check;
use crate::store::engine::fault::Fault;

/// Tables with a block id or an entry address, the column that has it, and the bits to the right of the organisation.
const TABLES: [(&str, &str, u32); 6] = [
    ("admissions", "block", BITS_OF_BLOCK),
    ("blocks", "id", BITS_OF_BLOCK),
    ("erasures", "id", BITS_OF_PLACE),
    ("fulfilments", "id", BITS_OF_PLACE),
    ("holds", "place", BITS_OF_PLACE),
    ("open_orders", "block", BITS_OF_BLOCK),
];
/// Bits of a block id, and of an entry address, to the right of the organisation.
const BITS_OF_BLOCK: u32 = 32;
const BITS_OF_PLACE: u32 = BITS_OF_BLOCK + 10;

impl Check<'_> {
    /// Compares the organisations of rows with their block ids and entry addresses.
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
