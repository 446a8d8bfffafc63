//! A mapping that is made step by step, as a page makes it: each column has an attribute, or none.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use wharfinger_core::dialects;
use wharfinger_core::reading::fields::{Field, Holds, Presence, Rule};

use super::mapping::Mapping;
use super::presets;

/// Lines of an address that a page offers.
const ADDRESS_LINES: usize = 3;

/// An attribute that a column can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its path, as a mapping file names it.
    pub path: String,
    /// Whether an order needs it, or one of several.
    pub is_needed: bool,
    /// How cells are read.
    pub reading: CellReading,
}

/// How the cells of an attribute are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellReading {
    /// As they are.
    Text,
    /// As numbers.
    Number,
    /// As dates.
    Date,
}

/// A mapping being made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The path of each column that is read.
    pub columns: Vec<(String, String)>,
    /// The column with the order key. Without it, each row is an order.
    pub order: Option<String>,
    /// The character before decimals.
    pub decimal: Option<char>,
    /// The character between groups of thousands.
    pub thousands: Option<char>,
    /// The format of dates. Without it, dates are as the API takes them.
    pub date: Option<String>,
    /// The time zone of times without an offset.
    pub zone: Option<String>,
}

impl Draft {
    /// The text of the mapping file.
    ///
    /// # Errors
    /// The mapping contradicts itself.
    pub fn to_toml(&self) -> Result<String> {
        let numbers: BTreeMap<_, _> = attributes()
            .into_iter()
            .map(|attribute| (attribute.path, attribute.reading))
            .collect();
        let mut file = toml::Table::new();
        file.insert("dialect".into(), dialects::OWN.id().into());
        let texts = [
            ("order", self.order.clone()),
            ("decimal", self.decimal.map(String::from)),
            ("thousands", self.thousands.map(String::from)),
            ("zone", self.zone.clone()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                file.insert(name.into(), text.into());
            }
        }
        let mut columns = toml::Table::new();
        for (column, path) in &self.columns {
            if columns.contains_key(column) {
                bail!("the column {column:?} is mapped twice");
            }
            let reading = numbers.get(path).copied().unwrap_or(CellReading::Text);
            let mut rules = toml::Table::new();
            match (reading, &self.date) {
                (CellReading::Number, _) => {
                    rules.insert("number".into(), true.into());
                }
                (CellReading::Date, Some(format)) => {
                    rules.insert("date".into(), format.clone().into());
                }
                (CellReading::Text, _) | (CellReading::Date, None) => {}
            }
            let target = match rules.is_empty() {
                true => path.clone().into(),
                false => {
                    rules.insert("to".into(), path.clone().into());
                    toml::Value::Table(rules)
                }
            };
            columns.insert(column.clone(), target);
        }
        file.insert("columns".into(), columns.into());
        let text = toml::to_string(&file).context("the mapping cannot be written")?;
        check(&text)?;
        Ok(text)
    }
}

/// Checks the text of a mapping.
///
/// # Errors
/// It is no mapping, or contradicts itself.
pub fn check(text: &str) -> Result<()> {
    Mapping::read("of this file", text).map(drop)
}

/// The attributes that each column of a mapping becomes, in the order of the columns' names.
///
/// # Errors
/// It is no mapping.
pub fn targets_of(text: &str) -> Result<Vec<(String, Vec<String>)>> {
    let mapping = Mapping::read("of this file", text)?;
    let mut targets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (column, mapped) in &mapping.columns {
        let paths = mapped.iter().map(|target| target.path.to_string());
        targets.entry(column.clone()).or_default().extend(paths);
    }
    for join in &mapping.joins {
        for column in &join.columns {
            let paths = targets.entry(column.clone()).or_default();
            paths.push(join.path.to_string());
        }
    }
    Ok(targets.into_iter().collect())
}

/// The preset that reads a file with these columns: its name and its text.
#[must_use]
pub fn preset_of(columns: &[String]) -> Option<(&'static str, &'static str)> {
    presets::all().into_iter().find(|(name, text)| {
        let mapping = Mapping::read(name, text);
        mapping.is_ok_and(|mapping| super::plan(mapping, columns.to_vec()).is_ok())
    })
}

