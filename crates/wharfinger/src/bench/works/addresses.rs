//! The reads of p7 by e-mail address. No route asks for them yet, so the store is asked, by this process beside the server.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use wharfinger_core::dialect::OrderQuery;
use wharfinger_core::email;
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::load::ByEmail;

use super::super::Spoken;
use super::super::figures::Round;
use super::super::fill::Filled;
use super::super::pools::Random;
use super::super::stamps::{self, REGULAR_AGAIN};
use super::super::template::Template;
use crate::store::sqlite::{EmailRuns, Options, SqliteStore};
use crate::store::{OrderPage, ReadOrders, Store};

/// Orders of a page.
const PAGE: usize = 100;
/// An index that takes longer than this is not being built.
const INDEX_WITHIN: Duration = Duration::from_secs(600);

/// Whose addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Customers that have one order, as most do.
    OneOrder,
    /// Customers that have one order in many: each lies in another block.
    ManyOrders,
}

impl Whose {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::OneOrder => {
                "the first page by e-mail address, read from the store itself (no route asks for it yet)"
            }
            Self::ManyOrders => {
                "the same page of 100 for addresses that one order in 100,000 has, each in another block"
            }
        }
    }
}

/// A full store that is read beside the server that filled it, and what is known of its orders.
pub(super) struct Addresses {
    store: SqliteStore,
    organisation: OrganisationId,
    dialect: Spoken,
    address: Template,
    key: Template,
    first_stamp: u64,
    orders: u64,
}

impl Addresses {
    /// Opens the store. It is not this process that builds the index.
    pub(super) fn open(full: &Filled, by_email: ByEmail) -> Result<Self> {
        let store = SqliteStore::open(full.served.directory(), &Options::default())?;
        let directory = wait(store.directory(None))?;
        let code = &full.served.target.organisation;
        let directory =
            directory.context("a store that was just opened knows its organisations")?;
        let organisation = directory.organisations.get(code);
        let organisation = organisation.context("the server's organisation is not in its store")?;
        Ok(Self {
            organisation: organisation.id,
            store,
            dialect: full.dialect,
            address: Template::parse(by_email.address),
            key: Template::parse(by_email.key),
            first_stamp: full.first_stamp,
            orders: full.orders,
        })
    }

    /// Waits until the server has built as much of its index as it would with nothing else to do: what the fill or the
    /// batches of another round left is work of theirs. What is too little for a run stays, as it does in every store.
    pub(super) fn wait_for_index(&self) -> Result<()> {
        let begin = Instant::now();
        let is_built = || {
            let found = self
                .store
                .has_email_runs(self.organisation, EmailRuns::default());
            wait(found)
        };
        while !is_built()? {
            ensure!(
                begin.elapsed() < INDEX_WITHIN,
                "the server does not get done with its index by e-mail address"
            );
        }
        Ok(())
    }

    /// Asks for addresses of these customers.
    pub(super) fn reader(&self, whose: Whose) -> Reader<'_> {
        Reader {
            addresses: self,
            whose,
            random: Random::new(0),
        }
    }

    pub(super) fn close(self) {
        block_in_place(|| Handle::current().block_on(self.store.close()));
    }

    fn query(&self, stamp: u64) -> ReadOrders {
        let address = self.address.stamped(stamp);
        let query = OrderQuery {
            keep: Some(email::keep(self.dialect, &address)),
            email: Some(address),
            ..OrderQuery::first(PAGE as u64)
        };
        ReadOrders {
            organisation: self.organisation,
            dialect: self.dialect.id(),
            query: Arc::new(query),
            after: None,
        }
    }

    /// Whether a page has what it should: the orders of the customer whose order has this stamp, as far as they fit.
    fn check(&self, stamp: u64, page: &OrderPage) -> Result<()> {
        let customer = stamps::customer(stamp);
        let end = self.first_stamp + self.orders;
        let first = stamp - (stamp - self.first_stamp) / REGULAR_AGAIN * REGULAR_AGAIN;
        let stamps = (first..end).step_by(usize::try_from(REGULAR_AGAIN)?);
        let theirs = stamps.filter(|stamp| stamps::customer(*stamp) == customer);
        let keys: BTreeSet<String> = theirs.map(|stamp| self.key.stamped(stamp)).collect();
        let found: BTreeSet<&String> = page.orders.iter().map(|order| &order.key).collect();
        let is_good = page.orders.len() == keys.len().min(PAGE)
            && found.len() == page.orders.len()
            && found.iter().all(|key| keys.contains(*key));
        let address = self.address.stamped(stamp);
        ensure!(
            is_good,
            "the page of {address} should be of {keys:?} and is of {found:?}"
        );
        Ok(())
    }
}

/// Reads pages, one after the other.
pub(super) struct Reader<'a> {
    addresses: &'a Addresses,
    whose: Whose,
    random: Random,
}

impl Reader<'_> {
    /// Reads for so long.
    pub(super) fn read_for(&mut self, length: Duration) -> Result<Round> {
        let addresses = self.addresses;
        let begin = Instant::now();
        let mut read = Round::default();
        while begin.elapsed() < length {
            let stamp = self.draw();
            let query = addresses.query(stamp);
            let asked_at = Instant::now();
            let page = wait(addresses.store.orders(query))?;
            read.latencies.push(asked_at.elapsed());
            addresses.check(stamp, &page)?;
            read.orders += page.orders.len() as u64;
        }
        read.duration = begin.elapsed();
        Ok(read)
    }

    /// The stamp of any order of such a customer. The first two orders of a store are one of each.
    fn draw(&mut self) -> u64 {
        let wants_regular = match self.whose {
            Whose::OneOrder => false,
            Whose::ManyOrders => true,
        };
        loop {
            let stamp = self.addresses.first_stamp + self.random.below(self.addresses.orders);
            if stamps::is_of_a_regular(stamp) == wants_regular {
                return stamp;
            }
        }
    }
}

/// Waits for the store, on this thread.
fn wait<T>(asked: impl Future<Output = Result<T, crate::store::StoreError>>) -> Result<T> {
    Ok(block_in_place(|| Handle::current().block_on(asked))?)
}
