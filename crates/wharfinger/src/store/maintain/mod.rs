//! Work on a whole store: backup, purge, erasure of a person, check, copy, and distribution. No other room imports this one.

pub(super) mod backup;
pub(super) mod check;
pub(super) mod copy;
pub(super) mod distribute;
pub(super) mod erase;
pub(super) mod expiry;
pub(super) mod purge;
pub(super) mod roll_up;
