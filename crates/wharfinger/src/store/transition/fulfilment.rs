//! Reports of fulfilment: the latest report of each order in a table of its own, and a journal entry per report.

use wharfinger_core::decide::admit::decide_fulfilment;
use wharfinger_core::decide::fulfilment::Reported;
use wharfinger_core::order::ids::OrderId;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::problem::Code;

use super::process_cancel::Transitions;
use crate::store::Store;
use crate::store::api::EventKind;
use crate::store::api::Fulfilled;
use crate::store::api::StoreError;
use crate::store::api::{Fulfil, FulfilledOrder, TransitionRefused};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::index::key_space::KeySpace;
use crate::store::journal::entry_outcomes::EntryOutcome;
use crate::store::journal::read::Journal;
use crate::store::read::fulfilment::find;
use crate::store::read::locate::{Located, Locator};
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

impl Store {
    /// Stores a report of how far an order is fulfilled. It replaces the previous one.
    pub async fn fulfil(&self, mut request: Fulfil) -> Result<Fulfilled, StoreError> {
        let save_reply = request.save_reply.take();
        let (id, reach) = (request.id, request.reach.clone());
        let locate = move |connection: &Connection| locate(connection, id, &reach);
        let located = self.readers.read(locate).await?;
        let task = Task::on(1, located.as_ref().map(Located::organisation));
        let fulfil = move |txn: &mut WriteTxn<'_>| fulfil(txn, &request, located.as_ref());
        let done = self
            .change(task, save_reply, FulfilledOrder::is_ok, fulfil)
            .await;
        done.map(|(result, reply)| Fulfilled { result, reply })
    }
}

/// Finds the order of a report. Runs outside the writer.
pub(crate) fn locate(
    connection: &Connection,
    id: OrderId,
    reach: &OrgAccess,
) -> Result<Option<Located>, Fault> {
    let mut journal = Journal::new(connection);
    Locator::new(connection, reach).find(&mut journal, id)
}

/// Stores a report. A report equal to the latest one changes nothing.
pub(crate) fn fulfil(
    txn: &mut WriteTxn<'_>,
    request: &Fulfil,
    order: Option<&Located>,
) -> Result<FulfilledOrder, Fault> {
    let unknown = TransitionRefused {
        code: Code::UnknownOrder,
        state: None,
    };
    let Some(order) = order else {
        return Ok(Err(unknown));
    };
    let key_space = KeySpace::new(order.organisation(), order.dialect);
    let Some((row, holds)) = txn.index.at(&key_space, &order.key, order.addr)? else {
        // It was found before the write transaction, and purged since.
        return Ok(Err(unknown));
    };
    if let Err(code) = decide_fulfilment(row.state) {
        let state = Some(row.state);
        return Ok(Err(TransitionRefused { code, state }));
    }
    let mut journal = Journal::new(txn.connection);
    if let Some(known) = find(&mut journal, order.addr)?
        && known.fulfilment == request.fulfilment
    {
        return Ok(Ok(known));
    }
    let mut transitions = Transitions::new(txn, &key_space, &request.key_id);
    let addr = transitions.push(EntryOutcome::Fulfilled {
        order: order.addr,
        previous: row.changed.unwrap_or(order.addr),
    })?;
    transitions.write()?;
    let by = (EventKind::OrderFulfilment.name(), request.key_id.as_str());
    txn.note_change(by, order.addr, Some(request.id))?;
    let of = (row.id, holds);
    txn.index
        .change(&key_space, &order.key, of, |row| row.changed = Some(addr))?;
    let delete = "delete from fulfilments where id = ?1 and organisation = ?1 >> 42";
    let mut delete = txn.connection.prepare_cached(delete)?;
    delete.execute([order.addr.0])?;
    let insert =
        "insert into fulfilments (organisation, id, place, report) values (?1, ?2, ?3, ?4)";
    txn.connection.prepare_cached(insert)?.execute((
        order.organisation().0,
        order.addr.0,
        addr.0,
        request.fulfilment.to_json(),
    ))?;
    Ok(Ok(Reported {
        fulfilment: request.fulfilment.clone(),
        at_ms: txn.now_ms(),
    }))
}
