//! Checks the indexes, the journal, the counters and the receipts against each other, in one walk each.

mod answers;
mod destinations;
mod emails;
mod entries;
mod index;
mod organisations;
mod receipts;
mod rows;
mod stock;
pub(super) mod store;

use std::collections::{HashMap, HashSet};

use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;
use wharfinger_core::json::NameCase;
use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::State;

use self::entries::Entries;
use crate::store::api::CheckReport;
use crate::store::engine::driver::{Connection, Engine};
use crate::store::engine::fault::Fault;
use crate::store::engine::schema;
use crate::store::format::bitset::Bitset;
use crate::store::format::dialect_id::DialectId;
use crate::store::format::email_hash::HASH_BYTES;
use crate::store::format::entry_addr::BlockId;
use crate::store::format::varint::Damage;
use crate::store::index::key_space::KeySpace;
use crate::store::index::orders::Holds;
use crate::store::journal::batches::Batches;
use crate::store::journal::end::{self, read_counters};
use crate::store::journal::entry_outcomes::{self, EntryOutcome, Transition};
use crate::store::journal::read::Journal;
use crate::store::journal::rows::packs;
use crate::store::journal::rows::{BlockHead, BlockRow, every_block, open_lists_without_block};
use crate::store::journal::state_counts::{StateCounts, StatesByDialect};
use crate::store::journal::{self, block};
use crate::store::receipts::extents;

/// Faults that are reported, at most.
const FAULTS_MAX: usize = 100;

/// Checks the whole store.
pub(crate) fn check(connection: &Connection) -> Result<CheckReport, Fault> {
    // Queries over whole tables, and over many long rows, take longer than the statement time-outs allow.
    connection.lift_bounds()?;
    let mut check = Check {
        connection,
        journal: Journal::new(connection),
        names: dialect_names(connection)?,
        state_counts: HashMap::new(),
        reports: 0,
        holds: 0,
        purged: HashMap::new(),
        report: CheckReport::default(),
    };
    check.database_file()?;
    rows::check(&mut check)?;
    let told = check.told_state_counts()?;
    if !check.report.faults.is_empty() {
        // The contents of damaged rows cannot be compared.
        return Ok(check.report);
    }
    check.blocks()?;
    check.order_states(told)?;
    check.organisations()?;
    destinations::check(&mut check)?;
    receipts::check(&mut check)?;
    answers::check(&mut check)?;
    emails::check(&mut check)?;
    stock::check(&mut check)?;
    Ok(check.report)
}

type AllStateCounts = HashMap<(OrganisationId, DialectId), StateCounts>;

/// The state of a check.
struct Check<'c> {
    connection: &'c Connection,
    journal: Journal<'c>,
    /// How each dialect compares names.
    names: HashMap<DialectId, NameCase>,
    /// Orders per organisation, dialect and state, counted from the journal.
    state_counts: AllStateCounts,
    /// Fulfilment reports that are the latest of their orders.
    reports: u64,
    /// Entries with a row in the table of holds.
    holds: u64,
    /// The purged entries of each block.
    purged: HashMap<BlockId, Bitset>,
    report: CheckReport,
}

fn dialect_names(connection: &Connection) -> Result<HashMap<DialectId, NameCase>, Fault> {
    let mut names = HashMap::new();
    let mut select = connection.prepare_cached("select id, name from dialects")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let case = dialects::find(&name).map_or(NameCase::Exact, Dialect::name_case);
        names.insert(row.get(0)?, case);
    }
    Ok(names)
}

/// How far the walk over an organisation's blocks has come.
struct Walk {
    organisation: OrganisationId,
    block: u32,
    position: u64,
    last_ms: i64,
    /// The stamp of the latest block.
    stamp: i64,
    /// The position from which nothing was purged.
    feed_start: u64,
    /// Transitions to a final state.
    settled: u64,
}

