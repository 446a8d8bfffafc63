//! Mapping files: which column is which attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::path::{Path, Step};
use super::presets;
use super::tree::Node;
use super::value::{Numbers, Part, Reading, Value};

/// Bytes of a mapping file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A checked mapping.
#[derive(Debug)]
pub(super) struct Mapping {
    /// The name that the user gave it, for messages.
    pub(super) name: String,
    /// The dialect of the orders that it makes, if it says so.
    pub(super) dialect: Option<String>,
    /// The column whose equal cells belong to one order. Without it, each row is an order.
    pub(super) order: Option<String>,
    pub(super) separator: Option<u8>,
    /// Whether every column of a file must occur in the mapping.
    pub(super) is_strict: bool,
    /// Whether cells may be guarded against spreadsheets, as exports of this program are.
    pub(super) is_guarded: bool,
    pub(super) zone: TimeZone,
    pub(super) numbers: Numbers,
    pub(super) ignored: BTreeSet<String>,
    pub(super) required: BTreeSet<String>,
    pub(super) optional: BTreeSet<String>,
    pub(super) constants: Vec<(Path, Value)>,
    pub(super) columns: BTreeMap<String, Vec<Target>>,
    pub(super) joins: Vec<Join>,
}

/// An attribute that a column fills.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: Path,
    pub(super) reading: Reading,
}

/// An attribute that several columns fill.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) path: Path,
    pub(super) columns: Vec<String>,
    pub(super) between: String,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dialect: Option<String>,
    order: Option<String>,
    separator: Option<char>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    guarded: bool,
    zone: Option<String>,
    #[serde(default = "point")]
    decimal: char,
    thousands: Option<char>,
    #[serde(default)]
    ignore: BTreeSet<String>,
    #[serde(default)]
    required: BTreeSet<String>,
    #[serde(default)]
    optional: BTreeSet<String>,
    #[serde(default)]
    constants: BTreeMap<String, toml::Value>,
    columns: BTreeMap<String, toml::Value>,
    #[serde(default)]
    join: Vec<WrittenJoin>,
}

