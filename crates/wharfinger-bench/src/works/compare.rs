//! A server beside the bare program that gets as many orders of the same kind.

use anyhow::Result;

use crate::bare::{Bare, BareWork};
use crate::body::{Envelope, Mix};
use crate::database::Database;
use crate::fill;
use crate::identities::Spread;
use crate::measurements::{Measurements, Round, Usage};
use crate::report::{self, Finding};
use crate::schedule::Schedule;
use crate::sender::Sender;
use crate::served::Served;
use crate::servers::Servers;
use crate::target::Target;
use crate::{BATCH_CONNECTIONS, DialectRef, as_f64};

/// Where both sides store their orders.
#[derive(Clone, Copy)]
pub(crate) enum Store<'s> {
    /// In files of their own.
    Embedded,
    /// In PostgreSQL databases, on this server. If `None`, each side starts its own.
    Postgres(Option<&'s str>),
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Requests {
    /// Batches of this many orders.
    Batches(usize),
    /// Single orders.
    Singles,
}

/// What is compared.
#[derive(Clone, Copy)]
pub(crate) struct Case<'s> {
    pub(crate) dialect: DialectRef,
    pub(crate) requests: Requests,
    pub(crate) connections: usize,
    pub(crate) spread: Spread,
    pub(crate) store: Store<'s>,
    /// Batches that the bare program commits together.
    pub(crate) batches_per_commit: usize,
    /// Orders in the stores of both sides before the first round.
    pub(crate) filled: u64,
}

/// The figures of two sides, and their description.
pub(crate) struct Compared {
    pub(crate) what: String,
    pub(crate) ours: Measurements,
    pub(crate) bare: Measurements,
}

/// The server.
enum Ours {
    Embedded(Box<Served>),
    OnDatabase(Box<Servers>),
}

/// The bare program, with its database if it has one.
struct Beside {
    bare: Bare,
    database: Option<Database>,
}

impl Case<'_> {
    /// Batches of one organisation with keys that count up, on the connections of the large batches, into empty files.
    pub(crate) fn batches(dialect: DialectRef, batch: usize) -> Self {
        Self {
            dialect,
            requests: Requests::Batches(batch),
            connections: BATCH_CONNECTIONS,
            spread: Spread::default(),
            store: Store::Embedded,
            batches_per_commit: 1,
            filled: 0,
        }
    }

    /// Measures the server, and the bare program with as many orders.
    pub(crate) fn compare(&self, schedule: &Schedule) -> Result<Compared> {
        let what = self.in_words();
        let mut ours = Ours::start(self)?;
        let sample = self.dialect.samples(&ours.target().sample_key()).batch;
        let mut bare = Beside::start(self, Envelope::of_batch(&sample))?;
        if self.filled > 0 {
            schedule.prepare(&format!("filling: {what}"));
            ours.fill(self)?;
            bare.bare.tell(self.filled)?;
        }
        let mut sender = self.sender(ours.target());
        let [our_rounds, bare_rounds] = schedule.take_turns(&what, |length| {
            let round = ours.measure(|| sender.send_for(length))?;
            let beside = bare.take(round.orders)?;
            Ok([round, beside])
        })?;
        Ok(Compared {
            what,
            ours: Measurements::of(&our_rounds, Some(ours.end()?)),
            bare: Measurements::of(&bare_rounds, Some(bare.end()?)),
        })
    }

    /// A sender of its requests.
    pub(crate) fn sender(&self, target: &Target) -> Sender {
        match self.requests {
            Requests::Batches(batch) => {
                target.batches(self.dialect, batch, self.connections, Mix::Fresh)
            }
            Requests::Singles => target.singles(self.dialect, self.connections),
        }
    }

    /// Orders in each request.
    fn batch(&self) -> usize {
        match self.requests {
            Requests::Batches(batch) => batch,
            Requests::Singles => 1,
        }
    }

    /// Describes it.
    pub(crate) fn in_words(&self) -> String {
        let id = self.dialect.id();
        let mut what = match self.requests {
            Requests::Batches(batch) => report::batches(id, batch, self.connections),
            Requests::Singles => report::singles(id, self.connections),
        };
        what.push_str(&self.spread.in_words());
        if let Store::Postgres(_) = self.store {
            what.push_str(", PostgreSQL");
        }
        if self.filled > 0 {
            let filled = report::grouped(as_f64(self.filled));
            what.push_str(&format!(", into stores of {filled} orders"));
        }
        what
    }
}

impl Ours {
    fn start(case: &Case<'_>) -> Result<Self> {
        Ok(match case.store {
            Store::Embedded => Self::Embedded(Box::new(Served::start_spread(case.spread)?)),
            Store::Postgres(server) => {
                let servers = Servers::start_spread(1, server, case.spread)?;
                Self::OnDatabase(Box::new(servers))
            }
        })
    }

    fn target(&self) -> &Target {
        match self {
            Self::Embedded(served) => &served.target,
            Self::OnDatabase(servers) => &servers.target,
        }
    }

    /// Adds as many orders as the case wants, rounded up to whole batches.
    fn fill(&mut self, case: &Case<'_>) -> Result<()> {
        let round = fill::send(self.target(), case.dialect, case.filled)?;
        match self {
            Self::Embedded(served) => served.count(&round),
            Self::OnDatabase(servers) => servers.count(&round),
        }
        Ok(())
    }

    fn measure(&mut self, send: impl FnOnce() -> Result<Round>) -> Result<Round> {
        match self {
            Self::Embedded(served) => served.measure(send),
            Self::OnDatabase(servers) => servers.measure(send),
        }
    }

    fn end(self) -> Result<Usage> {
        match self {
            Self::Embedded(served) => served.end(),
            Self::OnDatabase(servers) => servers.end(),
        }
    }
}

impl Beside {
    fn start(case: &Case<'_>, envelope: Envelope) -> Result<Self> {
        let work = BareWork {
            dialect: case.dialect,
            batch: case.batch(),
            is_named: envelope == Envelope::Named,
            spread: case.spread,
            batches_per_commit: case.batches_per_commit,
        };
        let database = match case.store {
            Store::Embedded => None,
            Store::Postgres(server) => Some(Database::create(server)?),
        };
        let bare = match &database {
            None => Bare::start(&work)?,
            Some(database) => Bare::start_on(database.url(), &work)?,
        };
        Ok(Self { bare, database })
    }

    fn take(&mut self, orders: u64) -> Result<Round> {
        let Some(database) = &mut self.database else {
            return self.bare.take(orders);
        };
        let process = [self.bare.process_id()];
        database.measure(&process, || self.bare.tell(orders))
    }

    fn end(mut self) -> Result<Usage> {
        let usage = self.bare.end()?;
        let disk_bytes = match &mut self.database {
            None => usage.disk_bytes,
            Some(database) => Some(database.grown_bytes()?),
        };
        Ok(Usage {
            disk_bytes,
            ..usage
        })
    }
}

impl Compared {
    /// Both sides, as the finding of this workload.
    pub(crate) fn finding(self, work: &'static str) -> Finding {
        Finding::new(work, self.what)
            .side("wharfinger", self.ours)
            .side("bare program", self.bare)
    }
}
