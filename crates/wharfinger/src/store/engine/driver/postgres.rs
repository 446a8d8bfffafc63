//! PostgreSQL, with the same blocking interface as SQLite: one statement at a time, on the calling thread.

mod stamps;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::Error;
use super::value::{Params, Value};
use super::{Access, LOCK_PATIENCE, Locks, Result};
use crate::store::engine::checksums::on_server;

/// The sizes of the first and the largest chunk of rows that a cursor fetches.
const CHUNK_FIRST: usize = 32;
const CHUNK_MAX: usize = 512;

/// SQL that begins a write transaction. The write lock (its number is "wharf" in ASCII) is taken before everything except the
/// claims of names. Each later statement therefore sees all earlier writes. Transactions that lock organisations share it.
fn begin_write(names: &[i64], locks: Locks, patience: Duration) -> String {
    let mut begin =
        "begin isolation level read committed; set local synchronous_commit = on; ".to_owned();
    if !names.is_empty() {
        begin += &claim(names);
    }
    let lock = match locks {
        Locks::Store => "pg_advisory_xact_lock",
        Locks::Organisations => "pg_advisory_xact_lock_shared",
        Locks::Nothing => return begin + "select pg_current_xact_id()::text as number",
    };
    let lock = format!("select {lock}(x'7768617266'::bigint); ");
    if patience < LOCK_PATIENCE {
        let (short, long) = (patience.as_millis(), LOCK_PATIENCE.as_millis());
        begin +=
            &format!("set local lock_timeout = {short}; {lock}set local lock_timeout = {long}; ");
    } else {
        begin += &lock;
    }
    begin + "select pg_current_xact_id()::text as number"
}

/// SQL that claims these names until the end of the transaction, and returns those that another transaction has claimed.
fn claim(names: &[i64]) -> String {
    // A constant array, so that each lock is tried only once.
    format!(
        "select name as busy from unnest('{{{}}}'::bigint[]) as names (name) \
         where not pg_try_advisory_xact_lock(name); ",
        list(names)
    )
}

/// Numbers, separated by commas.
fn list(numbers: &[i64]) -> String {
    Vec::from_iter(numbers.iter().map(i64::to_string)).join(",")
}

const BEGIN_READ: &str = "begin isolation level repeatable read read only";

/// Plans must not depend on the number of rows at planning time. A table that was never analysed would be scanned for each
/// order.
const SETTINGS: &str = "set client_min_messages = warning; set enable_seqscan = off; set enable_hashjoin = off; \
    set enable_mergejoin = off; set plan_cache_mode = force_generic_plan; \
    set jit = off; set bytea_output = 'hex'; set wharfinger.recent_changes = on; ";

/// When the server was started, whether the database is a coordinator of Citus, and whether it has the trigger that only stores
/// have that were made without Citus.
const IS_CITUS: &str = "select cast(pg_postmaster_start_time() as text) as server; \
    select 'yes' as citus from pg_extension where extname = 'citus'; \
    select 'yes' as apart from pg_trigger where tgname = 'refuse_older_servers' and tgrelid = to_regclass('counters')";

/// Why a store is not used that was used before the extension was created. It has recent changes and packs, which this program neither
/// reads nor writes on Citus.
pub(crate) const USED_WITHOUT_CITUS: &str = "the extension citus was created in the database of a store; drop it (`drop extension citus`), \
    and copy the store into a database that had the extension before the store";

/// Settings on Citus. It cannot plan statements about several nodes without the values of their parameters. One connection to
/// each node is enough for a transaction, and makes what it wrote there visible to its later statements.
const CITUS_SETTINGS: &str = "set plan_cache_mode = auto; set citus.multi_shard_modify_mode = 'sequential'; \
    set citus.max_adaptive_executor_pool_size = 1";

/// How long a statement may take.
const STATEMENT_PATIENCE: Duration = Duration::from_secs(30);

