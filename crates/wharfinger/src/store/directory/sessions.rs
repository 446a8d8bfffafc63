//! Sessions of the console. They are in the store, so that every server of one database knows them.

use crate::clock;
use crate::store::Store;
use crate::store::api::{ConsoleSession, StoreError};
use crate::store::engine::driver::{Connection, OptionalExtension, params};
use crate::store::engine::fault::Fault;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// Sessions that a key may have at once. One more ends the oldest.
const SESSIONS_OF_KEY_MAX: i64 = 100;
/// Expired sessions that one job deletes, at most.
const SLICE_ROWS: i64 = 1_000;

impl Store {
    /// Begins a session. Of the key's sessions, only the newest are kept.
    pub async fn begin_session(&self, session: ConsoleSession) -> Result<(), StoreError> {
        let begin = move |txn: &mut WriteTxn<'_>| begin(txn.connection, &session);
        self.writer.ask_for(Task::on_directory(), begin).await
    }

    /// The session of a token, by its hash. `None` if there is none, or if it has expired.
    pub async fn session(
        &self,
        token_sha256: [u8; 32],
    ) -> Result<Option<ConsoleSession>, StoreError> {
        let now_ms = clock::now_ms();
        let read = move |connection: &Connection| find(connection, token_sha256, now_ms);
        self.readers.read(read).await
    }

    /// Ends the session of a token, by its hash. Does nothing if there is none.
    pub async fn end_session(&self, token_sha256: [u8; 32]) -> Result<(), StoreError> {
        let end = move |txn: &mut WriteTxn<'_>| {
            let delete = "delete from console_sessions where token_sha256 = ?1";
            txn.connection
                .prepare_cached(delete)?
                .execute([token_sha256])?;
            Ok(())
        };
        self.writer.ask_for(Task::on_directory(), end).await
    }

    /// Deletes expired sessions, a few per transaction.
    pub async fn drop_expired_sessions(&self) -> Result<(), StoreError> {
        let now_ms = clock::now_ms();
        // Most of the time there is none. Then nothing is written.
        let look = move |connection: &Connection| expired(connection, now_ms);
        while !self.readers.read(look).await?.is_empty() {
            let drop_slice = move |txn: &mut WriteTxn<'_>| drop_slice(txn.connection, now_ms);
            self.writer
                .ask_for(Task::on_directory(), drop_slice)
                .await?;
        }
        Ok(())
    }
}

fn begin(connection: &Connection, session: &ConsoleSession) -> Result<(), Fault> {
    let insert = "insert into console_sessions (token_sha256, key_id, secret_sha256, created_at_ms, expires_at_ms) \
                  values (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(insert)?.execute(params![
        session.token_sha256,
        session.key_id,
        session.secret_sha256,
        session.created_at_ms,
        session.expires_at_ms,
    ])?;
    let select = "select token_sha256 from console_sessions where key_id = ?1 \
                  order by created_at_ms desc, token_sha256 limit ?2 offset ?3";
    let mut select = connection.prepare_cached(select)?;
    let oldest: Vec<[u8; 32]> = select.query_map(
        params![session.key_id, SLICE_ROWS, SESSIONS_OF_KEY_MAX],
        |row| row.get(0),
    )?;
    delete(connection, &oldest)
}

fn find(
    connection: &Connection,
    token_sha256: [u8; 32],
    now_ms: i64,
) -> Result<Option<ConsoleSession>, Fault> {
    let select = "select key_id, secret_sha256, created_at_ms, expires_at_ms from console_sessions \
                  where token_sha256 = ?1 and case when sound(console_sessions.intact) then expires_at_ms > ?2 end";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row(params![token_sha256, now_ms], |row| {
        Ok(ConsoleSession {
            token_sha256,
            key_id: row.get(0)?,
            secret_sha256: row.get(1)?,
            created_at_ms: row.get(2)?,
            expires_at_ms: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// Some sessions that have expired.
fn expired(connection: &Connection, now_ms: i64) -> Result<Vec<[u8; 32]>, Fault> {
    let select = "select token_sha256 from console_sessions where expires_at_ms <= ?1 \
                  order by expires_at_ms limit ?2";
    let mut select = connection.prepare_cached(select)?;
    Ok(select.query_map((now_ms, SLICE_ROWS), |row| row.get(0))?)
}

fn drop_slice(connection: &Connection, now_ms: i64) -> Result<(), Fault> {
    delete(connection, &expired(connection, now_ms)?)
}

fn delete(connection: &Connection, tokens: &[[u8; 32]]) -> Result<(), Fault> {
    let delete = "delete from console_sessions where token_sha256 = ?1";
    let mut delete = connection.prepare_cached(delete)?;
    for token in tokens {
        delete.execute([*token])?;
    }
    Ok(())
}
