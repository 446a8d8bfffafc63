//! Which organisations are due for a run. The writer reports growth; the builder waits until an organisation is due.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use wharfinger_core::order::ids::OrganisationId;

use super::EmailRuns;
use crate::store::journal::end::JournalEnd;

/// Whether the journal between `covered` and `end` is large enough for a run.
pub(super) fn is_due(end: JournalEnd, covered: JournalEnd, options: &EmailRuns) -> bool {
    let blocks = end.block.saturating_sub(covered.block);
    let events = end.position.saturating_sub(covered.position);
    blocks > 0 && (blocks >= options.blocks_min || events >= options.events_min)
}

/// What the builder does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Check every organisation.
    All,
    /// Check these organisations.
    Some(Vec<OrganisationId>),
    /// Stop.
    Stop,
}

/// State that the writer, the builder and the store share.
pub(crate) struct Due {
    pub(super) options: EmailRuns,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How far runs cover each organisation, where known.
    covered: HashMap<OrganisationId, JournalEnd>,
    due: BTreeSet<OrganisationId>,
    all_are_due: bool,
    is_stopped: bool,
    /// Callers that wait until nothing is due.
    settling: Vec<oneshot::Sender<()>>,
}

impl Due {
    /// Starts with all organisations due, because nothing is known of them yet.
    pub(super) fn new(options: EmailRuns) -> Self {
        Self {
            options,
            state: Mutex::new(State {
                all_are_due: true,
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change leaves the state half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records how far an organisation's journal has grown. Wakes the builder only if the organisation is due.
    pub(crate) fn grown(&self, organisation: OrganisationId, end: JournalEnd) {
        let mut state = self.state();
        let covered = state.covered.get(&organisation).copied();
        if is_due(end, covered.unwrap_or(JournalEnd::START), &self.options)
            && state.due.insert(organisation)
        {
            self.changed.notify_all();
        }
    }

    /// Records how far runs cover an organisation.
    pub(super) fn covered(&self, organisation: OrganisationId, end: JournalEnd) {
        self.state().covered.insert(organisation, end);
    }

    /// Waits until something is due.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            if state.is_stopped {
                return Next::Stop;
            }
            if std::mem::take(&mut state.all_are_due) {
                state.due.clear();
                return Next::All;
            }
            if !state.due.is_empty() {
                return Next::Some(std::mem::take(&mut state.due).into_iter().collect());
            }
            for waiting in state.settling.drain(..) {
                // The caller may have gone.
                let _ = waiting.send(());
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Pauses the builder. Returns early if the builder is stopped.
    pub(super) fn pause(&self, length: Duration) {
        let state = self.state();
        let stopped = |state: &mut State| !state.is_stopped;
        drop(self.changed.wait_timeout_while(state, length, stopped));
    }

    /// After a pause, makes every organisation due.
    pub(super) fn look_again_after(&self, pause: Duration) {
        self.pause(pause);
        self.state().all_are_due = true;
    }

    /// Whether the builder was stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Stops the builder.
    pub(super) fn stop(&self) {
        self.state().is_stopped = true;
        self.changed.notify_all();
    }

    /// Makes every organisation due. The receiver is notified when nothing is due any more, or fails when the builder gives up.
    pub(super) fn settled(&self) -> oneshot::Receiver<()> {
        let (sender, settled) = oneshot::channel();
        let mut state = self.state();
        state.all_are_due = true;
        state.settling.push(sender);
        self.changed.notify_all();
        settled
    }

    /// Releases the callers that wait, although there is more to do.
    pub(super) fn give_up_settling(&self) {
        self.state().settling.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: OrganisationId = OrganisationId(1);
    const OPTIONS: EmailRuns = EmailRuns {
        events_min: 100,
        blocks_min: 10,
        fan_in: 2,
        part_entries: 4,
    };

    #[test]
    fn an_organisation_is_due_by_blocks_or_by_events() {
        let due = Due::new(OPTIONS);
        assert_eq!(due.next(), Next::All);
        let end = |block, position| JournalEnd { block, position };
        due.grown(ONE, end(10, 100));
        due.grown(OrganisationId(2), end(11, 11));
        assert_eq!(due.next(), Next::Some(vec![OrganisationId(2)]));
        due.grown(ONE, end(10, 101));
        assert_eq!(due.next(), Next::Some(vec![ONE]));
        due.covered(ONE, end(10, 101));
        due.grown(ONE, end(19, 200));
        due.stop();
        assert_eq!(due.next(), Next::Stop);
    }
}