/// Time limits. The keepalives end the session of a Wharfinger server that no longer responds, so that its locks do not block the
/// others.
fn bounds() -> String {
    let lock = LOCK_PATIENCE.as_millis();
    let statement = STATEMENT_PATIENCE.as_millis();
    format!("set lock_timeout = {lock}; set statement_timeout = {statement}; {KEEPALIVES}")
}

const KEEPALIVES: &str = "set idle_in_transaction_session_timeout = '15s'; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3; set tcp_user_timeout = '15s'";

/// Lifts the limits that a long transaction would exceed.
pub(super) const NO_BOUNDS: &str =
    "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";

/// A connection to PostgreSQL.
pub(crate) struct Session {
    /// Runs while the thread waits for an answer. `None` only during drop.
    runtime: Option<Runtime>,
    client: Client,
    statements: RefCell<HashMap<Arc<str>, tokio_postgres::Statement>>,
    /// The number of cursors opened so far.
    cursors: Cell<u64>,
    /// The id of the latest write transaction.
    transaction: RefCell<String>,
    /// The names that the latest write transaction could not claim.
    busy: RefCell<Vec<i64>>,
    /// The horizon of the latest read transaction that asked for it.
    horizon: Cell<i64>,
    /// A snapshot whose transactions are not in doubt, on Citus.
    settled: RefCell<String>,
    is_citus: bool,
    /// When the server was started.
    server: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A session may be dropped where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Session {
    /// A session on a new connection.
    pub(super) fn start(runtime: Runtime, client: Client) -> Result<Self> {
        let mut session = Self {
            runtime: Some(runtime),
            client,
            statements: RefCell::default(),
            cursors: Cell::new(0),
            transaction: RefCell::default(),
            busy: RefCell::default(),
            horizon: Cell::new(0),
            settled: RefCell::new(stamps::NOTHING.to_owned()),
            is_citus: false,
            server: String::new(),
        };
        let start = [SETTINGS, &bounds(), "; ", IS_CITUS].concat();
        let answer = session.wait(session.client.simple_query(&start))?;
        session.is_citus = !column(&answer, "citus").is_empty();
        session.server = column(&answer, "server").concat();
        if session.is_citus {
            // Each session looks: a server may be running whose other sessions began before the extension was created.
            if !column(&answer, "apart").is_empty() {
                return Err(Error::Unreachable(USED_WITHOUT_CITUS.into()));
            }
            session.execute_batch(CITUS_SETTINGS)?;
        }
        Ok(session)
    }

    /// Whether the server is a coordinator of Citus, which distributes tables over several nodes.
    pub(crate) fn is_citus(&self) -> bool {
        self.is_citus
    }

    /// When the server was started. After a restart, or with another server at the same address, it differs.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    fn wait<T>(
        &self,
        asked: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.block_on(asked)?),
            None => Err(Error::Unreachable("the connection is closed".into())),
        }
    }

    pub(super) fn begin(&self, access: &Access<'_>) -> Result<()> {
        match access {
            Access::Read => self.execute_batch(BEGIN_READ),
            Access::Follow => self.follow(),
            Access::Write {
                names,
                locks,
                patience,
            } => {
                let begin = begin_write(names, *locks, *patience);
                let answer = self.ask(&begin)?;
                self.transaction.replace(column(&answer, "number").concat());
                self.busy.replace(numbers(&answer, "busy"));
                Ok(())
            }
        }
    }

    /// Claims further names for the current write transaction. See [`Self::busy`].
    pub(crate) fn claim(&self, names: &[i64]) -> Result<()> {
        if !names.is_empty() {
            let answer = self.wait(self.client.simple_query(&claim(names)))?;
            self.busy.borrow_mut().extend(numbers(&answer, "busy"));
        }
        Ok(())
    }

    /// Waits in the current transaction for locks with these numbers, and takes them in this order.
    pub(crate) fn lock_numbers(&self, numbers: &[i64]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        self.execute_batch(&format!(
            "select pg_advisory_xact_lock(number) from unnest('{{{}}}'::bigint[]) as numbers (number)",
            list(numbers)
        ))
    }

    /// Runs a statement that may take at most so long. If it takes longer, the transaction has failed.
    pub(crate) fn run_within(&self, at_most: Duration, sql: &str) -> Result<()> {
        let (short, long) = (at_most.as_millis(), STATEMENT_PATIENCE.as_millis());
        self.execute_batch(&format!(
            "set local statement_timeout = {short}; {sql}; set local statement_timeout = {long}"
        ))
    }

    /// Runs statements of which the first begins a transaction. If one fails, it ends the transaction.
    fn ask(&self, statements: &str) -> Result<Vec<SimpleQueryMessage>> {
        let asked = self.wait(self.client.simple_query(statements));
        if asked.is_err() {
            // If the rollback fails too, the connection is unusable.
            let _ = self.execute_batch("rollback");
        }
        asked
    }

    /// The names of the latest write transaction that another transaction has claimed.
    pub(crate) fn busy(&self) -> Vec<i64> {
        self.busy.borrow().clone()
    }

    /// The id of the latest write transaction.
    pub(crate) fn transaction(&self) -> String {
        self.transaction.borrow().clone()
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        self.wait(self.client.batch_execute(sql))
    }

    /// A cached prepared statement.
    fn prepared(&self, sql: &str) -> Option<(Arc<str>, tokio_postgres::Statement)> {
        let statements = self.statements.borrow();
        let (sql, prepared) = statements.get_key_value(sql)?;
        Some((Arc::clone(sql), prepared.clone()))
    }

    /// A prepared statement. Prepared at the first request, then cached.
    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        let (sql, prepared) = match self.prepared(sql) {
            Some(known) => known,
            None => {
                let prepared = self.wait(self.client.prepare(&numbered(sql)))?;
                let sql: Arc<str> = sql.into();
                let mut statements = self.statements.borrow_mut();
                statements.insert(Arc::clone(&sql), prepared.clone());
                (sql, prepared)
            }
        };
        Ok(Statement {
            session: self,
            prepared,
            sql,
        })
    }
}

