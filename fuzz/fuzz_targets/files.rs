//! Any file of orders: JSON, NDJSON, CSV, compressed or not. It is read to its end or refused with a sentence.
//!
//! The first byte chooses the form, the second one the dialect, and the rest is the file.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use wharfinger_client::source::{Kept, dialect, dialect_ids};

const MAPPING: &str = include_str!("../mapping.toml");

fuzz_target!(|bytes: &[u8]| {
    let [form, of, file @ ..] = bytes else {
        return;
    };
    let name = ["a.csv", "a.json", "a.ndjson", "a", "a.tsv", "a.csv.gz"][usize::from(*form) % 6];
    let ids = dialect_ids();
    let Some(dialect) = dialect(ids[usize::from(*of) % ids.len()]) else {
        return;
    };
    let kept = || Kept {
        reader: Box::new(Cursor::new(file.to_vec())),
        name,
        bytes: file.len() as u64,
    };
    let Ok(is_table) = kept().is_table() else {
        return;
    };
    if is_table {
        let _ = kept().table(5);
    }
    let Ok(mut opened) = kept().open(is_table.then_some(MAPPING), dialect) else {
        return;
    };
    let mut records = 0;
    while let Ok(Some(record)) = opened.source.next() {
        records += 1;
        assert!(records <= file.len() + 1, "more orders than bytes");
        assert!(record.faults.is_empty() || record.faults.iter().all(|fault| !fault.message.is_empty()));
    }
});
