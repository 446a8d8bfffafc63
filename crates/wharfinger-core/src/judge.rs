//! Decoding a whole body before anything is done: bytes to slots, one an order, in order.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::dialect::{Action, Context, Dialect, EmptyBody, Slot, Verdict, WrongRoot};
use crate::failure::RequestFailure;
use crate::json::{Content, Entry, Envelope, Lines, Reader, Rules};
use crate::limits::{
    Limits, WARNINGS_PER_BATCH_MAX, WARNINGS_PER_LATE_ORDER_MAX, problems_told_max,
};
use crate::problem::{Code, Problem, Problems};

/// The least bytes that an order is taken to have when room is made for those to come.
const ORDER_BYTES_MIN: usize = 128;

/// About how many bytes an order takes beside its text and its problems: its slot, its row, its outcome and its answer.
const ORDER_MADE_BYTES: usize = 512;

/// About how many bytes a warning takes: it is kept, and it is told.
const WARNING_MADE_BYTES: usize = 384;

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
    let mut judging = Judging::begin(dialect, context, body, limits)?;
    judging.go_on(usize::MAX)?;
    Ok(judging.finish())
}

/// A body that is being judged, a part at a time, so that whoever judges it can do something else in between.
pub struct Judging<'g, 'a> {
    source: Source<'a>,
    gathering: Gathering<'g, 'a>,
}

/// What orders are read from.
enum Source<'a> {
    Json(Json<'a>),
    Lines(Lines<'a>),
}

/// One JSON text, and what the operation wants of it.
struct Json<'a> {
    reader: Reader<'a>,
    /// Whether it is of the kind that the operation wants. The reader tells that only before the first order is read.
    root_fits: bool,
    envelope: Envelope,
    wrong_root: WrongRoot,
}

impl<'g, 'a> Judging<'g, 'a> {
    /// Begins; no order is judged yet.
    ///
    /// # Errors
    /// The body is empty where the dialect refuses that, or no UTF-8.
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
                problems_told: 0,
                warnings_told: 0,
                read_bytes: 0,
                made_bytes: 0,
            },
        })
    }

    /// Judges on, until the texts of the orders and what was made of them come to so many more bytes; whether the body is
    /// at its end.
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

    /// About how much memory the orders take that were judged so far, with what becomes of them, to the end of the answer.
    #[must_use]
    pub fn made_bytes(&self) -> usize {
        self.gathering.made_bytes
    }

    /// The judged orders.
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

    /// Takes the next order in; whether there is one.
    fn next(&mut self, gathering: &mut Gathering<'_, 'a>) -> Result<bool, RequestFailure> {
        let is_one = self.reader.envelope() == Envelope::One;
        if let Some(entry) = self.reader.next()? {
            // Where one order is the body, the reader takes any value; whether it is an object is told here.
            if is_one && !is_order(self.wrong_root, entry.raw) {
                return Err(wrong_envelope(self.envelope));
            }
            gathering.take(&entry)?;
            return Ok(true);
        }
        if !self.root_fits && self.wrong_root != WrongRoot::Judge {
            return Err(wrong_envelope(self.envelope));
        }
        Ok(false)
    }
}

/// Takes the order of the next line in; whether there is one.
fn next_line<'a>(
    lines: &mut Lines<'a>,
    gathering: &mut Gathering<'_, 'a>,
) -> Result<bool, RequestFailure> {
    let Some(line) = lines.next() else {
        return Ok(false);
    };
    match line.content {
        Content::Order(entry) => gathering.take(&entry)?,
        Content::Unreadable(raw, code) => {
            let problems = [Problem::with_order(code)].into();
            gathering.push(unreadable(gathering.context, raw, None, problems))?;
        }
    }
    if let Some(slot) = gathering.slots.last_mut() {
        slot.line = Some(line.number);
    }
    Ok(true)
}

/// The slots of a body, as it is read.
struct Gathering<'g, 'a> {
    dialect: &'g dyn Dialect,
    context: &'g Context<'g>,
    body_bytes: usize,
    orders_max: usize,
    slots: Vec<Slot<'a>>,
    /// The lists of problems so far, each once.
    problems: HashSet<Problems>,
    problems_told: usize,
    warnings_told: usize,
    /// Bytes of the orders' texts.
    read_bytes: usize,
    made_bytes: usize,
}

impl<'a> Gathering<'_, 'a> {
    /// What was read and made so far, in bytes.
    fn work(&self) -> usize {
        self.read_bytes + self.made_bytes
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
        self.read_bytes += slot.raw.len();
        self.made_bytes += ORDER_MADE_BYTES;
        match &mut slot.verdict {
            Verdict::Good(_) => {}
            Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
                // Answers and receipts give the text of such an order back.
                self.made_bytes += slot.raw.len();
                let most = problems_told_max(self.problems_told);
                if problems.len() > most {
                    *problems = problems.iter().take(most).cloned().collect();
                }
                self.problems_told += problems.len();
                self.made_bytes += problems.iter().map(Problem::told_bytes).sum::<usize>();
                match self.problems.get(problems) {
                    Some(same) => *problems = Problems::clone(same),
                    None => {
                        self.made_bytes += problems.iter().map(Problem::bytes).sum::<usize>();
                        self.problems.insert(Problems::clone(problems));
                    }
                }
            }
        }
        if self.warnings_told >= WARNINGS_PER_BATCH_MAX {
            slot.warnings.truncate(WARNINGS_PER_LATE_ORDER_MAX);
        }
        self.warnings_told += slot.warnings.len();
        self.made_bytes += slot.warnings.len() * WARNING_MADE_BYTES;
        self.slots.push(slot);
        Ok(())
    }
}

/// Whether a body that holds one order may be this value.
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
    let problems: Problems = entry.faults.into();
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
                "a JSON object of orders, each under a name of its own"
            }
        },
    }
}