/// The values of a column in the answers to several statements.
fn column<'m>(answer: &'m [SimpleQueryMessage], name: &str) -> Vec<&'m str> {
    let values = answer.iter().filter_map(|message| {
        if let SimpleQueryMessage::Row(row) = message {
            row.try_get(name).ok().flatten()
        } else {
            None
        }
    });
    values.collect()
}

fn numbers(answer: &[SimpleQueryMessage], name: &str) -> Vec<i64> {
    let values = column(answer, name).into_iter();
    values.filter_map(|value| value.parse().ok()).collect()
}

/// A statement with PostgreSQL's parameters: `$1` for `?1`.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut is_quoted = false;
    for character in on_server(sql).chars() {
        is_quoted ^= character == '\'';
        out.push(match character {
            '?' if !is_quoted => '$',
            other => other,
        });
    }
    out
}

/// A prepared statement.
pub(crate) struct Statement<'c> {
    session: &'c Session,
    prepared: tokio_postgres::Statement,
    sql: Arc<str>,
}

impl<'c> Statement<'c> {
    pub(super) fn execute(&self, params: &impl Params) -> Result<usize> {
        let values = values(params)?;
        let values = bound(&values);
        self.execute_arrays(&values)
    }

    /// Like [`crate::store::engine::driver::Statement::execute`], but accepts arrays, which [`Value`] cannot express.
    pub(crate) fn execute_arrays(&self, values: &[&(dyn ToSql + Sync)]) -> Result<usize> {
        let asked = self.session.client.execute(&self.prepared, values);
        Ok(usize::try_from(self.session.wait(asked)?).unwrap_or(usize::MAX))
    }

    /// Like [`crate::store::engine::driver::Statement::query`], but accepts arrays, which [`Value`] cannot express.
    pub(crate) fn query_arrays(
        &self,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>> {
        let asked = self.session.client.query(&self.prepared, values);
        self.session.wait(asked)
    }

    pub(super) fn query(&self, params: &impl Params) -> Result<Rows<'c>> {
        let values = values(params)?;
        let values = bound(&values);
        Ok(Rows::all(self.session, self.query_arrays(&values)?))
    }

