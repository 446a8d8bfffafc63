//! Whether the tables can be distributed over several machines with `wharfinger database distribute`.

use std::collections::BTreeMap;

use crate::support::database::{Cell, Database, url};
use crate::support::fixture;
use crate::support::server::program;

/// Tables that stay on the coordinator: the schema version, the progress of a copy, what is kept of destinations, and sessions of the
/// console.
const ALONE: [&str; 11] = [
    // Not used on Citus.
    "block_packs",
    "merges",
    "organisation_locks",
    "recent_changes",
    "console_sessions",
    "schema_versions",
    "copying",
    "destinations",
    "destination_progress",
    "parked_orders",
    "delivery_attempts",
];

/// The statements that the command would execute.
fn script() -> String {
    let mut command = program();
    command.args(["database", "distribute", "--print"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The distribution column of each table in the script. `None` for reference tables.
fn spread() -> BTreeMap<String, Option<String>> {
    let mut tables = BTreeMap::new();
    for line in script().lines() {
        let quoted: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
        let is_spread = line.starts_with("select create_distributed_table");
        if is_spread || line.starts_with("select create_reference_table") {
            let column = is_spread.then(|| quoted[1].to_owned());
            assert_eq!(tables.insert(quoted[0].to_owned(), column), None, "{line}");
        }
    }
    tables
}

fn text(cell: &Cell) -> String {
    cell.text().to_owned()
}

#[test]
fn the_script_spreads_every_table_by_a_column_that_is_in_all_its_keys() {
    let data = fixture::empty_postgres_directory();
    let mut database = Database::of(data.path());
    let spread = spread();
    let mut tables = database.tables();
    tables.retain(|table| !ALONE.contains(&table.as_str()));
    assert_eq!(tables, spread.keys().cloned().collect::<Vec<_>>());

    let keys = database.rows(
        "select indexrelid::regclass::text, indrelid::regclass::text, \
         (select string_agg(attname::text, ' ') from pg_attribute where attrelid = indrelid and attnum = any(indkey)) \
         from pg_index join pg_class on pg_class.oid = indrelid \
         where indisunique and relnamespace = 'public'::regnamespace",
    );
    let mut has_key = BTreeMap::new();
    for key in &keys {
        let (name, table, columns) = (text(&key[0]), text(&key[1]), text(&key[2]));
        if let Some(Some(column)) = spread.get(&table) {
            let is_in = columns.split(' ').any(|found| found == column);
            assert!(is_in, "{name} of {table} is of {columns}, without {column}");
            has_key.insert(table, ());
        }
    }
    for (table, column) in &spread {
        assert!(
            column.is_none() || has_key.contains_key(table),
            "{table} has no key"
        );
    }
}

/// Citus can co-locate tables only if their distribution columns have the same type.
#[test]
fn tables_that_stay_together_are_spread_by_columns_of_one_type() {
    let data = fixture::empty_postgres_directory();
    let mut database = Database::of(data.path());
    let types = database.rows(
        "select table_name::text, column_name::text, data_type::text from information_schema.columns \
         where table_schema = 'public'",
    );
    for (table, column) in spread() {
        let Some(column) = column else { continue };
        let mut found = types
            .iter()
            .filter(|row| text(&row[0]) == table && text(&row[1]) == column);
        let wanted = if column == "organisation" {
            "bigint"
        } else {
            "text"
        };
        assert_eq!(
            found.next().map(|row| text(&row[2])),
            Some(wanted.into()),
            "{table}"
        );
    }
}

#[test]
fn without_citus_nothing_is_distributed() {
    let data = fixture::empty_postgres_directory();
    let url = url(data.path()).unwrap();
    let mut command = program();
    command.args(["database", "distribute", "--database", &url]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the database has no Citus"), "{said}");
}
