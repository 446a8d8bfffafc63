//! Where the values of an order were in a CSV file.

use std::collections::BTreeMap;

pub use crate::report::Cell;

/// The cells of one order, by the JSON pointer of the value that each became, or would have become if it was not blank.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    by_pointer: BTreeMap<String, Cell>,
}

impl Cells {
    /// Notes where a value came from.
    pub fn insert(&mut self, pointer: String, cell: Cell) {
        self.by_pointer.insert(pointer, cell);
    }

    /// Where the value at a JSON pointer came from. For an object or an array, where its first value came from. For an
    /// attribute that no column fills, the same of what it is a part of.
    #[must_use]
    pub fn of(&self, pointer: &str) -> Option<&Cell> {
        let mut pointer = pointer;
        loop {
            if let Some(cell) = self
                .by_pointer
                .get(pointer)
                .or_else(|| self.within(pointer))
            {
                return Some(cell);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// The row of the value at a JSON pointer, or of the order; and its column, if a column fills the value or a part of it.
    #[must_use]
    pub fn place_of(&self, pointer: &str) -> Option<(u64, Option<&str>)> {
        let own = self.by_pointer.get(pointer);
        match own.or_else(|| self.within(pointer)) {
            // The whole order is in every column.
            Some(cell) if !pointer.is_empty() => Some((cell.row, Some(&cell.column))),
            _ => self.of(pointer).map(|cell| (cell.row, None)),
        }
    }

    /// The cell of the first value inside an object or array.
    fn within(&self, pointer: &str) -> Option<&Cell> {
        let inside = format!("{pointer}/");
        let mut cells = self.by_pointer.range(inside.clone()..);
        let (first, cell) = cells.next()?;
        first.starts_with(&inside).then_some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_cell_is_found() {
        let mut cells = Cells::default();
        for (pointer, row, column) in [
            ("/customer/email", 2, "Email"),
            ("/key", 2, "Name"),
            ("/lines/0/sku", 2, "Sku"),
            ("/lines/1/quantity", 3, "Quantity"),
            ("/lines/1/sku", 3, "Sku"),
            ("/lines/10/sku", 12, "Sku"),
        ] {
            let column = column.into();
            cells.insert(pointer.into(), Cell { row, column });
        }
        for (pointer, row, column) in [
            ("/lines/1/sku", 3, "Sku"),
            ("/lines/1/ean", 3, "Quantity"),
            ("/lines/1", 3, "Quantity"),
            ("/lines/1/sku/x", 3, "Sku"),
            ("/lines", 2, "Sku"),
            ("/placed_at", 2, "Email"),
            ("", 2, "Email"),
        ] {
            let cell = cells.of(pointer).unwrap();
            assert_eq!((cell.row, cell.column.as_str()), (row, column), "{pointer}");
        }
        assert_eq!(Cells::default().of("/key"), None);
    }

    #[test]
    fn a_column_is_not_named_for_a_value_that_no_column_fills() {
        let mut cells = Cells::default();
        let cell = |row, column: &str| Cell {
            row,
            column: column.into(),
        };
        cells.insert("/key".into(), cell(2, "Order"));
        cells.insert("/lines/1/sku".into(), cell(3, "Item"));
        for (pointer, place) in [
            ("/key", (2, Some("Order"))),
            ("/lines/1", (3, Some("Item"))),
            ("/lines/1/quantity", (3, None)),
            ("/organisation", (2, None)),
            ("", (2, None)),
        ] {
            assert_eq!(cells.place_of(pointer), Some(place), "{pointer}");
        }
    }
}
