//! The reads of p7 by e-mail address, through the native API.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Deserialize;
use wharfinger_core::dialect::workload::ByEmail;

use crate::fill::Filled;
use crate::http_client::Connection;
use crate::measurements::Round;
use crate::pools::Random;
use crate::stamps::{self, REGULAR_AGAIN};
use crate::template::Template;
use crate::{EmailIndex, OpenEmailIndex};

/// Orders per page.
const PAGE: usize = 100;
/// An index that takes longer than this is not being built.
const INDEX_WITHIN: Duration = Duration::from_secs(600);

/// Customers whose addresses are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Customers with one order, like most.
    OneOrder,
    /// Customers with many orders, each in another block.
    ManyOrders,
}

impl Whose {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::OneOrder => "the first page by e-mail address",
            Self::ManyOrders => {
                "the same page of 100, for addresses of one order in 100,000, each in another block"
            }
        }
    }
}

/// A filled store with its e-mail index, and templates to compute its orders.
pub(crate) struct Addresses<'f> {
    full: &'f Filled,
    index: Box<dyn EmailIndex>,
    address: Template,
    key: Template,
}

/// The members of a page that are checked.
#[derive(Deserialize)]
struct Page {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    key: String,
}

impl<'f> Addresses<'f> {
    /// Opens the index alongside the server.
    pub(crate) fn open(
        full: &'f Filled,
        by_email: ByEmail,
        open_index: OpenEmailIndex,
    ) -> Result<Self> {
        let served = &full.served;
        Ok(Self {
            full,
            index: open_index(served.directory(), &served.target.organisation)?,
            address: Template::parse(by_email.address),
            key: Template::parse(by_email.key),
        })
    }

    /// Waits until the server has built its index. Work left by the fill or by other rounds would otherwise be measured.
    pub(crate) fn wait_for_index(&self) -> Result<()> {
        let begin = Instant::now();
        while !self.index.is_built()? {
            ensure!(
                begin.elapsed() < INDEX_WITHIN,
                "the server did not finish its e-mail index in time"
            );
        }
        Ok(())
    }

    /// A reader that looks up these customers.
    pub(crate) fn reader(&self, whose: Whose) -> Result<Reader<'_>> {
        Ok(Reader {
            addresses: self,
            connection: Connection::open(self.full.served.target.address)?,
            whose,
            random: Random::new(0),
        })
    }

    fn request(&self, stamp: u64) -> String {
        let target = &self.full.served.target;
        format!(
            "GET /v1/orders?organisation={}&dialect={}&email={}&limit={PAGE} HTTP/1.1\r\n\
             host: {}\r\nauthorization: Bearer {}\r\n\r\n",
            target.organisation,
            self.full.dialect.id(),
            self.address.stamped(stamp).replace('@', "%40"),
            target.address,
            target.secret,
        )
    }

    /// Checks a page: it must have the orders of the customer of this stamp, as many as fit.
    fn check(&self, stamp: u64, page: &Page) -> Result<()> {
        let customer = stamps::customer(stamp);
        let Filled {
            first_stamp,
            orders,
            ..
        } = *self.full;
        let end = first_stamp + orders;
        let first = stamp - (stamp - first_stamp) / REGULAR_AGAIN * REGULAR_AGAIN;
        let stamps = (first..end).step_by(usize::try_from(REGULAR_AGAIN)?);
        let theirs = stamps.filter(|stamp| stamps::customer(*stamp) == customer);
        let keys: BTreeSet<String> = theirs.map(|stamp| self.key.stamped(stamp)).collect();
        let found: BTreeSet<&String> = page.data.iter().map(|order| &order.key).collect();
        let is_good = page.data.len() == keys.len().min(PAGE)
            && found.len() == page.data.len()
            && found.iter().all(|key| keys.contains(*key));
        let address = self.address.stamped(stamp);
        ensure!(
            is_good,
            "the page of {address} should have {keys:?}, but has {found:?}"
        );
        Ok(())
    }
}

/// Reads pages, one after another.
pub(crate) struct Reader<'a> {
    addresses: &'a Addresses<'a>,
    connection: Connection,
    whose: Whose,
    random: Random,
}

impl Reader<'_> {
    /// Reads for this long.
    pub(crate) fn read_for(&mut self, length: Duration) -> Result<Round> {
        let addresses = self.addresses;
        let begin = Instant::now();
        let mut read = Round::default();
        while begin.elapsed() < length {
            let stamp = self.draw();
            let request = addresses.request(stamp);
            let asked_at = Instant::now();
            let answer = self.connection.exchange(request.as_bytes())?;
            read.latencies.push(asked_at.elapsed());
            ensure!(answer.status == 200, "a page was refused: {}", answer.body);
            let page: Page = serde_json::from_str(answer.body)?;
            addresses.check(stamp, &page)?;
            read.orders += page.data.len() as u64;
        }
        read.duration = begin.elapsed();
        Ok(read)
    }

    /// The stamp of a random order of such a customer. The first two orders of a store are one of each kind.
    fn draw(&mut self) -> u64 {
        let full = self.addresses.full;
        let wants_regular = match self.whose {
            Whose::OneOrder => false,
            Whose::ManyOrders => true,
        };
        loop {
            let stamp = full.first_stamp + self.random.below(full.orders);
            if stamps::is_of_a_regular(stamp) == wants_regular {
                return stamp;
            }
        }
    }
}
