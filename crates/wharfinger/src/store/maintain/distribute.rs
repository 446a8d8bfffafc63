//! Distributing the tables of an empty PostgreSQL database over the nodes of Citus.

use std::collections::HashSet;

use super::copy::tables::quoted;
use super::copy::{FILLED, be_alone};
use crate::store::api::StoreError;
use crate::store::engine::driver::{Access, Connection, USED_WITHOUT_CITUS};
use crate::store::engine::fault::Fault;
use crate::store::engine::location::Database;
use crate::store::engine::memtable::SharedRuns;
use crate::store::engine::open::reach;
use crate::store::engine::schema;

/// Where the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On the node that has all data of their organisation.
    Organisation,
    /// On the node of their API key. A receipt covers all the organisations that its batch has orders of.
    Key(&'static str),
    /// On every node: small tables that rarely change.
    Everywhere,
}

/// Each table. `schema_versions` and `copying` stay on the coordinator, and so do those of destinations and the sessions of the
/// console: they are small, and change often. The tables of recent changes and of small blocks are not used.
const TABLES: [(&str, Place); 34] = [
    ("counters", Place::Organisation),
    ("blocks", Place::Organisation),
    ("order_leaves", Place::Organisation),
    ("fulfilments", Place::Organisation),
    ("holds", Place::Organisation),
    ("open_orders", Place::Organisation),
    ("email_runs", Place::Organisation),
    ("email_parts", Place::Organisation),
    ("purges", Place::Organisation),
    ("erasures", Place::Organisation),
    ("rejections", Place::Organisation),
    ("closed_rejections", Place::Organisation),
    ("stats", Place::Organisation),
    ("error_causes", Place::Organisation),
    ("products", Place::Organisation),
    ("stock", Place::Organisation),
    ("stock_ledger", Place::Organisation),
    ("customers", Place::Organisation),
    ("customer_numbers", Place::Organisation),
    ("admissions", Place::Organisation),
    ("batches", Place::Key("key_id")),
    ("mended_batches", Place::Key("key_id")),
    ("batch_files", Place::Key("key_id")),
    ("imports", Place::Key("key_id")),
    ("stats_log", Place::Key("key_id")),
    ("answers", Place::Key("key_id")),
    // A key, or the command line.
    ("audit", Place::Key("who")),
    ("organisations", Place::Everywhere),
    ("keys", Place::Everywhere),
    ("test_keys", Place::Everywhere),
    ("rules", Place::Everywhere),
    ("dialects", Place::Everywhere),
    ("settings", Place::Everywhere),
    ("epochs", Place::Everywhere),
];

/// Functions in statements that the nodes execute.
const FUNCTIONS: [&str; 2] = ["damaged(boolean)", "sound(boolean)"];

/// Settings of the nodes' sessions. On the coordinator a server sets its own. Plans must not depend on the number of rows at the
/// time of planning, and waits for locks are bounded.
const NODE_SETTINGS: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("lock_timeout", "10000"),
];

/// The result of distributing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distributed {
    /// The tables were distributed over this many nodes.
    Over(u64),
    /// They had been distributed before.
    Already,
}

/// The statement that distributes a table. Tables with the same kind of place follow the first of them, so that they can be
/// joined on each node.
fn statement(table: &str, place: Place) -> String {
    let (column, first) = match place {
        Place::Organisation => ("organisation", "counters"),
        Place::Key(column) => (column, "batches"),
        Place::Everywhere => return format!("select create_reference_table('{table}')"),
    };
    let with = if table == first { "none" } else { first };
    format!("select create_distributed_table('{table}', '{column}', colocate_with => '{with}')")
}

/// The statements that [`distribute`] executes on a database in which no table is distributed.
pub fn script() -> Vec<String> {
    let tables = TABLES.iter();
    let tables = tables.map(|(table, place)| statement(table, *place));
    tables.chain(statements_for_nodes()).collect()
}

/// The statements that follow those of the tables.
fn statements_for_nodes() -> impl Iterator<Item = String> {
    let functions = FUNCTIONS.iter();
    let functions = functions.map(|name| format!("select create_distributed_function('{name}')"));
    functions.chain(NODE_SETTINGS.iter().map(|(name, value)| {
        format!(
            "select run_command_on_workers(format('alter database %I set {name} = {value}', current_database()))"
        )
    }))
}

