//! Flipped bits in a store's files, and changed values in its tables: reads are correct, or the fault is reported.

use std::path::Path;

use rusqlite::functions::FunctionFlags;
use tempfile::TempDir;
use wharfinger::store::{self, Location, Store};
use wharfinger::store::{CheckReport, StoreError};

use crate::copy::{filled, rows};
use crate::support::client::Request;
use crate::support::database::{self, Cell, Database, is_on_postgres, on_embedded};
use crate::support::fixture;
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{order, request, submit};

/// The result of `check` on a store.
fn checked(data: &Path) -> Result<CheckReport, StoreError> {
    Store::check_at(&match database::url(data) {
        Some(url) => Location::Database(store::Database {
            url,
            password: None,
            ca: None,
        }),
        None => Location::Directory(data.to_owned()),
    })
}

/// Whether `check` reports a fault.
fn is_told(checked: &Result<CheckReport, StoreError>) -> bool {
    !matches!(checked, Ok(report) if report.faults.is_empty())
}

/// A column of a table and its type.
struct Column {
    table: String,
    name: String,
    kind: String,
}

/// The columns of all tables, except checksums.
fn columns(database: &mut Database) -> Vec<Column> {
    let list = match database {
        Database::Embedded(_) => {
            "select t.name, c.name, lower(c.type) from sqlite_schema t, pragma_table_xinfo(t.name) c \
             where t.type = 'table' and t.name not like 'sqlite_%' and t.name not in ('block_packs', 'copying', 'recent_changes') and c.hidden = 0"
        }
        Database::Postgres(_) => {
            "select t.relname::text, c.attname::text, format_type(c.atttypid, null) \
             from pg_class t join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public' \
             join pg_attribute c on c.attrelid = t.oid and c.attnum > 0 and c.attgenerated = '' \
             where t.relkind = 'r' and t.relname not in ('block_packs', 'copying', 'recent_changes', 'schema_versions') order by 1"
        }
    };
    let rows = database.rows(list);
    let columns = rows.iter().map(|row| Column {
        table: row[0].text().to_owned(),
        name: row[1].text().to_owned(),
        kind: row[2].text().to_owned(),
    });
    columns.collect()
}

/// A store whose values are changed without updating their checksums.
struct Damaged {
    database: Database,
    columns: Vec<Column>,
}

impl Damaged {
    fn of(data: &Path) -> Self {
        let mut database = stored::settled(data);
        let columns = columns(&mut database);
        Self::with_columns(database, columns)
    }

    fn with_columns(mut database: Database, columns: Vec<Column>) -> Self {
        if let Database::Postgres(_) = database {
            let mut tables: Vec<_> = columns.iter().map(|column| &column.table).collect();
            tables.dedup();
            for table in tables {
                database.run(&format!(
                    "alter table {table} alter column row_checksum drop expression"
                ));
            }
        }
        Self { database, columns }
    }

    /// Changes a value in a row while `meanwhile` runs.
    fn with<T>(&mut self, table: &str, column: &str, meanwhile: impl FnOnce() -> T) -> T {
        let of = |known: &&Column| known.table == table && known.name == column;
        let kind = &self
            .columns
            .iter()
            .find(of)
            .expect("there is such a column")
            .kind;
        let found = self.database.rows(&format!(
            "select row_checksum, {column} from {table} order by {column} is null, row_checksum limit 1"
        ));
        let [Cell::Integer(checksum), value] = found.first().expect("a row").as_slice() else {
            panic!("{table} has no checksums")
        };
        let is_truth = kind == "boolean";
        let (before, after) = match value {
            Cell::Integer(truth) if is_truth => {
                ((*truth == 1).to_string(), (*truth == 0).to_string())
            }
            Cell::Integer(number) => (number.to_string(), (number + 1_000).to_string()),
            Cell::Text(text) => (
                format!("'{}'", quoted(text)),
                format!("'{}x'", quoted(text)),
            ),
            Cell::Blob(bytes) => (literal(bytes), literal(&flipped(bytes))),
            Cell::Null => {
                let after = match kind.as_str() {
                    "text" => "'x'".into(),
                    "blob" | "bytea" => literal(&[1]),
                    _ => "7".into(),
                };
                ("null".into(), after)
            }
        };
        self.fix_checksums(*checksum);
        let update = |value| {
            format!("update {table} set {column} = {value} where row_checksum = {checksum}")
        };
        assert_eq!(self.database.execute(&update(after)), 1);
        let seen = meanwhile();
        if let Database::Embedded(connection) = &self.database {
            store::register_checksums(connection).unwrap();
        }
        assert_eq!(self.database.execute(&update(before)), 1);
        seen
    }

