//! Errors of the engines, and how severe each one is.

use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

use crate::store::engine::checksums::DAMAGED;
use crate::store::engine::fault::Severity;

/// A file could not be written, or the index of the log could not be extended.
const FAILED_WRITES: [i32; 2] = [
    rusqlite::ffi::SQLITE_IOERR_WRITE,
    rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
];

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// SQLite reported an error.
    Sqlite(rusqlite::Error),
    /// PostgreSQL reported an error, or the connection failed.
    Postgres(tokio_postgres::Error),
    /// A query returned no row where one was expected.
    NoRows,
    /// The checksum of a row is wrong.
    Damaged,
    /// A value has an unexpected type or is out of range.
    Value(String),
    /// PostgreSQL cannot be reached, or does not meet the requirements.
    Unreachable(String),
}

impl Error {
    /// How much the error affects.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Sqlite(error) => severity_of_sqlite(error),
            Self::Postgres(error) => severity_of_postgres(error),
            Self::NoRows | Self::Damaged | Self::Value(_) => Severity::Own,
            Self::Unreachable(_) => Severity::Transient,
        }
    }

    /// How much the error affects if a commit returned it. What is on disk is then unknown.
    pub(crate) fn severity_of_commit(&self) -> Severity {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Severity::Transient,
                Some(_) | None => Severity::Fatal,
            },
            // The disk is that of another process. What is on it can be found out once the server answers again.
            Self::Postgres(_) | Self::Unreachable(_) => Severity::Transient,
            Self::NoRows | Self::Damaged | Self::Value(_) => Severity::Fatal,
        }
    }

    /// Whether a wait took too long. The connection is still usable.
    pub(crate) fn is_of_patience(&self) -> bool {
        self.is_of(&[SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED])
    }

    /// Whether the disk is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Self::Postgres(_) => self.is_of(&[SqlState::DISK_FULL]),
            Self::NoRows | Self::Damaged | Self::Value(_) | Self::Unreachable(_) => false,
        }
    }

    /// Whether a file could not be written or extended. For an exceeded quota, SQLite reports only this. The log then ends where
    /// it did before, as on a full disk. A failed sync is not included: what is on disk is then unknown.
    pub(crate) fn is_failed_write(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        let code = error.sqlite_error().map(|error| error.extended_code);
        code.is_some_and(|code| FAILED_WRITES.contains(&code))
    }

    /// Whether PostgreSQL aborted the transaction in favour of another one. It can be retried.
    pub(crate) fn is_conflict(&self) -> bool {
        self.is_of(&[
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ])
    }

    /// Whether SQLite reported one of these codes.
    pub(crate) fn is_sqlite(&self, codes: &[ErrorCode]) -> bool {
        match self {
            Self::Sqlite(error) => error
                .sqlite_error_code()
                .is_some_and(|code| codes.contains(&code)),
            Self::Postgres(_)
            | Self::NoRows
            | Self::Damaged
            | Self::Value(_)
            | Self::Unreachable(_) => false,
        }
    }

    fn is_of(&self, states: &[SqlState]) -> bool {
        let state = match self {
            Self::Postgres(error) => error.code(),
            Self::Sqlite(_)
            | Self::NoRows
            | Self::Damaged
            | Self::Value(_)
            | Self::Unreachable(_) => None,
        };
        state.is_some_and(|state| states.contains(state))
    }
}

fn severity_of_sqlite(error: &rusqlite::Error) -> Severity {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Severity::Fatal
        }
        Some(
            ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen,
        ) => Severity::Transient,
        Some(_) | None => Severity::Own,
    }
}

fn severity_of_postgres(error: &tokio_postgres::Error) -> Severity {
    let Some(state) = error.code() else {
        // Either the connection failed, or a value has an unexpected type.
        let why = std::error::Error::source(error);
        let is_value = why.is_some_and(|why| !why.is::<std::io::Error>());
        return if is_value && !error.is_closed() {
            Severity::Own
        } else {
            Severity::Transient
        };
    };
    // Error classes: connections, conflicts, resources, the operator, the system. `25006`: the server has become a replica.
    let passing = ["08", "25006", "40", "53", "55P03", "57", "58"];
    let code = state.code();
    if passing.iter().any(|class| code.starts_with(class)) || is_lost_node(error) {
        Severity::Transient
    } else {
        Severity::Own
    }
}

/// Files of Citus that report errors of connections to other nodes.
const FILES_ABOUT_NODES: [&str; 4] = [
    "adaptive_executor.c",
    "connection_management.c",
    "remote_commands.c",
    "remote_transaction.c",
];

/// Whether a coordinator of Citus has lost the connection to a node. Some of these errors have the code of internal errors.
fn is_lost_node(error: &tokio_postgres::Error) -> bool {
    let Some(error) = error.as_db_error() else {
        return false;
    };
    let is_about_nodes = |file: &str| FILES_ABOUT_NODES.contains(&file);
    *error.code() == SqlState::INTERNAL_ERROR && error.file().is_some_and(is_about_nodes)
}

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(out),
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) if *error.code() == SqlState::LOCK_NOT_AVAILABLE => out.write_str(
                    "another process has held the write lock, or a table lock, for more than 10 seconds",
                ),
                Some(error) => write!(out, "{} ({})", error.message(), error.code().code()),
                None => {
                    error.fmt(out)?;
                    match std::error::Error::source(error) {
                        Some(source) => write!(out, ": {source}"),
                        None => Ok(()),
                    }
                }
            },
            Self::NoRows => out.write_str("a row is missing"),
            Self::Damaged => out.write_str("the checksum of a row is wrong"),
            Self::Value(why) | Self::Unreachable(why) => out.write_str(why),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let is_damage = |why: &rusqlite::ffi::Error| why.extended_code == DAMAGED;
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            Self::NoRows
        } else if error.sqlite_error().is_some_and(is_damage) {
            Self::Damaged
        } else {
            Self::Sqlite(error)
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::DATA_CORRUPTED) {
            Self::Damaged
        } else {
            Self::Postgres(error)
        }
    }
}