/// Distributes the tables of a database over the nodes of Citus, and creates them if there are none. Blocks.
///
/// # Errors
/// [`StoreError::Refused`]: the server has no Citus or no nodes, or a table that is not distributed has rows.
pub fn distribute(database: &Database) -> Result<Distributed, StoreError> {
    let (_, connection) = reach(database, SharedRuns::default())?;
    let nodes = nodes(&connection)?;
    schema::migrate_on_server(&connection)?;
    if undistributed(&connection)?.is_empty() {
        return Ok(Distributed::Already);
    }
    be_alone(&connection)?;
    let transaction = connection.begin(Access::WRITE).map_err(Fault::from)?;
    transaction.lift_bounds().map_err(Fault::from)?;
    let missing = undistributed(&transaction)?;
    for (table, _) in &missing {
        refuse_rows(&transaction, table)?;
    }
    run(&transaction, &missing)?;
    transaction.commit().map_err(Fault::Commit)?;
    Ok(Distributed::Over(nodes))
}

/// How many nodes may have rows.
fn nodes(connection: &Connection) -> Result<u64, Fault> {
    if connection.citus().is_none() {
        return Err(Fault::Refused(
            "the database has no Citus; run `create extension citus` in it on each node, and add the nodes with `citus_add_node`".into(),
        ));
    }
    let select = "select count(*) from pg_dist_node where shouldhaveshards and isactive";
    match connection.query_row(select, (), |row| row.get::<i64>(0))? {
        0 => Err(Fault::Refused(
            "Citus has no worker nodes for this database; add them with `citus_add_node`".into(),
        )),
        nodes => Ok(nodes.cast_unsigned()),
    }
}

/// The tables that are not distributed. All of them, if the server has no Citus.
fn undistributed(connection: &Connection) -> Result<Vec<(&'static str, Place)>, Fault> {
    let mut found = HashSet::new();
    if connection.citus().is_some() {
        let select = "select cast(relname as text) from pg_dist_partition join pg_class on pg_class.oid = logicalrelid";
        let mut select = connection.prepare_cached(select)?;
        found = HashSet::from_iter(select.query_map((), |row| row.get::<String>(0))?);
    }
    let tables = TABLES.into_iter();
    Ok(Vec::from_iter(
        tables.filter(|(table, _)| !found.contains(*table)),
    ))
}

/// Warns if the server is a coordinator of Citus and has tables that are not distributed.
///
/// # Errors
/// [`Fault::Refused`]: the store was used without the extension, after it had been made with it. It has what is not used on Citus.
pub(crate) fn warn_if_undistributed(connection: &Connection) -> Result<(), Fault> {
    if connection.citus().is_some() {
        let select = "select 1 from recent_changes union all select 1 from block_packs limit 1";
        if connection.prepare_cached(select)?.exists(())? {
            return Err(Fault::Refused(USED_WITHOUT_CITUS.into()));
        }
    }
    if connection.citus().is_some() && !undistributed(connection)?.is_empty() {
        tracing::warn!(
            "The database is a coordinator of Citus, but its tables are not distributed: this server alone stores all orders. \
             Run `wharfinger database distribute` on an empty database, and copy the store into it."
        );
    }
    Ok(())
}

fn refuse_rows(connection: &Connection, table: &str) -> Result<(), Fault> {
    let select = format!("select 1 from {} limit 1", quoted(table));
    if !FILLED.contains(&table) && connection.prepare_cached(&select)?.exists(())? {
        return Err(Fault::Refused(format!(
            "table {table} has rows; distribute the tables of an empty database, and then copy the store into it with `wharfinger copy`"
        )));
    }
    Ok(())
}

fn run(connection: &Connection, missing: &[(&'static str, Place)]) -> Result<(), Fault> {
    for (table, place) in missing {
        connection.execute_batch(&statement(table, *place))?;
        if FILLED.contains(table) {
            // The rows are on the nodes now, but still take space here.
            let drop = format!("select truncate_local_data_after_distributing_table('{table}')");
            connection.execute_batch(&drop)?;
        }
    }
    for statement in statements_for_nodes() {
        connection.execute_batch(&statement)?;
    }
    Ok(())
}
