//! Drawing stamps, and finding out up to which stamp no transaction is still to come. The journal says why this works.

use std::sync::LazyLock;

use tokio_postgres::SimpleQueryMessage;

use super::{BEGIN_READ, Error, Result, Session, column, numbers};

/// The first number of the locks of floors.
const FLOORS: i32 = 1;

/// SQL that draws a stamp. These are two statements, so that the floor is locked before the stamp is drawn.
static DRAW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select pg_advisory_xact_lock_shared({FLOORS}, cast(cast(last_value as bit(32)) as integer)) from stamps; \
         select nextval('stamps') as stamp"
    )
});

/// SQL that reads what the horizon follows from, and begins a read transaction after that. Each statement reads what is true when
/// it runs.
static FOLLOW: LazyLock<String> = LazyLock::new(|| follow(""));

fn follow(further: &str) -> String {
    format!(
        "begin; select last_value as latest from stamps; \
         select distinct cast(objid as bigint) as floor from pg_locks where locktype = 'advisory' and objsubid = 2 and \
         classid = {FLOORS} and database = (select oid from pg_database where datname = current_database()); \
         {further}commit; {BEGIN_READ}"
    )
}

/// A snapshot that shows nothing.
pub(super) const NOTHING: &str = "1:1:";

/// SQL that finds out whether a node of Citus may have a transaction in doubt: the coordinator has committed it and released its
/// locks, and the node has only prepared it.
///
/// The coordinator has a row for each node of such a transaction, and for some time after it has ended. Which transactions have
/// ended is found out before the nodes are asked, so a transaction that is being committed is not taken for one in doubt. A node
/// that does not answer may have any of its transactions in doubt.
///
/// To ask the nodes takes new connections, so it is avoided: a transaction that was found not to be in doubt never will be.
/// `settled` is a snapshot whose transactions are none. The statement returns a later one, if there is one.
fn find_doubts(settled: &str) -> String {
    // The row of a transaction has the lower 32 bits of its id.
    const ID: &str = "cast(cast(latest - (latest - cast(cast(xmin as text) as bigint) & 4294967295) as text) as xid8)";
    format!(
        "with decided as materialized ( \
             select groupid, gid, (cast(split_part(gid, '_', 3) as integer), cast(split_part(gid, '_', 4) as bigint)) in \
             (select process_id, transaction_number from get_all_active_transactions()) as is_active \
             from pg_dist_transaction, \
             cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint) as snapshot (latest) \
             where not pg_visible_in_snapshot({ID}, '{settled}') \
         ), nodes as materialized ( \
             select groupid, success, string_to_array(result, ',') as prepared from run_command_on_workers( \
             'select string_agg(gid, '','') from pg_prepared_xacts where database = current_database()') \
             join pg_dist_node using (nodename, nodeport) where (select count(*) from decided where not is_active) > 0 \
         ), doubts as materialized ( \
             select from nodes join decided using (groupid) where not is_active and (not success or gid = any (prepared)) limit 1 \
         ) select case when exists (select from doubts) then 'yes' end as in_doubt, \
             case when not exists (select from doubts) and not exists (select from decided where is_active) \
             then cast(pg_current_snapshot() as text) end as settled; "
    )
}

impl Session {
    /// Begins a read transaction that knows its horizon.
    pub(super) fn follow(&self) -> Result<()> {
        let answer = if self.is_citus {
            self.ask(&follow(&find_doubts(&self.settled.borrow())))?
        } else {
            self.ask(&FOLLOW)?
        };
        let (latest, floors) = (numbers(&answer, "latest"), numbers(&answer, "floor"));
        let is_in_doubt = !column(&answer, "in_doubt").is_empty();
        if let [settled] = column(&answer, "settled").as_slice() {
            self.settled.replace((*settled).to_owned());
        }
        let horizon = horizon(&latest, &floors)?;
        // Nobody knows the stamps of transactions in doubt, so there is nothing new until they are recovered.
        self.horizon.set(if is_in_doubt { 0 } else { horizon });
        Ok(())
    }

    /// Makes sure that on Citus all nodes show what the coordinator has committed: recovers transactions in doubt, which the user
    /// must have the right to do. The transaction must have locked the store, so that no other is being committed. What it has read
    /// before may be outdated.
    pub(crate) fn settle_doubts(&self) -> Result<()> {
        if !self.is_citus {
            return Ok(());
        }
        let is_in_doubt = || {
            let find = find_doubts(&self.settled.borrow());
            let answer = self.wait(self.client.simple_query(&find))?;
            // What is settled is not noted: the snapshot leaves out the own transaction, which is not.
            Ok::<_, Error>(!column(&answer, "in_doubt").is_empty())
        };
        if is_in_doubt()? {
            let recover = "select recover_prepared_transactions()";
            let recovered = self.wait(self.client.simple_query(recover));
            if recovered.is_err() || is_in_doubt()? {
                let why = "a node of Citus has a transaction in doubt, which could not be recovered; \
                           the user must be allowed to execute recover_prepared_transactions()";
                return Err(Error::Unreachable(why.into()));
            }
        }
        Ok(())
    }

    /// The stamp up to which no transaction is still to come. Found out before the latest transaction with [`Access::Follow`]
    /// began, so that it sees all of them.
    pub(crate) fn horizon(&self) -> i64 {
        self.horizon.get()
    }

    /// Draws a stamp for the current transaction.
    pub(crate) fn draw_stamp(&self) -> Result<i64> {
        stamp(&self.wait(self.client.simple_query(&DRAW))?)
    }
}

fn stamp(answer: &[SimpleQueryMessage]) -> Result<i64> {
    let drawn = numbers(answer, "stamp");
    let missing = || Error::Value("no stamp was drawn".into());
    drawn.first().copied().ok_or_else(missing)
}

/// The least of the latest stamp and the floors, of which only the lower 32 bits are known.
fn horizon(latest: &[i64], floors: &[i64]) -> Result<i64> {
    let missing = || Error::Value("the sequence of stamps is missing".into());
    let latest = latest.first().copied().ok_or_else(missing)?;
    let floors = floors.iter().map(|floor| {
        let above = (floor - latest) as u32;
        latest + i64::from(above.cast_signed())
    });
    Ok(floors.fold(latest, i64::min))
}
