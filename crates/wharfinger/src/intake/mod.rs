//! The path of a request after authentication: a body becomes outcomes, orders change state. Keeps what requests share.
//!
//! May import `access`, `serve`, `store` and the rooms below them; nothing of HTTP but header fields.

pub mod app;
pub mod batch_reply;
pub mod claims;
pub mod idempotency;
pub mod mending;
pub mod readback;
pub mod request_context;
pub mod rule_trial;

use tokio::task::block_in_place;
use wharfinger_core::decide::admit::Move;
use wharfinger_core::dialect::{Answer, ParsedRequest, Slot, Verdict};
use wharfinger_core::judge::{self, Judged, Judging, judge};
use wharfinger_core::kept::KeptSlots;
use wharfinger_core::limits::Limits;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::{Counts, Outcome};
use wharfinger_core::order::problem::Code;
use wharfinger_core::order::warning::WarningCode;

use crate::clock;
use crate::intake::app::App;
use crate::intake::batch_reply::{BatchReply, Taken};
use crate::intake::idempotency::{Answered, Begin, SaveAs};
use crate::intake::readback::meant_keys;
use crate::intake::request_context::{BatchOptions, Body, Call};
use crate::runtime::budget::Lease;
use crate::runtime::metrics::METRICS;
use crate::runtime::turns::Closed;
use crate::store::prepare::{Heading, Submission, prepare};
use crate::store::{
    Admitted, MayMend, RETRY_AFTER, RejectionId, StoreError, TransitionByKey, mended_by,
};

/// A body of this many bytes is large: about five milliseconds of work. Such work leaves the serving thread and waits for its
/// caller's turn. Handing work over has a small cost, so small batches stay on the serving thread.
pub(crate) const LARGE_BODY_BYTES: usize = 1 << 20;

/// Judging a small body becomes large work when its orders and their derived data reach this many bytes.
const SMALL_WORK_BYTES: usize = 2 << 20;

/// Large work yields after this many bytes, so that other callers get their turn.
pub(crate) const SLICE_BYTES: usize = 8 << 20;

/// Accepts a batch: judges every order, admits the valid ones, and returns the outcome of each.
///
/// # Errors
/// The request is refused as a whole; nothing was stored.
pub async fn submit(
    app: &App,
    call: &Call<'_>,
    batch: BatchId,
    body: &Body,
    lease: &mut Lease,
) -> Result<Taken, RequestFailure> {
    submit_with(app, call, &BatchOptions::of(call)?, batch, body, lease).await
}

/// Accepts a batch with these options, whatever the request's parameters say. See [`submit`].
///
/// # Errors
/// Those of [`submit`].
pub async fn submit_with(
    app: &App,
    call: &Call<'_>,
    options: &BatchOptions,
    batch: BatchId,
    body: &Body,
    lease: &mut Lease,
) -> Result<Taken, RequestFailure> {
    let (judged, submission, size) =
        judge_and_prepare(app, call, options, batch, body, lease).await?;
    let batch_reply = BatchReply::new(call, options, batch, judged.root_fits);
    if call.dry_run {
        let submission = mending(app, call, options, submission).await?;
        let tried = app.store.try_batch(submission).await;
        let decided = tried.map_err(|error| call.failure(error))?;
        return Ok(finish(app, size, || batch_reply.taken(&judged.slots, decided)).await);
    }
    match app.idempotency.begin(call, body).await? {
        Begin::Unkept => {
            let submission = mending(app, call, options, submission).await?;
            let admitted = admit(app, submission).await;
            let admitted = admitted.map_err(|error| call.failure(error))?;
            let reply = || batch_reply.taken(&judged.slots, admitted.outcomes);
            Ok(finish(app, size, reply).await)
        }
        Begin::Done(kept) => Ok(Taken::again(kept)),
        Begin::New(guard) => {
            let mut submission = mending(app, call, options, submission).await?;
            submission.save_reply = Some(if submission.has_good() {
                let keep = || KeptSlots::new(body.bytes.clone(), &judged.slots);
                let kept = finish(app, size, keep).await;
                guard.save_reply(move |decided: &[Outcome]| {
                    batch_reply.reply(&kept.slots(), decided.to_vec()).0
                })
            } else {
                // The store decides nothing here. Encoding the response now keeps this work off the writer thread.
                let (reply, _) =
                    finish(app, size, || batch_reply.reply(&judged.slots, Vec::new())).await;
                guard.save_reply(move |_: &[Outcome]| reply.clone())
            });
            match admit(app, submission).await {
                Ok(admitted) => batch_reply.taken_saved(&judged.slots, admitted),
                Err(StoreError::ReplySaved) => Ok(Taken::again(guard.saved(call).await?)),
                Err(error) => Err(call.failure(error)),
            }
        }
    }
}

