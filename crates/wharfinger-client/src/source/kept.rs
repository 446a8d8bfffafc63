//! Files that are kept without their names, as the console keeps them: the sender's name says which form they have.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

use super::coding::Decoded;
use super::{Opened, Source, csv, form};

/// Bytes of such a file after decompression. A small compressed file can hold any number of them.
const DECODED_BYTES_MAX: u64 = 8 << 30;

/// A file that is read from its beginning.
pub struct Kept<'k> {
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// The name that the sender gave it.
    pub name: &'k str,
    /// Its size.
    pub bytes: u64,
}

/// The first rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows below them.
    pub rows: Vec<Vec<String>>,
}

impl Kept<'_> {
    fn decoded(self) -> Result<Decoded> {
        let name = crate::terminal::shown(self.name).into_owned();
        let decoded = Decoded::of(self.reader, name, Some(self.bytes))?;
        Ok(decoded.at_most(DECODED_BYTES_MAX))
    }

    /// Whether the file is CSV: by its name, or because it does not begin as JSON does.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_table(self) -> Result<bool> {
        let file = Path::new(self.name);
        if form::has_ending(file, &["csv", "tsv"]) {
            return self.decoded().map(|_| true);
        }
        if form::has_ending(file, &["json", "ndjson", "jsonl"]) {
            return Ok(false);
        }
        let mut first = Vec::new();
        self.decoded()?.take(4_096).read_to_end(&mut first)?;
        let first = first.trim_ascii_start().first();
        Ok(first.is_some_and(|byte| !b"[{".contains(byte)))
    }

    /// The columns of a CSV file, and at most so many rows.
    ///
    /// # Errors
    /// The file cannot be read, or is no CSV file.
    pub fn table(self, rows_max: usize) -> Result<Table> {
        let decoded = self.decoded()?;
        let name = decoded.name.clone();
        csv::table(decoded, rows_max).context(name)
    }

    /// Opens the file in the form that it has. With the text of a mapping, it is read as CSV.
    ///
    /// # Errors
    /// The file cannot be read, or has no form that is known; or the mapping does not fit.
    pub fn open(self, mapping: Option<&str>, dialect: &dyn Dialect) -> Result<Opened> {
        let name = self.name;
        let decoded = self.decoded()?;
        let progress = decoded.progress.clone();
        let source: Box<dyn Source + Send> = match mapping {
            None => form::recognise(decoded, Path::new(name), dialect)?,
            Some(text) => Box::new(csv::open_with(decoded, text)?),
        };
        Ok(Opened { source, progress })
    }
}

/// The dialect with this id.
#[must_use]
pub fn dialect(id: &str) -> Option<&'static dyn Dialect> {
    dialects::find(id)
}

/// The ids of all dialects. The own one, in which mappings make orders, is the first.
#[must_use]
pub fn dialect_ids() -> Vec<&'static str> {
    let own = dialects::OWN.id();
    let others = dialects::ALL.iter().map(|dialect| dialect.id());
    std::iter::once(own)
        .chain(others.filter(|id| *id != own))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn kept<'k>(name: &'k str, bytes: &[u8]) -> Kept<'k> {
        Kept {
            reader: Box::new(Cursor::new(bytes.to_vec())),
            name,
            bytes: bytes.len() as u64,
        }
    }

    #[test]
    fn the_name_or_the_content_says_whether_a_file_is_a_table() {
        for (name, content, is_table) in [
            ("a.csv", "[", true),
            ("a.json", "x", false),
            ("a.CSV.gz", "", true),
            ("orders", " \n[]", false),
            ("orders", "\u{feff}{}", false),
            ("orders", "key;date", true),
            ("orders", "", false),
        ] {
            let found = kept(name, content.as_bytes()).is_table().unwrap();
            assert_eq!(found, is_table, "{name} {content:?}");
        }
    }

    #[test]
    fn a_table_shows_its_columns_and_first_rows() {
        let table = kept("a.csv", b"key; name\nA;x\nB;\"y;z\"\nC;w\n")
            .table(2)
            .unwrap();
        assert_eq!(table.columns, ["key", "name"]);
        assert_eq!(table.rows, [["A", "x"], ["B", "y;z"]]);
        let error = kept("a.csv", b"").table(2).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("a.csv: is empty"),
            "{error:#}"
        );
    }

    #[test]
    fn orders_are_read_with_a_mapping_or_without() {
        let own = dialect("native").unwrap();
        let mapping = "order = \"key\"\n[columns]\nkey = \"key\"\nsku = \"lines[].sku\"\n";
        let mut opened = kept("x", b"key,sku\nA,1\nA,2\n")
            .open(Some(mapping), own)
            .unwrap();
        let order = opened.source.next().unwrap().unwrap();
        assert_eq!(
            order.text,
            r#"{"key":"A","lines":[{"sku":"1"},{"sku":"2"}]}"#
        );
        let mut opened = kept("x", b"[{\"key\":1}]").open(None, own).unwrap();
        assert_eq!(opened.source.next().unwrap().unwrap().text, "{\"key\":1}");
        assert_eq!(dialect_ids()[0], "native");
    }
}
