//! Index pages that are kept from one transaction to the next. On PostgreSQL reading them again costs more than all decisions.
//!
//! Pages change when recent changes are merged into them. What is merged goes from the log in the same transaction. So the pages, and the
//! filters, are as they are stored, or lack only what the log has, as long as the log is of the generation with which they were kept.
//!
//! On Citus, which has no log, whoever changes an organisation's pages changes its counters in the same transaction: a new order or a
//! change of state appends a block, and a purge counts orders out. A transaction holds the lock of the counters. So the pages are
//! as they are stored, if the counters are equal to those with which they were kept.

use std::collections::BTreeMap;

use wharfinger_core::order::ids::OrganisationId;

use super::{CachedPage, PAGES_MAX, PageCache};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::format::id_map::{IdMap, IdSet};
use crate::store::index::key_space::KeySpace;
use crate::store::index::page_filters::PageFilters;
use crate::store::journal::end::{Counters, read_counters};

/// If there are too many pages, those go first that were not used in so many transactions.
const UNUSED_MAX: [u64; 2] = [16, 1];

/// Pages as transactions before have left them.
#[derive(Default)]
pub(crate) struct KeptPages {
    pages: BTreeMap<Vec<u8>, CachedPage>,
    /// The counters with which the pages of each organisation are valid, on Citus.
    counters: IdMap<OrganisationId, Counters>,
    /// The generation of the log with which pages and filters are valid, on other PostgreSQL servers.
    generation: i64,
    /// The number of the latest transaction.
    transaction: u64,
}

/// What a transaction knows about kept pages.
#[derive(Default)]
pub(super) struct Validity {
    /// The counters with which pages were kept, of the organisations that were not checked yet.
    unchecked: IdMap<OrganisationId, Counters>,
    /// The organisations that were checked. Their pages are as they are stored, or as this transaction leaves them.
    checked: IdSet<OrganisationId>,
    /// The generation of the log with which pages and filters are valid.
    generation: i64,
    /// Whether it was compared with that of the log.
    is_compared: bool,
    /// The number of this transaction.
    pub(super) transaction: u64,
}

impl<'c> PageCache<'c> {
    /// A cache that begins with the pages of earlier transactions.
    pub(crate) fn resume(
        connection: &'c Connection,
        kept: KeptPages,
        filters: PageFilters,
    ) -> Self {
        Self {
            kept: kept.pages,
            validity: Validity {
                unchecked: kept.counters,
                checked: IdSet::default(),
                generation: kept.generation,
                is_compared: false,
                transaction: kept.transaction + 1,
            },
            ..Self::new(connection, filters)
        }
    }

    /// Drops the kept pages of organisations that others have changed since. These are the counters of locked organisations.
    pub(crate) fn check(&mut self, counters: &IdMap<OrganisationId, Counters>) {
        if self.connection.citus().is_none() {
            return;
        }
        for (&organisation, counters) in counters {
            self.compare(organisation, counters);
        }
    }

    /// As [`Self::check`], for an organisation that is about to be used. Without Citus, drops everything if the log was merged since.
    pub(super) fn check_one(&mut self, organisation: OrganisationId) -> Result<(), Fault> {
        if let Some(recent) = self.connection.recent() {
            if recent.is_on_server() && !std::mem::replace(&mut self.validity.is_compared, true) {
                let generation = recent.generation()?;
                if std::mem::replace(&mut self.validity.generation, generation) != generation {
                    self.kept.clear();
                    self.filters.clear();
                }
            }
            return Ok(());
        }
        if self.validity.checked.contains(&organisation) {
            return Ok(());
        }
        if self.validity.unchecked.contains_key(&organisation) {
            let counters = read_counters(self.connection, organisation)?;
            self.compare(organisation, &counters);
        } else {
            self.validity.checked.insert(organisation);
        }
        Ok(())
    }

    fn compare(&mut self, organisation: OrganisationId, counters: &Counters) {
        if !self.validity.checked.insert(organisation) {
            return;
        }
        let kept = self.validity.unchecked.remove(&organisation);
        if kept.is_some_and(|kept| kept != *counters) {
            drop_pages(&mut self.kept, organisation);
        }
    }

    /// Drops pages that this transaction has not used.
    pub(super) fn drop_unused(&mut self) {
        let transaction = self.validity.transaction;
        self.kept.retain(|_, page| page.used == transaction);
    }

    /// The pages and filters for the next transaction, if this one is committed. All changed pages are written. `now` are the counters
    /// that this one has written, or has locked and left as they were.
    pub(crate) fn into_kept<'n>(
        mut self,
        now: impl Fn(OrganisationId) -> Option<&'n Counters>,
    ) -> (KeptPages, PageFilters) {
        if self.connection.postgres().is_none() {
            return (KeptPages::default(), self.filters);
        }
        self.park();
        let Validity {
            unchecked: mut counters,
            checked,
            generation,
            transaction,
            ..
        } = self.validity;
        for organisation in checked {
            match now(organisation) {
                Some(now) => drop(counters.insert(organisation, now.clone())),
                // It was only read.
                None => drop_pages(&mut self.kept, organisation),
            }
        }
        let mut pages = self.kept;
        for unused_max in UNUSED_MAX {
            if pages.len() > PAGES_MAX {
                pages.retain(|_, page| page.used + unused_max > transaction);
            }
        }
        if pages.len() > PAGES_MAX {
            pages.clear();
        }
        if pages.is_empty() {
            counters.clear();
        }
        let kept = KeptPages {
            pages,
            counters,
            generation,
            transaction,
        };
        (kept, self.filters)
    }
}

fn drop_pages(pages: &mut BTreeMap<Vec<u8>, CachedPage>, organisation: OrganisationId) {
    let [first, end] = KeySpace::bounds_of(organisation).map(String::into_bytes);
    let outdated = pages.range(first..end).map(|(first, _)| first.clone());
    for first in Vec::from_iter(outdated) {
        pages.remove(&first);
    }
}