/// Finds the rejected orders that the batch may mend.
///
/// # Errors
/// The batch or the order that it mends does not exist, or the caller does not see it. Both get the same response. Or the order
/// was mended before.
async fn mending(
    app: &App,
    call: &Call<'_>,
    options: &BatchOptions,
    submission: Submission,
) -> Result<Submission, RequestFailure> {
    let Some(batch) = options.mends else {
        return Ok(submission);
    };
    let visible = call.visible();
    let found = match options.resubmits {
        Some(index) => {
            app.store
                .mendable(RejectionId { batch, index }, &visible)
                .await
        }
        None => {
            let (dialect, keys) = (options.dialect.id(), submission.keys());
            let of_keys = app.store.mendable_by_key(batch, &visible, dialect, keys);
            of_keys.await
        }
    };
    match found.map_err(|error| call.failure(error))? {
        MayMend::These(mending) => Ok(submission.mending(Some(mending))),
        MayMend::Mended(by) => Err(call.failure(StoreError::Refused(mended_by(by)))),
        MayMend::NotFound => Err(match options.resubmits {
            Some(index) => {
                RequestFailure::NotFound(format!("Rejection {}", batch.order(index)))
            }
            None => RequestFailure::BadParameter(
                "Parameter mends must be the id of a batch that this key can see; nothing was stored".into(),
            ),
        }),
    }
}

/// Admits a batch and counts its orders by outcome in the metrics.
///
/// # Errors
/// Those of [`Store::admit_batch`](crate::store::Store::admit_batch).
pub async fn admit(app: &App, submission: Submission) -> Result<Admitted, StoreError> {
    let (dialect, faulty) = (submission.dialect, submission.faulty());
    let admitted = app.store.admit_batch(submission).await?;
    let mut counts = Counts::of(&admitted.outcomes);
    counts.rejected += faulty;
    METRICS.count_batch(dialect, &counts);
    Ok(admitted)
}

/// How much work a batch is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Runs on the serving thread.
    Small,
    /// Runs off the serving thread, taking turns with the large work of other callers.
    Large,
}

/// Judges the orders and compresses them into blocks. Grows `lease` by the memory that this takes beyond what the body's lease
/// covers. The caller holds it until the response is complete.
async fn judge_and_prepare<'b>(
    app: &App,
    call: &Call<'_>,
    options: &BatchOptions,
    batch: BatchId,
    body: &'b Body,
    lease: &mut Lease,
) -> Result<(Judged<'b>, Submission, Size), RequestFailure> {
    let context = call.context();
    let source = judge::Body {
        bytes: &body.bytes,
        lines_before: body.is_lines.then_some(0),
    };
    let mut judging = Judging::begin(options.dialect, &context, source, &app.limits)?;
    // The body's lease covers twice its length, so as many bytes of derived data are already leased.
    let mut leased = body.bytes.len();
    let mut lease_made = |judging: &Judging<'_, '_>| {
        let more = judging.made_bytes().saturating_sub(leased);
        leased += more;
        if lease.grow(more) {
            Ok(())
        } else {
            Err(overloaded())
        }
    };
    let heading = heading(app, call, options, batch);
    // Rules may be much work for few bytes.
    let is_small = body.bytes.len() < LARGE_BODY_BYTES && !call.authenticated.has_rules();
    if is_small && judging.go_on(SMALL_WORK_BYTES)? {
        lease_made(&judging)?;
        let judged = finish_judging(call, body, judging)?;
        let submission = prepare(&heading, &judged.slots);
        return Ok((judged, submission, Size::Small));
    }
    lease_made(&judging)?;
    let closed = |_: Closed| overloaded();
    let mut turn = app.large_work.take().await.map_err(closed)?;
    loop {
        let is_at_end = block_in_place(|| judging.go_on(SLICE_BYTES))?;
        lease_made(&judging)?;
        turn = turn.pass().await.map_err(closed)?;
        if is_at_end {
            break;
        }
    }
    let judged = finish_judging(call, body, judging)?;
    let submission = block_in_place(|| prepare(&heading, &judged.slots));
    drop(turn);
    Ok((judged, submission, Size::Large))
}

/// Ends judging after the whole body was read. A warning about the request is attached to the first order.
fn finish_judging<'b>(
    call: &Call<'_>,
    body: &Body,
    judging: Judging<'_, 'b>,
) -> Result<Judged<'b>, RequestFailure> {
    let mut judged = judging.finish();
    check_judged(call, &judged)?;
    if let (true, Some(first)) = (body.said_form, judged.slots.first_mut()) {
        first.warn_of_request(WarningCode::FormMediaType);
    }
    Ok(judged)
}

