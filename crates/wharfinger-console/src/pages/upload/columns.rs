//! What the columns of a CSV file become, as a person chooses it on the page.

use std::collections::BTreeSet;

use wharfinger_client::source::{
    Attribute, Draft, Table, attributes, check_mapping, in_zone, preset_of,
};

/// A column that is kept under its own name in the order's `metadata`.
pub(super) const METADATA: &str = "metadata";
/// The same in the metadata of the line.
pub(super) const LINE_METADATA: &str = "lines[].metadata";

/// Ways to write numbers: a name, an example, the decimal mark and the mark of thousands.
pub(super) const NUMBERS: [(&str, &str, char, Option<char>); 4] = [
    ("point", "1234.50", '.', None),
    ("comma-point", "1,234.50", '.', Some(',')),
    ("comma", "1234,50", ',', None),
    ("point-comma", "1.234,50", ',', Some('.')),
];

/// Formats of dates that are offered: a format and an example.
pub(super) const DATES: [(&str, &str); 8] = [
    ("", "2026-11-30, or 2026-11-30T09:15:00Z"),
    ("%Y-%m-%d %H:%M:%S", "2026-11-30 09:15:00"),
    ("%Y-%m-%d %H:%M", "2026-11-30 09:15"),
    ("%d.%m.%Y", "30.11.2026"),
    ("%d.%m.%Y %H:%M", "30.11.2026 09:15"),
    ("%d/%m/%Y", "30/11/2026 (day first)"),
    ("%m/%d/%Y", "11/30/2026 (month first)"),
    ("%m/%d/%Y %H:%M", "11/30/2026 09:15 (month first)"),
];

/// Where the mapping comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// An attribute is chosen for each column.
    #[default]
    ByHand,
    /// A preset, by its name and its text.
    Preset(&'static str, &'static str),
    /// A mapping file that was pasted.
    Pasted,
}

/// What a person chose.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) way: Way,
    /// The attribute of each column, by position. Empty if it is ignored.
    pub(super) targets: Vec<String>,
    /// A name of [`NUMBERS`].
    pub(super) numbers: String,
    /// A format of [`DATES`].
    pub(super) date: String,
    pub(super) zone: String,
    pub(super) pasted: String,
    /// Why there is no mapping.
    pub(super) error: Option<String>,
}

impl Columns {
    /// A first proposal for a file.
    pub(super) fn propose(table: &Table) -> Self {
        let preset = preset_of(&table.columns);
        let targets = guess(&table.columns);
        let is_date = |path: &str| matches!(path, "placed_at" | "fulfilled_at");
        let date = targets.iter().position(|path| is_date(path));
        let date = date.and_then(|at| table.rows.first()?.get(at));
        let date = date.map_or("", |sample| date_format(sample.trim()));
        let is_price = |path: &String| path.ends_with("_price");
        let priced = targets.iter().position(is_price);
        let price = priced.and_then(|at| table.rows.first()?.get(at));
        let numbers = price.map_or("point", |sample| number_format(sample.trim()));
        Self {
            way: preset.map_or(Way::ByHand, |(name, text)| Way::Preset(name, text)),
            targets,
            numbers: numbers.to_owned(),
            date: date.to_owned(),
            zone: "UTC".to_owned(),
            pasted: String::new(),
            error: None,
        }
    }

    /// The text of the mapping file.
    ///
    /// # Errors
    /// A sentence about what does not fit.
    pub(super) fn mapping(&self, table: &Table) -> Result<String, String> {
        let zone = Some(self.zone.trim()).filter(|zone| !zone.is_empty());
        let text = match &self.way {
            Way::Preset(_, text) => match zone.filter(|zone| *zone != "UTC") {
                Some(zone) => in_zone(text, zone),
                None => Ok((*text).to_owned()),
            },
            Way::Pasted => check_mapping(&self.pasted).map(|()| self.pasted.clone()),
            Way::ByHand => {
                let draft = self.draft(table);
                if draft.columns.is_empty() {
                    return Err("Choose an attribute for at least one column.".to_owned());
                }
                draft.to_toml()
            }
        };
        text.map_err(|error| format!("{error:#}"))
    }

