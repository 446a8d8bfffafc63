//! Cursors of the feed, as clients see them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;

use crate::store::FeedCursor;

/// The first byte. Another one is of another form.
const FORM: u8 = 1;
/// The length of what precedes the store's bytes.
const HEAD_BYTES: usize = 5;
/// Longest cursor that is read.
const CHARS_MAX: usize = 200;
/// The organisation of a cursor that is of all.
const ALL: OrganisationId = OrganisationId(0);

/// Writes a cursor of the feed of one organisation, or of all that a key reaches.
pub(crate) fn write(cursor: &FeedCursor, named: Option<OrganisationId>) -> String {
    let mut bytes = vec![FORM];
    bytes.extend_from_slice(&named.unwrap_or(ALL).0.to_le_bytes());
    bytes.extend_from_slice(&cursor.encode());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor for the feed of one organisation, or of all that a key reaches. A cursor of one organisation says nothing about
/// the others. One of all is good for each.
///
/// # Errors
/// [`RequestFailure::BadParameter`]: it is no cursor of this feed.
pub(crate) fn read(
    written: &str,
    named: Option<OrganisationId>,
) -> Result<FeedCursor, RequestFailure> {
    let bytes = (written.len() <= CHARS_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(written).ok())
        .flatten()
        .unwrap_or_default();
    let parts = bytes.split_first_chunk::<HEAD_BYTES>();
    let Some(([FORM, of @ ..], rest)) = parts else {
        return Err(bad());
    };
    let of = OrganisationId(u32::from_le_bytes(*of));
    let cursor = FeedCursor::decode(rest).ok_or_else(bad)?;
    if of != ALL && Some(of) != named {
        return Err(RequestFailure::BadParameter(
            "Parameter after is a cursor of another organisation's events; use it with the same parameter organisation".into(),
        ));
    }
    Ok(cursor)
}

fn bad() -> RequestFailure {
    RequestFailure::BadParameter(
        "Parameter after must be a cursor returned by this feed; leave it out to read from the beginning".into(),
    )
}