/// A preset with another time zone.
///
/// # Errors
/// The zone does not exist.
pub fn in_zone(text: &str, zone: &str) -> Result<String> {
    let mut file: toml::Table = toml::from_str(text).context("the mapping cannot be read")?;
    file.insert("zone".into(), zone.into());
    let text = toml::to_string(&file).context("the mapping cannot be written")?;
    check(&text)?;
    Ok(text)
}

/// The attributes of orders of the own dialect, as they are documented.
#[must_use]
pub fn attributes() -> Vec<Attribute> {
    let mut all = Vec::new();
    for field in dialects::OWN.fields() {
        add(&mut all, "", field);
    }
    all
}

fn add(all: &mut Vec<Attribute>, before: &str, field: &Field) {
    let path = format!("{before}{}", field.name);
    let members = match field.holds {
        Holds::Object(members) => Some((format!("{path}."), members)),
        Holds::Each(members) | Holds::Items(members) => Some((format!("{path}[]."), members)),
        Holds::Removed | Holds::Retained => None,
    };
    if let Some((before, members)) = members {
        for member in members {
            add(all, &before, member);
        }
        return;
    }
    let reading = match field.rule {
        // A page offers names of its own there.
        Some(Rule::Json) => return,
        Some(Rule::Texts) => {
            let lines = (0..ADDRESS_LINES).map(|line| Attribute {
                path: format!("{path}[{line}]"),
                is_needed: false,
                reading: CellReading::Text,
            });
            return all.extend(lines);
        }
        Some(Rule::Money | Rule::Quantity | Rule::Weight) => CellReading::Number,
        Some(Rule::Moment) => CellReading::Date,
        _ => CellReading::Text,
    };
    all.push(Attribute {
        path,
        is_needed: field.presence != Presence::Optional,
        reading,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(column: &str, path: &str) -> (String, String) {
        (column.to_owned(), path.to_owned())
    }

    #[test]
    fn a_draft_becomes_a_mapping_file() {
        let draft = Draft {
            columns: vec![
                pair("Bestellung \"x\"", "key"),
                pair("Datum", "placed_at"),
                pair("Preis", "lines[].unit_price"),
                pair("a/b", "/metadata/a~1b"),
            ],
            order: Some("Bestellung \"x\"".into()),
            decimal: Some(','),
            thousands: Some('.'),
            date: Some("%d.%m.%Y".into()),
            zone: Some("Europe/Berlin".into()),
        };
        let text = draft.to_toml().unwrap();
        let targets = targets_of(&text).unwrap();
        let paths: Vec<_> = targets.iter().map(|(_, paths)| paths.join(" ")).collect();
        assert_eq!(
            paths,
            ["key", "placed_at", "lines[].unit_price", "metadata.a/b"]
        );
        assert!(
            text.contains("number = true") && text.contains("%d.%m.%Y"),
            "{text}"
        );
    }

    #[test]
    fn a_draft_that_contradicts_itself_is_refused() {
        let twice = Draft {
            columns: vec![pair("a", "key"), pair("b", "key")],
            ..Draft::default()
        };
        let error = format!("{:#}", twice.to_toml().unwrap_err());
        assert!(error.contains("key is filled twice"), "{error}");
        let zone = in_zone("[columns]\na = \"key\"\n", "Mars").unwrap_err();
        assert!(format!("{zone:#}").contains("is no time zone"), "{zone:#}");
    }

    #[test]
    fn presets_are_recognised_by_the_columns() {
        for (name, text) in presets::all() {
            let mapping = Mapping::read(name, text).unwrap();
            let columns: Vec<_> = mapping.columns_read().map(str::to_owned).collect();
            let columns: std::collections::BTreeSet<_> = columns.into_iter().collect();
            let columns: Vec<_> = columns.into_iter().collect();
            assert_eq!(preset_of(&columns).map(|(name, _)| name), Some(name));
        }
        assert_eq!(preset_of(&["key".into(), "date".into()]), None);
    }

    #[test]
    fn the_attributes_are_those_of_the_own_dialect() {
        let all = attributes();
        let find = |path: &str| all.iter().find(|one| one.path == path);
        assert!(find("key").unwrap().is_needed);
        assert_eq!(
            find("lines[].unit_price").unwrap().reading,
            CellReading::Number
        );
        assert_eq!(find("placed_at").unwrap().reading, CellReading::Date);
        assert!(find("billing_address.lines[1]").is_some() && find("metadata").is_none());
    }
}
