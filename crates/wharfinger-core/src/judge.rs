//! Decoding a whole body before anything is done: bytes to slots, one an order, in order.

use crate::dialect::{Action, Context, Dialect, EmptyBody, Slot, Verdict, WrongRoot};
use crate::failure::RequestFailure;
use crate::json::{Entry, Envelope, Reader, Rules};
use crate::limits::{
    Limits, PROBLEMS_PER_BATCH_MAX, PROBLEMS_PER_LATE_ORDER_MAX, PROBLEMS_PER_ORDER_MAX,
};

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

/// Reads a body and judges each of its orders by itself.
///
/// # Errors
/// The body cannot be read on, is of the wrong kind where the dialect refuses that, or holds too many orders.
pub fn judge<'a>(
    dialect: &dyn Dialect,
    context: &Context<'_>,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Judged<'a>, RequestFailure> {
    let Action::Submit {
        envelope,
        wrong_root,
        empty_body,
    } = context.operation.action
    else {
        return Err(RequestFailure::Internal);
    };
    let rules = Rules {
        names: dialect.name_case(),
        depth_max: limits.order_depth_max,
        order_bytes_max: limits.order_bytes_max,
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
    let mut slots = Vec::new();
    let mut problems_told = 0;
    while let Some(entry) = reader.next()? {
        if slots.len() == limits.orders_per_batch_max {
            return Err(RequestFailure::TooManyOrders {
                orders_max: limits.orders_per_batch_max,
            });
        }
        if is_refused_root(envelope, wrong_root, &entry) {
            return Err(wrong_envelope(envelope));
        }
        if slots.is_empty() {
            // Orders of a batch are much alike: the first one tells how many there will be.
            let alike = body.len() / entry.raw.len().max(ORDER_BYTES_MIN);
            slots.reserve(alike.min(limits.orders_per_batch_max));
        }
        let mut slot = judge_entry(dialect, context, &entry);
        problems_told += bound_problems(&mut slot, problems_told);
        slots.push(slot);
    }
    if !root_fits && wrong_root == WrongRoot::Refuse {
        return Err(wrong_envelope(envelope));
    }
    Ok(Judged { root_fits, slots })
}

fn judge_entry<'a>(
    dialect: &dyn Dialect,
    context: &Context<'_>,
    entry: &Entry<'_, 'a>,
) -> Slot<'a> {
    if entry.faults.is_empty() {
        return dialect.judge(context, entry);
    }
    Slot {
        raw: entry.raw,
        name: entry.name.clone(),
        key: None,
        organisation: context.organisation.map(|organisation| organisation.id),
        email: None,
        verdict: Verdict::Unreadable(entry.faults.to_vec()),
    }
}

/// Cuts the list of an order's problems short where the batch has told very many; how many are left.
fn bound_problems(slot: &mut Slot<'_>, told_before: usize) -> usize {
    let most = if told_before < PROBLEMS_PER_BATCH_MAX {
        PROBLEMS_PER_ORDER_MAX
    } else {
        PROBLEMS_PER_LATE_ORDER_MAX
    };
    match &mut slot.verdict {
        Verdict::Good(_) => 0,
        Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
            problems.truncate(most);
            problems.shrink_to_fit();
            problems.len()
        }
    }
}

/// Where one order is the body, the reader takes any value; whether it is an object is told here.
fn is_refused_root(envelope: Envelope, wrong_root: WrongRoot, entry: &Entry<'_, '_>) -> bool {
    envelope == Envelope::One && wrong_root == WrongRoot::Refuse && !entry.raw.starts_with('{')
}

fn wrong_envelope(envelope: Envelope) -> RequestFailure {
    RequestFailure::WrongEnvelope {
        expected: match envelope {
            Envelope::One => "a JSON object: an order",
            Envelope::Array => "a JSON array of orders",
            Envelope::Object => "a JSON object of orders, each under a name of its own",
        },
    }
}
