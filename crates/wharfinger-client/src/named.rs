//! A dialect that the user names.

use std::fmt;
use std::str::FromStr;

use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;

/// A dialect that the user names, for an option of a command.
#[derive(Clone, Copy)]
pub struct NamedDialect(pub &'static dyn Dialect);

impl fmt::Debug for NamedDialect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.id())
    }
}

impl FromStr for NamedDialect {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        let found = dialects::find(id).map(Self);
        found.ok_or_else(|| format!("expected one of {}", dialects::ids()))
    }
}
