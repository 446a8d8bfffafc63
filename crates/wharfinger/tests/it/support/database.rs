//! The database of a data directory: its SQLite file, or the PostgreSQL database whose URL is stored there.
//!
//! `WHARFINGER_TEST_STORE=postgres` runs the tests on PostgreSQL, and `citus` on a cluster of Citus.

use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::types::Type;
use postgres::{Client, NoTls};
use wharfinger::store::StoreError;
use wharfinger::store::{self, Location, Options, Store};

/// File in a data directory with the URL of its PostgreSQL database.
const URL: &str = "database";

/// Whether the tests run on PostgreSQL, with or without Citus.
pub(crate) fn is_on_postgres() -> bool {
    match std::env::var("WHARFINGER_TEST_STORE").as_deref() {
        Err(_) | Ok("embedded") => false,
        Ok("postgres" | "citus") => true,
        Ok(other) => {
            panic!("WHARFINGER_TEST_STORE is 'embedded', 'postgres' or 'citus', not '{other}'")
        }
    }
}

/// Whether the tests run on Citus.
pub(crate) fn is_on_citus() -> bool {
    std::env::var("WHARFINGER_TEST_STORE").is_ok_and(|store| store == "citus")
}

/// False if the tests run on PostgreSQL. A test uses it to skip itself, with the reason.
pub(crate) fn on_embedded(why: &str) -> bool {
    if is_on_postgres() {
        eprintln!("for the embedded store only: {why}");
    }
    !is_on_postgres()
}

/// Records that a data directory's database is on PostgreSQL.
pub(super) fn place(data: &Path, url: &str) {
    std::fs::write(data.join(URL), url).unwrap();
}

/// The URL of a data directory's database, if it is on PostgreSQL.
pub(crate) fn url(data: &Path) -> Option<String> {
    std::fs::read_to_string(data.join(URL)).ok()
}

/// Adds the arguments that make a command use this store.
pub(crate) fn aim(command: &mut Command, data: &Path) {
    match url(data) {
        Some(url) => command.arg("--database").arg(url),
        None => command.arg("--data").arg(data),
    };
}

/// Opens the store of a data directory.
pub(crate) fn open_store(data: &Path, options: &Options) -> Store {
    try_open_store(data, options).expect("the store opens")
}

/// Like [`open_store`], but returns the error.
pub(crate) fn try_open_store(data: &Path, options: &Options) -> Result<Store, StoreError> {
    let location = match url(data) {
        Some(url) => Location::Database(store::Database {
            url,
            password: None,
            ca: None,
        }),
        None => Location::Directory(data.to_owned()),
    };
    Store::open_at(&location, options)
}

/// A cell of a row, the same for both engines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    /// The number in the cell. Panics on another type.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other @ (Self::Null | Self::Text(_) | Self::Blob(_)) => {
                panic!("{other:?} is no number")
            }
        }
    }

    /// The text in the cell. Panics on another type.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other @ (Self::Null | Self::Integer(_) | Self::Blob(_)) => {
                panic!("{other:?} is no text")
            }
        }
    }
}

/// A separate connection to the database of a data directory.
pub(crate) enum Database {
    Embedded(rusqlite::Connection),
    Postgres(Session),
}

impl Database {
    /// Connects to the database of a data directory.
    pub(crate) fn of(data: &Path) -> Self {
        match url(data) {
            Some(url) => Self::Postgres(Session::connect(&url)),
            None => {
                let file: PathBuf = data.join("orders.db");
                let connection = rusqlite::Connection::open(file).expect("it opens");
                store::register_checksums(&connection).expect("functions can be registered");
                Self::Embedded(connection)
            }
        }
    }

    /// Runs statements in SQLite's syntax. For PostgreSQL they are translated where it differs.
    pub(crate) fn run(&mut self, sql: &str) {
        match self {
            Self::Embedded(connection) => connection.execute_batch(sql).expect(sql),
            Self::Postgres(session) => {
                let sql = translated(sql);
                session.with(|client| client.batch_execute(&sql).expect(&sql));
            }
        }
    }

    /// Runs one statement. Returns the number of changed rows.
    pub(crate) fn execute(&mut self, sql: &str) -> u64 {
        match self {
            Self::Embedded(connection) => {
                let changed = connection.execute(sql, []).expect(sql);
                u64::try_from(changed).unwrap()
            }
            Self::Postgres(session) => {
                let sql = translated(sql);
                session.with(|client| client.execute(&sql, &[]).expect(&sql))
            }
        }
    }

    /// The rows of a query.
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Vec<Cell>> {
        match self {
            Self::Embedded(connection) => embedded_rows(connection, sql),
            Self::Postgres(session) => {
                let sql = translated(sql);
                let rows = session.with(|client| client.query(&sql, &[]).expect(&sql));
                let cells = |row: &postgres::Row| (0..row.len()).map(|at| cell(row, at)).collect();
                rows.iter().map(cells).collect()
            }
        }
    }

