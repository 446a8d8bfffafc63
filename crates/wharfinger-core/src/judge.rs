//! Judges a whole body before anything is stored: bytes to slots, one per order, in order.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::dialect::{Action, Context, Dialect, EmptyBody, Slot, Verdict, WrongRoot};
use crate::json::{Content, Entry, Envelope, Lines, Reader, Rules};
use crate::limits::{
    Limits, WARNINGS_PER_BATCH_MAX, WARNINGS_PER_LATE_ORDER_MAX, problems_reported_max,
};
use crate::order::failure::RequestFailure;
use crate::order::problem::{Code, Problem, Problems};
use crate::order::warning::WarningCode;

/// The assumed minimum size of an order, used to reserve room for the slots of a batch.
const ORDER_BYTES_MIN: usize = 128;

/// The approximate memory per order beside its text and problems: its slot, row, outcome and response entry.
const ORDER_MADE_BYTES: usize = 512;

/// The approximate memory per warning: one copy in the slot and one in the response.
const WARNING_MADE_BYTES: usize = 384;

/// A judged body.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Whether the body has the root that the operation expects.
    pub root_fits: bool,
    /// The slots, one per order, in order.
    pub slots: Vec<Slot<'a>>,
}

/// A body to judge.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The bytes after decompression.
    pub bytes: &'a [u8],
    /// For NDJSON, the number of lines that precede this body. `None` if the body is one JSON text.
    pub lines_before: Option<usize>,
}

/// Reads a body and judges each of its orders separately.
///
/// # Errors
/// The body cannot be read to its end, has a root that the dialect refuses, or has too many orders.
pub fn judge<'a>(
    dialect: &dyn Dialect,
    context: &Context<'_>,
    body: Body<'a>,
    limits: &Limits,
) -> Result<Judged<'a>, RequestFailure> {
    let mut judging = Judging::begin(dialect, context, body, limits)?;
    judging.go_on(usize::MAX)?;
    Ok(judging.finish())
}

/// A body that is judged in parts, so that the caller can do other work in between.
pub struct Judging<'g, 'a> {
    source: Source<'a>,
    gathering: Gathering<'g, 'a>,
}

/// The source of the orders.
enum Source<'a> {
    Json(Json<'a>),
    Lines(Lines<'a>),
}

/// One JSON text, and the root that the operation expects.
struct Json<'a> {
    reader: Reader<'a>,
    /// Whether the root is the expected one. The reader reports it only before the first order is read.
    root_fits: bool,
    envelope: Envelope,
    wrong_root: WrongRoot,
}

impl<'g, 'a> Judging<'g, 'a> {
    /// Prepares to judge a body. No order is judged yet.
    ///
    /// # Errors
    /// The body is not UTF-8, or is empty and the dialect refuses that.
    pub fn begin(
        dialect: &'g dyn Dialect,
        context: &'g Context<'g>,
        body: Body<'a>,
        limits: &Limits,
    ) -> Result<Self, RequestFailure> {
        let rules = Rules {
            names: dialect.name_case(),
            depth_max: limits.order_depth_max,
            order_bytes_max: limits.order_bytes_max,
        };
        let source = match body.lines_before {
            Some(lines_before) => Source::Lines(Lines::new(body.bytes, lines_before, rules)),
            None => Source::Json(Json::begin(context, body.bytes, rules)?),
        };
        Ok(Self {
            source,
            gathering: Gathering {
                dialect,
                context,
                body_bytes: body.bytes.len(),
                orders_max: limits.orders_per_batch_max,
                slots: Vec::new(),
                problems: HashSet::new(),
                problems_reported: 0,
                warnings_reported: 0,
                read_bytes: 0,
                made_bytes: 0,
            },
        })
    }

