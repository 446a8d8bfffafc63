//! From an order's place to its id: the batch that first brought it, and its place in that batch.

use std::collections::HashMap;

use super::driver::Connection;
use wharfinger_core::ids::{BatchId, OrderId};

use super::fault::Fault;
use crate::store::block;
use crate::store::place::{BlockId, Place};

/// Blocks that are kept in mind.
const BLOCKS_MAX: usize = 256;

/// Looks up order ids, and keeps in mind the blocks that it has seen: orders that came together come back together.
#[derive(Default)]
pub(super) struct OrderIds {
    known: HashMap<BlockId, (BatchId, Vec<u32>)>,
}

impl OrderIds {
    /// The id of the order whose first revision lies at a place.
    pub(super) fn get(&mut self, connection: &Connection, order: Place) -> Result<OrderId, Fault> {
        let id = order.block();
        if !self.known.contains_key(&id) {
            if self.known.len() == BLOCKS_MAX {
                self.known.clear();
            }
            self.known.insert(id, read(connection, id)?);
        }
        let (batch, indexes) = &self.known[&id];
        let Some(&index) = indexes.get(order.ordinal()) else {
            return Err(Fault::Damaged(format!(
                "there is no order at place {}",
                order.0
            )));
        };
        Ok(batch.order(index))
    }
}

fn read(connection: &Connection, id: BlockId) -> Result<(BatchId, Vec<u32>), Fault> {
    let mut select =
        connection.prepare_cached("select batch, indexes from blocks where id = ?1")?;
    let (batch, indexes) = select
        .query_row([id.0], |row| {
            let batch: Option<[u8; 16]> = row.get(0)?;
            let indexes: Vec<u8> = row.get(1)?;
            Ok((batch, indexes))
        })
        .map_err(|_| Fault::Damaged(format!("block {} cannot be read", id.0)))?;
    let Some(batch) = batch else {
        return Err(Fault::Damaged(format!("block {} is of no batch", id.0)));
    };
    Ok((BatchId::from_bytes(batch), block::decode_indexes(&indexes)?))
}