    /// Reads rows in chunks, with a cursor.
    pub(super) fn query_lazily(&self, params: &impl Params) -> Result<Rows<'c>> {
        let values = values(params)?;
        let values = bound(&values);
        let session = self.session;
        let number = session.cursors.get() + 1;
        session.cursors.set(number);
        let sql = numbered(&self.sql);
        let types = self.prepared.params().iter().cloned();
        let typed = Vec::from_iter(values.into_iter().zip(types));
        let declare = format!("declare c{number} no scroll cursor for {sql}");
        session.wait(session.client.execute_typed(&declare, &typed))?;
        Ok(Rows {
            session,
            rows: Vec::new().into_iter(),
            row: None,
            cursor: Some(Cursor {
                number,
                chunk: CHUNK_FIRST,
            }),
        })
    }
}

fn values<'p>(params: &'p impl Params) -> Result<Vec<Value<'p>>> {
    let mut values = Vec::new();
    params.each(&mut |value| {
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

fn bound<'v>(values: &'v [Value<'_>]) -> Vec<&'v (dyn ToSql + Sync)> {
    let values = values.iter();
    values.map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Integer(number) => match *kind {
                Type::BOOL => (*number != 0).to_sql(kind, out)?,
                Type::INT2 => i16::try_from(*number)?.to_sql(kind, out)?,
                Type::INT4 => i32::try_from(*number)?.to_sql(kind, out)?,
                _ => number.to_sql(kind, out)?,
            },
            Self::Text(text) => text.to_sql(kind, out)?,
            Self::Blob(bytes) => bytes.to_sql(kind, out)?,
        };
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The value of a column.
pub(super) fn value(row: &tokio_postgres::Row, column: usize) -> Result<Value<'_>> {
    let described = row.columns().get(column);
    let Some(kind) = described.map(tokio_postgres::Column::type_) else {
        return Err(Error::Value(format!("there is no column {column}")));
    };
    let found = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(column)?.map(Value::Integer),
        Type::INT4 => {
            let number = row.try_get::<_, Option<i32>>(column)?;
            number.map(|number| Value::Integer(number.into()))
        }
        Type::INT2 => {
            let number = row.try_get::<_, Option<i16>>(column)?;
            number.map(|number| Value::Integer(number.into()))
        }
        Type::BOOL => {
            let is_true = row.try_get::<_, Option<bool>>(column)?;
            is_true.map(|is_true| Value::Integer(is_true.into()))
        }
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(column)?.map(Value::Blob),
        _ => row.try_get::<_, Option<&str>>(column)?.map(Value::Text),
    };
    Ok(found.unwrap_or(Value::Null))
}

/// The rows of a query.
pub(crate) struct Rows<'c> {
    session: &'c Session,
    rows: std::vec::IntoIter<tokio_postgres::Row>,
    /// The current row.
    row: Option<tokio_postgres::Row>,
    /// The cursor that fetches more rows.
    cursor: Option<Cursor>,
}

struct Cursor {
    number: u64,
    chunk: usize,
}

impl<'c> Rows<'c> {
    fn all(session: &'c Session, rows: Vec<tokio_postgres::Row>) -> Self {
        Self {
            session,
            rows: rows.into_iter(),
            row: None,
            cursor: None,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<&tokio_postgres::Row>> {
        self.row = self.rows.next();
        if self.row.is_none()
            && let Some(cursor) = &mut self.cursor
        {
            let fetch = format!("fetch {} from c{}", cursor.chunk, cursor.number);
            cursor.chunk = (cursor.chunk * 2).min(CHUNK_MAX);
            let fetched = self.session.client.query_typed(&fetch, &[]);
            self.rows = self.session.wait(fetched)?.into_iter();
            self.row = self.rows.next();
        }
        Ok(self.row.as_ref())
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if let Some(cursor) = &self.cursor {
            let mut close = String::new();
            if write!(close, "close c{}", cursor.number).is_ok() {
                // If this fails, the end of the transaction closes the cursor.
                let _ = self.session.execute_batch(&close);
            }
        }
    }
}
