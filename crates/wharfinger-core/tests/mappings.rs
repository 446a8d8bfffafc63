//! Compares the mapping tables in the dialects' documentation with the code.
//!
//! The orders in `tests/mappings/ID.json` together have every attribute. Each test removes one attribute from them.
//! Exactly the attributes named in the table row must then change on the other side. A row with a dash means that
//! nothing changes.

#[path = "support/one.rs"]
mod one;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::TimeZone;
use one::{covers, of_any_element, problems, stored};
use serde_json::Value;
use wharfinger_core::canonical::fields::{ADDRESS, CUSTOMER, LINE, ORDER, REFERENCES};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

/// Objects with any names. They are reported as a whole.
const FREE: [&str; 2] = ["metadata", "extraAttributes"];

/// A table row: attributes of one side, and the attributes of the other side that depend on them.
#[derive(Debug)]
struct Row {
    from: Vec<String>,
    to: Vec<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the rows of the table under a heading of a dialect's page.
fn table(dialect: &dyn Dialect, heading: &str) -> Vec<Row> {
    let page = read(&format!("../../docs/dialects/{}.md", dialect.id()));
    let (_, section) = page
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("{}: no {heading}", dialect.id()));
    let section = section.split("\n#").next().unwrap_or_default();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [from, to] = [cells[1], cells[2]].map(|cell| {
            let words = cell.split('`').skip(1).step_by(2);
            words.map(str::to_owned).collect()
        });
        rows.push(Row { from, to });
    }
    assert!(rows.len() > 10, "{}: {heading}", dialect.id());
    rows
}

fn orders(id: &str) -> Vec<Value> {
    serde_json::from_str(&read(&format!("tests/mappings/{id}.json"))).expect("an array of orders")
}

/// All attributes of an order: each path with its values at every occurrence.
fn leaves(order: &Value) -> BTreeMap<String, Vec<String>> {
    let mut leaves: BTreeMap<String, Vec<String>> = BTreeMap::new();
    gather("", order, &mut leaves);
    leaves
}

fn gather(path: &str, value: &Value, leaves: &mut BTreeMap<String, Vec<String>>) {
    let name = path.rsplit('.').next().unwrap_or_default();
    match value {
        Value::Object(members) if !FREE.contains(&name) => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                gather(&path, member, leaves);
            }
        }
        Value::Array(elements) if elements.iter().all(Value::is_object) => {
            for element in elements {
                gather(&format!("{path}[]"), element, leaves);
            }
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            let values = leaves.entry(path.to_owned()).or_default();
            values.push(value.to_string());
        }
    }
}

/// Returns the order with every occurrence of an attribute removed.
fn without(order: &Value, path: &str) -> Value {
    let mut order = order.clone();
    let mut objects = vec![&mut order];
    let steps: Vec<&str> = path.split('.').collect();
    let (last, parents) = steps.split_last().expect("a path has steps");
    for parent in parents {
        let mut inner = Vec::new();
        for object in objects {
            let name = parent.trim_end_matches("[]");
            match object.get_mut(name) {
                Some(Value::Array(elements)) => inner.extend(elements),
                Some(member) => inner.push(member),
                None => {}
            }
        }
        objects = inner;
    }
    for object in objects {
        if let Some(members) = object.as_object_mut() {
            members.shift_remove(*last);
        }
    }
    order
}

/// The paths that differ between two orders.
fn changes(left: &Value, right: &Value) -> BTreeSet<String> {
    let (left, right) = (leaves(left), leaves(right));
    let paths = left.keys().chain(right.keys());
    let changed = paths.filter(|path| left.get(*path) != right.get(*path));
    changed.cloned().collect()
}

/// Removes each attribute of the table from the orders, and compares what changes in the results.
fn check(place: &str, rows: &[Row], orders: &[Value], made_of: impl Fn(&Value) -> Value) {
    for row in rows {
        for attribute in &row.from {
            let is_there = |order: &&Value| without(order, attribute) != **order;
            let with: Vec<&Value> = orders.iter().filter(is_there).collect();
            assert!(!with.is_empty(), "{place}: no order has {attribute}");
            let mut changed = BTreeSet::new();
            for order in with {
                changed.extend(changes(
                    &made_of(order),
                    &made_of(&without(order, attribute)),
                ));
            }
            // The store keeps these two, so removing them from the text changes nothing.
            let is_kept = |path: &String| path == "organisation" || path == "key";
            if row.from.iter().chain(&row.to).any(is_kept) {
                assert_eq!(changed, BTreeSet::new(), "{place}: {attribute}");
                continue;
            }
            let is_named = |path: &String| row.to.iter().any(|named| covers(named, path));
            let is_changed = |named: &String| changed.iter().any(|path| covers(named, path));
            assert!(
                changed.iter().all(is_named) && row.to.iter().all(is_changed),
                "{place}: {attribute} decides {changed:?}, says the code, and {:?}, says the page",
                row.to
            );
        }
    }
    for order in orders {
        for path in leaves(order).keys() {
            let mut named = rows.iter().flat_map(|row| &row.from);
            assert!(
                named.any(|named| covers(named, path)),
                "{place}: no row names {path}"
            );
        }
    }
}

fn vendors() -> impl Iterator<Item = &'static dyn Dialect> {
    let dialects = dialects::ALL.iter().copied();
    dialects.filter(|dialect| dialect.id() != "native")
}

fn native() -> &'static dyn Dialect {
    dialects::find("native").expect("the house's own")
}

/// Converts an order from one dialect to another.
fn converted(from: &dyn Dialect, to: &dyn Dialect, order: &Value) -> Value {
    let form = to.render(
        &from.canonical(&stored("7", &order.to_string())),
        &TimeZone::UTC,
    );
    serde_json::from_slice(&form.body).expect("JSON")
}

#[test]
fn the_tables_to_the_canonical_order_are_right() {
    for dialect in vendors() {
        let rows = table(dialect, "### To the canonical order");
        let orders = orders(dialect.id());
        for order in &orders {
            assert_eq!(problems(dialect, &order.to_string()), []);
        }
        check(dialect.id(), &rows, &orders, |order| {
            converted(dialect, native(), order)
        });
    }
}

#[test]
fn the_tables_from_the_canonical_order_are_right() {
    let orders = orders("native");
    for order in &orders {
        assert_eq!(problems(native(), &order.to_string()), []);
    }
    for dialect in vendors() {
        let rows = table(dialect, "### From the canonical order");
        let place = format!("{} from native", dialect.id());
        check(&place, &rows, &orders, |order| {
            converted(native(), dialect, order)
        });
    }
}

/// Submissions, responses and the attribute lists have the same names.
#[test]
fn the_list_of_attributes_is_whole() {
    let orders = orders("native");
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (place, attributes) in [
        ("", ORDER),
        ("customer", CUSTOMER),
        ("billing_address", ADDRESS),
        ("shipping_address", ADDRESS),
        ("lines/0", LINE),
        ("references", REFERENCES),
    ] {
        let attributes = attributes.iter().map(|field| field.name.to_owned());
        names.insert(place.to_owned(), attributes.collect());
    }
    let told = converted(native(), native(), &orders[0]);
    for order in [&orders[0], &told] {
        for (place, names) in &names {
            let pointer = if place.is_empty() {
                String::new()
            } else {
                format!("/{place}")
            };
            let object = order
                .pointer(&pointer)
                .and_then(Value::as_object)
                .expect(place);
            let have: Vec<String> = object.keys().cloned().collect();
            assert_eq!(&have, names, "{place}");
        }
    }
    assert_eq!(of_any_element("lines[12].sku"), "lines[].sku");
}