impl Check<'_> {
    fn fault(&mut self, what: String) {
        if self.report.faults.len() < FAULTS_MAX {
            self.report.faults.push(what);
        }
    }

    /// Reports a fault unless the condition holds.
    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fault(what());
        }
    }

    /// Reports damage that a part of the check has found, so that the check continues. Other errors are returned.
    fn survive(&mut self, part: Result<(), Fault>, of: &str) -> Result<(), Fault> {
        match part {
            Err(Fault::Damaged(why)) => {
                self.fault(format!("{of}: {why}"));
                Ok(())
            }
            Ok(())
            | Err(
                Fault::Sql(_)
                | Fault::Commit(_)
                | Fault::Unknown(_)
                | Fault::Refused(_)
                | Fault::Client(_)
                | Fault::Gone(_)
                | Fault::Unsynced(_)
                | Fault::DiskFull(_)
                | Fault::NoThread(_),
            ) => part,
        }
    }

    fn database_file(&mut self) -> Result<(), Fault> {
        if self.connection.engine() == Engine::Postgres {
            return Ok(());
        }
        let mut integrity = self.connection.prepare_cached("pragma integrity_check")?;
        let mut rows = integrity.query(())?;
        while let Some(row) = rows.next()? {
            let line: String = row.get(0)?;
            self.expect(line == "ok", || format!("the database file: {line}"));
        }
        let select = "select 1 from sqlite_schema where name = ?1 and sql = ?2";
        let mut select = self.connection.prepare_cached(select)?;
        for (name, sql) in schema::of_today()? {
            let is_as_made = select.exists((&name, &sql))?;
            self.expect(is_as_made, || {
                format!("the database file: the definition of {name} differs from this program's")
            });
        }
        Ok(())
    }

    /// Walks the journal, and the orders with it. Both are sorted by entry address.
    fn blocks(&mut self) -> Result<(), Fault> {
        let mut walk: Option<Walk> = None;
        every_block(self.connection, |row| {
            let block = &row.head;
            let organisation = block.id.organisation();
            let mut current = match walk.take() {
                Some(current) if current.organisation == organisation => current,
                before => {
                    self.end_organisation(before.as_ref())?;
                    let start = journal::start::start(self.connection, organisation)?;
                    Walk {
                        organisation,
                        block: start.block,
                        position: if start.block == 1 {
                            1
                        } else {
                            block.first_position
                        },
                        feed_start: start.position,
                        last_ms: if start.block == 1 {
                            0
                        } else {
                            block.written.latest_ms
                        },
                        stamp: start.gone_stamp,
                        settled: 0,
                    }
                }
            };
            self.sequence(&mut current, block);
            let part = self.block(&mut current, &row);
            self.survive(part, &format!("block {}", block.id.0))?;
            walk = Some(current);
            Ok(true)
        })?;
        self.end_organisation(walk.as_ref())?;
        index::check(self)?;
        let mut faults = Vec::new();
        packs::check(self.connection, |fault| faults.push(fault))?;
        faults.into_iter().for_each(|fault| self.fault(fault));
        let select = "select count(*) from fulfilments";
        let kept: i64 = self.connection.query_row(select, (), |row| row.get(0))?;
        let seen = self.reports;
        self.expect(kept.cast_unsigned() == seen, || {
            format!("{kept} fulfilment reports are stored, but {seen} of them are in the journal")
        });
        let select = "select count(*) from holds";
        let kept: i64 = self.connection.query_row(select, (), |row| row.get(0))?;
        let seen = self.holds;
        self.expect(kept.cast_unsigned() == seen, || {
            format!("{kept} holds and notes are stored, but {seen} of them are in the journal")
        });
        Ok(())
    }

    /// Counts an order that the journal has.
    fn state_counts(&mut self, key_space: &KeySpace, state: State) {
        let of = (key_space.organisation, key_space.dialect);
        *self.state_counts.entry(of).or_default().of(state) += 1;
    }

    /// The counts of orders that are stored. Reports those that cannot be decoded.
    fn told_state_counts(&mut self) -> Result<AllStateCounts, Fault> {
        let mut told = AllStateCounts::new();
        let mut recent = HashSet::new();
        end::each_recent(self.connection, |organisation, counters| {
            let counts = counters.states.iter();
            told.extend(counts.map(|(dialect, of)| ((organisation, *dialect), *of)));
            recent.insert(organisation);
            Ok(())
        })?;
        let select = "select organisation, states from counters";
        let mut select = self.connection.prepare_cached(select)?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let organisation = OrganisationId(row.get(0)?);
            if recent.contains(&organisation) {
                continue;
            }
            let states: Vec<u8> = row.get(1)?;
            match StatesByDialect::decode(&states) {
                Ok(states) => {
                    let counts = states.iter();
                    told.extend(counts.map(|(dialect, of)| ((organisation, *dialect), *of)));
                }
                Err(Damage(why)) => {
                    let whose = organisation.0;
                    self.fault(format!("the counters of organisation {whose}: {why}"));
                }
            }
        }
        Ok(told)
    }

    /// Compares the stored counts with those from the journal. Also checks that each list of open orders has a block.
    fn order_states(&mut self, mut told: AllStateCounts) -> Result<(), Fault> {
        for (of, counted) in std::mem::take(&mut self.state_counts) {
            let (organisation, told) = (of.0, told.remove(&of).unwrap_or_default());
            self.expect(told == counted, || {
                let whose = organisation.0;
                format!("organisation {whose} has {counted:?} orders by state, but its counts say {told:?}")
            });
        }
        self.expect(told.is_empty(), || {
            "there are order counts without orders".into()
        });
        let lost = open_lists_without_block(self.connection)?;
        self.expect(lost == 0, || {
            format!("{lost} lists of open orders belong to no block")
        });
        Ok(())
    }

    /// Checks that numbers and positions of blocks have no gap, and that their latest times are right.
    fn sequence(&mut self, walk: &mut Walk, block: &BlockHead) {
        let id = block.id.0;
        let number = block.id.number();
        self.expect(number == walk.block, || {
            format!("block {id} has number {number}, expected {}", walk.block)
        });
        self.expect(block.first_position == walk.position, || {
            let found = block.first_position;
            format!(
                "block {id} begins at position {found}, expected {}",
                walk.position
            )
        });
        walk.last_ms = walk.last_ms.max(block.written.at_ms);
        self.expect(block.written.latest_ms == walk.last_ms, || {
            format!("block {id} has a wrong latest time")
        });
        self.expect(block.written.stamp >= walk.stamp, || {
            format!("block {id} has a lower stamp than a block before it")
        });
        walk.stamp = walk.stamp.max(block.written.stamp);
        walk.block = number.saturating_add(1);
        walk.position = block.first_position + block.events;
        self.report.events += block.events;
    }

    fn end_organisation(&mut self, walk: Option<&Walk>) -> Result<(), Fault> {
        let Some(walk) = walk else {
            return Ok(());
        };
        let whose = walk.organisation.0;
        let counters = read_counters(self.connection, walk.organisation)?;
        let end = (counters.block, counters.position, counters.stamp);
        let is_equal = end == (walk.block, walk.position, walk.stamp);
        self.expect(is_equal, || {
            format!("the counters of organisation {whose} do not match its journal")
        });
        let is_final = [State::Processed, State::Cancelled];
        let settled = counters.states.iter().map(|(_, of)| of.sum(&is_final));
        let settled = settled.fold(0, i64::saturating_add);
        self.expect(settled.cast_unsigned() == walk.settled, || {
            let moved = walk.settled;
            format!("organisation {whose} has {settled} final orders, but {moved} state changes to a final state")
        });
        Ok(())
    }

    fn block(&mut self, walk: &mut Walk, row: &BlockRow) -> Result<(), Fault> {
        let block = &row.head;
        let id = block.id.0;
        self.expect(row.is_whole(), || {
            format!("the checksum of block {id} is wrong")
        });
        let outcomes = entry_outcomes::decode(&block.slots)?;
        let indexes = block::decode_indexes(&block.indexes)?;
        let is_move = |outcome: &EntryOutcome| outcome.is_change();
        let is_purged = |outcome: &EntryOutcome| *outcome == EntryOutcome::Purged;
        let batches = block.batches.as_deref().map(Batches::decode).transpose()?;
        let is_of_one_kind = match &batches {
            Some(batches) => {
                let entries = [indexes.len(), batches.entries()];
                entries == [outcomes.len(); 2] && !outcomes.iter().any(is_move)
            }
            None => {
                indexes.is_empty()
                    && outcomes
                        .iter()
                        .all(|outcome| is_move(outcome) || is_purged(outcome))
            }
        };
        self.expect(is_of_one_kind, || {
            format!("block {id} has entries of the wrong type")
        });
        let hashes = row.emails.as_deref().map_or(0, <[u8]>::len);
        let is_of_all = row.emails.is_none() || hashes == outcomes.len() * HASH_BYTES;
        self.expect(is_of_all, || {
            format!("block {id} has a different number of addresses and entries")
        });
        let may_lack = block.first_position + block.events <= walk.feed_start;
        let batches = batches.unwrap_or_default();
        for of in batches.iter() {
            let of_batch = outcomes.get(of.start..of.end).unwrap_or_default();
            // The receipt may have been purged too, although the block is still needed.
            let may_be_lost = may_lack && of_batch.iter().all(is_purged);
            if !may_be_lost && self.is_first_of_batch(block.id, of.id)? != of.is_first {
                let batch = of.id;
                self.fault(format!(
                    "block {id} has a wrong first block for batch {batch}"
                ));
            }
        }
        let of_orders = outcomes.iter().filter(|outcome| outcome.is_event()).count();
        let events = (of_orders + batches.received()) as u64;
        let is_all = block.events == events || may_lack && block.events > events;
        self.expect(is_all, || {
            format!("block {id} has a wrong number of events")
        });
        for (ordinal, &outcome) in outcomes.iter().enumerate() {
            let is_settling =
                matches!(outcome, EntryOutcome::Transition { to, .. } if !to.state().is_open());
            if is_settling
                && !self
                    .journal
                    .is_of_purged(block.id.entry(ordinal), outcome)?
            {
                walk.settled += 1;
            }
        }
        if outcomes.iter().any(is_purged) {
            let purged = Bitset::of(&outcomes, is_purged);
            self.purged.insert(block.id, purged);
        }
        Entries::of(self, row, &outcomes)?.check()
    }

    /// Whether this is the first block of a batch in the organisation, according to its receipt.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if the receipt does not refer to the block.
    fn is_first_of_batch(&mut self, id: BlockId, batch: BatchId) -> Result<bool, Fault> {
        let mut select = self
            .connection
            .prepare_cached("select shares from batches where id = ?1")?;
        let mut rows = select.query([batch.to_bytes()])?;
        let number = id.number();
        if let Some(row) = rows.next()? {
            let extents: String = row.get(0)?;
            for share in extents::from_json(&extents)? {
                let is_within = number >= share.first && number - share.first < share.blocks;
                if share.organisation == Some(id.organisation()) && is_within {
                    return Ok(number == share.first);
                }
            }
        }
        Err(Fault::Damaged("no receipt refers to it".into()))
    }
}

/// Whether an order with this state and key can be the result of a transition.
fn fits_move(to: Transition, state: State, holds: Holds) -> bool {
    match to {
        Transition::Processed => state == State::Processed && holds == Holds::Key,
        Transition::Cancelled => state == State::Cancelled && holds == Holds::Key,
        Transition::Released => state == State::Cancelled && holds == Holds::Nothing,
        Transition::HoldRefused => state == State::Cancelled && holds == Holds::Key,
        // It may have been held again, and have come to any state.
        Transition::HoldReleased => state != State::Draft,
    }
}