    /// The single number that a query returns.
    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        match self.rows(sql).as_slice() {
            [row] => row[0].number(),
            other => panic!("{sql} gives {} rows", other.len()),
        }
    }

    /// The number of rows in a table. `table` may include a `where` clause.
    pub(crate) fn count(&mut self, table: &str) -> i64 {
        self.number(&format!("select count(*) from {table}"))
    }

    /// The names of all tables.
    pub(crate) fn tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Embedded(_) => {
                "select name from sqlite_master where type = 'table' order by name"
            }
            Self::Postgres(_) => {
                "select tablename::text from pg_tables where schemaname = 'public' and tablename <> 'schema_versions' order by 1"
            }
        };
        let rows = self.rows(sql);
        rows.iter().map(|row| row[0].text().to_owned()).collect()
    }

    /// All text and bytes in the tables, concatenated.
    pub(crate) fn contents(&mut self) -> Vec<u8> {
        let mut contents = Vec::new();
        for table in self.tables() {
            for cell in self
                .rows(&format!("select * from {table}"))
                .iter()
                .flatten()
            {
                match cell {
                    Cell::Null | Cell::Integer(_) => {}
                    Cell::Text(text) => contents.extend(text.as_bytes()),
                    Cell::Blob(bytes) => contents.extend(bytes),
                }
                contents.push(0);
            }
        }
        contents
    }

    /// An SQL condition: a column of bytes contains a text.
    pub(crate) fn has(&self, column: &str, text: &str) -> String {
        let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Embedded(_) => format!("instr({column}, x'{digits}') > 0"),
            Self::Postgres(_) => format!("position('\\x{digits}'::bytea in {column}) > 0"),
        }
    }

    /// Begins a transaction that prevents all others from storing a batch.
    pub(crate) fn begin_writing(&mut self) {
        match self {
            Self::Embedded(_) => self.run("begin immediate"),
            Self::Postgres(_) => self.run("begin; lock table batches in exclusive mode"),
        }
    }

    /// Makes changes of this kind (such as `delete`) fail on a table, while the condition `when` holds.
    pub(crate) fn stop(&mut self, change: &str, table: &str, when: &str) {
        self.stop_no_more(table);
        let stop = match self {
            Self::Embedded(_) => format!(
                "create trigger stop before {change} on {table} when {when} \
                 begin select raise(abort, 'stopped'); end"
            ),
            Self::Postgres(_) => format!(
                "create or replace function stop() returns trigger language plpgsql as $$ begin \
                 if {when} then raise exception 'stopped'; end if; return coalesce(new, old); end $$; \
                 create trigger stop before {change} on {table} for each row execute function stop()"
            ),
        };
        self.run(&stop);
    }

    /// Undoes [`Self::stop`].
    pub(crate) fn stop_no_more(&mut self, table: &str) {
        match self {
            Self::Embedded(_) => self.run("drop trigger if exists stop"),
            Self::Postgres(_) => self.run(&format!("drop trigger if exists stop on {table}")),
        }
    }
}

fn embedded_rows(connection: &rusqlite::Connection, sql: &str) -> Vec<Vec<Cell>> {
    use rusqlite::types::Value;

    let mut select = connection.prepare(sql).expect(sql);
    let columns = select.column_count();
    let cell = |value| match value {
        Value::Null => Cell::Null,
        Value::Integer(number) => Cell::Integer(number),
        Value::Text(text) => Cell::Text(text),
        Value::Blob(bytes) => Cell::Blob(bytes),
        Value::Real(number) => panic!("{number} is no value of a store"),
    };
    let cells = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|column| row.get(column));
        values.map(|value| value.map(cell)).collect()
    };
    let rows = select.query_map([], cells).expect(sql);
    rows.map(Result::unwrap).collect()
}

fn cell(row: &postgres::Row, at: usize) -> Cell {
    let kind = row.columns()[at].type_();
    let cell = if *kind == Type::INT8 {
        row.get::<_, Option<i64>>(at).map(Cell::Integer)
    } else if *kind == Type::INT4 {
        let number: Option<i32> = row.get(at);
        number.map(|number| Cell::Integer(number.into()))
    } else if *kind == Type::INT2 {
        let number: Option<i16> = row.get(at);
        number.map(|number| Cell::Integer(number.into()))
    } else if *kind == Type::BOOL {
        let truth: Option<bool> = row.get(at);
        truth.map(|truth| Cell::Integer(truth.into()))
    } else if *kind == Type::BYTEA {
        row.get::<_, Option<Vec<u8>>>(at).map(Cell::Blob)
    } else {
        row.get::<_, Option<String>>(at).map(Cell::Text)
    };
    cell.unwrap_or(Cell::Null)
}

/// A connection to PostgreSQL that may be used in async code.
pub(crate) struct Session(Option<Client>);

impl Session {
    fn connect(url: &str) -> Self {
        let client = apart(|| {
            let mut client = Client::connect(url, NoTls).expect("a connection");
            // As servers of this version, it may change counters.
            let setting = "set wharfinger.recent_changes = on";
            client.batch_execute(setting).expect("it can be set");
            client
        });
        Self(Some(client))
    }

    fn with<T: Send>(&mut self, work: impl FnOnce(&mut Client) -> T + Send) -> T {
        let client = self
            .0
            .as_mut()
            .expect("it is connected until it is dropped");
        apart(|| work(client))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let client = self.0.take();
        apart(|| drop(client));
    }
}

/// Runs blocking work on another thread. The client runs a runtime of its own, which cannot be nested.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Translates a statement to PostgreSQL's syntax for bytes.
fn translated(sql: &str) -> String {
    let sql = sql.replace(" as blob)", " as bytea)");
    let sql = sql.replace("zeroblob(16)", "decode(repeat('00', 16), 'hex')");
    let sql = match sql.split_once("zeroblob(length(") {
        Some((before, behind)) => {
            let (column, behind) = behind.split_once("))").expect("it ends");
            format!("{before}decode(repeat('00', length({column})), 'hex'){behind}")
        }
        None => sql,
    };
    let mut parts = sql.split(" x'");
    let mut translated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('\'').expect("a literal ends");
        translated.push_str(&format!(" '\\x{digits}'::bytea{rest}"));
    }
    translated
}
