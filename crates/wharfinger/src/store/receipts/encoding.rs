//! Rejected orders and warnings as receipts store them: compressed lists of JSON. They are read rarely, by people.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wharfinger_core::email::is_mentioned;
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::problem::Problem;
use wharfinger_core::warning::{Warning, with_hint};

use crate::store::api::{Recorded, RecordedOutcome, RecordedProblem, Rejection};
use crate::store::format::varint::{Damage, pack, unpack};

/// Bytes of text from which on a part is full.
const PART_BYTES_MAX: usize = 1 << 20;
/// Orders of a part.
const PART_ORDERS_MAX: usize = 1024;

/// Why a receipt keeps something of the orders of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something is wrong with each.
    Rejected,
    /// Something is wrong with another order of the batch. Their texts are not kept: nothing in them is to be mended.
    Withheld,
    /// They have warnings, whatever became of them. Nothing else of them is kept here.
    Warned,
}

impl Kind {
    /// As a number in the store.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Rejected => 0,
            Self::Withheld => 1,
            Self::Warned => 2,
        }
    }

    /// Undoes [`Self::number`].
    pub(crate) fn of(number: i64) -> Result<Self, Damage> {
        match number {
            0 => Ok(Self::Rejected),
            1 => Ok(Self::Withheld),
            2 => Ok(Self::Warned),
            _ => Err(Damage("a list of orders is of an unknown kind")),
        }
    }
}

/// Some orders of a batch of which the receipt keeps something, all of one organisation and for one kind of reason.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Whose they are; none where that is not known.
    pub organisation: Option<OrganisationId>,
    /// Why it is kept.
    pub kind: Kind,
    /// The first one's place in the batch.
    pub first_index: u32,
    /// The last one's place in the batch.
    pub last_index: u32,
    /// The orders.
    pub packed: Vec<u8>,
}

/// An order that was not taken.
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

/// Borrowed when written, owned when read.
type Text<'a> = std::borrow::Cow<'a, str>;

#[derive(Debug, Serialize, Deserialize)]
struct ItemProblem {
    pointer: String,
    code: String,
    message: String,
}

/// What is told of one order that was not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// Its place in the batch.
    pub index: u32,
    /// The line it stands on, in a body of lines.
    pub line: Option<u32>,
    /// The sender's name for it.
    pub name: Option<&'a str>,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its bytes; not kept of one that is withheld.
    pub text: &'a str,
    /// What is wrong with it.
    pub problems: &'a [Problem],
    /// What is odd about it.
    pub warnings: &'a [Warning],
}

/// Gathers orders that were not taken, of one organisation and kind.
pub(crate) struct Builder {
    organisation: Option<OrganisationId>,
    kind: Kind,
    orders: usize,
    first_index: u32,
    last_index: u32,
    json: Vec<u8>,
    parts: Vec<Chunk>,
}

