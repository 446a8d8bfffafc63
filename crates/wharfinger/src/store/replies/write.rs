//! The responses that a transaction saves. Existing ones are looked up together and new ones written together: one round trip
//! each on PostgreSQL.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::types::ToSql;
use wharfinger_core::dialect::Reply;
use wharfinger_core::order::ids::BatchId;

use crate::store::api::SaveReply;
use crate::store::engine::driver::{Connection, Insert, Row, ToValue};
use crate::store::engine::fault::Fault;
use crate::store::format::varint::pack;

/// The identity of a request that must run only once: API key and idempotency key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    key_id: String,
    idempotency_key: String,
}

impl Name {
    /// The name of the request whose response is to be saved.
    pub(crate) fn of<T: ?Sized>(save_reply: &SaveReply<T>) -> Self {
        Self {
            key_id: save_reply.key_id.clone(),
            idempotency_key: save_reply.idempotency_key.clone(),
        }
    }

    /// A hash of it, for locks.
    pub(crate) fn number(&self) -> i64 {
        let name = format!("{}\0{}", self.key_id, self.idempotency_key);
        xxhash_rust::xxh3::xxh3_64(name.as_bytes()).cast_signed()
    }
}

/// A response to be saved.
struct NewAnswer {
    name: Name,
    fingerprint: [u8; 32],
    kept_until_ms: i64,
    batch: Option<BatchId>,
    status: u16,
    content_type: &'static str,
    headers: String,
    body: Vec<u8>,
}

/// The responses that a transaction saves, and what it knows of existing ones.
#[derive(Default)]
pub(crate) struct NewAnswers {
    /// Whether a response is saved under a name, for names that were looked up.
    known: HashMap<Name, bool>,
    /// Responses that are not written yet.
    new: Vec<NewAnswer>,
}

const IS_KEPT: &str = "select 1 from answers where key_id = ?1 and idempotency_key = ?2 \
    and case when sound(answers.intact) then kept_until_ms > ?3 end";
/// One index lookup per name, regardless of the size of the table.
const ARE_KEPT: &str = "select asked.key_id, asked.idempotency_key, kept_until_ms \
    from unnest(?1::text[], ?2::text[]) as asked (key_id, idempotency_key) cross join lateral \
    (select kept_until_ms from answers where answers.key_id = asked.key_id \
        and answers.idempotency_key = asked.idempotency_key and sound(answers.intact) limit 1) as kept";
/// The same on Citus. It may return more names than asked for.
const ARE_KEPT_ON_CITUS: &str = "select key_id, idempotency_key, kept_until_ms from answers \
    where key_id = any(?1::text[]) and idempotency_key = any(?2::text[]) and sound(answers.intact)";
static INSERT: Insert<9> = Insert::new(
    "answers",
    [
        ("key_id", "text"),
        ("idempotency_key", "text"),
        ("fingerprint", "bytea"),
        ("kept_until_ms", "bigint"),
        ("batch", "bytea"),
        ("status", "bigint"),
        ("content_type", "text"),
        ("headers", "text"),
        ("body", "bytea"),
    ],
    // A previous response under the same name has expired.
    "on conflict (key_id, idempotency_key) do update set fingerprint = excluded.fingerprint, \
           kept_until_ms = excluded.kept_until_ms, batch = excluded.batch, status = excluded.status, \
           content_type = excluded.content_type, headers = excluded.headers, body = excluded.body",
);

impl NewAnswers {
    /// Looks up together whether responses are saved. Only for PostgreSQL, where it saves round trips.
    pub(crate) fn prefetch<'n>(
        &mut self,
        connection: &Connection,
        names: impl Iterator<Item = &'n Name>,
        now_ms: i64,
    ) -> Result<(), Fault> {
        let Some(session) = connection.postgres() else {
            return Ok(());
        };
        let names = Vec::from_iter(names);
        if names.is_empty() {
            return Ok(());
        }
        let keys = names.iter().map(|name| name.key_id.as_str());
        let (keys, are_kept) = if session.is_citus() {
            let keys = BTreeSet::from_iter(keys);
            (Vec::from_iter(keys), ARE_KEPT_ON_CITUS)
        } else {
            (Vec::from_iter(keys), ARE_KEPT)
        };
        let named = Vec::from_iter(names.iter().map(|name| name.idempotency_key.as_str()));
        let values: [&(dyn ToSql + Sync); 2] = [&keys, &named];
        let kept = session.prepare(are_kept)?.query_arrays(&values)?;
        self.known = names
            .into_iter()
            .map(|name| (name.clone(), false))
            .collect();
        for row in &kept {
            let row = Row::Postgres(row);
            let name = Name {
                key_id: row.get(0)?,
                idempotency_key: row.get(1)?,
            };
            let kept_until_ms: i64 = row.get(2)?;
            self.known.insert(name, kept_until_ms > now_ms);
        }
        Ok(())
    }

    /// Whether a response is saved under a name.
    pub(crate) fn is_kept(
        &self,
        connection: &Connection,
        name: &Name,
        now_ms: i64,
    ) -> Result<bool, Fault> {
        if let Some(&known) = self.known.get(name) {
            return Ok(known);
        }
        let asked = (&name.key_id, &name.idempotency_key, now_ms);
        Ok(connection.prepare_cached(IS_KEPT)?.exists(asked)?)
    }

    /// Saves the response to a request. It is written later, together with others.
    pub(crate) fn keep<T: ?Sized>(
        &mut self,
        save_reply: &SaveReply<T>,
        batch: Option<BatchId>,
        reply: &Reply,
    ) {
        let mut body = Vec::new();
        pack(&mut body, &reply.body);
        let name = Name::of(save_reply);
        self.known.insert(name.clone(), true);
        self.new.push(NewAnswer {
            name,
            fingerprint: save_reply.fingerprint,
            kept_until_ms: save_reply.kept_until_ms,
            batch,
            status: reply.status,
            content_type: reply.content_type,
            headers: serde_json::to_string(&reply.headers).expect("text is always JSON"),
            body,
        });
    }

    /// Writes the pending responses. Later lookups read the store again, because its rows may change.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.known.clear();
        let new = std::mem::take(&mut self.new);
        let batches = new.iter().map(|answer| answer.batch.map(BatchId::to_bytes));
        let batches = Vec::from_iter(batches);
        let rows = new.iter().zip(&batches).map(|(answer, batch)| {
            [
                answer.name.key_id.to_value(),
                answer.name.idempotency_key.to_value(),
                answer.fingerprint.to_value(),
                answer.kept_until_ms.to_value(),
                batch.to_value(),
                answer.status.to_value(),
                answer.content_type.to_value(),
                answer.headers.to_value(),
                answer.body.to_value(),
            ]
        });
        Ok(connection.insert_all(&INSERT, rows)?)
    }
}
