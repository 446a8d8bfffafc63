//! The extent of a batch in each organisation: the blocks that it wrote, and the number of orders per outcome.

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::outcome::Counts;

use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;

/// The extent of a batch in one organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchExtent {
    /// The organisation. `None` for orders of an unknown organisation.
    pub organisation: Option<OrganisationId>,
    /// The number of the first block that the batch wrote there.
    pub first: u32,
    /// The number of blocks that it wrote.
    pub blocks: u32,
    /// The number of orders per outcome.
    pub counts: Counts,
    /// The number of orders with warnings.
    pub warned: u64,
}

/// An extent as JSON: organisation (0 for none), first block, number of blocks, and the counts in the order of their fields. If
/// orders have warnings, their number follows the counts.
type Stored = (u32, u32, u32, Vec<u64>);

impl BatchExtent {
    /// The blocks, in batch order.
    pub(crate) fn block_ids(&self) -> impl Iterator<Item = BlockId> {
        let numbers = self.first..self.first.saturating_add(self.blocks);
        let organisation = self.organisation;
        let block = move |number| organisation.map(|whose| BlockId::new(whose, number));
        numbers.filter_map(block)
    }

    fn stored(&self) -> Stored {
        let mut counts = vec![
            self.counts.accepted,
            self.counts.updated,
            self.counts.unchanged,
            self.counts.rejected,
            self.counts.withheld,
        ];
        counts.extend(Some(self.warned).filter(|warned| *warned > 0));
        (
            stored_organisation(self.organisation),
            self.first,
            self.blocks,
            counts,
        )
    }

    fn read((organisation, first, blocks, counts): Stored) -> Option<Self> {
        let [
            accepted,
            updated,
            unchanged,
            rejected,
            withheld,
            ref warned @ ..,
        ] = counts[..]
        else {
            return None;
        };
        Some(Self {
            organisation: read_organisation(organisation),
            first,
            blocks,
            counts: Counts {
                accepted,
                updated,
                unchanged,
                rejected,
                withheld,
            },
            warned: warned.first().copied().unwrap_or(0),
        })
    }
}

/// An organisation as a number. 0 if it is unknown.
pub(crate) fn stored_organisation(organisation: Option<OrganisationId>) -> u32 {
    organisation.map_or(0, |organisation| organisation.0)
}

/// The inverse of [`stored_organisation`].
pub(crate) fn read_organisation(stored: u32) -> Option<OrganisationId> {
    Some(OrganisationId(stored)).filter(|organisation| organisation.0 != 0)
}

/// The extents of a batch as JSON.
pub(crate) fn to_json(extents: &[BatchExtent]) -> String {
    let stored: Vec<Stored> = extents.iter().map(BatchExtent::stored).collect();
    serde_json::to_string(&stored).expect("numbers are always JSON")
}

/// The inverse of [`to_json`].
pub(crate) fn from_json(json: &str) -> Result<Vec<BatchExtent>, Fault> {
    let stored: Option<Vec<Stored>> = serde_json::from_str(json).ok();
    let extents = stored.and_then(|stored| stored.into_iter().map(BatchExtent::read).collect());
    extents.ok_or_else(|| Fault::Damaged("the block list of a receipt cannot be read".into()))
}
