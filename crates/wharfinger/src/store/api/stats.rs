//! Requests and answers about statistics.

use wharfinger_core::order::ids::{BatchId, OrganisationId};
use wharfinger_core::order::outcome::Counts;

use super::receipts::Visible;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The length of time that a sum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of UTC.
    Day,
}

impl Step {
    /// All lengths, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its length, in milliseconds.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// How long such sums are kept, in milliseconds. `None` if they are not deleted.
    #[must_use]
    pub fn kept_ms(self) -> Option<i64> {
        match self {
            Self::Minute => Some(7 * DAY_MS),
            Self::Hour => Some(400 * DAY_MS),
            Self::Day => None,
        }
    }

    /// The shortest steps of which sums are kept around a time. Times in requests must be borders of such steps.
    #[must_use]
    pub fn around(at_ms: i64, now_ms: i64) -> Self {
        if Self::Hour.floor(at_ms) >= Self::Minute.kept_from_ms(now_ms) {
            Self::Minute
        } else if Self::Day.floor(at_ms) >= Self::Hour.kept_from_ms(now_ms) {
            Self::Hour
        } else {
            Self::Day
        }
    }

    /// The earliest time of which such sums are kept.
    #[must_use]
    pub fn kept_from_ms(self, now_ms: i64) -> i64 {
        let kept_ms = self.kept_ms();
        kept_ms.map_or(i64::MIN, |kept_ms| {
            self.floor(now_ms.saturating_sub(kept_ms))
        })
    }

    /// The beginning of the step in which a time lies.
    #[must_use]
    pub fn floor(self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.length_ms()))
    }

    /// The beginning of the first step that does not begin before a time.
    #[must_use]
    pub fn ceiling(self, at_ms: i64) -> i64 {
        self.floor(at_ms.saturating_add(self.length_ms() - 1))
    }

    /// Its number in the store.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Minute => 0,
            Self::Hour => 1,
            Self::Day => 2,
        }
    }
}

/// Which sums of outcomes to read.
#[derive(Clone, Debug)]
pub struct ReadOutcomes {
    /// What the caller may see.
    pub visible: Visible,
    /// Only orders of this organisation.
    pub organisation: Option<OrganisationId>,
    /// Only orders of this dialect.
    pub dialect: Option<String>,
    /// The length of the steps.
    pub step: Step,
    /// The first time, in milliseconds since 1970. See [`Step::around`]. The first step may begin before it.
    pub from_ms: i64,
    /// The end: the first time that is not included. The last step may end after it.
    pub to_ms: i64,
}

/// The outcomes of orders over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeSums {
    /// One for each step, also if there were no orders.
    pub steps: Vec<Counts>,
    /// All steps together.
    pub totals: Counts,
}

/// Which causes of rejections to read.
#[derive(Clone, Debug)]
pub struct ReadErrors {
    /// What the caller may see.
    pub visible: Visible,
    /// Only orders of this organisation.
    pub organisation: Option<OrganisationId>,
    /// Only orders of this dialect.
    pub dialect: Option<String>,
    /// The first time, in milliseconds since 1970. See [`Step::around`].
    pub from_ms: i64,
    /// The end: the first time that is not included.
    pub to_ms: i64,
    /// Only causes with orders that were neither mended nor dismissed.
    pub only_open: bool,
    /// The cursor: continue after this cause.
    pub after: Option<ErrorPlace>,
    /// The most causes to return. At least 1.
    pub limit: usize,
}

/// Where a cause is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPlace {
    /// Its orders that are open.
    pub open: u64,
    /// Its orders.
    pub count: u64,
    /// The cause.
    pub cause: ErrorCause,
}

/// A cause of rejections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCause {
    /// The dialect of the orders.
    pub dialect: String,
    /// The code of the error.
    pub code: String,
    /// The attribute, with `*` for each place in an array.
    pub pointer: String,
}

/// A page of causes, those with the most open orders first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPage {
    /// The causes.
    pub errors: Vec<ErrorSum>,
    /// The place after which the next page begins. `None` at the end.
    pub next: Option<ErrorPlace>,
}

/// How often orders were rejected for a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorSum {
    /// The cause.
    pub cause: ErrorCause,
    /// How many orders were rejected for it.
    pub count: u64,
    /// How many of them were neither mended nor dismissed.
    pub open: u64,
    /// How many API keys sent them.
    pub senders: u64,
    /// When the last of them was received, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// The last of them, unless its receipt was purged.
    pub example: Option<ErrorExample>,
}

/// An order that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorExample {
    /// Its batch.
    pub batch: BatchId,
    /// Its position in the batch, from 0.
    pub index: u32,
    /// The message of its error.
    pub message: String,
}