/// The 503 refusal of a request when memory or permits are exhausted.
pub(crate) fn overloaded() -> RequestFailure {
    RequestFailure::Overloaded {
        retry_after_s: RETRY_AFTER.as_secs(),
    }
}

/// Runs the last step of a batch. For a large batch, it waits for the caller's next turn.
async fn finish<T>(app: &App, size: Size, work: impl FnOnce() -> T) -> T {
    match size {
        Size::Small => work(),
        Size::Large => {
            // `ok`: an admitted batch must be answered, even if the server is stopping.
            let _turn = app.large_work.take_first().await.ok();
            block_in_place(work)
        }
    }
}

/// Judges every order of a body, in the dialect in which the orders are written.
///
/// # Errors
/// Those of [`judge()`], and [`RequestFailure::OrganisationMissing`] if neither a valid order nor the request names an
/// organisation.
pub fn judge_for<'b>(
    call: &Call<'_>,
    options: &BatchOptions,
    body: judge::Body<'b>,
    limits: &Limits,
) -> Result<Judged<'b>, RequestFailure> {
    let judged = judge(options.dialect, &call.context(), body, limits)?;
    check_judged(call, &judged)?;
    Ok(judged)
}

/// Charges the orders to the key's rate. Refuses the request if a valid order has no organisation.
fn check_judged(call: &Call<'_>, judged: &Judged<'_>) -> Result<(), RequestFailure> {
    call.authenticated.count_orders(judged.slots.len());
    let is_lost = |slot: &Slot<'_>| match slot.verdict {
        Verdict::Good(_) => slot.organisation.is_none(),
        Verdict::Faulty(_) | Verdict::Unreadable(_) => false,
    };
    if judged.slots.iter().any(is_lost) {
        return Err(RequestFailure::OrganisationMissing);
    }
    Ok(())
}

/// The metadata that a batch's receipt records.
pub fn heading<'c>(
    app: &App,
    call: &'c Call<'_>,
    options: &'c BatchOptions,
    batch: BatchId,
) -> Heading<'c> {
    Heading {
        batch,
        dialect: options.dialect.id(),
        operation: call.operation.name,
        key_id: call.authenticated.key_id(),
        received_at_ms: clock::now_ms(),
        organisation: call.organisation.map(|organisation| organisation.id),
        email_key: app.store.email_key(),
        policy: options.policy,
        mends: options.mends,
        rules: call.authenticated.rules(),
        file_name: options.file_name.as_deref(),
    }
}

/// Runs work on a body. Work on a large body runs off the serving thread, in its caller's turn.
///
/// # Errors
/// The server is stopping.
pub(crate) async fn without_blocking_others<T>(
    app: &App,
    body_bytes: usize,
    work: impl FnOnce() -> T,
) -> Result<T, RequestFailure> {
    if body_bytes < LARGE_BODY_BYTES {
        return Ok(work());
    }
    let turn = app.large_work.take().await;
    let _turn = turn.map_err(|_: Closed| overloaded())?;
    Ok(block_in_place(work))
}

/// Cancels orders and releases their keys.
///
/// # Errors
/// A parameter is wrong, or the store cannot be written.
pub async fn withdraw(app: &App, call: &Call<'_>) -> Result<Answered, RequestFailure> {
    let ParsedRequest::Withdraw { keys, otherwise } =
        call.dialect
            .parse_request(call.operation, &call.head, call.organisation)?
    else {
        return Err(RequestFailure::Internal);
    };
    let keys = meant_keys(app, call, keys, otherwise).await?;
    let organisation = call.organisation()?.id;
    let request = |save_reply| TransitionByKey {
        organisation,
        dialect: call.dialect.id(),
        keys: keys.clone(),
        wanted: Move::Cancel { release_key: true },
        key_id: call.authenticated.key_id().to_owned(),
        save_reply,
    };
    let (dialect, operation) = (call.dialect, call.operation);
    let named = keys.clone();
    let reply = move |results: &[Result<(), Code>]| {
        let withdrawn: Vec<_> = named.iter().cloned().zip(results.iter().copied()).collect();
        dialect.encode(operation, &Answer::Withdrawn(&withdrawn))
    };
    let withdraw = async |save_reply| {
        let changed = app.store.transition_by_key(request(save_reply)).await?;
        Ok((changed.results, changed.reply))
    };
    let idempotency = &app.idempotency;
    let no_body = [].as_slice();
    idempotency
        .change(call, no_body, SaveAs::Plain, reply, withdraw)
        .await
}
