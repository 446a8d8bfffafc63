use wharfinger_core::order::ids::OrganisationId;

use super::super::{BlockHead, BlockRow, Columns, Written, put_recent, replace, whole};
use super::*;
use crate::store::engine::schema;
use crate::store::format::dialect_id::DialectId;

fn id(organisation: u32, number: u32) -> BlockId {
    BlockId::new(OrganisationId(organisation), number)
}

/// A block of one open order.
fn small(id: BlockId, text: &[u8]) -> NewRow {
    let texts = Some(text.to_vec());
    let columns = Columns {
        slots: &[],
        indexes: &[],
        emails: None,
        keys: None,
        texts: texts.as_deref(),
    };
    let row = BlockRow {
        checksum: columns.checksum(),
        head: BlockHead {
            id,
            first_position: 1,
            events: 1,
            written: Written {
                epoch: 1,
                stamp: 0,
                at_ms: 2,
                latest_ms: 3,
            },
            batches: None,
            dialect: DialectId(1),
            key_id: None,
            slots: Vec::new(),
            indexes: Vec::new(),
        },
        emails: None,
        keys: None,
        texts,
    };
    NewRow {
        row,
        new: Bitset(vec![1]),
    }
}

fn some(organisation: u32, numbers: Range<u32>) -> Vec<NewRow> {
    let blocks = numbers.map(|number| small(id(organisation, number), b"text"));
    blocks.collect()
}

fn numbers(connection: &Connection, blocks: Range<BlockId>, how: (bool, bool)) -> Vec<u32> {
    let mut packed = Packed::new(connection, blocks, how);
    let mut found = Vec::new();
    while let Some(new) = packed.next().expect("it can be read") {
        found.push(new.row.head.id.number());
    }
    found
}

fn add(connection: &Connection, blocks: &[NewRow]) -> Result<(), Fault> {
    let encoded = Vec::from_iter(blocks.iter().map(NewRow::encode));
    let encoded = encoded.iter().map(|bytes| Encoded::new(bytes));
    super::add(connection, encoded.collect::<Result<_, _>>()?)
}

fn assert_sound(connection: &Connection, packs: i64) {
    check(connection, |fault| panic!("{fault}")).expect("it can be read");
    let count = "select count(*) from block_packs";
    let found: i64 = connection
        .query_row(count, (), |row| row.get(0))
        .expect("a count");
    assert_eq!(found, packs);
}

#[test]
fn blocks_are_packed_once_and_found_in_order() {
    let connection = schema::in_memory();
    let mut blocks = some(1, 3..150);
    // A large block is not in a pack.
    blocks.remove(100);
    blocks.extend(some(2, 1..3));
    add(&connection, &blocks).expect("added");
    assert_sound(&connection, 4);
    // Merged again, with another beginning and more blocks.
    let mut again = some(1, 60..100);
    again.extend(some(2, 2..5));
    add(&connection, &again).expect("added");
    assert_sound(&connection, 5);
    let expected = |range: Range<u32>| range.filter(|number| *number != 103).collect::<Vec<_>>();
    let everything = id(1, 0)..id(1, u32::MAX);
    assert_eq!(
        numbers(&connection, everything.clone(), (false, false)),
        expected(3..150)
    );
    let mut backwards = expected(3..150);
    backwards.reverse();
    assert_eq!(numbers(&connection, everything, (true, false)), backwards);
    assert_eq!(
        numbers(&connection, id(1, 70)..id(1, 110), (false, true)),
        expected(70..110)
    );
    let mut backwards = expected(70..110);
    backwards.reverse();
    assert_eq!(
        numbers(&connection, id(1, 70)..id(1, 110), (true, true)),
        backwards
    );
    assert_eq!(
        numbers(&connection, id(2, 0)..id(3, 0), (false, false)),
        [1, 2, 3, 4]
    );
    assert_eq!(block(&connection, id(1, 103)).expect("read"), None);
    assert_eq!(block(&connection, id(2, 5)).expect("read"), None);
    let found = block(&connection, id(1, 149)).expect("read");
    assert_eq!(found, Some(small(id(1, 149), b"text")));
}

#[test]
fn blocks_of_a_pack_are_changed_closed_and_deleted() {
    let connection = schema::in_memory();
    add(&connection, &some(1, 1..100)).expect("added");
    let mut editor = Editor::default();
    for number in (1..65).chain([70]) {
        let closed = editor.set_open(&connection, id(1, number), Bitset::default());
        assert!(closed.expect("changed"));
    }
    assert!(
        !editor
            .set_open(&connection, id(1, 100), Bitset::default())
            .expect("looked")
    );
    editor.write(&connection).expect("written");
    assert_sound(&connection, 2);
    let everything = id(1, 0)..id(2, 0);
    // A pack without open orders is passed over.
    assert_eq!(
        numbers(&connection, everything.clone(), (false, true)),
        Vec::from_iter(65..100)
    );
    for number in 1..70 {
        assert!(delete(&connection, id(1, number)).expect("deleted"));
    }
    assert_sound(&connection, 1);
    assert_eq!(
        numbers(&connection, everything, (false, false)),
        Vec::from_iter(70..100)
    );
    unpack_all(&connection, |pack| {
        assert_eq!(pack.len(), 30);
        Ok(())
    })
    .expect("unpacked");
    assert_sound(&connection, 0);
}

#[test]
fn damaged_packs_are_told() {
    assert!(decode(b"\x01").is_err());
    assert!(decode(&[]).is_err());
    let connection = schema::in_memory();
    add(&connection, &some(1, 1..9)).expect("added");
    for damage in ["last = last + 1", "has_open = 0", "blocks = x'00'"] {
        connection
            .execute_batch("savepoint before")
            .expect("a savepoint");
        let update = format!("update block_packs set {damage}");
        connection.execute_batch(&update).expect("damaged");
        let mut faults = 0;
        check(&connection, |_| faults += 1).expect("it can be read");
        assert_eq!(faults, 1, "{damage}");
        connection
            .execute_batch("rollback to before")
            .expect("rolled back");
    }
}

#[test]
fn a_block_that_is_still_recent_is_rewritten_there() {
    let connection = schema::in_memory();
    let new = small(id(1, 1), b"text");
    assert!(put_recent(&connection, new.columns()).expect("added"));
    let columns = Columns {
        slots: &new.row.head.slots,
        indexes: &new.row.head.indexes,
        emails: None,
        keys: None,
        texts: Some(b"erased"),
    };
    replace(&connection, id(1, 1), columns).expect("rewritten");
    let found = whole(&connection, id(1, 1)).expect("read");
    let texts = found.and_then(|row| row.texts);
    assert_eq!(texts.as_deref(), Some(&b"erased"[..]));
    // What is nowhere cannot be rewritten, and that is told.
    assert!(replace(&connection, id(1, 2), columns).is_err());
}
