//! The catalogue decisions on the orders of a block, in one row per block.
//!
//! A row has, for each of these orders, the ordinal, a length, and JSON. The whole row is compressed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharfinger_core::decide::catalogue::{Admission, AdmittedLine, ProductNumber, Split};
use wharfinger_core::order::ids::OrderId;

use crate::store::engine::columns::amount;
use crate::store::engine::driver::{Connection, OptionalExtension};
use crate::store::engine::fault::Fault;
use crate::store::format::entry_addr::{BlockId, EntryAddr};
use crate::store::format::varint::{Damage, pack, read_bytes, read_count, unpack, write_number};

/// The stored JSON of one decision.
#[derive(Deserialize, Serialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<u64>,
    lines: Vec<StoredLine>,
}

/// Position among the lines, product, warehouse, price, quantity taken, whether the line is back-ordered.
#[derive(Deserialize, Serialize)]
struct StoredLine(u32, Option<i64>, Option<String>, Option<String>, u64, bool);

/// The catalogue decisions on the orders of a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfBlock {
    /// Decompressed. Empty if there are no decisions.
    entries: Vec<u8>,
}

impl OfBlock {
    /// Reads the decisions of a block.
    pub(crate) fn read(connection: &Connection, block: BlockId) -> Result<Self, Fault> {
        let select = "select orders from admissions where block = ?1 and organisation = ?1 >> 32 and sound(admissions.intact)";
        let mut select = connection.prepare_cached(select)?;
        let packed: Option<Vec<u8>> = select.query_row([block.0], |row| row.get(0)).optional()?;
        let entries = packed.map(|packed| unpack(&packed)).transpose()?;
        Ok(Self {
            entries: entries.unwrap_or_default(),
        })
    }

    /// Replaces the stored decisions of a block.
    fn write(&self, connection: &Connection, block: BlockId) -> Result<(), Fault> {
        let delete = "delete from admissions where block = ?1 and organisation = ?1 >> 32";
        connection.prepare_cached(delete)?.execute([block.0])?;
        if self.entries.is_empty() {
            return Ok(());
        }
        let mut packed = Vec::new();
        pack(&mut packed, &self.entries);
        let insert = "insert into admissions (organisation, block, orders) values (?1, ?2, ?3)";
        let organisation = block.organisation().0;
        connection
            .prepare_cached(insert)?
            .execute((organisation, block.0, packed))?;
        Ok(())
    }

    /// The ordinal and the JSON of each decision.
    fn each(&self) -> impl Iterator<Item = Result<(usize, &[u8]), Damage>> {
        let mut rest = self.entries.as_slice();
        std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| {
                let ordinal = read_count(&mut rest)?;
                let length = read_count(&mut rest)?;
                Ok((ordinal, read_bytes(&mut rest, length)?))
            })
        })
    }

    fn push(&mut self, ordinal: usize, json: &[u8]) {
        write_number(&mut self.entries, ordinal as u64);
        write_number(&mut self.entries, json.len() as u64);
        self.entries.extend_from_slice(json);
    }

    /// The decision on an order. `None` if there is none.
    pub(crate) fn get(&self, ordinal: usize) -> Result<Option<Admission>, Fault> {
        for entry in self.each() {
            let (of, json) = entry?;
            if of == ordinal {
                return from_json(json).map(Some);
            }
        }
        Ok(None)
    }

    /// All decisions, in the order of ordinals.
    pub(crate) fn all(&self) -> Result<Vec<(usize, Admission)>, Fault> {
        let all = self.each().map(|entry| {
            let (ordinal, json) = entry?;
            Ok((ordinal, from_json(json)?))
        });
        all.collect()
    }
}

/// Stores the decisions on new orders, which must be sorted by address.
pub(crate) fn write(
    connection: &Connection,
    admissions: &[(EntryAddr, Admission)],
) -> Result<(), Fault> {
    for of_block in admissions.chunk_by(|(left, _), (right, _)| left.block() == right.block()) {
        let mut packed = OfBlock::default();
        for (addr, admission) in of_block {
            packed.push(addr.ordinal(), &to_json(admission));
        }
        packed.write(connection, of_block[0].0.block())?;
    }
    Ok(())
}

