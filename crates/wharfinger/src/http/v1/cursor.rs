//! Cursors of lists: opaque to clients, and valid across restarts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wharfinger_core::order::failure::RequestFailure;

/// Longest cursor that is read.
const CHARS_MAX: usize = 100_000;

/// Writes a cursor. Only the same list accepts it.
pub(super) fn write(list: &str, position: &impl Serialize) -> String {
    let json =
        serde_json::to_vec(&(list, position)).expect("positions hold only numbers and texts");
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads a cursor of a list.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: it is not a cursor of this list.
pub(super) fn read<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, RequestFailure> {
    let position = (cursor.len() <= CHARS_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice::<(String, T)>(&json).ok());
    match position {
        Some((known, position)) if known == list => Ok(position),
        _ => Err(bad()),
    }
}

/// The failure for an invalid cursor.
pub(super) fn bad() -> RequestFailure {
    RequestFailure::BadParameter("Parameter after must be a cursor returned by this list".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_list_reads_a_cursor() {
        let cursor = write("events", &[(1_u32, 7_u64)]);
        assert_eq!(read("events", &cursor), Ok(vec![(1_u32, 7_u64)]));
        for (list, cursor) in [("orders", cursor.as_str()), ("events", "!"), ("events", "")] {
            assert!(read::<Vec<(u32, u64)>>(list, cursor).is_err(), "{cursor}");
        }
        assert!(read::<String>("events", &cursor).is_err());
    }
}