fn point() -> char {
    '.'
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenJoin {
    to: String,
    columns: Vec<String>,
    #[serde(default = "space")]
    between: String,
}

fn space() -> String {
    " ".into()
}

/// A target with rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTarget {
    to: String,
    date: Option<toml::Value>,
    write: Option<String>,
    #[serde(default)]
    number: bool,
    part: Option<Part>,
    #[serde(default)]
    trim: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

impl Mapping {
    /// Reads a preset, or a file.
    ///
    /// # Errors
    /// There is no such preset or file, or it is no mapping.
    pub(super) fn load(name: &str) -> Result<Self> {
        if let Some(preset) = presets::find(name) {
            return Self::read(name, preset);
        }
        let failed = || {
            let presets = presets::names();
            format!("cannot read the mapping {name}; it must be a file, or one of {presets}")
        };
        // Devices such as /dev/zero have no length, so it is measured while it is read.
        let file = std::fs::File::open(name).with_context(failed)?;
        let (mut file, mut text) = (file.take(FILE_BYTES_MAX + 1), String::new());
        file.read_to_string(&mut text).with_context(failed)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            bail!("{name} is larger than {FILE_BYTES_MAX} bytes, so it is no mapping");
        }
        Self::read(name, &text)
    }

    /// Reads the text of a mapping.
    ///
    /// # Errors
    /// It is no TOML, or it contradicts itself.
    pub(super) fn read(name: &str, text: &str) -> Result<Self> {
        let wrong = || format!("the mapping {name}");
        let written: Written = toml::from_str(text).with_context(wrong)?;
        let mapping = Self::of(name, written).with_context(wrong)?;
        mapping.check().with_context(wrong)?;
        Ok(mapping)
    }

    fn of(name: &str, written: Written) -> Result<Self> {
        let separator = written.separator.map(separator).transpose()?;
        let zone = match &written.zone {
            Some(zone) => TimeZone::get(zone)
                .with_context(|| format!("{zone:?} is no time zone such as Europe/Berlin"))?,
            None => TimeZone::UTC,
        };
        let is_sign = |letter: char| letter.is_ascii_digit() || letter == '-' || letter == '+';
        if written.thousands == Some(written.decimal)
            || is_sign(written.decimal)
            || written.thousands.is_some_and(is_sign)
        {
            bail!("decimal and thousands must be two different characters, and no digits or signs");
        }
        let columns = written.columns.into_iter().map(|(column, value)| {
            let targets = targets(value).with_context(|| format!("the column {column:?}"))?;
            Ok((column, targets))
        });
        let joins = written.join.into_iter().map(|join| {
            Ok(Join {
                path: Path::read(&join.to)?,
                columns: join.columns,
                between: join.between,
            })
        });
        let constants = written.constants.into_iter().map(|(path, value)| {
            let value = constant(value).with_context(|| format!("the constant {path:?}"))?;
            Ok((Path::read(&path)?, value))
        });
        Ok(Self {
            name: name.to_owned(),
            dialect: written.dialect,
            order: written.order,
            separator,
            is_strict: written.strict,
            is_guarded: written.guarded,
            zone,
            numbers: Numbers {
                decimal: written.decimal,
                thousands: written.thousands,
            },
            ignored: written.ignore,
            required: written.required,
            optional: written.optional,
            constants: constants.collect::<Result<_>>()?,
            columns: columns.collect::<Result<_>>()?,
            joins: joins.collect::<Result<_>>()?,
        })
    }

    /// Checks that no two attributes exclude each other, and that every named column is mapped.
    fn check(&self) -> Result<()> {
        let mut order = Node::default();
        let of_columns = self.columns.values().flatten().map(|target| &target.path);
        let of_joins = self.joins.iter().map(|join| &join.path);
        let of_constants = self.constants.iter().map(|(path, _)| path);
        for path in of_columns.chain(of_joins).chain(of_constants) {
            let wrong = || format!("{path} is filled twice, or is part of another attribute");
            let place = order.place(&path.0, 0).with_context(wrong)?;
            if !place.is_empty() {
                bail!("{}", wrong());
            }
            *place = Node::Leaf(Value::Literal("0".into()), None);
        }
        if self.joins.iter().any(|join| join.columns.is_empty()) {
            bail!("a join needs columns");
        }
        let has_lines = self
            .paths_of_cells()
            .any(|path| path.0.contains(&Step::OfRow));
        let fills_lines = |(path, _): &(Path, Value)| path.array_of_rows().is_some();
        if !has_lines && self.constants.iter().any(fills_lines) {
            bail!("a constant of [] needs a column that fills the same array");
        }
        let read: BTreeSet<&str> = self.columns_read().collect();
        let mut said = self.required.iter().chain(&self.optional);
        if let Some(column) = said.find(|column| !read.contains(column.as_str())) {
            bail!("the column {column:?} is required or optional, but goes nowhere");
        }
        Ok(())
    }

    fn paths_of_cells(&self) -> impl Iterator<Item = &Path> {
        let of_columns = self.columns.values().flatten().map(|target| &target.path);
        of_columns.chain(self.joins.iter().map(|join| &join.path))
    }

    /// The columns that the mapping reads. Some may occur twice.
    pub(super) fn columns_read(&self) -> impl Iterator<Item = &str> {
        let joined = self.joins.iter().flat_map(|join| &join.columns);
        let mapped = self.columns.keys().chain(&self.order);
        mapped.chain(joined).map(String::as_str)
    }
}

/// The separator of fields, which must be one byte.
fn separator(letter: char) -> Result<u8> {
    let byte = u8::try_from(letter).ok().filter(u8::is_ascii);
    let byte = byte.filter(|byte| !matches!(byte, b'"' | b'\r' | b'\n'));
    byte.context("separator must be one character such as , or ; or \\t")
}

/// A path, a table with the path in `to`, or an array of them.
fn targets(value: toml::Value) -> Result<Vec<Target>> {
    let targets = match value.as_array() {
        Some(targets) => targets.clone(),
        None => vec![value],
    };
    targets.into_iter().map(target).collect()
}

