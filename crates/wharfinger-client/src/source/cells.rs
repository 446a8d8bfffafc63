//! Where the values of an order were in a CSV file.

use std::collections::BTreeMap;

/// A cell of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The row, counted as a spreadsheet does: the header is row 1.
    pub row: u64,
    /// The column's name in the header.
    pub column: String,
}

/// The cells of one order, by the JSON pointer of the value that each became.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    by_pointer: BTreeMap<String, Cell>,
}

impl Cells {
    /// Notes where a value came from.
    pub fn insert(&mut self, pointer: String, cell: Cell) {
        self.by_pointer.insert(pointer, cell);
    }

    /// Where the value at a JSON pointer came from.
    #[must_use]
    pub fn of(&self, pointer: &str) -> Option<&Cell> {
        self.by_pointer.get(pointer)
    }
}
