//! Where a store is, as its user says it.

use std::path::PathBuf;

/// Where a store is.
#[derive(Clone)]
pub enum Location {
    /// In a data directory.
    Directory(PathBuf),
    /// In a database of PostgreSQL.
    Database(Database),
}

/// A database of PostgreSQL, and as whom it is spoken to.
#[derive(Clone)]
pub struct Database {
    /// `postgres://user@host:port/name`.
    pub url: String,
    /// The user's password, where the URL does not have it.
    pub password: Option<String>,
}

/// Without any password.
impl std::fmt::Display for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(out),
            Self::Database(database) => match database.url.rsplit_once('@') {
                Some((_, place)) => write!(out, "postgres://{place}"),
                None => out.write_str("the database"),
            },
        }
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Location({self})")
    }
}
