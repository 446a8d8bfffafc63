//! Work on a whole store: backup, purge, erasure of a person, check, copy, distribution, and a look at its state. No other room imports this
//! one.

pub(super) mod backup;
pub(super) mod check;
pub(super) mod copy;
pub(super) mod distribute;
pub(super) mod erase;
pub(super) mod expiry;
mod inspect;
pub(super) mod purge;
pub(super) mod roll_up;
