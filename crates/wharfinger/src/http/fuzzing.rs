//! What fuzz targets call that is otherwise private. Built only with `--cfg fuzzing`.

use wharfinger_core::order::ids::OrganisationId;

use super::framing::{Doubts, Watched};
use crate::runtime::budget::Budget;
use crate::serve::feed_cursor;

/// The number of the first ambiguous request on a connection whose bytes arrive in pieces of this size. `None` if there is none.
#[must_use]
pub fn ambiguous_request(bytes: &[u8], piece: usize) -> Option<u64> {
    let doubts = Doubts::default();
    let heads = Budget::new(0, 100).lease([None, None]);
    let mut watched = Watched::new((), doubts.clone(), heads);
    for piece in bytes.chunks(piece) {
        watched.see(piece);
    }
    doubts.first()
}

/// Reads a cursor of the feed, and panics if it is written differently than it was read.
pub fn read_feed_cursor(written: &str) {
    for named in [None, Some(OrganisationId(1))] {
        let Ok(cursor) = feed_cursor::read(written, named) else {
            continue;
        };
        let again = feed_cursor::write(&cursor, named);
        let read = feed_cursor::read(&again, named).expect("a cursor that was written is read");
        assert_eq!(read, cursor);
    }
}
