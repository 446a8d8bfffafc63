//! Rows that are copied from one store to another, and their digest.

use xxhash_rust::xxh3::xxh3_128;

use super::tables::{Column, Table, quoted};
use crate::store::engine::driver::{self, Connection, Error, FromValue, Params, ToValue, Value};
use crate::store::engine::fault::Fault;

/// The values of a row, in the order of the table's columns.
pub(super) type Row = Vec<Cell>;

/// A value of one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// SQL null.
    Null,
    /// A number. A Boolean is 0 or 1.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl FromValue for Cell {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_vec()),
        })
    }
}

impl Cell {
    /// Converts it to the type of a column. Text in one engine may be bytes in the other.
    pub(super) fn for_column(&self, column: &Column) -> Result<Value<'_>, Error> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => match column.kind.as_str() {
                "blob" | "bytea" => Value::Blob(text.as_bytes()),
                _ => Value::Text(text),
            },
            Self::Blob(bytes) if column.kind == "text" => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text),
                Err(error) => return Err(Error::Value(format!("{}: {error}", column.name))),
            },
            Self::Blob(bytes) => Value::Blob(bytes),
        })
    }

    /// Appends an encoding that is distinct for distinct values. Text and the same bytes are encoded alike.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Integer(number) => {
                out.push(1);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Text(text) => write_bytes(text.as_bytes(), out),
            Self::Blob(bytes) => write_bytes(bytes, out),
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(2);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The digest of some rows. It does not depend on their order, because each engine sorts text in its own way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    /// The number of rows.
    pub rows: u64,
    /// The sum of the hashes of all rows.
    pub sum: u128,
}

impl Digest {
    /// Adds rows of a table.
    pub(super) fn add(&mut self, table: &Table, rows: &[Row]) {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.clear();
            write_bytes(table.name.as_bytes(), &mut bytes);
            for cell in row {
                cell.write(&mut bytes);
            }
            self.rows += 1;
            self.sum = self.sum.wrapping_add(xxh3_128(&bytes));
        }
    }
}

/// The size of a slice: what is read, and written in one transaction, at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct SliceMax {
    /// Rows.
    pub rows: u64,
    /// Bytes of text and blobs. A single row may exceed it.
    pub bytes: u64,
}

/// Reads a table in the order of its primary key.
pub(super) struct Walk<'w> {
    connection: &'w Connection,
    table: &'w Table,
    max: SliceMax,
    /// The key of the last row that was read.
    last: Row,
}

impl<'w> Walk<'w> {
    pub(super) fn new(connection: &'w Connection, table: &'w Table, max: SliceMax) -> Self {
        Self {
            connection,
            table,
            max,
            last: Vec::new(),
        }
    }

    /// The next rows, at most `rows_max`. Empty at the end.
    pub(super) fn next(&mut self, rows_max: u64) -> Result<Vec<Row>, Fault> {
        let rows = self.fit(rows_max.min(self.max.rows))?;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let columns = self.table.columns.len();
        let select = self.select(&self.table.names());
        let mut select = self.connection.prepare_cached(&select)?;
        let rows: Vec<Row> = select.query_map(self.behind(rows), |row| {
            (0..columns).map(|column| row.get(column)).collect()
        })?;
        if let Some(last) = rows.last() {
            let key = self.table.key.iter().map(|&at| last.get(at).cloned());
            self.last = key.flatten().collect();
        }
        Ok(rows)
    }

    /// How many of the next rows fit into a slice.
    fn fit(&self, rows_max: u64) -> Result<u64, Fault> {
        let long = self
            .table
            .columns
            .iter()
            .filter(|column| column.has_bytes());
        let lengths = long.map(|column| {
            let name = quoted(&column.name);
            format!("cast(coalesce(octet_length({name}), 0) as bigint)")
        });
        let lengths = lengths.collect::<Vec<_>>().join(" + ");
        if lengths.is_empty() {
            return Ok(rows_max);
        }
        let mut select = self.connection.prepare_cached(&self.select(&lengths))?;
        let mut lengths = select.query(self.behind(rows_max))?;
        let (mut rows, mut bytes) = (0, 0_u64);
        while let Some(row) = lengths.next()? {
            bytes = bytes.saturating_add(row.get::<i64>(0)?.cast_unsigned());
            if rows > 0 && bytes > self.max.bytes {
                break;
            }
            rows += 1;
        }
        Ok(rows)
    }

    /// The query for `what` of each of the next rows.
    fn select(&self, what: &str) -> String {
        let table = quoted(&self.table.name);
        let key = self.table.key_names();
        let limit = self.last.len() + 1;
        // A damaged row would get a valid checksum in the copy.
        let sound = format!("sound({table}.intact)");
        let condition = match self.last.len() {
            0 => sound,
            columns => {
                let last = (1..=columns).map(|column| format!("?{column}"));
                let last = last.collect::<Vec<_>>().join(", ");
                format!("({key}) > ({last}) and {sound}")
            }
        };
        format!("select {what} from {table} where {condition} order by {key} limit ?{limit}")
    }

    /// The parameters of such a query.
    fn behind(&self, rows: u64) -> Behind<'_> {
        Behind {
            key: &self.last,
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
        }
    }
}

/// The key after which rows begin, and how many are wanted.
struct Behind<'b> {
    key: &'b [Cell],
    rows: i64,
}

impl Params for Behind<'_> {
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> driver::Result<()>,
    ) -> driver::Result<()> {
        for cell in self.key {
            bind(match cell {
                Cell::Null => Value::Null,
                Cell::Integer(number) => Value::Integer(*number),
                Cell::Text(text) => Value::Text(text),
                Cell::Blob(bytes) => Value::Blob(bytes),
            })?;
        }
        bind(self.rows.to_value())
    }
}
