//! Decoding a whole body before anything is done: bytes to slots, one an order, in order.

use std::borrow::Cow;

use crate::dialect::{Action, Context, Dialect, EmptyBody, Slot, Verdict, WrongRoot};
use crate::failure::RequestFailure;
use crate::json::{Content, Entry, Envelope, Lines, Reader, Rules};
use crate::limits::{
    Limits, WARNINGS_PER_BATCH_MAX, WARNINGS_PER_LATE_ORDER_MAX, problems_told_max,
};
use crate::problem::{Code, Problem};

/// The least bytes that an order is taken to have when room is made for those to come.
const ORDER_BYTES_MIN: usize = 128;

/// A body that was judged.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Whether the body was of the kind that the operation wants.
    pub root_fits: bool,
    /// Its orders.
    pub slots: Vec<Slot<'a>>,
}

/// What is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Its bytes, decompressed.
    pub bytes: &'a [u8],
    /// Where it is orders one a line, rather than one JSON text: how many lines there are before it.
    pub lines_before: Option<usize>,
}

/// Reads a body and judges each of its orders by itself.
///
/// # Errors
/// The body cannot be read on, is of the wrong kind where the dialect refuses that, or holds too many orders.
pub fn judge<'a>(
    dialect: &dyn Dialect,
    context: &Context<'_>,
    body: Body<'a>,
    limits: &Limits,
) -> Result<Judged<'a>, RequestFailure> {
    let mut gathering = Gathering {
        dialect,
        context,
        body_bytes: body.bytes.len(),
        orders_max: limits.orders_per_batch_max,
        slots: Vec::new(),
        problems_told: 0,
        warnings_told: 0,
    };
    let rules = Rules {
        names: dialect.name_case(),
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
    };
    let root_fits = match body.lines_before {
        Some(lines_before) => {
            gathering.read_lines(Lines::new(body.bytes, lines_before, rules))?;
            true
        }
        None => gathering.read_json(body.bytes, rules)?,
    };
    Ok(Judged {
        root_fits,
        slots: gathering.slots,
    })
}

/// The slots of a body, as it is read.
struct Gathering<'g, 'a> {
    dialect: &'g dyn Dialect,
    context: &'g Context<'g>,
    body_bytes: usize,
    orders_max: usize,
    slots: Vec<Slot<'a>>,
    problems_told: usize,
    warnings_told: usize,
}

impl<'a> Gathering<'_, 'a> {
    /// Reads one JSON text; whether it was of the kind that the operation wants.
    fn read_json(&mut self, body: &'a [u8], rules: Rules) -> Result<bool, RequestFailure> {
        let Action::Submit {
            envelope,
            wrong_root,
            empty_body,
        } = self.context.operation.action
        else {
            return Err(RequestFailure::Internal);
        };
        let mut reader = Reader::new(body, envelope, rules)?;
        if reader.is_empty() {
            match empty_body {
                EmptyBody::Malformed => {}
                EmptyBody::Refuse => return Err(RequestFailure::EmptyBody),
                EmptyBody::EmptyObject => reader = Reader::new(b"{}", envelope, rules)?,
            }
        }
        let root_fits = reader.root_fits();
        let is_one = reader.envelope() == Envelope::One;
        while let Some(entry) = reader.next()? {
            // Where one order is the body, the reader takes any value; whether it is an object is told here.
            if is_one && wrong_root == WrongRoot::Refuse && !entry.raw.starts_with('{') {
                return Err(wrong_envelope(envelope));
            }
            self.take(&entry)?;
        }
        if !root_fits && wrong_root == WrongRoot::Refuse {
            return Err(wrong_envelope(envelope));
        }
        Ok(root_fits)
    }

    fn read_lines(&mut self, mut lines: Lines<'a>) -> Result<(), RequestFailure> {
        while let Some(line) = lines.next() {
            match line.content {
                Content::Order(entry) => self.take(&entry)?,
                Content::Unreadable(raw, code) => {
                    let problems = vec![Problem::with_order(code)];
                    self.push(unreadable(self.context, raw, None, problems))?;
                }
            }
            if let Some(slot) = self.slots.last_mut() {
                slot.line = Some(line.number);
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry<'_, 'a>) -> Result<(), RequestFailure> {
        if self.slots.is_empty() {
            // Orders of a batch are much alike: the first one tells how many there will be.
            let alike = self.body_bytes / entry.raw.len().max(ORDER_BYTES_MIN);
            self.slots.reserve(alike.min(self.orders_max));
        }
        self.push(judge_entry(self.dialect, self.context, entry))
    }

    fn push(&mut self, mut slot: Slot<'a>) -> Result<(), RequestFailure> {
        if self.slots.len() == self.orders_max {
            return Err(RequestFailure::TooManyOrders {
                orders_max: self.orders_max,
            });
        }
        self.problems_told += bound_problems(&mut slot, self.problems_told);
        if self.warnings_told >= WARNINGS_PER_BATCH_MAX {
            slot.warnings.truncate(WARNINGS_PER_LATE_ORDER_MAX);
        }
        self.warnings_told += slot.warnings.len();
        self.slots.push(slot);
        Ok(())
    }
}

fn judge_entry<'a>(
    dialect: &dyn Dialect,
    context: &Context<'_>,
    entry: &Entry<'_, 'a>,
) -> Slot<'a> {
    if entry.faults.is_empty() {
        return dialect.judge(context, entry);
    }
    let problems = entry.faults.to_vec();
    let is_long_number = |problem: &Problem| matches!(problem.code, Code::TooManyDigits { .. });
    let has_long_numbers_alone = problems.iter().all(is_long_number);
    let mut slot = unreadable(context, entry.raw, entry.name.clone(), problems);
    if has_long_numbers_alone {
        // No value is taken from such a number, and all else of the order is as it was sent.
        let judged = dialect.judge(context, entry);
        slot.key = judged.key;
        slot.organisation = judged.organisation;
    }
    slot
}

fn unreadable<'a>(
    context: &Context<'_>,
    raw: &'a str,
    name: Option<Cow<'a, str>>,
    problems: Vec<Problem>,
) -> Slot<'a> {
    Slot {
        raw,
        line: None,
        name,
        key: None,
        organisation: context.organisation.map(|organisation| organisation.id),
        email: None,
        warnings: Vec::new(),
        verdict: Verdict::Unreadable(problems),
    }
}

/// Cuts the list of an order's problems short where the batch has told very many; how many are left.
fn bound_problems(slot: &mut Slot<'_>, told_before: usize) -> usize {
    let most = problems_told_max(told_before);
    match &mut slot.verdict {
        Verdict::Good(_) => 0,
        Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
            problems.truncate(most);
            problems.shrink_to_fit();
            problems.len()
        }
    }
}

fn wrong_envelope(envelope: Envelope) -> RequestFailure {
    RequestFailure::WrongEnvelope {
        expected: match envelope {
            Envelope::One => "a JSON object: an order",
            Envelope::Array => "a JSON array of orders",
            Envelope::OneOrMany => "a JSON array of orders, or an order as a JSON object",
            Envelope::Object => "a JSON object of orders, each under a name of its own",
        },
    }
}