    /// Makes SQLite accept this checksum for anything written.
    fn fix_checksums(&self, checksum: i64) {
        if let Database::Embedded(connection) = &self.database {
            let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
            connection
                .create_scalar_function("checksum_of", -1, flags, move |_| Ok(checksum))
                .unwrap();
        }
    }
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

fn literal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(" x'{digits}'")
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    match flipped.last_mut() {
        Some(byte) => *byte ^= 1,
        None => flipped.push(1),
    }
    flipped
}

#[test]
fn check_covers_every_value_of_every_table() {
    let data = fixture::data_directory_with_catalogue();
    filled::fill(data.path());
    let mut database = Database::of(data.path());
    // Rows that exist only during an erasure.
    database.run(&format!(
        "insert into erasures (organisation, id) values (1, {})",
        1_i64 << 42
    ));
    drop(database);
    let checked_whole = checked(data.path());
    assert!(!is_told(&checked_whole), "{checked_whole:?}");
    let mut damaged = Damaged::of(data.path());
    let columns: Vec<_> = damaged
        .columns
        .iter()
        .map(|column| (column.table.clone(), column.name.clone()))
        .collect();
    assert!(columns.len() > 100, "{}", columns.len());
    for (table, column) in columns {
        let found = damaged.with(&table, &column, || checked(data.path()));
        assert!(is_told(&found), "{table}.{column}");
    }
    let checked_whole = checked(data.path());
    assert!(!is_told(&checked_whole), "{checked_whole:?}");
}

#[test]
fn recent_changes_and_packs_are_covered_too() {
    let is_truth = if is_on_postgres() {
        "boolean"
    } else {
        "integer"
    };
    let data = fixture::data_directory();
    let submit_two = |server: &Server, keys: [&str; 2]| {
        let (_, ids) = submit(server, "TRK001", &keys.map(order));
        ids
    };
    let server = Server::start(data.path());
    let mut ids = submit_two(&server, ["A", "B"]);
    drop(server);
    stored::look(data.path(), async |store| store.settle().await);
    // The server is killed, so these changes stay in the log.
    ids.extend(submit_two(&Server::start(data.path()), ["C", "D"]));
    let checked_whole = checked(data.path());
    assert!(!is_told(&checked_whole), "{checked_whole:?}");
    let of_table = |table: &str, names: &[(&str, &str)]| {
        let column = |(name, kind): &(&str, &str)| Column {
            table: table.to_owned(),
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
        };
        names.iter().map(column).collect::<Vec<_>>()
    };
    let mut columns = of_table(
        "recent_changes",
        &[("number", "integer"), ("changes", "blob")],
    );
    if is_on_postgres() {
        columns.extend(of_table("recent_changes", &[("transaction_id", "integer")]));
    }
    let of_packs = ["first", "last", "organisation"];
    columns.extend(of_table(
        "block_packs",
        &of_packs.map(|name| (name, "integer")),
    ));
    columns.extend(of_table("block_packs", &[("has_open", is_truth)]));
    columns.extend(of_table("block_packs", &[("blocks", "blob")]));
    let names = columns.iter();
    let names = Vec::from_iter(names.map(|column| (column.table.clone(), column.name.clone())));
    let database = Database::of(data.path());
    let mut damaged = Damaged::with_columns(database, columns);
    let all = || {
        let server = Server::start(data.path());
        let looks = ids
            .iter()
            .map(|id| request("GET", &format!("/v1/orders/{id}"), "full"));
        looks.map(|look| told(&server, &look)).collect::<Vec<_>>()
    };
    let whole = all();
    assert!(whole.iter().all(|(status, _)| *status == 200));
    for (table, column) in names {
        let (found, answers) = damaged.with(&table, &column, || (checked(data.path()), all()));
        assert!(is_told(&found), "{table}.{column}");
        let pairs = answers.iter().zip(&whole);
        let is_safe =
            |(answer, whole): (&(u16, String), &(u16, String))| answer == whole || answer.0 >= 500;
        assert!(
            pairs.into_iter().all(is_safe),
            "{table}.{column}: {answers:?}"
        );
    }
    assert_eq!(all(), whole);
}

/// Status and body of the response to a read request.
fn told(server: &Server, request: &Request) -> (u16, String) {
    let answer = server.send(request);
    (answer.status, answer.text().to_owned())
}

