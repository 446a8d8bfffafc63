//! Any cursor of the feed: it is refused, or written again as the same place.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|cursor: &str| wharfinger::http::fuzzing::read_feed_cursor(cursor));
