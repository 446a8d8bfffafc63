//! Rules that hold orders, as far as they depend on the text of an order alone.

use wharfinger_core::dialect::Slot;
use wharfinger_core::dialects;
use wharfinger_core::order::outcome::State;
use wharfinger_core::rules::BatchWork;

use super::{Filling, Row};
use crate::store::api::AllRules;

impl Filling<'_> {
    /// Judges an order by the rules of its organisation. Additions, and orders that are decided by a catalogue, are judged when they
    /// are decided, and drafts when they are placed.
    pub(super) fn judge(
        &mut self,
        all: &AllRules,
        dialect: &str,
        (slot, row): (&Slot<'_>, &mut Row),
        work: &mut BatchWork,
    ) {
        let group = &mut self.group;
        if group.rows.is_empty() && group.rules.is_none() {
            group.rules = all.get(&group.organisation).cloned();
        }
        let Some(rules) = &group.rules else { return };
        let is_placed = row.intent.initial_state() != State::Draft;
        if !is_placed || row.intent.is_addition() || row.demand.is_some() {
            return;
        }
        let Some(dialect) = dialects::find(dialect) else {
            return;
        };
        let key = slot.key.as_deref().unwrap_or_default();
        let subject = rules.subject(key, vec![slot.raw.to_owned()]);
        if let Some(hold) = rules.find(dialect, &subject, work) {
            row.hold = u32::try_from(group.holds.len()).ok();
            group.holds.push(hold);
        }
    }
}
