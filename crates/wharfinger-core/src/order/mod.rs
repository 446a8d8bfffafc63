//! The words that every room uses: ids, organisations, amounts, problems, warnings, failures and outcomes.
//!
//! Plain data with names and messages. Nothing here reads text or decides anything. May import `json`.

pub mod amount;
pub mod failure;
pub mod ids;
pub mod organisation;
pub mod outcome;
pub mod problem;
pub mod warning;
pub mod zone;
