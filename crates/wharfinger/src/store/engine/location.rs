//! The location of a store, as the user writes it.

use std::path::PathBuf;

use super::driver::Target;

/// The schemes of a database URL.
pub(crate) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The location of a store.
#[derive(Clone)]
pub enum Location {
    /// A data directory.
    Directory(PathBuf),
    /// A PostgreSQL database.
    Database(Database),
}

/// A PostgreSQL database, and the credentials for it.
#[derive(Clone)]
pub struct Database {
    /// `postgres://user@host:port/name`.
    pub url: String,
    /// The user's password, if the URL does not contain it.
    pub password: Option<String>,
    /// The file, in PEM form, of the CAs that may have signed the server's certificate. TLS is used if this is set or if the URL
    /// asks for it. Without a file, the system's CAs are trusted.
    pub ca: Option<PathBuf>,
}

impl Location {
    /// Whether the connection could be read on a network: it goes to another machine and is not encrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        match self {
            Self::Directory(_) => false,
            // An invalid URL is refused before anything is sent.
            Self::Database(database) => {
                Target::of(database).is_ok_and(|target| target.is_exposed())
            }
        }
    }

    /// Whether the database URL contains a password and occurs in these command line arguments.
    pub(crate) fn has_password_among(&self, mut arguments: impl Iterator<Item = String>) -> bool {
        match self {
            Self::Directory(_) => false,
            Self::Database(Database { url, .. }) => {
                without_password(url) != *url && arguments.any(|argument| argument.contains(url))
            }
        }
    }
}

/// Shows the location without a password.
impl std::fmt::Display for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(out),
            Self::Database(database) => out.write_str(&without_password(&database.url)),
        }
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Location({self})")
    }
}

/// A URL without its password, whether before the host or among the options. Omits everything that may be part of a password.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "the database".into();
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => {
            let user = credentials.split([':', '/', '?', '@']).next();
            (user.map(|user| format!("{user}@")), rest)
        }
        None => (None, rest),
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    // Any other option may be a misspelled or percent-encoded password.
    let is_told = |option: &&str| {
        let mut read = form_urlencoded::parse(option.as_bytes());
        read.all(|(name, _)| ["host", "port", "sslmode", "dbname", "user"].contains(&name.as_ref()))
    };
    let options = Vec::from_iter(options.split('&').filter(is_told)).join("&");
    let mark = if options.is_empty() { "" } else { "?" };
    format!(
        "{scheme}://{}{place}{mark}{options}",
        user.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::super::location::without_password;

    #[test]
    fn a_password_is_shown_to_nobody_wherever_it_stands() {
        for (url, shown) in [
            ("postgres://host/db", "postgres://host/db"),
            (
                "postgres://ann@host:1,b:2/db?port=1",
                "postgres://ann@host:1,b:2/db?port=1",
            ),
            ("postgresql://ann:pw@host/db", "postgresql://ann@host/db"),
            ("postgres://ann:p@w@host/db", "postgres://ann@host/db"),
            ("postgres://ann:p/w?@host/db", "postgres://ann@host/db"),
            (
                "postgres://host/db?password=pw&port=1",
                "postgres://host/db?port=1",
            ),
            (
                "postgres://host/db?port=1&passwort=pw&passw%6frd=pw",
                "postgres://host/db?port=1",
            ),
            ("host=a password=pw", "the database"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