fn target(value: toml::Value) -> Result<Target> {
    let written = match value {
        toml::Value::String(path) => {
            return Ok(Target {
                path: Path::read(&path)?,
                reading: Reading::default(),
            });
        }
        toml::Value::Table(table) => WrittenTarget::deserialize(table)?,
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_) => {
            bail!("must be a path, or a table with the path in `to`, or an array of them")
        }
    };
    let dates = match written.date {
        None => Vec::new(),
        Some(toml::Value::String(format)) => vec![format],
        Some(formats) => Vec::deserialize(formats).context("date")?,
    };
    let reading = Reading {
        dates,
        write: written.write,
        is_number: written.number,
        part: written.part,
        trim: written.trim,
        values: written.values,
    };
    reading.check()?;
    Ok(Target {
        path: Path::read(&written.to)?,
        reading,
    })
}

fn constant(value: toml::Value) -> Result<Value> {
    match value {
        toml::Value::String(text) => Ok(Value::Text(text)),
        toml::Value::Integer(number) => Ok(Value::Literal(number.to_string())),
        toml::Value::Boolean(flag) => Ok(Value::Literal(flag.to_string())),
        toml::Value::Float(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => {
            bail!("must be text, a whole number or true or false; write other numbers as text")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = Mapping::read("shop.toml", text).expect_err(text);
        format!("{error:#}")
    }

    #[cfg(unix)]
    #[test]
    fn a_mapping_without_an_end_is_refused() {
        let error = Mapping::load("/dev/zero").unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }

    #[test]
    fn a_mapping_that_contradicts_itself_is_refused() {
        for (text, reason) in [
            ("x = 1", "unknown field `x`"),
            ("order = \"a\"", "missing field `columns`"),
            ("[columns]\na = 5", "the column \"a\": must be a path"),
            ("[columns]\na = \"b..c\"", "\"b..c\" is no path"),
            (
                "[columns]\na = { to = \"b\", dte = \"%Y\" }",
                "unknown field `dte`",
            ),
            (
                "[columns]\na = { to = \"b\", date = \"%H:%M\" }",
                "is no format of a date",
            ),
            (
                "[columns]\na = { to = \"b\", number = true, date = \"%F\" }",
                "exclude each other",
            ),
            ("[columns]\na = \"b\"\nc = \"b\"", "b is filled twice"),
            (
                "[columns]\na = \"b\"\nc = \"b.d\"",
                "b.d is filled twice, or is part of another",
            ),
            (
                "[columns]\na = \"b.d\"\nc = \"b[0]\"",
                "b[0] is filled twice, or is part of another",
            ),
            (
                "required = [\"x\"]\n[columns]\na = \"b\"",
                "the column \"x\" is required or optional",
            ),
            ("zone = \"Mars\"\n[columns]\na = \"b\"", "is no time zone"),
            (
                "decimal = \",\"\nthousands = \",\"\n[columns]\na = \"b\"",
                "two different characters",
            ),
            (
                "separator = \"\\\"\"\n[columns]\na = \"b\"",
                "separator must be one character",
            ),
            (
                "[constants]\n\"b\" = 1.5\n[columns]\na = \"c\"",
                "write other numbers as text",
            ),
            (
                "[constants]\n\"l[].b\" = 1\n[columns]\na = \"c\"",
                "a constant of [] needs a column",
            ),
            (
                "[[join]]\nto = \"b\"\ncolumns = []\n[columns]\na = \"c\"",
                "a join needs columns",
            ),
        ] {
            let error = refused(text);
            assert!(error.starts_with("the mapping shop.toml"), "{error}");
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn presets_are_valid_and_unknown_names_say_which_there_are() {
        for name in ["shopify", "woocommerce"] {
            Mapping::load(name).unwrap();
        }
        let error = Mapping::load("no-such-shop").expect_err("there is none");
        let said = "it must be a file, or one of shopify, woocommerce";
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
}