/// The decision on an order, by the address of its first revision. `None` if there is none.
pub(crate) fn read(connection: &Connection, order: EntryAddr) -> Result<Option<Admission>, Fault> {
    OfBlock::read(connection, order.block())?.get(order.ordinal())
}

/// Replaces the decision on an order. Has no effect if there was none.
pub(crate) fn replace(
    connection: &Connection,
    order: EntryAddr,
    admission: &Admission,
) -> Result<(), Fault> {
    change(connection, order.block(), |ordinal, json| {
        Ok(Some(if ordinal == order.ordinal() {
            Cow::Owned(to_json(admission))
        } else {
            Cow::Borrowed(json)
        }))
    })
}

/// Deletes the decisions on those orders of a block for which `is_gone` returns true.
pub(crate) fn forget(
    connection: &Connection,
    block: BlockId,
    is_gone: impl Fn(usize) -> bool,
) -> Result<(), Fault> {
    change(connection, block, |ordinal, json| {
        Ok((!is_gone(ordinal)).then_some(Cow::Borrowed(json)))
    })
}

/// Removes the customer number from the decisions on those orders of a block for which `is_erased` returns true.
pub(crate) fn forget_customers(
    connection: &Connection,
    block: BlockId,
    is_erased: impl Fn(usize) -> bool,
) -> Result<(), Fault> {
    change(connection, block, |ordinal, json| {
        if !is_erased(ordinal) {
            return Ok(Some(Cow::Borrowed(json)));
        }
        let without = Admission {
            customer: None,
            ..from_json(json)?
        };
        Ok(Some(Cow::Owned(to_json(&without))))
    })
}

/// Replaces the JSON of each decision of a block by the result of `change`, and deletes it for `None`. Writes only if something
/// changed.
fn change(
    connection: &Connection,
    block: BlockId,
    change: impl for<'j> Fn(usize, &'j [u8]) -> Result<Option<Cow<'j, [u8]>>, Fault>,
) -> Result<(), Fault> {
    let before = OfBlock::read(connection, block)?;
    let mut after = OfBlock::default();
    for entry in before.each() {
        let (ordinal, json) = entry?;
        if let Some(json) = change(ordinal, json)? {
            after.push(ordinal, &json);
        }
    }
    if after.entries != before.entries {
        after.write(connection, block)?;
    }
    Ok(())
}

fn to_json(admission: &Admission) -> Vec<u8> {
    let line = |line: &AdmittedLine| {
        StoredLine(
            line.at,
            line.product.map(|product| product.0),
            line.warehouse.clone(),
            line.price.as_ref().map(ToString::to_string),
            line.taken,
            line.is_back_ordered,
        )
    };
    let stored = Stored {
        customer: admission.customer,
        origin: admission
            .split
            .as_ref()
            .map(|split| split.origin.to_string()),
        numbers: admission.numbers().to_vec(),
        lines: admission.lines.iter().map(line).collect(),
    };
    serde_json::to_vec(&stored).expect("numbers and texts can be written")
}

fn from_json(json: &[u8]) -> Result<Admission, Fault> {
    let unreadable = || Fault::Damaged("the admission record of an order cannot be read".into());
    let stored: Stored = serde_json::from_slice(json).map_err(|_| unreadable())?;
    let line = |StoredLine(at, product, warehouse, price, taken, is_back_ordered)| {
        Ok(AdmittedLine {
            at,
            product: product.map(ProductNumber),
            warehouse,
            price: price.as_deref().map(amount).transpose()?,
            taken,
            is_back_ordered,
        })
    };
    let numbers = stored.numbers;
    let split = stored.origin.map(|origin| {
        let origin = Uuid::parse_str(&origin).map_err(|_| unreadable())?;
        let origin = OrderId::from_bytes(origin.into_bytes());
        Ok::<_, Fault>(Split { origin, numbers })
    });
    let lines: Result<_, Fault> = stored.lines.into_iter().map(line).collect();
    Ok(Admission {
        lines: lines?,
        customer: stored.customer,
        split: split.transpose()?,
    })
}
