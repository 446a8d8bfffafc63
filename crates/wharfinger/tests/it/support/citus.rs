//! Databases on the Citus cluster of `WHARFINGER_TEST_CITUS`, for `WHARFINGER_TEST_STORE=citus`.
//!
//! The URL names a database of the coordinator that has the extension and knows the workers. Each test gets a database of its own.
//! It takes seconds to create one on all nodes, so a database that a test has left is emptied and used again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use postgres::{Client, Config, NoTls};

use super::database::apart;
use super::server::program;

/// Names the coordinator.
const URL: &str = "WHARFINGER_TEST_CITUS";
/// Fewer shards than by default, because tests have few rows.
const SHARDS: u32 = 4;
/// Databases that no test uses.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A database on all nodes, with empty tables that are distributed. Used again after this is dropped.
pub(crate) struct CitusDatabase {
    name: String,
}

impl CitusDatabase {
    /// A database with empty tables.
    pub(crate) fn empty() -> Self {
        let free = FREE.lock().unwrap().pop();
        let name = free.unwrap_or_else(|| apart(create));
        let database = Self { name };
        apart(|| database.empty_tables());
        database
    }

    pub(crate) fn url(&self) -> String {
        at_database(&coordinator(), &self.name)
    }

    /// Deletes all rows that a new store does not have, and counts ids from 1 again.
    fn empty_tables(&self) {
        let mut client = connect(&self.url().parse().unwrap());
        client
            .batch_execute(EMPTY)
            .expect("the tables can be emptied");
    }
}

impl Drop for CitusDatabase {
    fn drop(&mut self) {
        FREE.lock().unwrap().push(std::mem::take(&mut self.name));
    }
}

/// Servers that were killed may not have noticed it yet.
const EMPTY: &str = "
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and application_name = 'wharfinger' and pid <> pg_backend_pid();
    do $$
    declare of record;
    begin
        set local citus.multi_shard_modify_mode = 'sequential';
        for of in select relname from pg_dist_partition join pg_class on pg_class.oid = logicalrelid
            where relname not in ('settings', 'epochs') loop
            execute format('delete from %I', of.relname);
        end loop;
        delete from epochs where number > 1;
        update settings set value = case when name in ('directory_version', 'catalogue_version') then 1 else 0 end
            where name not like 'email_key%';
        -- Tables that only the coordinator has. Names of shards end in a number.
        for of in select tablename from pg_tables where schemaname = 'public' and tablename not in ('schema_versions', 'merges')
            and tablename !~ '_[0-9]+$' and not exists (select from pg_dist_partition where logicalrelid = to_regclass(tablename)) loop
            execute format('delete from %I', of.tablename);
        end loop;
        for of in select cast(attrelid as regclass) as name, attname from pg_attribute
            where attidentity <> '' and attrelid in (select logicalrelid from pg_dist_partition) loop
            perform setval(pg_get_serial_sequence(of.name::text, of.attname), 1, false);
        end loop;
    end $$;";

/// The URL of the coordinator.
pub(crate) fn coordinator() -> String {
    std::env::var(URL).unwrap_or_else(|_| panic!("set {URL} to the URL of a coordinator of Citus"))
}

/// The URL with another database.
fn at_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("it names a database");
    format!("{server}/{name}")
}

fn connect(config: &Config) -> Client {
    config.connect(NoTls).expect("a connection")
}

/// Creates a database on all nodes. Returns its name.
fn create() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Citus may refuse to add nodes to two databases at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let name = format!("wharfinger_test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let config: Config = coordinator().parse().unwrap();
    let mut client = connect(&config);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let select = "select nodename, nodeport from pg_dist_node where noderole = 'primary' and groupid <> 0 order by 1, 2";
    let workers = client.query(select, &[]).expect("it is a coordinator");
    let workers = Vec::from_iter(
        workers
            .iter()
            .map(|row| (row.get::<_, String>(0), row.get::<_, i32>(1))),
    );
    assert!(!workers.is_empty(), "the coordinator has no workers");
    create_on(&config, &name);
    for (host, port) in &workers {
        let mut worker = Config::new();
        worker.host(host).port(u16::try_from(*port).unwrap());
        worker.user(config.get_user().expect("the URL names a user"));
        if let Some(password) = config.get_password() {
            worker.password(password);
        }
        worker.dbname("postgres");
        create_on(&worker, &name);
    }
    let mut client = connect(config.clone().dbname(&name));
    let host = client.query_one(
        "select coalesce(host(inet_server_addr()), 'localhost')",
        &[],
    );
    let host: String = host.unwrap().get(0);
    let mut statements = format!("select citus_set_coordinator_host('{host}', {port});");
    for (host, port) in &workers {
        statements += &format!("select citus_add_node('{host}', {port});");
    }
    statements += &format!("alter database {name} set citus.shard_count = {SHARDS}");
    client
        .batch_execute(&statements)
        .expect("the nodes are added");
    drop(client);
    let mut distribute = program();
    distribute.args([
        "database",
        "distribute",
        "--database",
        &at_database(&coordinator(), &name),
    ]);
    let output = distribute.output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    name
}

fn create_on(config: &Config, name: &str) {
    let mut client = connect(config);
    for statement in [
        format!("drop database if exists {name} with (force)"),
        format!("create database {name} encoding 'UTF8' template template0"),
    ] {
        client.batch_execute(&statement).expect(&statement);
    }
    let mut client = connect(config.clone().dbname(name));
    client
        .batch_execute("create extension citus")
        .expect("Citus is installed");
}