#[test]
fn a_damaged_row_is_an_error_and_never_served() {
    let data = fixture::data_directory_with_catalogue();
    let known = filled::fill(data.path());
    let server = Server::start(data.path());
    let mut damaged = Damaged::of(data.path());
    let looks: Vec<&Request> = known.looks.iter().map(|(look, _)| look).collect();
    let all = || {
        looks
            .iter()
            .map(|look| told(&server, look))
            .collect::<Vec<_>>()
    };
    let whole = all();
    assert!(whole.iter().all(|(status, _)| *status == 200));
    for (table, column) in [
        ("audit", "who"),
        ("batches", "key_id"),
        ("batches", "shares"),
        ("rejections", "first_index"),
        ("rejections", "orders"),
        ("imports", "lines"),
        ("products", "name"),
        ("stock", "pieces"),
        ("customers", "first_name"),
        ("admissions", "orders"),
        ("blocks", "at_ms"),
        ("blocks", "slots"),
        ("blocks", "keys"),
        ("order_leaves", "orders"),
        ("dialects", "name"),
        ("counters", "next_position"),
        ("counters", "states"),
        ("email_parts", "entries"),
        ("email_runs", "last_block"),
        ("purges", "feed_start"),
        ("open_orders", "ordinals"),
    ] {
        let seen = damaged.with(table, column, all);
        let mut errors = 0;
        for ((look, whole), seen) in looks.iter().zip(&whole).zip(&seen) {
            if seen.0 == 500 {
                errors += 1;
            } else {
                assert_eq!(seen, whole, "{table}.{column}: {look:?}");
            }
        }
        // These tables are read completely for the responses. The others are not.
        let is_read_whole = [
            "audit",
            "batches",
            "customers",
            "dialects",
            "products",
            "stock",
        ];
        assert!(
            errors > 0 || !is_read_whole.contains(&table),
            "{table}.{column}"
        );
    }
    assert_eq!(all(), whole);
}

#[test]
fn a_key_or_an_organisation_whose_row_is_damaged_is_refused_and_nobody_else() {
    let data = fixture::data_directory();
    let list = |key| request("GET", "/v1/orders", key);
    let mut damaged = Damaged::of(data.path());
    let first = "select id from keys order by scopes is null, row_checksum limit 1";
    let hit = damaged.database.rows(first)[0][0].text().to_owned();
    let other = if hit == "full" { "one" } else { "full" };
    damaged.with("keys", "scopes", || {
        let server = Server::start(data.path());
        assert_eq!(server.send(&list(&hit)).status, 401);
        assert_ne!(server.send(&list(other)).status, 401);
    });
    let server = Server::start(data.path());
    assert_ne!(server.send(&list(&hit)).status, 401);
}

/// Size of a frame in SQLite's log, including its page.
const FRAME: usize = 24 + 4_096;

/// Offset of the log's last three transactions. Damage in the last one looks like an unfinished write.
fn settled(log: &[u8]) -> usize {
    let frames: Vec<_> = log[32..].chunks_exact(FRAME).collect();
    let current = |frame: &&&[u8]| frame[8..16] == log[16..24];
    let commits = frames.iter().take_while(current).enumerate();
    let commits: Vec<_> = commits.filter(|(_, frame)| frame[4..8] != [0; 4]).collect();
    let (last, _) = commits[commits.len() - 4];
    32 + (last + 1) * FRAME
}

#[test]
fn a_flipped_bit_is_told_or_does_no_harm() {
    if !on_embedded("flips bits of SQLite's files") {
        return;
    }
    let data = fixture::data_directory_with_catalogue();
    let known = filled::fill(data.path());
    let server = Server::start(data.path());
    for number in 0..4 {
        submit(&server, "TRK001", &[order(&format!("LATE-{number}"))]);
    }
    let looks: Vec<&Request> = known.looks.iter().map(|(look, _)| look).collect();
    let told_whole: Vec<_> = looks.iter().map(|look| told(&server, look)).collect();
    for number in 0..4 {
        submit(&server, "TRK001", &[order(&format!("LAST-{number}"))]);
    }
    server.kill();
    let read = |name| std::fs::read(data.path().join(name)).unwrap();
    let files = [read("orders.db"), read("orders.db-wal")];
    let expected = rows(copied(&files).path());
    storm(2, |seed| {
        let mut random = Random::new(seed);
        for round in 0..40 {
            let mut files = files.clone();
            let in_log = random.chance(40);
            let file = &mut files[usize::from(in_log)];
            let end = if in_log { settled(file) } else { file.len() };
            let (at, bit) = (random.below(end), random.below(8));
            file[at] ^= 1 << bit;
            let what = format!(
                "bit {bit} of byte {at} of the {}",
                ["database", "log"][usize::from(in_log)]
            );
            let damaged = copied(&files);
            let found = checked(damaged.path());
            if is_told(&found) {
                continue;
            }
            assert_eq!(rows(damaged.path()), expected, "{what}: {found:?}");
            if round % 8 == 0 {
                let server = Server::start(damaged.path());
                let seen: Vec<_> = looks.iter().map(|look| told(&server, look)).collect();
                assert_eq!(seen.len(), told_whole.len(), "{what}");
                assert!(seen.iter().all(|(status, _)| *status == 200), "{what}");
            }
        }
    });
}

/// A data directory with copies of a database file and its log.
fn copied(files: &[Vec<u8>; 2]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in ["orders.db", "orders.db-wal"].iter().zip(files) {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}
