//! Any bytes on a connection: whether a request is ambiguous does not depend on the pieces in which its bytes arrive.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [piece, bytes @ ..] = bytes else {
        return;
    };
    let whole = wharfinger::http::fuzzing::ambiguous_request(bytes, bytes.len().max(1));
    let pieces = wharfinger::http::fuzzing::ambiguous_request(bytes, usize::from(*piece).max(1));
    assert_eq!(whole, pieces);
});