    /// Judges orders until another `bytes` bytes of work are done. Returns whether the end of the body is reached.
    ///
    /// Work is the size of the order texts plus the memory of the results, see [`Self::made_bytes`].
    ///
    /// # Errors
    /// Those of [`judge()`].
    pub fn go_on(&mut self, bytes: usize) -> Result<bool, RequestFailure> {
        let gathering = &mut self.gathering;
        let until = gathering.work().saturating_add(bytes);
        while gathering.work() < until {
            let is_any = match &mut self.source {
                Source::Json(json) => json.next(gathering)?,
                Source::Lines(lines) => next_line(lines, gathering)?,
            };
            if !is_any {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The approximate memory of the orders judged so far, including their outcomes and response entries.
    #[must_use]
    pub fn made_bytes(&self) -> usize {
        self.gathering.made_bytes
    }

    /// Returns the judged orders.
    #[must_use]
    pub fn finish(self) -> Judged<'a> {
        Judged {
            root_fits: match &self.source {
                Source::Json(json) => json.root_fits,
                Source::Lines(_) => true,
            },
            slots: self.gathering.slots,
        }
    }
}

impl<'a> Json<'a> {
    fn begin(context: &Context<'_>, body: &'a [u8], rules: Rules) -> Result<Self, RequestFailure> {
        let Action::Submit {
            envelope,
            wrong_root,
            empty_body,
        } = context.operation.action
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
        Ok(Self {
            root_fits: reader.root_fits(),
            reader,
            envelope,
            wrong_root,
        })
    }

    /// Judges the next order. Returns whether there was one.
    fn next(&mut self, gathering: &mut Gathering<'_, 'a>) -> Result<bool, RequestFailure> {
        let is_one = self.reader.envelope() == Envelope::One;
        if let Some(entry) = self.reader.next()? {
            // If the body is a single order, the reader accepts any value. Whether it is an object is checked here.
            if is_one && !is_order(self.wrong_root, entry.raw) {
                return Err(wrong_envelope(self.envelope));
            }
            let is_first = gathering.slots.is_empty();
            gathering.take(&entry)?;
            if is_first && self.reader.is_bare_list() {
                gathering.warn_of_request(WarningCode::BareList);
            }
            return Ok(true);
        }
        if !self.root_fits && self.wrong_root != WrongRoot::Judge {
            return Err(wrong_envelope(self.envelope));
        }
        Ok(false)
    }
}

/// Judges the order on the next line. Returns whether there was one.
fn next_line<'a>(
    lines: &mut Lines<'a>,
    gathering: &mut Gathering<'_, 'a>,
) -> Result<bool, RequestFailure> {
    let Some(line) = lines.next() else {
        return Ok(false);
    };
    match line.content {
        Content::Order(entry) => gathering.take(&entry)?,
        Content::Unreadable(raw, fault) => {
            let problems = [Problem::with_order(fault.into())].into();
            gathering.push(unreadable(gathering.context, raw, None, problems))?;
        }
    }
    if let Some(slot) = gathering.slots.last_mut() {
        slot.line = Some(line.number);
    }
    Ok(true)
}

/// The slots of a body while it is read.
struct Gathering<'g, 'a> {
    dialect: &'g dyn Dialect,
    context: &'g Context<'g>,
    body_bytes: usize,
    orders_max: usize,
    slots: Vec<Slot<'a>>,
    /// The distinct problem lists so far. Orders with equal problems share one list.
    problems: HashSet<Problems>,
    problems_reported: usize,
    warnings_reported: usize,
    /// The total size of the order texts.
    read_bytes: usize,
    made_bytes: usize,
}

impl<'a> Gathering<'_, 'a> {
    /// The work done so far, in bytes.
    fn work(&self) -> usize {
        self.read_bytes + self.made_bytes
    }

    fn take(&mut self, entry: &Entry<'_, 'a>) -> Result<(), RequestFailure> {
        if self.slots.is_empty() {
            // Orders of a batch have similar sizes, so the first one predicts how many there are.
            let alike = self.body_bytes / entry.raw.len().max(ORDER_BYTES_MIN);
            self.slots.reserve(alike.min(self.orders_max));
        }
        self.push(judge_entry(self.dialect, self.context, entry))
    }

    /// Adds a warning about the request to the first order.
    fn warn_of_request(&mut self, code: WarningCode) {
        if let [slot] = &mut self.slots[..] {
            let before = slot.warnings.len();
            slot.warn_of_request(code);
            let added = slot.warnings.len() - before;
            self.warnings_reported += added;
            self.made_bytes += added * WARNING_MADE_BYTES;
        }
    }

    fn push(&mut self, mut slot: Slot<'a>) -> Result<(), RequestFailure> {
        if self.slots.len() == self.orders_max {
            return Err(RequestFailure::TooManyOrders {
                orders_max: self.orders_max,
            });
        }
        self.read_bytes += slot.raw.len();
        self.made_bytes += ORDER_MADE_BYTES;
        match &mut slot.verdict {
            Verdict::Good(_) => {}
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                // Responses and receipts repeat the text of such an order.
                self.made_bytes += slot.raw.len();
                let most = problems_reported_max(self.problems_reported);
                if problems.len() > most {
                    *problems = problems.iter().take(most).cloned().collect();
                }
                self.problems_reported += problems.len();
                self.made_bytes += problems.iter().map(Problem::response_bytes).sum::<usize>();
                match self.problems.get(problems) {
                    Some(same) => *problems = Problems::clone(same),
                    None => {
                        self.made_bytes += problems.iter().map(Problem::bytes).sum::<usize>();
                        self.problems.insert(Problems::clone(problems));
                    }
                }
            }
        }
        if self.warnings_reported >= WARNINGS_PER_BATCH_MAX {
            slot.warnings.truncate(WARNINGS_PER_LATE_ORDER_MAX);
        }
        self.warnings_reported += slot.warnings.len();
        self.made_bytes += slot.warnings.len() * WARNING_MADE_BYTES;
        self.slots.push(slot);
        Ok(())
    }
}

/// Whether `value` is acceptable as the body of a single order.
fn is_order(wrong_root: WrongRoot, value: &str) -> bool {
    match wrong_root {
        WrongRoot::Judge => true,
        WrongRoot::Refuse => value.starts_with('{'),
        WrongRoot::TakeText => value.starts_with(['{', '"']) || value == "null",
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
    let problems: Problems = entry.faults.iter().map(Problem::from).collect();
    let is_long_number = |problem: &Problem| matches!(problem.code, Code::TooManyDigits { .. });
    let has_long_numbers_alone = problems.iter().all(is_long_number);
    let mut slot = unreadable(context, entry.raw, entry.name.clone(), problems);
    if has_long_numbers_alone {
        // No value is taken from such a number. The rest of the order is readable, so its key and organisation are
        // kept.
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
    problems: Problems,
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

fn wrong_envelope(envelope: Envelope) -> RequestFailure {
    RequestFailure::WrongEnvelope {
        expected: match envelope {
            Envelope::One => "a JSON object: an order",
            Envelope::Array => "a JSON array of orders",
            Envelope::OneOrMany => "a JSON array of orders, or an order as a JSON object",
            Envelope::Object | Envelope::ObjectOrArray => {
                "a JSON object of orders, each under its own name"
            }
        },
    }
}
