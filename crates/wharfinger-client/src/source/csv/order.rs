//! Makes one order of its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use csv::StringRecord;

use super::mapping::{Join, Mapping, Target};
use super::path::{Path, Step};
use super::tree::{At, Node};
use super::value::{Unreadable, Value, quoted};
use crate::formulas::unguarded;
use crate::source::{Cell, Cells, Record, SourceFault};

/// Bytes of all cells of an order. A server's limit is lower.
const CELLS_BYTES_MAX: usize = 4 << 20;
/// Faults that are named of one order.
const FAULTS_MAX: usize = 20;

/// A mapping, applied to the columns of a file.
pub(super) struct Plan {
    pub(super) mapping: Mapping,
    pub(super) columns: Vec<String>,
    /// The position of the column of order keys.
    pub(super) order: Option<usize>,
    /// For each column, by position: whether a blank cell is a fault.
    pub(super) is_required: Vec<bool>,
    /// For each join: the positions of its columns.
    pub(super) joined: Vec<Vec<usize>>,
}

impl Plan {
    fn targets(&self, column: usize) -> &[Target] {
        let name = self.columns.get(column);
        let targets = name.and_then(|name| self.mapping.columns.get(name));
        targets.map_or(&[], Vec::as_slice)
    }

    fn cell<'r>(&self, fields: &'r StringRecord, column: usize) -> &'r str {
        let cell = fields.get(column).unwrap_or_default();
        match self.mapping.is_guarded {
            true => unguarded(cell),
            false => cell,
        }
    }

    /// The order key in a row.
    pub(super) fn key(&self, fields: &StringRecord) -> Option<String> {
        let cell = self.cell(fields, self.order?).trim();
        (!cell.is_empty()).then(|| cell.to_owned())
    }
}

/// An order being made.
pub(super) struct Building {
    /// The order key in its rows.
    pub(super) key: Option<String>,
    first_row: u64,
    order: Node,
    /// The number of elements in each array of rows.
    elements: BTreeMap<Vec<Step>, usize>,
    /// Cells that gave no value. A fault of a missing attribute is theirs.
    blank: BTreeMap<String, At>,
    cells_bytes: usize,
    faults: Vec<SourceFault>,
}

/// A row that is added.
struct Row<'p, 'r> {
    plan: &'p Plan,
    number: u64,
    fields: &'r StringRecord,
    /// Arrays of rows that have an element for this row.
    begun: Vec<&'p [Step]>,
}

impl Building {
    pub(super) fn begin(key: Option<String>, row: u64) -> Self {
        Self {
            key,
            first_row: row,
            order: Node::default(),
            elements: BTreeMap::new(),
            blank: BTreeMap::new(),
            cells_bytes: 0,
            faults: Vec::new(),
        }
    }

    /// Adds a fault about a row.
    pub(super) fn fault(&mut self, row: u64, cell: Option<(&str, String)>, why: Unreadable) {
        if self.faults.len() < FAULTS_MAX {
            let (column, pointer) = cell.unzip();
            self.faults.push(SourceFault {
                row,
                column: column.map(str::to_owned),
                pointer: pointer.unwrap_or_default(),
                code: why.code,
                message: why.message,
            });
        }
    }

    /// Adds the cells of a row.
    pub(super) fn add(&mut self, plan: &Plan, number: u64, fields: &StringRecord) {
        let (cells, columns) = (fields.len(), plan.columns.len());
        if cells != columns {
            let message = format!(
                "the row has {cells} cells, but there are {columns} columns; is a quote or a separator missing?"
            );
            let code = "wrong_columns";
            return self.fault(number, None, Unreadable { code, message });
        }
        self.cells_bytes += fields.as_slice().len();
        if self.cells_bytes > CELLS_BYTES_MAX {
            if self.cells_bytes - fields.as_slice().len() <= CELLS_BYTES_MAX {
                let message =
                    format!("the rows of the order are larger than {CELLS_BYTES_MAX} bytes");
                let code = "order_too_large";
                self.fault(number, None, Unreadable { code, message });
            }
            return;
        }
        let mut row = Row {
            plan,
            number,
            fields,
            begun: Vec::new(),
        };
        for column in 0..columns {
            self.add_column(&mut row, column);
        }
        for (join, columns) in plan.mapping.joins.iter().zip(&plan.joined) {
            self.add_join(&mut row, join, columns);
        }
        self.add_constants(&mut row);
    }

