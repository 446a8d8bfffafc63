//! Replacing the text of a stored order by a person: a batch of one order, whose receipt names the API key.

use std::borrow::Cow;
use std::sync::Arc;

use wharfinger_core::decide::admit::Intent;
use wharfinger_core::decide::catalogue::Demand;
use wharfinger_core::dialect::{Action, Context, Dialect, Draft, Number, Reply, Slot, Verdict};
use wharfinger_core::dialects;
use wharfinger_core::judge::{self, judge};
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::organisation::Organisation;
use wharfinger_core::order::outcome::{Outcome, State};

use crate::access::secret;
use crate::intake::app::App;
use crate::intake::idempotency::{Answered, SaveAs};
use crate::intake::request_context::{BatchOptions, Call};
use crate::intake::{admit, heading};
use crate::store::prepare::prepare;
use crate::store::{FoundOrder, StoreError};

/// The result of replacing a text.
pub struct Mended<'o> {
    /// The batch of the new revision.
    pub batch: BatchId,
    /// What became of the order.
    pub outcome: &'o Outcome,
}

/// Replaces the text of an order by a new one in its own dialect, judged like a submission. The order stays the same: its key, its
/// number and its organisation cannot change. With a revision, only the text of that one is replaced. A dry run answers as the change would, and stores nothing.
///
/// # Errors
/// The order is final, the text is invalid, or it is that of another order.
pub async fn mend(
    app: &App,
    call: &Call<'_>,
    (found, of_revision): (&FoundOrder, Option<u32>),
    body: &[u8],
    encode: impl Fn(&Mended<'_>) -> Reply + Clone + Send + Sync + 'static,
) -> Result<Answered, RequestFailure> {
    let dialect = dialects::find(&found.dialect).ok_or(RequestFailure::Internal)?;
    let organisation = organisation_of(call, found)?;
    let mut slot = judged(app, call, (dialect, organisation), body)?;
    let demand = check(&mut slot, found)?;
    let refused = refused(app, call, (dialect, organisation), (found, demand));
    let batch = if call.dry_run {
        secret::trial_batch_id()
    } else {
        secret::batch_id()
    };
    let options = BatchOptions::for_dialect(dialect);
    let mut heading = heading(app, call, &options, batch);
    heading.organisation = Some(organisation.id);
    let mut submission = prepare(&heading, &[slot]);
    submission.of_revision = of_revision;
    let reply = move |outcomes: &[Outcome]| {
        encode(&Mended {
            batch,
            outcome: &outcomes[0],
        })
    };
    if call.dry_run {
        let tried = match refused {
            Some(why) => Err(StoreError::Refused(why)),
            None => app.store.try_batch(submission).await,
        };
        let outcomes = tried.map_err(|error| call.failure(error))?;
        return Ok(Answered::Now(reply(&outcomes)));
    }
    // A request that has run before gets its saved response, even if the order is final by now.
    let change = async |save_reply| {
        if let Some(why) = refused {
            return Err(StoreError::Refused(why));
        }
        let mut submission = submission;
        submission.save_reply = save_reply;
        let admitted = admit(app, submission).await?;
        Ok((admitted.outcomes, admitted.reply))
    };
    let idempotency = &app.idempotency;
    idempotency
        .change(call, body, SaveAs::Plain, reply, change)
        .await
}

/// Why the text of an order cannot be replaced, if it cannot.
fn refused(
    app: &App,
    call: &Call<'_>,
    of: (&'static dyn Dialect, &Organisation),
    (found, demand): (&FoundOrder, Option<Arc<Demand>>),
) -> Option<String> {
    let state = found.order.state;
    if matches!(state, State::Processed | State::Cancelled) {
        return Some(format!(
            "the order is {}, which is final; its text cannot be replaced",
            state.name()
        ));
    }
    found.order.admission.as_ref()?;
    let (dialect, _) = of;
    let before = dialect.own_form(&found.order);
    let before = judged(app, call, of, before.as_bytes());
    let before = before.ok().and_then(|slot| match slot.verdict {
        Verdict::Good(draft) => draft.demand,
        Verdict::Faulty(_) | Verdict::Unreadable(_) => None,
    });
    (before != demand).then(|| {
        "the order has taken stock, so its lines and its customer cannot be replaced; cancel it, and send a new one"
            .into()
    })
}

fn organisation_of<'c>(
    call: &Call<'c>,
    found: &FoundOrder,
) -> Result<&'c Organisation, RequestFailure> {
    let caller = call.authenticated.caller();
    let found = caller.organisation(&found.order.organisation);
    found.ok_or(RequestFailure::OrganisationUnknown)
}

/// Judges a text as a batch of one order would be.
///
/// # Errors
/// The text is not one JSON object.
pub fn judged<'b>(
    app: &App,
    call: &Call<'_>,
    (dialect, organisation): (&'static dyn Dialect, &Organisation),
    body: &'b [u8],
) -> Result<Slot<'b>, RequestFailure> {
    let operations = call.dialect.operations().iter();
    let mut submitting = operations.filter(|of| matches!(of.action, Action::Submit { .. }));
    let context = Context {
        operation: submitting.next().ok_or(RequestFailure::Internal)?,
        organisation: Some(organisation),
        ..call.context()
    };
    let body = judge::Body {
        bytes: body,
        lines_before: None,
    };
    let mut judged = judge(dialect, &context, body, &app.limits)?;
    match (judged.slots.pop(), judged.slots.is_empty()) {
        (Some(slot), true) => Ok(slot),
        _ => Err(RequestFailure::WrongEnvelope {
            expected: ONE_ORDER,
        }),
    }
}

const ONE_ORDER: &str = "one order as a JSON object";

/// Refuses JSON that is no object, such as a list of orders. What is not JSON is left to the reader of the order.
///
/// # Errors
/// [`RequestFailure::WrongEnvelope`].
pub fn refuse_others(body: &[u8]) -> Result<(), RequestFailure> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = body.iter().find(|byte| !b" \t\r\n".contains(byte));
    match first {
        Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            Err(RequestFailure::WrongEnvelope {
                expected: ONE_ORDER,
            })
        }
        _ => Ok(()),
    }
}

/// Makes the judged text a new revision of the order. Returns what it demands of the catalogue.
fn check(slot: &mut Slot<'_>, found: &FoundOrder) -> Result<Option<Arc<Demand>>, RequestFailure> {
    let draft = match &mut slot.verdict {
        Verdict::Good(draft) => draft,
        Verdict::Faulty(problems) | Verdict::Unreadable(problems) => {
            return Err(RequestFailure::Invalid(problems.to_vec()));
        }
    };
    let order = &found.order;
    let is_same = match draft.number {
        Number::None => slot.key.as_deref() == Some(order.key.as_str()),
        Number::Given(number) => Some(number) == order.number,
        Number::Next => true,
    };
    if !is_same || slot.organisation != Some(found.organisation) {
        let key = &order.key;
        return Err(RequestFailure::Conflict(format!(
            "The text is that of another order; a new text of this order must keep its key {key}"
        )));
    }
    let demand = draft.demand.take();
    *draft = Draft {
        intent: Intent::Upsert,
        number: order.number.map_or(Number::None, Number::Given),
        demand: None,
        hash: draft.hash,
    };
    slot.key = Some(Cow::Owned(order.key.clone()));
    Ok(demand)
}
