//! Rejected orders and warnings as receipts store them: compressed lists of JSON. They are read rarely, by people.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::problem::Problem;
use wharfinger_core::order::warning::{Warning, with_hint};
use wharfinger_core::reading::email::is_mentioned;

use crate::store::api::causes::Causes;
use crate::store::api::{Recorded, RecordedOutcome, RecordedProblem, Rejection};
use crate::store::format::varint::{Damage, pack, unpack};

/// Bytes of JSON at which a chunk is full.
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Orders of a chunk, at most.
const CHUNK_ORDERS_MAX: usize = 1024;

/// Why a receipt lists the orders of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The orders were rejected for their own problems.
    Rejected,
    /// Another order of the batch has problems. Texts are not stored, because these orders need no correction.
    Withheld,
    /// The orders have warnings, whatever their outcome. Only the warnings are stored here.
    Warned,
}

impl Kind {
    /// Its number in the store.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Rejected => 0,
            Self::Withheld => 1,
            Self::Warned => 2,
        }
    }

    /// The inverse of [`Self::number`].
    pub(crate) fn of(number: i64) -> Result<Self, Damage> {
        match number {
            0 => Ok(Self::Rejected),
            1 => Ok(Self::Withheld),
            2 => Ok(Self::Warned),
            _ => Err(Damage("a list of orders is of an unknown kind")),
        }
    }
}

/// Orders of a batch that the receipt lists. All have one organisation and one kind.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Their organisation. `None` if it is unknown.
    pub organisation: Option<OrganisationId>,
    /// Why they are listed.
    pub kind: Kind,
    /// The lowest index in the batch.
    pub first_index: u32,
    /// The highest index in the batch.
    pub last_index: u32,
    /// The orders, encoded and compressed.
    pub packed: Vec<u8>,
    /// Why they were rejected. Empty unless they were.
    pub causes: Causes,
}

/// An order in a chunk.
#[derive(Debug, Serialize, Deserialize)]
struct Item<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ItemProblem>,
}

/// Borrowed for writing, owned after reading.
type Text<'a> = std::borrow::Cow<'a, str>;

#[derive(Debug, Serialize, Deserialize)]
struct ItemProblem {
    pointer: String,
    code: String,
    message: String,
}

/// What a receipt can record of one order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedOrder<'a> {
    /// Its index in the batch.
    pub index: u32,
    /// Its line number, in a body of lines.
    pub line: Option<u32>,
    /// The sender's name for it.
    pub name: Option<&'a str>,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its text. Not stored for a withheld order.
    pub text: &'a str,
    /// Its problems.
    pub problems: &'a [Problem],
    /// Its warnings.
    pub warnings: &'a [Warning],
}

/// Builds chunks of orders of one organisation and kind.
pub(crate) struct Builder {
    organisation: Option<OrganisationId>,
    kind: Kind,
    orders: usize,
    first_index: u32,
    last_index: u32,
    json: Vec<u8>,
    causes: Causes,
    chunks: Vec<Chunk>,
}

impl Builder {
    /// Starts without orders.
    pub(crate) fn new(organisation: Option<OrganisationId>, kind: Kind) -> Self {
        Self {
            organisation,
            kind,
            orders: 0,
            first_index: 0,
            last_index: 0,
            json: Vec::new(),
            causes: Causes::default(),
            chunks: Vec::new(),
        }
    }

    /// Adds an order. Orders must come in batch order.
    pub(crate) fn push(&mut self, order: ListedOrder<'_>) {
        let problem = |problem: &Problem| ItemProblem {
            pointer: problem.path.pointer(),
            code: problem.code.id().to_owned(),
            message: with_hint(problem.to_string(), problem, order.warnings),
        };
        let errors = match self.kind {
            Kind::Rejected => Vec::from_iter(order.problems.iter().map(problem)),
            Kind::Withheld => Vec::new(),
            Kind::Warned => order.warnings.iter().map(item_warning).collect(),
        };
        if self.kind == Kind::Rejected {
            for error in &errors {
                self.causes.note(order.index, &error.code, &error.pointer);
            }
        }
        // A chunk of warnings needs none of these. Its warnings are attached to results that have them.
        let has_details = self.kind != Kind::Warned;
        let item = Item {
            index: order.index,
            line: order.line.filter(|_| has_details),
            name: order.name.filter(|_| has_details).map(Text::Borrowed),
            key: order.key.filter(|_| has_details).map(Text::Borrowed),
            text: match self.kind {
                Kind::Rejected => Some(Text::Borrowed(order.text)),
                Kind::Withheld | Kind::Warned => None,
            },
            errors,
        };
        write_item(&item, &mut self.json);
        if self.orders == 0 {
            self.first_index = order.index;
        }
        self.last_index = order.index;
        self.orders += 1;
        if self.orders == CHUNK_ORDERS_MAX || self.json.len() >= CHUNK_BYTES_MAX {
            self.end_chunk();
        }
    }

    fn end_chunk(&mut self) {
        self.chunks.push(Chunk {
            organisation: self.organisation,
            kind: self.kind,
            first_index: self.first_index,
            last_index: self.last_index,
            packed: pack_lines(&self.json),
            causes: std::mem::take(&mut self.causes),
        });
        self.json.clear();
        self.orders = 0;
    }

    /// Returns the chunks.
    pub(crate) fn finish(mut self) -> Vec<Chunk> {
        if self.orders > 0 {
            self.end_chunk();
        }
        self.chunks
    }
}

