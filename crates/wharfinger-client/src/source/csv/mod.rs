//! CSV files: rows become orders by a mapping of columns to attributes.
//!
//! ```text
//! mod.rs      rows with equal order keys → orders
//! order.rs    the cells of an order's rows → its JSON, with the cell of each value
//! rows.rs     bytes → rows: UTF-8, separator, bounds
//! mapping.rs  mapping files, and presets.rs
//! keys.rs     the order keys so far
//! draft.rs    mappings that a page makes
//! tree.rs  value.rs  path.rs
//! ```
//!
//! Everything is read as a stream. The memory is bounded by the limits of a row and of an order, and by the number of order
//! keys that are remembered.

pub(super) mod draft;
mod keys;
mod mapping;
mod order;
mod path;
mod presets;
mod rows;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, bail};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::reading::unknown::nearest_of;

use self::keys::Keys;
use self::mapping::Mapping;
use self::order::{Building, Plan};
use self::rows::Rows;
use self::value::Unreadable;
use super::{Decoded, Record, Shape, Source, Table};

/// Orders in a CSV file.
pub(super) struct CsvSource {
    /// The file's name, for messages.
    file: String,
    rows: Rows,
    plan: Plan,
    /// The order whose rows are being read.
    building: Option<Building>,
    keys: Keys,
    /// Whether the file could not be read on.
    is_broken: bool,
}

/// Opens a CSV file with a mapping: the name of a preset, or a file.
///
/// # Errors
/// No mapping is named. The mapping cannot be read, makes orders of another dialect, or does not fit the columns of the file.
pub(super) fn open(
    decoded: Decoded,
    mapping: Option<&str>,
    dialect: &dyn Dialect,
) -> Result<CsvSource> {
    let file = decoded.name.clone();
    let Some(mapping) = mapping else {
        let presets = presets::names();
        bail!(
            "{file} is CSV; say with --map how its columns become orders: a mapping file, or one of {presets}"
        );
    };
    let mapping = Mapping::load(mapping)?;
    let (name, wanted) = (&mapping.name, dialect.id());
    if let Some(made) = mapping.dialect.as_deref().filter(|made| *made != wanted) {
        bail!(
            "the mapping {name} makes orders of the dialect {made}, not {wanted}; `wharfinger convert` makes other dialects of them"
        );
    }
    CsvSource::begin(Box::new(BufReader::new(decoded)), mapping, file)
}

/// Opens a CSV file with the text of a mapping.
///
/// # Errors
/// The text is no mapping, or does not fit the columns of the file.
pub(super) fn open_with(decoded: Decoded, mapping: &str) -> Result<CsvSource> {
    let file = decoded.name.clone();
    let mapping = Mapping::read("of this file", mapping)?;
    CsvSource::begin(Box::new(BufReader::new(decoded)), mapping, file)
}

/// The columns of a CSV file, and at most so many rows.
///
/// # Errors
/// The file cannot be read, or is no CSV file.
pub(super) fn table(decoded: Decoded, rows_max: usize) -> Result<Table> {
    let mut rows = Rows::begin(Box::new(BufReader::new(decoded)), None)?;
    let mut table = Table {
        columns: rows.columns.clone(),
        rows: Vec::new(),
    };
    while table.rows.len() < rows_max && rows.next()?.is_some() {
        let cells = rows.fields().iter().map(str::to_owned);
        table.rows.push(cells.collect());
    }
    Ok(table)
}

impl CsvSource {
    fn begin(stream: Box<dyn BufRead + Send>, mapping: Mapping, file: String) -> Result<Self> {
        let rows = Rows::begin(stream, mapping.separator).with_context(|| file.clone())?;
        let plan = plan(mapping, rows.columns.clone()).with_context(|| file.clone())?;
        Ok(Self {
            file,
            rows,
            plan,
            building: None,
            keys: Keys::default(),
            is_broken: false,
        })
    }

