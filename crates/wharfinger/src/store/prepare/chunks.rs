//! The rejected orders of a batch, and those with warnings, as the receipt stores them.

use std::collections::HashMap;

use wharfinger_core::dialect::Slot;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::problem::Problem;

use crate::store::receipts::encoding::{self, Chunk, Kind, ListedOrder};

/// The orders that the receipt stores details of, by organisation.
pub(super) struct ChunkBuilders {
    kind: Kind,
    builders: Vec<encoding::Builder>,
    by_organisation: HashMap<Option<OrganisationId>, usize>,
}

impl ChunkBuilders {
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            builders: Vec::new(),
            by_organisation: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, slot: &Slot<'_>, index: u32, problems: &[Problem]) {
        let new = self.builders.len();
        let at = *self.by_organisation.entry(slot.organisation).or_insert(new);
        if at == new {
            self.builders
                .push(encoding::Builder::new(slot.organisation, self.kind));
        }
        self.builders[at].push(ListedOrder {
            index,
            line: slot.line.map(line_number),
            name: slot.name.as_deref(),
            key: slot.key.as_deref(),
            text: slot.raw,
            problems,
            warnings: &slot.warnings,
        });
    }

    pub(super) fn finish(self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for builder in self.builders {
            chunks.extend(builder.finish());
        }
        chunks
    }
}

/// A line number in the stored type. Saturates.
pub(super) fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
