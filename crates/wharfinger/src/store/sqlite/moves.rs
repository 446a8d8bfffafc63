//! Moves of orders by key: taken on, or called off.

use rusqlite::params;
use wharfinger_core::admit::{Move, decide_move};
use wharfinger_core::outcome::State;
use wharfinger_core::problem::Code;

use super::fault::Fault;
use super::rows::OrderRows;
use super::work::{NewBlock, Origin, Work};
use crate::store::MoveOrders;
use crate::store::place::{ENTRIES_MAX, Place};
use crate::store::slots::{Mark, Moved};

/// Moves each order by itself; the moves are a block of the journal, with no texts.
pub(super) fn move_orders(
    work: &mut Work<'_>,
    request: &MoveOrders,
) -> Result<Vec<Result<(), Code>>, Fault> {
    let dialect = work.dialect(request.dialect)?;
    let mut rows = OrderRows::new(work.connection, request.organisation, dialect)?;
    let mut marks = Vec::new();
    let mut results = Vec::with_capacity(request.keys.len());
    for key in &request.keys {
        let Some(order) = rows.by_key(key)? else {
            let was_held = was_released(work, request, dialect, key)?;
            results.push(Err(if was_held {
                Code::AlreadyCancelled
            } else {
                Code::UnknownOrder
            }));
            continue;
        };
        let result = match decide_move(order.state, request.wanted) {
            Err(code) => Err(code),
            Ok(state) => {
                let to = moved(state, request.wanted);
                rows.settle(order.id, state, to == Moved::Released)?;
                if to == Moved::Released {
                    note_release(work, request, dialect, key, order.id)?;
                }
                marks.push(Mark::Moved {
                    order: order.id,
                    to,
                });
                Ok(())
            }
        };
        results.push(result);
    }
    for of_block in marks.chunks(ENTRIES_MAX) {
        let block = NewBlock {
            origin: Origin::Moves {
                key_id: &request.key_id,
            },
            dialect,
            marks: of_block,
            indexes: &[],
            packed: None,
        };
        work.append(request.organisation, &block)?;
    }
    Ok(results)
}

fn moved(state: State, wanted: Move) -> Moved {
    match (state, wanted) {
        (State::Cancelled, Move::Cancel { release_key: true }) => Moved::Released,
        (State::Cancelled, _) => Moved::Cancelled,
        (State::Draft | State::Pending | State::Processed, _) => Moved::Processed,
    }
}

fn was_released(
    work: &Work<'_>,
    request: &MoveOrders,
    dialect: i64,
    key: &str,
) -> Result<bool, Fault> {
    let select = "select 1 from released where organisation = ?1 and dialect = ?2 and key = ?3";
    let mut select = work.connection.prepare_cached(select)?;
    Ok(select.exists((request.organisation.0, dialect, key))?)
}

fn note_release(
    work: &Work<'_>,
    request: &MoveOrders,
    dialect: i64,
    key: &str,
    order: Place,
) -> Result<(), Fault> {
    let replace =
        "insert or replace into released (organisation, dialect, key, id) values (?1, ?2, ?3, ?4)";
    let parameters = params![request.organisation.0, dialect, key, order.0];
    work.connection
        .prepare_cached(replace)?
        .execute(parameters)?;
    Ok(())
}
