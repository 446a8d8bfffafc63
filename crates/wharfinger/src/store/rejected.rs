//! Rejected orders, as receipts keep them: compressed lists of JSON, since they are read seldom and by people.

use serde::{Deserialize, Serialize};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::problem::Problem;

use super::bytes::{Damage, pack, unpack};
use super::{Recorded, RecordedOutcome, RecordedProblem, Rejection};

/// Bytes of text from which on a part is full.
const PART_BYTES_MAX: usize = 1 << 20;
/// Orders of a part.
const PART_ORDERS_MAX: usize = 1024;

/// Some rejected orders of a batch, all of one organisation.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Whose they are; none where that is not known.
    pub organisation: Option<OrganisationId>,
    /// How many.
    pub orders: usize,
    /// The orders.
    pub packed: Vec<u8>,
}

/// A rejected order.
#[derive(Debug, Serialize, Deserialize)]
struct Item<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    text: Text<'a>,
    errors: Vec<ItemProblem>,
}

/// Borrowed when written, owned when read.
type Text<'a> = std::borrow::Cow<'a, str>;

#[derive(Debug, Serialize, Deserialize)]
struct ItemProblem {
    path: String,
    code: String,
    message: String,
}

/// What is told of one rejected order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// Its place in the batch.
    pub index: u32,
    /// The sender's name for it.
    pub name: Option<&'a str>,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its bytes.
    pub text: &'a str,
    /// What is wrong with it.
    pub problems: &'a [Problem],
}

/// Gathers the rejected orders of one organisation.
pub(crate) struct Builder {
    organisation: Option<OrganisationId>,
    orders: usize,
    json: Vec<u8>,
    parts: Vec<Part>,
}

impl Builder {
    /// Begins.
    pub(crate) fn new(organisation: Option<OrganisationId>) -> Self {
        Self {
            organisation,
            orders: 0,
            json: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds an order.
    pub(crate) fn push(&mut self, told: Told<'_>) {
        let errors = told.problems.iter().map(|problem| ItemProblem {
            path: problem.path.to_string(),
            code: problem.code.id().to_owned(),
            message: problem.to_string(),
        });
        let item = Item {
            index: told.index,
            name: told.name.map(Text::Borrowed),
            key: told.key.map(Text::Borrowed),
            text: Text::Borrowed(told.text),
            errors: errors.collect(),
        };
        serde_json::to_writer(&mut self.json, &item).expect("text and numbers are always JSON");
        self.json.push(b'\n');
        self.orders += 1;
        if self.orders == PART_ORDERS_MAX || self.json.len() >= PART_BYTES_MAX {
            self.end_part();
        }
    }

    fn end_part(&mut self) {
        let mut packed = Vec::new();
        pack(&mut packed, &self.json);
        self.parts.push(Part {
            organisation: self.organisation,
            orders: self.orders,
            packed,
        });
        self.json.clear();
        self.orders = 0;
    }

    /// The parts.
    pub(crate) fn finish(mut self) -> Vec<Part> {
        if self.orders > 0 {
            self.end_part();
        }
        self.parts
    }
}

/// Reads the orders of a part back.
pub(crate) fn read(
    organisation: Option<OrganisationId>,
    packed: &[u8],
) -> Result<Vec<Recorded>, Damage> {
    let lines = unpack(packed)?;
    let items = serde_json::Deserializer::from_slice(&lines).into_iter::<Item<'_>>();
    let mut orders = Vec::new();
    for item in items {
        let item = item.map_err(|_| Damage("a rejected order cannot be read"))?;
        let errors = item.errors.into_iter().map(|problem| RecordedProblem {
            path: problem.path,
            code: problem.code,
            message: problem.message,
        });
        orders.push(Recorded {
            index: item.index,
            organisation,
            outcome: RecordedOutcome::Rejected(Rejection {
                name: item.name.map(Text::into_owned),
                key: item.key.map(Text::into_owned),
                text: item.text.into_owned(),
                errors: errors.collect(),
            }),
        });
    }
    Ok(orders)
}
