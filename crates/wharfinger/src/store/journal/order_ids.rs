//! From the address of an order to its id: the id of its first batch, and its position in that batch.

use wharfinger_core::order::ids::OrderId;

use super::batches::Batches;
use super::{block, rows};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::format::id_map::IdMap;

/// The most blocks in the cache.
const BLOCKS_MAX: usize = 256;

/// Looks up order ids. Caches blocks, because orders that arrived together are often requested together.
#[derive(Default)]
pub(crate) struct OrderIds {
    known: IdMap<BlockId, (Batches, Vec<u32>)>,
}

impl OrderIds {
    /// The id of an order, by the address of its first revision.
    pub(crate) fn get(
        &mut self,
        connection: &Connection,
        order: EntryAddr,
    ) -> Result<OrderId, Fault> {
        let id = order.block();
        if !self.known.contains_key(&id) {
            if self.known.len() == BLOCKS_MAX {
                self.known.clear();
            }
            self.known.insert(id, read(connection, id)?);
        }
        let (batches, indexes) = &self.known[&id];
        let ordinal = order.ordinal();
        match (batches.of(ordinal), indexes.get(ordinal)) {
            (Some(batch), Some(&index)) => Ok(batch.order(index)),
            (_, _) => Err(Fault::Damaged(format!(
                "there is no order in entry {}",
                order.0
            ))),
        }
    }
}

fn read(connection: &Connection, id: BlockId) -> Result<(Batches, Vec<u32>), Fault> {
    let head = rows::head(connection, id)?.ok_or_else(|| rows::missing(id))?;
    let batches = Batches::decode(head.batches.as_deref().unwrap_or_default())?;
    Ok((batches, block::decode_indexes(&head.indexes)?))
}
