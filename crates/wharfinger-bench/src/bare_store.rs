//! The bare program's storage: one row per order, and one transaction per batch.

use std::path::PathBuf;

use anyhow::{Context, Result};
use postgres::types::ToSql;

use crate::database;

/// Where the rows are stored.
pub enum BareStore {
    /// An SQLite database in this directory.
    Directory(PathBuf),
    /// The PostgreSQL database with this URL.
    Database(String),
}

/// An open database.
pub(crate) enum Rows {
    Sqlite(rusqlite::Connection),
    Postgres {
        client: Box<postgres::Client>,
        insert: postgres::Statement,
    },
}

/// A stored order.
pub(crate) struct Row<'o> {
    pub(crate) organisation: &'o str,
    pub(crate) key: &'o str,
    pub(crate) text: &'o [u8],
}

/// The status of every row. It never changes.
const STATUS: i32 = 0;

impl Rows {
    /// Creates the table in an empty database.
    pub(crate) fn open(store: &BareStore) -> Result<Self> {
        match store {
            BareStore::Directory(data) => {
                let store = rusqlite::Connection::open(data.join("bare.db"))?;
                store.pragma_update(None, "journal_mode", "wal")?;
                store.pragma_update(None, "synchronous", "full")?;
                store.execute_batch(&table("text", "blob"))?;
                Ok(Self::Sqlite(store))
            }
            BareStore::Database(url) => {
                let mut client = database::connect(url)?;
                // Compare bytes, as SQLite does. A language's collation would cost a third more.
                client.batch_execute(&table("text collate \"C\"", "bytea"))?;
                let insert = client.prepare(
                    "insert into orders (org, ref, status, body)
                     select * from unnest($1::text[], $2::text[], $3::int[], $4::bytea[])",
                )?;
                Ok(Self::Postgres {
                    client: Box::new(client),
                    insert,
                })
            }
        }
    }

    /// Inserts the orders of a batch and commits them.
    pub(crate) fn insert(&mut self, rows: &[Row<'_>]) -> Result<()> {
        match self {
            Self::Sqlite(store) => {
                let transaction = store.transaction()?;
                {
                    let mut insert = transaction.prepare_cached(
                        "insert into orders (org, ref, status, body) values (?1, ?2, ?3, ?4)",
                    )?;
                    for row in rows {
                        insert.execute((row.organisation, row.key, STATUS, row.text))?;
                    }
                }
                transaction.commit()?;
            }
            Self::Postgres { client, insert } => {
                let organisations: Vec<_> = rows.iter().map(|row| row.organisation).collect();
                let keys: Vec<_> = rows.iter().map(|row| row.key).collect();
                let states = vec![STATUS; rows.len()];
                let texts: Vec<_> = rows.iter().map(|row| row.text).collect();
                let columns: [&(dyn ToSql + Sync); 4] = [&organisations, &keys, &states, &texts];
                // A single statement is a transaction, and takes one round trip.
                client
                    .execute(insert, &columns)
                    .context("the database did not store a batch")?;
            }
        }
        Ok(())
    }
}

fn table(text: &str, bytes: &str) -> String {
    format!(
        "create table orders (org {text}, ref {text}, status int, body {bytes}, unique (org, ref))"
    )
}