    fn add_column(&mut self, row: &mut Row<'_, '_>, column: usize) {
        let plan = row.plan;
        let cell = plan.cell(row.fields, column);
        let is_missing = cell.trim().is_empty() && row.number == self.first_row;
        let targets = plan.targets(column);
        if is_missing && plan.is_required[column] {
            let pointer = targets.first().and_then(|target| target.path.pointer(0));
            let name = plan.columns[column].as_str();
            let why = Unreadable {
                code: "required",
                message: format!("the column {name:?} must not be empty"),
            };
            self.fault(row.number, Some((name, pointer.unwrap_or_default())), why);
        }
        for target in targets {
            let mapping = &plan.mapping;
            let read = target.reading.read(cell, mapping.numbers, &mapping.zone);
            // A blank cell gives no value, whatever its reading says.
            let read = match read {
                Err(_) if cell.trim().is_empty() => Ok(None),
                read => read,
            };
            match read {
                Ok(value) => self.put(row, &target.path, column, value),
                Err(why) => {
                    let pointer = target.path.pointer(self.element(row, &target.path));
                    let cell = (plan.columns[column].as_str(), pointer.unwrap_or_default());
                    self.fault(row.number, Some(cell), why);
                }
            }
        }
    }

    fn add_join<'p>(&mut self, row: &mut Row<'p, '_>, join: &'p Join, columns: &[usize]) {
        let plan = row.plan;
        let cells = columns
            .iter()
            .map(|column| plan.cell(row.fields, *column).trim());
        let filled: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
        let value = (!filled.is_empty()).then(|| Value::Text(filled.join(&join.between)));
        let Some(column) = columns.first() else {
            return;
        };
        self.put(row, &join.path, *column, value);
    }

    /// Adds the constants of the order, and of each element that the row has.
    fn add_constants(&mut self, row: &mut Row<'_, '_>) {
        for (path, value) in &row.plan.mapping.constants {
            let element = match path.array_of_rows() {
                Some(array) if !row.begun.contains(&array) => continue,
                Some(_) => self.element(row, path),
                None => 0,
            };
            // A mapping whose paths exclude each other is refused when it is read.
            if let Ok(place) = self.order.place(&path.0, element)
                && place.is_empty()
            {
                *place = Node::Leaf(value.clone(), None);
            }
        }
    }

    /// The index of the row's element in the array that the path goes through.
    fn element(&self, row: &Row<'_, '_>, path: &Path) -> usize {
        let Some(array) = path.array_of_rows() else {
            return 0;
        };
        let count = self.elements.get(array).copied().unwrap_or_default();
        match row.begun.contains(&array) {
            true => count - 1,
            false => count,
        }
    }

    /// Puts the value of a cell into the order.
    fn put<'p>(
        &mut self,
        row: &mut Row<'p, '_>,
        path: &'p Path,
        column: usize,
        value: Option<Value>,
    ) {
        let element = self.element(row, path);
        let at = At {
            row: row.number,
            column,
        };
        let Some(value) = value else {
            if let Some(pointer) = path.pointer(element) {
                self.blank.entry(pointer).or_insert(at);
            }
            return;
        };
        if let Some(array) = path.array_of_rows()
            && !row.begun.contains(&array)
        {
            row.begun.push(array);
            *self.elements.entry(array.to_vec()).or_default() += 1;
        }
        let Ok(place) = self.order.place(&path.0, element) else {
            return;
        };
        let before = match place {
            Node::Leaf(known, Some(at)) if *known != value => Some((known.clone(), *at)),
            Node::Leaf(..) => None,
            Node::Object(_) | Node::Array(_) => {
                *place = Node::Leaf(value, Some(at));
                return;
            }
        };
        if let Some((known, known_at)) = before {
            let name = row.plan.columns[column].as_str();
            let why = contradiction(name, &value, &known, known_at);
            let pointer = path.pointer(element).unwrap_or_default();
            self.fault(row.number, Some((name, pointer)), why);
        }
    }

    /// The order as a record.
    pub(super) fn finish(self, plan: &Plan) -> Record {
        let mut text = String::new();
        let named = |at: At| Cell {
            row: at.row,
            column: plan.columns[at.column].clone(),
        };
        let blank = self.blank.into_iter();
        let mut cells = Cells::default();
        for (pointer, at) in blank {
            cells.insert(pointer, named(at));
        }
        self.order
            .write(&mut text, &mut String::new(), &mut |pointer, at| {
                cells.insert(pointer.to_owned(), named(at));
            });
        Record {
            line: self.first_row,
            name: None,
            text,
            cells: Some(Arc::new(cells)),
            faults: self.faults,
        }
    }
}

fn contradiction(column: &str, value: &Value, known: &Value, known_at: At) -> Unreadable {
    let text = |value: &Value| match value {
        Value::Text(text) | Value::Literal(text) => quoted(text),
    };
    let (value, known, row) = (text(value), text(known), known_at.row);
    Unreadable {
        code: "rows_differ",
        message: format!(
            "the column {column:?} gives {value}, but row {row} of the same order gives {known}"
        ),
    }
}
