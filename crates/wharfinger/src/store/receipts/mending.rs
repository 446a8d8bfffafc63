//! What a batch may mend: rejected orders of an earlier batch that it sends again.
//!
//! They are found before the batch waits for the writer, because the texts of a large batch take long to read. The writer only
//! checks which of them are closed already.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use wharfinger_core::order::ids::{BatchId, OrganisationId};

use super::encoding::Kind;
use super::read::{find, receipt};
use super::rejection_list::one;
use super::rejections;
use crate::store::Store;
use crate::store::api::{
    Closed, MendedBy, Recorded, RecordedOutcome, RecordedProblem, RejectionId, StoreError, Visible,
};
use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;

/// The rejected orders that a batch may mend.
#[derive(Clone, Debug)]
pub struct Mending {
    /// The batch that has them.
    pub(crate) batch: BatchId,
    /// The key that sent it.
    pub(crate) sender: String,
    /// When it was received, in milliseconds since 1970.
    pub(crate) received_at_ms: i64,
    /// Which orders mend which.
    pub(crate) which: Which,
}

/// Which orders of a batch mend which rejected ones.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    /// The only order of the batch mends this one.
    One(Mendable),
    /// An order mends those with its key in its organisation.
    ByKey(HashMap<(OrganisationId, String), Vec<Mendable>>),
}

/// A rejected order that may be mended.
#[derive(Clone, Debug)]
pub(crate) struct Mendable {
    /// Its organisation, if known.
    pub organisation: Option<OrganisationId>,
    /// Its position in its batch.
    pub index: u32,
    /// Its errors.
    pub errors: Vec<RecordedProblem>,
}

/// Whether a batch may mend what it names.
#[derive(Clone, Debug)]
pub enum MayMend {
    /// The caller sees nothing of that batch, or of that order.
    NotFound,
    /// The order was mended before. `None` if the caller may not see what mended it.
    Mended(Option<MendedBy>),
    /// It may mend these.
    These(Arc<Mending>),
}

impl Mendable {
    fn of(recorded: &Recorded) -> Self {
        let errors = match &recorded.outcome {
            RecordedOutcome::Rejected(rejection) => rejection.errors.clone(),
            RecordedOutcome::Accepted(_)
            | RecordedOutcome::Updated(..)
            | RecordedOutcome::Unchanged(..)
            | RecordedOutcome::Withheld => Vec::new(),
        };
        Self {
            organisation: recorded.organisation,
            index: recorded.index,
            errors,
        }
    }
}

impl Store {
    /// Finds the rejected orders of a batch that orders of this dialect with these keys may mend.
    pub async fn mendable_by_key(
        &self,
        batch: BatchId,
        visible: &Visible,
        dialect: &'static str,
        keys: Keys,
    ) -> Result<MayMend, StoreError> {
        let visible = visible.clone();
        let read = move |connection: &Connection| {
            if receipt(connection, batch, &visible)?.is_none() {
                return Ok(MayMend::NotFound);
            }
            by_key(connection, batch, dialect, &keys)
        };
        self.readers.read(read).await
    }

    /// Finds the rejected order that a submission of one order is to mend.
    pub async fn mendable(
        &self,
        id: RejectionId,
        visible: &Visible,
    ) -> Result<MayMend, StoreError> {
        let visible = visible.clone();
        let read = move |connection: &Connection| {
            let Some(found) = one(connection, id, &visible)? else {
                return Ok(MayMend::NotFound);
            };
            if let Some(Closed::Mended(by)) = found.closed {
                return Ok(MayMend::Mended(by));
            }
            Ok(MayMend::These(Arc::new(Mending {
                batch: found.batch,
                sender: found.key_id,
                received_at_ms: found.received_at_ms,
                which: Which::One(Mendable::of(&found.recorded)),
            })))
        };
        self.readers.read(read).await
    }
}

/// The keys of a batch's valid orders, per organisation.
pub(crate) type Keys = BTreeMap<OrganisationId, HashSet<String>>;

fn by_key(
    connection: &Connection,
    batch: BatchId,
    dialect: &str,
    keys: &Keys,
) -> Result<MayMend, Fault> {
    let Some((head, extents)) = find(connection, batch)? else {
        return Ok(MayMend::NotFound);
    };
    let mut which = HashMap::<_, Vec<_>>::new();
    let has_rejected = extents.iter().any(|share| share.counts.rejected > 0);
    if has_rejected && head.dialect == dialect {
        let is_wanted = |organisation: Option<OrganisationId>, kind| {
            kind == Kind::Rejected && organisation.is_some_and(|id| keys.contains_key(&id))
        };
        let note = |order: Recorded| {
            let (Some(organisation), Some(key)) = (order.organisation, &order.key) else {
                return;
            };
            let is_sent = keys.get(&organisation).is_some_and(|of| of.contains(key));
            if is_sent {
                let mendable = Mendable::of(&order);
                let of_key = which.entry((organisation, key.clone())).or_default();
                of_key.push(mendable);
            }
        };
        rejections::for_each(connection, batch, is_wanted, note)?;
    }
    Ok(MayMend::These(Arc::new(Mending {
        batch,
        sender: head.key_id,
        received_at_ms: head.received_at_ms,
        which: Which::ByKey(which),
    })))
}
