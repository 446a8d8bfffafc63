//! When the latest backup of a store was made.

use crate::store::engine::driver::Connection;
use crate::store::engine::fault::Fault;
use crate::store::engine::location::Location;

/// When the latest backup of a store was made, in milliseconds since 1970. `None` if there was none.
///
/// Nothing records backups yet, so there is none. The record of `wharfinger backup` is read here once it exists.
#[expect(
    clippy::unnecessary_wraps,
    reason = "reading the record of a backup can fail"
)]
pub(super) fn last_backup(
    _location: &Location,
    _connection: &Connection,
) -> Result<Option<i64>, Fault> {
    Ok(None)
}