    /// Begins the order of a row.
    fn building(&mut self, key: Option<String>, row: u64) -> Building {
        let mut building = Building::begin(key, row);
        let Some(at) = self.plan.order else {
            return building;
        };
        let column = self.plan.columns[at].as_str();
        let why = match &building.key {
            None => Some(Unreadable {
                code: "required",
                message: format!("the column {column:?} must name the order"),
            }),
            Some(key) => self.keys.add(key, row).map(|before| Unreadable {
                code: "rows_apart",
                message: format!(
                    "the order also has rows from row {before} on; all rows of an order must follow each other, so sort the file by {column:?}"
                ),
            }),
        };
        if let Some(why) = why {
            let targets = self.plan.mapping.columns.get(column);
            let target = targets.and_then(|targets| targets.first());
            let pointer = target.and_then(|target| target.path.pointer(0));
            building.fault(row, Some((column, pointer.unwrap_or_default())), why);
        }
        building
    }
}

impl Source for CsvSource {
    fn shape(&self) -> Shape {
        Shape::Array
    }

    fn next(&mut self) -> Result<Option<Record>> {
        if self.is_broken {
            return Ok(None);
        }
        let read = self.read();
        self.is_broken = read.is_err();
        read.with_context(|| self.file.clone())
    }
}

impl CsvSource {
    fn read(&mut self) -> Result<Option<Record>> {
        while let Some(number) = self.rows.next()? {
            let key = self.plan.key(self.rows.fields());
            let current = self.building.as_ref();
            let goes_on = key.is_some() && current.is_some_and(|current| current.key == key);
            let done = match goes_on {
                true => None,
                false => {
                    let next = self.building(key, number);
                    self.building.replace(next)
                }
            };
            if let Some(current) = &mut self.building {
                current.add(&self.plan, number, self.rows.fields());
            }
            if let Some(done) = done {
                return Ok(Some(done.finish(&self.plan)));
            }
        }
        let last = self.building.take();
        Ok(last.map(|last| last.finish(&self.plan)))
    }
}

/// Applies a mapping to the columns of a file.
fn plan(mapping: Mapping, columns: Vec<String>) -> Result<Plan> {
    let name = &mapping.name;
    let read: BTreeSet<&str> = mapping.columns_read().collect();
    for column in &read {
        let count = columns.iter().filter(|known| known == column).count();
        if count > 1 {
            bail!("there are {count} columns {column:?}, and the mapping {name} reads one");
        }
        if count == 0 && !mapping.optional.contains(*column) {
            bail!("{}", missing_column(name, column, &columns));
        }
    }
    if mapping.is_strict {
        let is_known = |column: &&String| {
            read.contains(column.as_str()) || mapping.ignored.contains(column.as_str())
        };
        let unknown: Vec<_> = columns.iter().filter(|column| !is_known(column)).collect();
        if !unknown.is_empty() {
            bail!(
                "the mapping {name} is strict and does not say what these columns are: {unknown:?}; map them, or name them in `ignore`"
            );
        }
    }
    let position = |column: &String| columns.iter().position(|known| known == column);
    let order = mapping.order.as_ref().and_then(position);
    let joins = mapping.joins.iter();
    let joined = joins.map(|join| join.columns.iter().filter_map(position).collect());
    let joined = joined.collect();
    let is_required = columns
        .iter()
        .map(|column| mapping.required.contains(column));
    let is_required = is_required.collect();
    Ok(Plan {
        mapping,
        columns,
        order,
        is_required,
        joined,
    })
}

/// A sentence about a column that a file lacks.
fn missing_column(mapping: &str, column: &str, columns: &[String]) -> String {
    const SHOWN_MAX: usize = 100;
    let near = nearest_of(column, columns.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!(" (did you mean {near:?}?)"));
    let shown = columns
        .iter()
        .take(SHOWN_MAX)
        .map(|column| format!("{column:?}"));
    let shown: Vec<String> = shown.collect();
    let more = if columns.len() > SHOWN_MAX {
        " …"
    } else {
        ""
    };
    format!(
        "the mapping {mapping} reads the column {column:?}, which the file lacks{near}; its columns are {}{more}",
        shown.join(", ")
    )
}
