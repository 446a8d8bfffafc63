//! Drawing stamps, and finding out up to which stamp no transaction is still to come. The journal says why this works.

use std::sync::LazyLock;

use tokio_postgres::SimpleQueryMessage;

use super::{BEGIN_READ, Error, Result, Session, numbers};

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
static FOLLOW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "begin; select last_value as latest from stamps; \
         select distinct cast(objid as bigint) as floor from pg_locks where locktype = 'advisory' and objsubid = 2 and \
         classid = {FLOORS} and database = (select oid from pg_database where datname = current_database()); \
         commit; {BEGIN_READ}"
    )
});

impl Session {
    /// Begins a read transaction that knows its horizon.
    pub(super) fn follow(&self) -> Result<()> {
        let answer = self.ask(&FOLLOW)?;
        let (latest, floors) = (numbers(&answer, "latest"), numbers(&answer, "floor"));
        self.horizon.set(horizon(&latest, &floors)?);
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
