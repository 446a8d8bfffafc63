//! The extent of a batch in each organisation: the blocks that it wrote, and the number of orders per outcome.

use wharfinger_core::ids::OrganisationId;
use wharfinger_core::outcome::Counts;

use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::BlockId;

/// The share of one organisation in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchExtent {
    /// Whose; none for orders of which that is not known.
    pub organisation: Option<OrganisationId>,
    /// The number of its first block there.
    pub first: u32,
    /// How many blocks it wrote.
    pub blocks: u32,
    /// How many orders had each outcome.
    pub counts: Counts,
    /// How many orders have warnings.
    pub warned: u64,
}

/// A share as JSON: organisation (0 for none), first block, blocks, and the counts in their order; then, where there are any,
/// how many orders have warnings.
type Stored = (u32, u32, u32, Vec<u64>);

impl BatchExtent {
    /// The blocks, in the order of the batch.
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

/// An organisation as a number: 0 where it is not known.
pub(crate) fn stored_organisation(organisation: Option<OrganisationId>) -> u32 {
    organisation.map_or(0, |organisation| organisation.0)
}

/// Undoes [`stored_organisation`].
pub(crate) fn read_organisation(stored: u32) -> Option<OrganisationId> {
    Some(OrganisationId(stored)).filter(|organisation| organisation.0 != 0)
}

/// The shares of a batch, as they are stored.
pub(crate) fn to_json(extents: &[BatchExtent]) -> String {
    let stored: Vec<Stored> = extents.iter().map(BatchExtent::stored).collect();
    serde_json::to_string(&stored).expect("numbers are always JSON")
}

/// Undoes [`to_json`].
pub(crate) fn from_json(json: &str) -> Result<Vec<BatchExtent>, Fault> {
    let stored: Option<Vec<Stored>> = serde_json::from_str(json).ok();
    let extents = stored.and_then(|stored| stored.into_iter().map(BatchExtent::read).collect());
    extents.ok_or_else(|| Fault::Damaged("the block list of a receipt cannot be read".into()))
}
