//! Faults of the database, and how severe each one is.

use std::path::PathBuf;

use super::driver::Error;
use crate::store::api::StoreError;
use crate::store::format::varint::Damage;

/// Why a job or a read failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database reported an error.
    Sql(Error),
    /// The commit failed. What is on disk is unknown.
    Commit(Error),
    /// The disk is full or a quota is exceeded. Nothing of the job is on disk.
    DiskFull(Error),
    /// The commit was not answered, and its outcome could not be found out.
    Unknown(Error),
    /// The request cannot be carried out.
    Refused(String),
    /// An error that the caller gets unchanged. It concerns only this job.
    Client(StoreError),
    /// Stored data is damaged.
    Damaged(String),
    /// A file of the store was removed or replaced. Other processes do not see what is written to it.
    Gone(PathBuf),
    /// The store was not closed cleanly, and its log could not be synced again.
    Unsynced(std::io::Error),
    /// The operating system could not start a thread.
    NoThread(std::io::Error),
}

/// How much a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Only this job or read.
    Own,
    /// Every write, for some time.
    Transient,
    /// Every write from now on.
    Fatal,
}

impl Fault {
    /// How much the fault affects.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Refused(_) | Self::Client(_) | Self::Damaged(_) => Severity::Own,
            Self::Gone(_) | Self::Unsynced(_) | Self::NoThread(_) => Severity::Fatal,
            Self::Sql(error) => error.severity(),
            Self::Commit(error) => error.severity_of_commit(),
            Self::Unknown(_) | Self::DiskFull(_) => Severity::Transient,
        }
    }
}

impl Fault {
    /// Whether a wait took too long. The connection is still usable.
    pub(crate) fn is_of_patience(&self) -> bool {
        matches!(self, Self::Sql(error) if error.is_of_patience())
    }

    /// Converts the fault to [`Self::DiskFull`] if the disk is full. `is_full` checks the disk; it is called only if the engine
    /// reports a failed write without a reason.
    pub(crate) fn told_apart(self, is_full: impl Fn() -> bool) -> Self {
        if let Self::Sql(error) | Self::Commit(error) = &self {
            let is_full = error.is_disk_full() || error.is_failed_write() && is_full();
            if !is_full {
                return self;
            }
        }
        if let Self::Sql(error) | Self::Commit(error) = self {
            Self::DiskFull(error)
        } else {
            self
        }
    }

    /// Whether the change may be stored or not. That is known only after the store is opened or reached again.
    fn leaves_in_doubt(&self) -> bool {
        match self {
            Self::Commit(error) => error.severity_of_commit() == Severity::Fatal,
            Self::Unknown(_) | Self::Gone(_) => true,
            Self::Sql(_)
            | Self::Refused(_)
            | Self::Client(_)
            | Self::Damaged(_)
            | Self::Unsynced(_)
            | Self::DiskFull(_)
            | Self::NoThread(_) => false,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sql(error) => write!(out, "{error}"),
            Self::Commit(error) => write!(out, "the commit failed: {error}"),
            Self::DiskFull(error) => write!(out, "the disk is full: {error}"),
            Self::Unknown(error) => write!(out, "the outcome of the commit is unknown: {error}"),
            Self::Refused(why) | Self::Damaged(why) => out.write_str(why),
            Self::Client(error) => error.fmt(out),
            Self::Gone(file) => write!(
                out,
                "{} was removed or replaced while the store was open",
                file.display()
            ),
            Self::Unsynced(error) => write!(
                out,
                "the store was not closed cleanly, and its log could not be written to disk again: {error}; \
                 nothing is acknowledged before that succeeds. Check the disk and start again"
            ),
            Self::NoThread(error) => write!(out, "cannot start a thread: {error}"),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if matches!(error, Error::Damaged) {
            Self::Damaged(error.to_string())
        } else {
            Self::Sql(error)
        }
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage.0.to_owned())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        if let Fault::DiskFull(_) = fault {
            return Self::DiskFull(fault.to_string());
        }
        if fault.leaves_in_doubt() {
            return Self::InDoubt(fault.to_string());
        }
        match fault.severity() {
            Severity::Transient | Severity::Fatal => Self::Unavailable(fault.to_string()),
            Severity::Own => match fault {
                Fault::Refused(why) => Self::Refused(why),
                Fault::Client(error) => error,
                Fault::Damaged(_)
                | Fault::Sql(_)
                | Fault::Commit(_)
                | Fault::Unknown(_)
                | Fault::DiskFull(_)
                | Fault::Gone(_)
                | Fault::Unsynced(_)
                | Fault::NoThread(_) => Self::Internal(fault.to_string()),
            },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error.into())
    }
}