fn item_warning(warning: &Warning) -> ItemProblem {
    ItemProblem {
        pointer: warning.path.pointer(),
        code: warning.code.id().to_owned(),
        message: warning.to_string(),
    }
}

/// Decodes a chunk of warnings: the index of each order in the batch, and its warnings.
pub(crate) fn read_warnings(packed: &[u8]) -> Result<Vec<(u32, Vec<RecordedProblem>)>, Damage> {
    let lines = unpack(packed)?;
    let mut warned = Vec::new();
    for item in items(&lines) {
        let item = item?;
        let warnings = item.errors.into_iter().map(recorded_problem);
        warned.push((item.index, warnings.collect()));
    }
    Ok(warned)
}

/// Decodes the orders of a chunk. Empty for a chunk of warnings.
pub(crate) fn read(
    organisation: Option<OrganisationId>,
    kind: Kind,
    packed: &[u8],
) -> Result<Vec<Recorded>, Damage> {
    let lines = unpack(packed)?;
    let mut orders = Vec::new();
    for item in items(&lines) {
        let item = item?;
        let outcome = match kind {
            Kind::Warned => return Ok(Vec::new()),
            Kind::Withheld => RecordedOutcome::Withheld,
            Kind::Rejected => RecordedOutcome::Rejected(Rejection {
                text: item.text.map(Text::into_owned),
                errors: item.errors.into_iter().map(recorded_problem).collect(),
            }),
        };
        orders.push(Recorded {
            index: item.index,
            line: item.line,
            organisation,
            name: item.name.map(Text::into_owned),
            key: item.key.map(Text::into_owned),
            number: None,
            parts: Vec::new(),
            outcome,
            warnings: Vec::new(),
        });
    }
    Ok(orders)
}

/// Re-encodes a chunk without the texts of its orders.
pub(crate) fn without_texts(packed: &[u8]) -> Result<Vec<u8>, Damage> {
    let lines = rewrite(packed, |item| item.text = None)?;
    Ok(pack_lines(&lines))
}

/// A chunk from which something was erased, and the indexes of the affected orders in the batch.
type Erased = (Vec<u8>, BTreeSet<u32>);

/// Re-encodes a chunk without mentions of an e-mail address, and returns the indexes of the affected orders. `None` if no order
/// mentions the address.
///
/// An affected order loses its text. It keeps its name, key and problems as far as they do not mention the address.
pub(crate) fn without_mentions(packed: &[u8], address: &str) -> Result<Option<Erased>, Damage> {
    let mut erased = BTreeSet::new();
    let lines = rewrite(packed, |item| {
        let mentions = |text: &Option<Text<'_>>| {
            text.as_deref()
                .is_some_and(|text| is_mentioned(text, address))
        };
        let mentions_it = |error: &ItemProblem| {
            is_mentioned(&error.pointer, address) || is_mentioned(&error.message, address)
        };
        let is_of_person = [&item.text, &item.name, &item.key]
            .into_iter()
            .any(mentions)
            || item.errors.iter().any(mentions_it);
        if is_of_person {
            item.text = None;
            item.name.take_if(|name| is_mentioned(name, address));
            item.key.take_if(|key| is_mentioned(key, address));
            for error in item.errors.iter_mut().filter(|error| mentions_it(error)) {
                error.pointer.clear();
                error.message = "has an error in an erased attribute".into();
            }
            erased.insert(item.index);
        }
    })?;
    Ok((!erased.is_empty()).then(|| (pack_lines(&lines), erased)))
}

/// Re-encodes a chunk of warnings. The orders with these indexes keep only the codes of their warnings, because an unknown
/// attribute may be named after a person. `None` if nothing changes.
pub(crate) fn without_attributes(
    packed: &[u8],
    indexes: &BTreeSet<u32>,
) -> Result<Option<Vec<u8>>, Damage> {
    let mut changes = false;
    let lines = rewrite(packed, |item| {
        if indexes.contains(&item.index) {
            changes = true;
            for warning in &mut item.errors {
                warning.pointer.clear();
                warning.message = "has a warning of an attribute that was erased".into();
            }
        }
    })?;
    Ok(changes.then(|| pack_lines(&lines)))
}

/// The lines of a chunk after a change to each of its orders. Not packed: a search for mentions needs no more.
fn rewrite(packed: &[u8], mut change: impl FnMut(&mut Item<'_>)) -> Result<Vec<u8>, Damage> {
    let lines = unpack(packed)?;
    let mut json = Vec::new();
    for item in items(&lines) {
        let mut item = item?;
        change(&mut item);
        write_item(&item, &mut json);
    }
    Ok(json)
}

fn pack_lines(json: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    pack(&mut packed, json);
    packed
}

fn write_item(item: &Item<'_>, json: &mut Vec<u8>) {
    serde_json::to_writer(&mut *json, item).expect("text and numbers are always JSON");
    json.push(b'\n');
}

fn items(lines: &[u8]) -> impl Iterator<Item = Result<Item<'_>, Damage>> {
    let items = serde_json::Deserializer::from_slice(lines).into_iter();
    items.map(|item| item.map_err(|_| Damage("a rejected order cannot be read")))
}

fn recorded_problem(problem: ItemProblem) -> RecordedProblem {
    RecordedProblem {
        pointer: problem.pointer,
        code: problem.code,
        message: problem.message,
    }
}
