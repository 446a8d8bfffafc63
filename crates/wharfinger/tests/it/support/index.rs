//! The stored order index. This is a second implementation of the packed page format, with which tests damage the index.

use std::path::Path;

use super::database::Cell;
use super::stored::settled;

/// An order in the index.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Organisation, dialect and order key, separated by dots.
    pub(crate) key: String,
    pub(crate) id: i64,
    pub(crate) state: u8,
    pub(crate) revision: u64,
    pub(crate) hash: Vec<u8>,
    pub(crate) place: Option<i64>,
    pub(crate) number: Option<u64>,
    pub(crate) changed: Option<i64>,
}

/// Changes the orders of the index and repacks them into valid pages.
pub(crate) fn change(data: &Path, change: impl FnOnce(&mut Vec<Row>)) {
    let mut database = settled(data);
    let mut rows = Vec::new();
    for leaf in database.rows("select orders from order_leaves order by first") {
        let Cell::Blob(packed) = &leaf[0] else {
            panic!("a leaf is bytes")
        };
        rows.extend(unpacked(packed));
    }
    change(&mut rows);
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    database.execute("delete from order_leaves");
    let scope = |row: &Row| {
        let mut parts = row.key.splitn(3, '.');
        format!("{}.{}.", parts.next().unwrap(), parts.next().unwrap())
    };
    for leaf in rows.chunk_by(|one, other| scope(one) == scope(other)) {
        let (first, packed) = (hex(scope(&leaf[0]).as_bytes()), hex(&packed(leaf)));
        let (whose, entries) = (leaf[0].id >> 42, leaf.len());
        database.execute(&format!(
            "insert into order_leaves (first, organisation, entries, orders) values ( x'{first}', {whose}, {entries}, x'{packed}')"
        ));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn number(bytes: &mut &[u8]) -> u64 {
    let (first, rest) = bytes.split_first().unwrap();
    *bytes = rest;
    match first {
        0..0x80 => u64::from(*first),
        _ => u64::from(first & 0x7f) | number(bytes) << 7,
    }
}

fn signed(bytes: &mut &[u8]) -> i64 {
    let number = number(bytes);
    let half = i64::try_from(number >> 1).unwrap();
    if number & 1 == 0 { half } else { -half - 1 }
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn unpacked(mut bytes: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut key, mut id) = (Vec::new(), 0);
    while !bytes.is_empty() {
        let bytes = &mut bytes;
        key.truncate(usize::try_from(number(bytes)).unwrap());
        let rest = usize::try_from(number(bytes)).unwrap();
        key.extend(take(bytes, rest));
        let head = take(bytes, 1)[0];
        let hash = take(bytes, 16).to_vec();
        id += signed(bytes);
        rows.push(Row {
            key: String::from_utf8(key.clone()).unwrap(),
            id,
            state: head & 3,
            hash,
            revision: number(bytes),
            place: (head & 4 != 0).then(|| id + signed(bytes)),
            number: (head & 8 != 0).then(|| number(bytes)),
            changed: (head & 16 != 0).then(|| id + signed(bytes)),
        });
    }
    rows
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let low = u8::try_from(number & 0x7f).unwrap();
    if number < 0x80 {
        out.push(low);
    } else {
        out.push(low | 0x80);
        push_number(out, number >> 7);
    }
}

fn push_signed(out: &mut Vec<u8>, number: i64) {
    let twice = number.unsigned_abs() * 2;
    push_number(out, if number < 0 { twice - 1 } else { twice });
}

/// Packs the orders without sharing key prefixes, which is also valid.
fn packed(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut id = 0;
    for row in rows {
        push_number(&mut out, 0);
        push_number(&mut out, row.key.len() as u64);
        out.extend(row.key.as_bytes());
        let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        let there = bit(row.place.is_some(), 4) | bit(row.number.is_some(), 8);
        out.push(row.state | there | bit(row.changed.is_some(), 16));
        out.extend(&row.hash);
        push_signed(&mut out, row.id - id);
        push_number(&mut out, row.revision);
        id = row.id;
        if let Some(place) = row.place {
            push_signed(&mut out, place - id);
        }
        if let Some(number) = row.number {
            push_number(&mut out, number);
        }
        if let Some(changed) = row.changed {
            push_signed(&mut out, changed - id);
        }
    }
    out
}