    fn draft(&self, table: &Table) -> Draft {
        let chosen = table.columns.iter().zip(&self.targets);
        let chosen = chosen.filter(|(_, target)| !target.is_empty());
        let columns: Vec<_> = chosen
            .map(|(column, target)| {
                let name = column.replace('~', "~0").replace('/', "~1");
                let path = match target.as_str() {
                    METADATA => format!("/metadata/{name}"),
                    LINE_METADATA => format!("/lines/-/metadata/{name}"),
                    path => path.to_owned(),
                };
                (column.clone(), path)
            })
            .collect();
        let order = columns.iter().find(|(_, path)| path == "key");
        let numbers = NUMBERS.iter().find(|(name, ..)| *name == self.numbers);
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Draft {
            order: order.map(|(column, _)| column.clone()),
            columns,
            decimal: numbers.map(|(_, _, decimal, _)| *decimal),
            thousands: numbers.and_then(|(_, _, _, thousands)| *thousands),
            date: some(&self.date),
            zone: some(&self.zone),
        }
    }
}

/// Whether a column occurs more than once. A mapping cannot name such a column.
pub(super) fn is_repeated(columns: &[String], name: &str) -> bool {
    columns.iter().filter(|column| *column == name).count() > 1
}

/// Common names of columns: letters and digits only.
const NAMES: [(&str, &str); 44] = [
    ("order", "key"),
    ("orderkey", "key"),
    ("orderid", "key"),
    ("orderno", "key"),
    ("ordernumber", "key"),
    ("orderref", "key"),
    ("orderreference", "key"),
    ("bestellung", "key"),
    ("bestellnummer", "key"),
    ("date", "placed_at"),
    ("orderdate", "placed_at"),
    ("created", "placed_at"),
    ("createdat", "placed_at"),
    ("datum", "placed_at"),
    ("bestelldatum", "placed_at"),
    ("shippedat", "fulfilled_at"),
    ("email", "customer.email"),
    ("emailaddress", "customer.email"),
    ("phone", "customer.phone"),
    ("telefon", "customer.phone"),
    ("firstname", "customer.first_name"),
    ("vorname", "customer.first_name"),
    ("lastname", "customer.last_name"),
    ("nachname", "customer.last_name"),
    ("name", "shipping_address.name"),
    ("company", "shipping_address.company"),
    ("street", "shipping_address.lines[0]"),
    ("address", "shipping_address.lines[0]"),
    ("strasse", "shipping_address.lines[0]"),
    ("straße", "shipping_address.lines[0]"),
    ("city", "shipping_address.city"),
    ("ort", "shipping_address.city"),
    ("zip", "shipping_address.postcode"),
    ("postcode", "shipping_address.postcode"),
    ("plz", "shipping_address.postcode"),
    ("country", "shipping_address.country"),
    ("land", "shipping_address.country"),
    ("artikel", "lines[].sku"),
    ("item", "lines[].sku"),
    ("qty", "lines[].quantity"),
    ("menge", "lines[].quantity"),
    ("price", "lines[].unit_price"),
    ("preis", "lines[].unit_price"),
    ("currency", "currency"),
];

fn plain(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// The attribute that the name of each column suggests. Each is proposed once.
fn guess(columns: &[String]) -> Vec<String> {
    let all = attributes();
    let mut used = BTreeSet::new();
    let proposed = columns.iter().map(|column| {
        let name = plain(column);
        let found = if is_repeated(columns, column) {
            None
        } else {
            attribute_of(&all, &name)
        };
        let new = found.filter(|path| used.insert(path.clone()));
        new.unwrap_or_default()
    });
    proposed.collect()
}

fn attribute_of(all: &[Attribute], name: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().map(plain);
    let whole = all.iter().find(|one| plain(&one.path) == name);
    let known = || NAMES.iter().find(|(known, _)| *known == name);
    let part = || {
        let mut ending = all
            .iter()
            .filter(|one| last(&one.path).as_deref() == Some(name));
        let found = ending.next();
        found.filter(|_| ending.next().is_none())
    };
    let found = whole.map(|one| one.path.clone());
    let found = found.or_else(|| known().map(|(_, path)| (*path).to_owned()));
    found.or_else(|| part().map(|one| one.path.clone()))
}

/// The format of a date, by its look.
fn date_format(sample: &str) -> &'static str {
    let look: String = sample
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    match look.as_str() {
        "0000-00-00 00:00:00" => "%Y-%m-%d %H:%M:%S",
        "0000-00-00 00:00" => "%Y-%m-%d %H:%M",
        "00.00.0000" => "%d.%m.%Y",
        "00.00.0000 00:00" => "%d.%m.%Y %H:%M",
        "00/00/0000" if sample.get(3..5) > Some("12") => "%m/%d/%Y",
        "00/00/0000" => "%d/%m/%Y",
        "00/00/0000 00:00" => "%m/%d/%Y %H:%M",
        _ => "",
    }
}

