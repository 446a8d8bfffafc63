//! Moves of orders by key: taken on, or called off.

use wharfinger_core::admit::{Move, decide_move};
use wharfinger_core::outcome::State;
use wharfinger_core::problem::Code;

use super::fault::Fault;
use super::rows::Scope;
use super::work::{NewBlock, Origin, Work};
use crate::store::MoveOrders;
use crate::store::place::ENTRIES_MAX;
use crate::store::slots::{Mark, Moved};

/// Moves each order by itself; the moves are a block of the journal, with no texts.
pub(super) fn move_orders(
    work: &mut Work<'_>,
    request: &MoveOrders,
) -> Result<Vec<Result<(), Code>>, Fault> {
    let dialect = work.dialect(request.dialect)?;
    let scope = Scope::new(request.organisation, dialect);
    let mut marks = Vec::new();
    let mut results = Vec::with_capacity(request.keys.len());
    for key in &request.keys {
        let Some(order) = work.rows.by_key(&scope, key)? else {
            let was_held = was_released(work, &scope, key)?;
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
                let settled = (state, to == Moved::Released);
                work.rows.settle(&scope, key, order.id, settled)?;
                work.standing.moved(&scope, order.id, order.state, state);
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

/// Whether an order has held a key that is free now.
fn was_released(work: &Work<'_>, scope: &Scope, key: &str) -> Result<bool, Fault> {
    let select = "select 1 from orders where key > ?1 and key < ?2";
    let mut select = work.connection.prepare_cached(select)?;
    Ok(select.exists(scope.released_bounds(key))?)
}
