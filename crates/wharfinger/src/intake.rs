//! The journey of a request behind its authentication: a body becomes outcomes, orders move.

use bytes::Bytes;
use wharfinger_core::admit::Move;
use wharfinger_core::dialect::{Answer, Ask, Asked, Reply, Slot, Verdict};
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::BatchId;
use wharfinger_core::judge::{self, Judged, judge};
use wharfinger_core::kept::KeptSlots;
use wharfinger_core::limits::Limits;
use wharfinger_core::outcome::{Counts, Outcome};
use wharfinger_core::problem::Code;
use wharfinger_core::warning::{Warning, WarningCode};

use crate::app::App;
use crate::call::Call;
use crate::clock;
use crate::idempotency::{Begun, change};
use crate::metrics::METRICS;
use crate::readback::meant_keys;
use crate::store::prepare::{Heading, Submission, prepare};
use crate::store::{Admitted, KeptAnswer, MoveOrders, StoreError};
use crate::telling::Telling;

/// A body from which on judging it is worth a word to the runtime, so that other requests are not kept waiting: some
/// five milliseconds of work. The word itself costs, since the work then goes on in another thread, with a heap of its own.
const LARGE_BODY_BYTES: usize = 1 << 20;

/// The body of a request.
#[derive(Clone)]
pub struct Body {
    /// Its bytes, content coding undone.
    pub bytes: Bytes,
    /// Whether it is orders one a line.
    pub is_lines: bool,
    /// Whether the request declared a form, and its body is JSON.
    pub said_form: bool,
}

/// What a request is answered with.
pub enum Answered {
    /// This, made just now.
    Now(Reply),
    /// What it was answered with before.
    Again(KeptAnswer),
}

/// What became of a submission.
pub struct Taken {
    /// The answer.
    pub answered: Answered,
    /// The batch, and how many orders had each outcome; none where the submission had been answered before.
    pub batch: Option<(BatchId, Counts)>,
}

/// Takes a batch in: decode and validate every order, admit the good ones, tell what became of each.
///
/// # Errors
/// The request as a whole is turned down; nothing was stored.
pub async fn submit(
    app: &App,
    call: &Call<'_>,
    batch: BatchId,
    body: &Body,
) -> Result<Taken, RequestFailure> {
    let asked = call.dialect.asked(call.operation, &call.head)?;
    let (judged, submission) = without_blocking_others(body.bytes.len(), || {
        judge_and_prepare(app, call, &asked, batch, body)
    })?;
    let telling = Telling::new(call, &asked, batch, judged.root_fits);
    if call.dry_run {
        let tried = app.store.try_batch(submission).await;
        let decided = tried.map_err(|error| call.failure(error))?;
        return Ok(telling.tell(&judged.slots, decided));
    }
    match app.idempotency.begin(app, call, body.into()).await? {
        Begun::Unkept => {
            let admitted = admit(app, submission).await;
            let admitted = admitted.map_err(|error| call.failure(error))?;
            Ok(telling.tell(&judged.slots, admitted.outcomes))
        }
        Begun::Done(kept) => Ok(Taken::again(kept)),
        Begun::New(once) => {
            let kept = KeptSlots::new(body.bytes.clone(), &judged.slots);
            let reply = move |decided: &[Outcome]| telling.reply(&kept.slots(), decided.to_vec()).0;
            let mut submission = submission;
            submission.remember = Some(once.remember(reply));
            match admit(app, submission).await {
                Ok(admitted) => telling.tell_kept(&judged.slots, admitted),
                Err(StoreError::AnswerKept) => Ok(Taken::again(once.kept(app, call).await?)),
                Err(error) => Err(call.failure(error)),
            }
        }
    }
}

/// Has a batch admitted, and counts what became of its orders.
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

fn judge_and_prepare<'b>(
    app: &App,
    call: &Call<'_>,
    asked: &Asked,
    batch: BatchId,
    body: &'b Body,
) -> Result<(Judged<'b>, Submission), RequestFailure> {
    let text = judge::Body {
        bytes: &body.bytes,
        lines_before: body.is_lines.then_some(0),
    };
    let mut judged = judge_for(call, asked, text, &app.limits)?;
    if let (true, Some(first)) = (body.said_form, judged.slots.first_mut()) {
        // The first order stands for the request.
        let warning = Warning::of_order(WarningCode::FormMediaType);
        first.warnings.insert(0, warning);
    }
    let submission = prepare(&heading(app, call, asked, batch), &judged.slots);
    Ok((judged, submission))
}

/// Judges every order of a body, in the dialect that they are written in.
///
/// # Errors
/// Those of [`judge()`]; or orders of this dialect do not say whose they are, and neither does the request.
pub fn judge_for<'b>(
    call: &Call<'_>,
    asked: &Asked,
    body: judge::Body<'b>,
    limits: &Limits,
) -> Result<Judged<'b>, RequestFailure> {
    let written_in = asked.written_in.unwrap_or(call.dialect);
    let judged = judge(written_in, &call.context(), body, limits)?;
    call.authenticated.count_orders(judged.slots.len());
    let is_lost = |slot: &Slot<'_>| match slot.verdict {
        Verdict::Good(_) => slot.organisation.is_none(),
        Verdict::Faulty(_) | Verdict::Unreadable(_) => false,
    };
    if judged.slots.iter().any(is_lost) {
        return Err(RequestFailure::OrganisationMissing);
    }
    Ok(judged)
}

/// What the receipt of a batch is to say of where it comes from.
pub fn heading<'c>(app: &App, call: &'c Call<'_>, asked: &Asked, batch: BatchId) -> Heading<'c> {
    Heading {
        batch,
        dialect: asked.written_in.unwrap_or(call.dialect).id(),
        operation: call.operation.name,
        key_id: call.authenticated.key_id(),
        received_at_ms: clock::now_ms(),
        organisation: call.organisation.map(|organisation| organisation.id),
        email_key: app.store.email_key(),
        policy: asked.policy,
    }
}

impl Taken {
    fn again(kept: KeptAnswer) -> Self {
        Self {
            answered: Answered::Again(kept),
            batch: None,
        }
    }
}

/// Runs work that takes long on a large body, letting the runtime move other requests to another thread.
pub(crate) fn without_blocking_others<T>(body_bytes: usize, work: impl FnOnce() -> T) -> T {
    if body_bytes >= LARGE_BODY_BYTES {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// Cancels orders and releases their keys.
///
/// # Errors
/// A parameter is wrong, or the store cannot be written.
pub async fn withdraw(app: &App, call: &Call<'_>) -> Result<Answered, RequestFailure> {
    let Ask::Withdraw { keys, otherwise } = call.dialect.ask(call.operation, &call.head)? else {
        return Err(RequestFailure::Internal);
    };
    let keys = meant_keys(app, call, keys, otherwise).await?;
    let organisation = call.organisation()?.id;
    let request = |remember| MoveOrders {
        organisation,
        dialect: call.dialect.id(),
        keys: keys.clone(),
        wanted: Move::Cancel { release_key: true },
        key_id: call.authenticated.key_id().to_owned(),
        remember,
    };
    let (dialect, operation) = (call.dialect, call.operation);
    let told = keys.clone();
    let reply = move |results: &[Result<(), Code>]| {
        let withdrawn: Vec<_> = told.iter().cloned().zip(results.iter().copied()).collect();
        dialect.encode(operation, &Answer::Withdrawn(&withdrawn))
    };
    change(app, call, [].as_slice(), reply, async |remember| {
        let moved = app.store.move_orders(request(remember)).await?;
        Ok((moved.results, moved.reply))
    })
    .await
}
