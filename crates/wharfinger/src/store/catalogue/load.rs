//! Loading lines into a catalogue: shared by products and customers. Writes the audit entry.

use serde_json::{Value, json};
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::decide::catalogue::import::LineProblem;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::Store;
use crate::store::api::{LineOutcome, Load, LoadCounts, Loaded, LoadedLines, StoreError};
use crate::store::engine::driver::OptionalExtension;
use crate::store::engine::fault::Fault;
use crate::store::write::audit::write_audit;
use crate::store::write::job::Task;
use crate::store::write::txn::WriteTxn;

/// Loads lines of one kind in a transaction.
pub(crate) trait Loader<'c, L>: Sized {
    /// The action in the audit log.
    const ACTION: &'static str;

    /// Starts. Writes the pending changes of the transaction that the loader reads.
    fn begin(txn: &mut WriteTxn<'c>, organisation: OrganisationId) -> Result<Self, Fault>;

    /// Loads a line. Returns its outcome, or why it is refused. A refused line changes nothing.
    fn load(&mut self, line: &L) -> Result<Result<LineOutcome, LineProblem>, Fault>;

    /// Writes what the lines have accumulated.
    fn finish(self, txn: &WriteTxn<'c>) -> Result<(), Fault>;
}

impl Store {
    /// Loads lines in one transaction.
    pub(crate) async fn load<L, B>(&self, mut load: Load<L>, run: B) -> Result<Loaded, StoreError>
    where
        L: Send + 'static,
        B: Fn(&mut WriteTxn<'_>, &Load<L>) -> Result<LoadedLines, Fault> + Send + 'static,
    {
        let task = Task::of(load.lines.len());
        let save_reply = load.save_reply.take();
        let run = move |txn: &mut WriteTxn<'_>| run(txn, &load);
        let is_change = |lines: &LoadedLines| lines.entry.is_some();
        let done = self.change(task, save_reply, is_change, run).await;
        match done {
            Ok((lines, reply)) => Ok(Loaded { lines, reply }),
            Err(StoreError::NotLoaded(outcomes)) => Ok(Loaded {
                lines: LoadedLines {
                    outcomes,
                    entry: None,
                },
                reply: None,
            }),
            Err(error) => Err(error),
        }
    }
}

/// Loads lines with a loader.
///
/// # Errors
/// [`StoreError::NotLoaded`] if the load is all-or-nothing and a line is refused. The transaction must not be committed then.
pub(crate) fn load<'c, L, D: Loader<'c, L>>(
    txn: &mut WriteTxn<'c>,
    load: &Load<L>,
) -> Result<LoadedLines, Fault> {
    let mut loader = D::begin(txn, load.organisation)?;
    let mut outcomes = Vec::with_capacity(load.lines.len());
    for line in &load.lines {
        let outcome = loader.load(line)?;
        outcomes.push(outcome.unwrap_or_else(LineOutcome::Refused));
    }
    loader.finish(txn)?;
    let mut counts = LoadCounts {
        rejected: load.unreadable as u64,
        ..LoadCounts::default()
    };
    counts.add(&outcomes);
    if load.policy == Policy::AllOrNothing && counts.rejected > 0 {
        for outcome in &mut outcomes {
            if !matches!(outcome, LineOutcome::Refused(_)) {
                *outcome = LineOutcome::Withheld;
            }
        }
        return Err(Fault::Client(StoreError::NotLoaded(outcomes)));
    }
    let is_noted = load.entry.is_some() || counts.taken() > 0;
    let entry = if is_noted {
        Some(note(txn, load, D::ACTION, counts)?)
    } else {
        None
    };
    Ok(LoadedLines { outcomes, entry })
}

/// Writes the audit entry of a load. All loads of one command share an entry. Returns its id.
fn note<L>(
    txn: &WriteTxn<'_>,
    load: &Load<L>,
    action: &str,
    counts: LoadCounts,
) -> Result<i64, Fault> {
    let connection = txn.connection;
    let Some(entry) = load.entry else {
        let select = "select code from organisations where id = ?1 and sound(organisations.intact)";
        let mut select = connection.prepare_cached(select)?;
        let code = select.query_row([load.organisation.0], |row| row.get(0));
        let Some(code): Option<String> = code.optional()? else {
            return Err(Fault::Refused("the organisation does not exist".into()));
        };
        return write_audit(txn, &load.who, action, &code, Some(&details(counts)));
    };
    let select = "select details from audit where id = ?1 and sound(audit.intact)";
    let before: String = connection.query_row(select, [entry], |row| row.get(0))?;
    let before: Value = serde_json::from_str(&before)
        .map_err(|_| Fault::Damaged("the audit log's entry of a load cannot be read".into()))?;
    let sum = |name: &str, count: u64| before[name].as_u64().unwrap_or_default() + count;
    let after = details(LoadCounts {
        created: sum("created", counts.created),
        updated: sum("updated", counts.updated),
        unchanged: sum("unchanged", counts.unchanged),
        rejected: sum("rejected", counts.rejected),
        withheld: 0,
    });
    let update = "update audit set details = ?2 where id = ?1 and sound(audit.intact)";
    connection.execute(update, (entry, after.to_string()))?;
    Ok(entry)
}

fn details(counts: LoadCounts) -> Value {
    json!({
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "rejected": counts.rejected,
    })
}