impl Builder {
    /// Begins.
    pub(crate) fn new(organisation: Option<OrganisationId>, kind: Kind) -> Self {
        Self {
            organisation,
            kind,
            orders: 0,
            first_index: 0,
            last_index: 0,
            json: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds an order; they come in the order of the batch.
    pub(crate) fn push(&mut self, told: Told<'_>) {
        let problem = |problem: &Problem| ItemProblem {
            pointer: problem.path.pointer(),
            code: problem.code.id().to_owned(),
            message: with_hint(problem.to_string(), problem, told.warnings),
        };
        let errors = match self.kind {
            Kind::Rejected => told.problems.iter().map(problem).collect(),
            Kind::Withheld => Vec::new(),
            Kind::Warned => told.warnings.iter().map(item_warning).collect(),
        };
        // A part of warnings needs none of these: its warnings are attached to outcomes that have them.
        let is_told = self.kind != Kind::Warned;
        let item = Item {
            index: told.index,
            line: told.line.filter(|_| is_told),
            name: told.name.filter(|_| is_told).map(Text::Borrowed),
            key: told.key.filter(|_| is_told).map(Text::Borrowed),
            text: match self.kind {
                Kind::Rejected => Some(Text::Borrowed(told.text)),
                Kind::Withheld | Kind::Warned => None,
            },
            errors,
        };
        write_item(&item, &mut self.json);
        if self.orders == 0 {
            self.first_index = told.index;
        }
        self.last_index = told.index;
        self.orders += 1;
        if self.orders == PART_ORDERS_MAX || self.json.len() >= PART_BYTES_MAX {
            self.end_part();
        }
    }

    fn end_part(&mut self) {
        let mut packed = Vec::new();
        pack(&mut packed, &self.json);
        self.parts.push(Chunk {
            organisation: self.organisation,
            kind: self.kind,
            first_index: self.first_index,
            last_index: self.last_index,
            packed,
        });
        self.json.clear();
        self.orders = 0;
    }

    /// The parts.
    pub(crate) fn finish(mut self) -> Vec<Chunk> {
        if self.orders > 0 {
            self.end_part();
        }
        self.parts
    }
}

fn item_warning(warning: &Warning) -> ItemProblem {
    ItemProblem {
        pointer: warning.path.pointer(),
        code: warning.code.id().to_owned(),
        message: warning.to_string(),
    }
}

/// Reads the warnings of a part back, each order's with its place in the batch.
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

/// Reads the orders of a part back; those of a part of warnings are told elsewhere.
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

/// The orders of a part without their texts; all else stays.
pub(crate) fn without_texts(packed: &[u8]) -> Result<Vec<u8>, Damage> {
    let lines = unpack(packed)?;
    let mut json = Vec::new();
    for item in items(&lines) {
        let item = Item {
            text: None,
            ..item?
        };
        write_item(&item, &mut json);
    }
    let mut packed = Vec::new();
    pack(&mut packed, &json);
    Ok(packed)
}

/// A packed part of which something was erased, and the positions in the batch of the orders concerned.
type Erased = (Vec<u8>, BTreeSet<u32>);

/// The orders of a part without what mentions an address, and the places in the batch of those that did; none where nothing
/// does. Of these no text is left, and the sender's name, the key and what is wrong only as far as they do not mention it.
pub(crate) fn without_mentions(packed: &[u8], address: &str) -> Result<Option<Erased>, Damage> {
    let lines = unpack(packed)?;
    let mut json = Vec::new();
    let mut erased = BTreeSet::new();
    for item in items(&lines) {
        let mut item = item?;
        let mentions = |text: &Option<Text<'_>>| {
            text.as_deref()
                .is_some_and(|text| is_mentioned(text, address))
        };
        let tells = |error: &ItemProblem| {
            is_mentioned(&error.pointer, address) || is_mentioned(&error.message, address)
        };
        let is_of_person = [&item.text, &item.name, &item.key]
            .into_iter()
            .any(mentions)
            || item.errors.iter().any(tells);
        if is_of_person {
            item.text = None;
            item.name = item.name.filter(|name| !is_mentioned(name, address));
            item.key = item.key.filter(|key| !is_mentioned(key, address));
            for error in item.errors.iter_mut().filter(|error| tells(error)) {
                error.pointer.clear();
                error.message = "has an error in an erased attribute".into();
            }
            erased.insert(item.index);
        }
        write_item(&item, &mut json);
    }
    if erased.is_empty() {
        return Ok(None);
    }
    let mut packed = Vec::new();
    pack(&mut packed, &json);
    Ok(Some((packed, erased)))
}

/// Rewrites a part of warnings so that the orders at some positions of the batch keep only the codes of their warnings: an
/// unknown attribute may be named after a person. Returns `None` if nothing changes.
pub(crate) fn without_attributes(
    packed: &[u8],
    indexes: &BTreeSet<u32>,
) -> Result<Option<Vec<u8>>, Damage> {
    let lines = unpack(packed)?;
    let mut json = Vec::new();
    let mut changes = false;
    for item in items(&lines) {
        let mut item = item?;
        if indexes.contains(&item.index) {
            changes = true;
            for warning in &mut item.errors {
                warning.pointer.clear();
                warning.message = "has a warning of an attribute that was erased".into();
            }
        }
        write_item(&item, &mut json);
    }
    if !changes {
        return Ok(None);
    }
    let mut packed = Vec::new();
    pack(&mut packed, &json);
    Ok(Some(packed))
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