/// How a number is written, by its look.
fn number_format(sample: &str) -> &'static str {
    match (sample.rfind('.'), sample.rfind(',')) {
        (Some(point), Some(comma)) if point > comma => "comma-point",
        (Some(_), Some(_)) => "point-comma",
        (None, Some(_)) => "comma",
        (_, None) => "point",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], row: &[&str]) -> Table {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Table {
            columns: texts(columns),
            rows: vec![texts(row)],
        }
    }

    #[test]
    fn columns_are_recognised_by_their_names_and_samples() {
        let table = table(
            &[
                "Bestellung",
                "Datum",
                "E-Mail",
                "customer.phone",
                "Menge",
                "Preis",
                "x",
                "sku",
                "Qty",
            ],
            &[
                "B-1",
                "16.11.2026 09:15",
                "a@b.c",
                "",
                "2",
                "1.055,10",
                "",
                "",
                "",
            ],
        );
        let columns = Columns::propose(&table);
        assert_eq!(columns.way, Way::ByHand);
        let expected = [
            "key",
            "placed_at",
            "customer.email",
            "customer.phone",
            "lines[].quantity",
            "lines[].unit_price",
            "",
            "lines[].sku",
            "",
        ];
        assert_eq!(columns.targets, expected);
        assert_eq!(
            (columns.date.as_str(), columns.numbers.as_str()),
            ("%d.%m.%Y %H:%M", "point-comma")
        );
        let mapping = columns.mapping(&table).unwrap();
        assert!(mapping.contains("order = \"Bestellung\""), "{mapping}");
    }

    #[test]
    fn a_column_that_occurs_twice_is_not_proposed() {
        let columns = Columns::propose(&table(&["sku", "sku"], &["a", "b"]));
        assert_eq!(columns.targets, ["", ""]);
        let error = columns.mapping(&table(&["sku", "sku"], &[])).unwrap_err();
        assert!(error.starts_with("Choose an attribute"), "{error}");
    }

    #[test]
    fn columns_can_be_kept_as_metadata() {
        let table = table(&["key", "a/b ~\"c\"", "note"], &[]);
        let mut columns = Columns::propose(&table);
        columns.targets = vec!["key".into(), METADATA.into(), LINE_METADATA.into()];
        let mapping = columns.mapping(&table).unwrap();
        let targets = wharfinger_client::source::targets_of(&mapping).unwrap();
        let paths: Vec<_> = targets
            .into_iter()
            .map(|(_, paths)| paths.join(""))
            .collect();
        assert_eq!(
            paths,
            ["metadata.a/b ~\"c\"", "key", "lines[].metadata.note"]
        );
    }

    #[test]
    fn dates_and_numbers_are_recognised() {
        for (sample, format) in [
            ("2026-11-30", ""),
            ("30.11.2026", "%d.%m.%Y"),
            ("11/30/2026", "%m/%d/%Y"),
            ("01/02/2026", "%d/%m/%Y"),
            ("2026-11-30 09:15", "%Y-%m-%d %H:%M"),
            ("", ""),
        ] {
            assert_eq!(date_format(sample), format, "{sample}");
        }
        for (sample, format) in [
            ("1.5", "point"),
            ("1,5", "comma"),
            ("1,000.5", "comma-point"),
            ("1.000,5", "point-comma"),
            ("", "point"),
        ] {
            assert_eq!(number_format(sample), format, "{sample}");
        }
    }
}
