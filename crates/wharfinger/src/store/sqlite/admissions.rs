//! What was decided on orders when they were held against a catalogue: a row each.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use wharfinger_core::catalogue::{Admission, AdmittedLine, ProductNumber, Split};

use uuid::Uuid;
use wharfinger_core::ids::OrderId;

use super::fault::Fault;
use super::offers::amount;
use crate::store::place::Place;

/// The row's JSON.
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

/// Place among the lines, product, warehouse, price, pieces taken, whether it is back-ordered.
#[derive(Deserialize, Serialize)]
struct StoredLine(u32, Option<i64>, Option<String>, Option<String>, u64, bool);

/// Keeps what was decided on the order at a place, in place of what was before.
pub(super) fn write(
    connection: &Connection,
    order: Place,
    admission: &Admission,
) -> Result<(), Fault> {
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
    let json = serde_json::to_string(&stored).expect("numbers and texts can be written");
    let replace = "insert or replace into admissions (place, admission) values (?1, ?2)";
    connection
        .prepare_cached(replace)?
        .execute((order.0, json))?;
    Ok(())
}

/// Forgets which customer the order at a place is attached to.
pub(super) fn forget_customer(connection: &Connection, order: Place) -> Result<(), Fault> {
    let update =
        "update admissions set admission = json_remove(admission, '$.customer') where place = ?1";
    connection.prepare_cached(update)?.execute([order.0])?;
    Ok(())
}

/// What was decided on the order at a place; none where nothing was.
pub(super) fn read(connection: &Connection, order: Place) -> Result<Option<Admission>, Fault> {
    let mut select =
        connection.prepare_cached("select admission from admissions where place = ?1")?;
    let json: Option<String> = select.query_row([order.0], |row| row.get(0)).optional()?;
    let Some(json) = json else {
        return Ok(None);
    };
    let unreadable = || Fault::Damaged(format!("the admission of {} cannot be read", order.0));
    let stored: Stored = serde_json::from_str(&json).map_err(|_| unreadable())?;
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
    Ok(Some(Admission {
        lines: lines?,
        customer: stored.customer,
        split: split.transpose()?,
    }))
}
