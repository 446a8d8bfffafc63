//! Imports: batches that are too large for one request.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response, Sse, sse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::runtime::Handle;
use uuid::Uuid;
use wharfinger_core::convert;
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::outcome::Counts;

use super::super::answer::respond;
use super::super::body::{self, Media};
use super::answer::{ok, time};
use super::batches::Problem;
use super::input;
use crate::app::App;
use crate::clock;
use crate::imports::{self, Part, Pieces, Receiving, Source, Stopped, Trial};
use crate::intake::BatchOptions;
use crate::intake::request_context::{Call, OwnedCall};
use crate::serve::budget::Lease;
use crate::serve::turns::on_behalf_of;
use crate::store::{Import, ImportEnd, ImportState, NewImport, RETRY_AFTER, StoreError};

/// Reason for refusing a second concurrent part.
const BUSY: &str = "is already receiving another request";

/// How often a progress stream checks for changes.
const NEWS_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// An import.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Import")]
pub(in super::super) struct ImportView {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("enum" = ["receiving", "interrupted", "complete", "cancelled"]))]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    dialect: String,
    lines_committed: u64,
    received: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    #[schemars(extend("format" = "date-time"))]
    started_at: String,
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
    /// Seconds in which it was receiving lines.
    active_seconds: f64,
    lines_per_second: f64,
    /// The path of the list of its receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<String>,
    /// Further results of a dry run, which stores nothing.
    #[serde(flatten)]
    tried: Option<Tried>,
}

/// Further results of a dry run.
#[derive(JsonSchema, Serialize)]
struct Tried {
    dry_run: bool,
    /// The number of chunks that the lines were judged in. A line is judged against the store and the preceding lines of its chunk.
    pieces: u64,
    /// The first lines that would be rejected, at most 1,000.
    rejections: Vec<TriedLine>,
}

/// A line that would be rejected.
#[derive(JsonSchema, Serialize)]
struct TriedLine {
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    errors: Vec<Problem>,
}

/// Receives one part of an import, or all of it.
pub(super) async fn receive(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    refuse_idempotency_key(call)?;
    let query = Query::new(&call.head, call.operation)?;
    let written_in = convert::dialect_named(query.get("dialect"), call.dialect)?;
    let id = client_id(call)?;
    let said = Said::of(headers)?;
    if body::media(headers) != Some(Media::Lines) && headers.contains_key("content-type") {
        return Err(RequestFailure::UnsupportedMediaType {
            wanted: "application/x-ndjson or application/jsonl",
        });
    }
    let coding = body::coding(headers)?;
    let mut place = call.lease(&app.import_places);
    let mut memory = call.lease(&app.body_budget);
    let bytes_min = imports::BYTES_MIN + body::window_bytes(coding);
    if !place.grow(1) || !memory.grow(bytes_min) {
        return Err(overloaded());
    }
    let key_id = call.authenticated.key_id();
    let new = NewImport {
        key_id: key_id.to_owned(),
        id,
        organisation: call.organisation.map(|organisation| organisation.id),
        dialect: written_in.id(),
    };
    let part = |receiving, lines_before| Part {
        call: OwnedCall::of(call),
        options: BatchOptions::for_dialect(written_in),
        id,
        lines_before,
        receiving,
    };
    if call.dry_run {
        let import = untouched(app, call, &new).await?;
        let why = why_not(&import, &new, said.offset);
        let is_receiving = app.imports.is_receiving(key_id, id);
        if let Some(why) = is_receiving.then(|| BUSY.into()).or(why) {
            return Ok(wrong_offset(call, import.lines, &why));
        }
        let trial = Some(Trial::default());
        let part = part(None, import.lines);
        let (received, _, trial) = take_in(app, (part, trial), coding, body, memory).await;
        stopped(call, received)?;
        return Ok(tried(app, call, import, trial.unwrap_or_default(), &said));
    }
    let Some(receiving) = app.imports.claim(key_id, id) else {
        let import = app.store.import(key_id, id).await;
        let import = import.map_err(|error| call.failure(error))?;
        let lines = import.map_or(0, |import| import.lines);
        return Ok(wrong_offset(call, lines, BUSY));
    };
    let import = app.store.begin_import(new.clone()).await;
    let import = import.map_err(|error| call.failure(error))?;
    if let Some(why) = why_not(&import, &new, said.offset) {
        return Ok(wrong_offset(call, import.lines, &why));
    }
    let part = part(Some(receiving), import.lines);
    let (received, part, _) = take_in(app, (part, None), coding, body, memory).await;
    finish(app, call, part.receiving, id, received, &said).await
}

/// The import as stored. If it does not exist, as it would begin.
async fn untouched(app: &App, call: &Call<'_>, new: &NewImport) -> Result<Import, RequestFailure> {
    let found = app.store.import(&new.key_id, new.id).await;
    let found = found.map_err(|error| call.failure(error))?;
    let now_ms = clock::now_ms();
    Ok(found.unwrap_or_else(|| Import {
        id: new.id,
        organisation: new.organisation,
        dialect: new.dialect.to_owned(),
        state: ImportState::Open,
        lines: 0,
        counts: Counts::default(),
        began_at_ms: now_ms,
        changed_at_ms: now_ms,
        active_ms: 0,
    }))
}

/// The response to a dry run: the import with this part included, and the lines that would be rejected.
fn tried(app: &App, call: &Call<'_>, import: Import, trial: Trial, said: &Said) -> Response {
    let (before, more) = (import.counts, trial.counts);
    let import = Import {
        state: if said.is_last {
            ImportState::Complete
        } else {
            import.state
        },
        lines: import.lines + trial.lines,
        counts: Counts {
            accepted: before.accepted + more.accepted,
            updated: before.updated + more.updated,
            unchanged: before.unchanged + more.unchanged,
            rejected: before.rejected + more.rejected,
            withheld: before.withheld + more.withheld,
        },
        ..import
    };
    let lines = trial.rejected.into_iter().map(|rejected| TriedLine {
        line: rejected.line,
        key: rejected.key,
        errors: rejected.problems.iter().map(Problem::of).collect(),
    });
    let told = ImportView {
        batches: None,
        tried: Some(Tried {
            dry_run: true,
            pieces: trial.pieces,
            rejections: lines.collect(),
        }),
        ..told(app, call, &import)
    };
    respond(Reply::json(200, &told).with_header("wharfinger-dry-run", "true"))
}

/// Reads the body on this side, and judges it on a blocking thread.
async fn take_in(
    app: &Arc<App>,
    (part, mut trial): (Part, Option<Trial>),
    coding: body::Coding,
    body: &mut Body,
    memory: Lease,
) -> (Result<(), Stopped>, Part, Option<Trial>) {
    let (pieces, feed) = imports::feed();
    let (app_there, handle) = (Arc::clone(app), Handle::current());
    let work = tokio::task::spawn_blocking(move || {
        let bytes_read = feed.bytes_read();
        let received = match body::decoder(coding, feed) {
            Ok(plain) => {
                let source = Source {
                    plain,
                    bytes_read,
                    memory,
                    bytes_min: imports::BYTES_MIN + body::window_bytes(coding),
                };
                imports::receive(&app_there, &part, source, &handle, trial.as_mut())
            }
            Err(_) => Err(Stopped::Broken),
        };
        (received, part, trial)
    });
    let fed = forward(app, body, &pieces).await;
    drop(pieces);
    let (received, part, trial) = work.await.expect("the work does not panic");
    // Report a timeout as such, not as a body that broke off.
    match (fed, received) {
        (Err(failure), Err(Stopped::Broken)) => (Err(Stopped::Refused(failure)), part, trial),
        (_, received) => (received, part, trial),
    }
}

/// Passes the body on, piece by piece, at the speed of the receiver.
async fn forward(app: &App, body: &mut Body, pieces: &Pieces) -> Result<(), RequestFailure> {
    let broken = || RequestFailure::BrokenBody("The body is truncated");
    // Only time spent waiting for the client counts, not for the store.
    let mut pace = body::body_pace(&app.transport);
    loop {
        let data = match body::next_frame(body, &mut pace).await {
            Err(failure) => {
                // The receiver may be gone.
                let _ = pieces.send(Err(io::ErrorKind::TimedOut.into())).await;
                return Err(failure);
            }
            Ok(Some(Err(_))) => {
                let _ = pieces.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
                return Err(broken());
            }
            Ok(None) => {
                // An empty piece marks the end of the body.
                let _ = pieces.send(Ok(Bytes::new())).await;
                return Ok(());
            }
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if !data.is_empty() && pieces.send(Ok(data)).await.is_err() {
            // The receiver stopped and reports the reason itself.
            return Ok(());
        }
    }
}

/// The header fields of an import request.
struct Said {
    offset: u64,
    /// Whether this is the last part.
    is_last: bool,
}

impl Said {
    fn of(headers: &HeaderMap) -> Result<Self, RequestFailure> {
        let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let offset = match field("import-offset").map(str::parse) {
            None => 0,
            Some(Ok(offset)) => offset,
            Some(Err(_)) => return Err(bad("Import-Offset must be a number of lines")),
        };
        let is_last = match field("import-complete") {
            None | Some("?1") => true,
            Some("?0") => false,
            Some(_) => return Err(bad("Import-Complete must be ?0 or ?1")),
        };
        Ok(Self { offset, is_last })
    }
}

fn refuse_idempotency_key(call: &Call<'_>) -> Result<(), RequestFailure> {
    match call.idempotency_key {
        None => Ok(()),
        Some(_) => Err(bad(
            "Imports do not accept an Idempotency-Key; their id and Import-Offset serve that purpose",
        )),
    }
}

fn bad(what: &str) -> RequestFailure {
    RequestFailure::BadParameter(what.into())
}

fn overloaded() -> RequestFailure {
    RequestFailure::Overloaded {
        retry_after_s: RETRY_AFTER.as_secs(),
    }
}

/// The id that the client chose.
fn client_id(call: &Call<'_>) -> Result<Uuid, RequestFailure> {
    let id = input::id(call, "Import");
    id.map_err(|_| bad("The id of an import must be a UUID, chosen by the client"))
}

/// Why a part cannot be received, if it cannot.
fn why_not(import: &Import, new: &NewImport, offset: u64) -> Option<String> {
    let is_same = import.organisation == new.organisation && import.dialect == new.dialect;
    match import.state {
        ImportState::Complete => Some("is complete".into()),
        ImportState::Cancelled => Some("was cancelled".into()),
        ImportState::Open if !is_same => {
            Some("was started for another organisation or dialect".into())
        }
        ImportState::Open if offset != import.lines => Some(format!(
            "has {} committed lines; send Import-Offset: {} and the lines after them",
            import.lines, import.lines
        )),
        ImportState::Open => None,
    }
}

/// 409 with the offset at which the import continues.
fn wrong_offset(call: &Call<'_>, lines: u64, why: &str) -> Response {
    let failure = RequestFailure::Conflict(format!("The import {why}"));
    let path = call.target.split('?').next().unwrap_or_default();
    let reply = call.dialect.refuse(Some(call.operation), &failure, path);
    respond(reply.with_header("import-offset", lines.to_string()))
}

/// Maps the reason why a part was not processed to its end.
fn stopped(call: &Call<'_>, received: Result<(), Stopped>) -> Result<(), RequestFailure> {
    received.map_err(|stopped| match stopped {
        Stopped::Broken => RequestFailure::BrokenEncoding,
        Stopped::Refused(failure) => failure,
        Stopped::Store(error) => call.failure(error),
    })
}

/// Ends the part. The import is complete if the body was whole and this was the last part.
async fn finish(
    app: &Arc<App>,
    call: &Call<'_>,
    receiving: Option<Receiving>,
    id: Uuid,
    received: Result<(), Stopped>,
    said: &Said,
) -> Result<Response, RequestFailure> {
    let key_id = call.authenticated.key_id();
    if let Err(Stopped::Store(StoreError::ImportMoved(import))) = received {
        let why = "was cancelled, or continued by another request";
        return Ok(wrong_offset(call, import.lines, why));
    }
    stopped(call, received)?;
    if said.is_last {
        let ended = app.store.end_import(key_id, id, ImportEnd::Complete).await;
        ended.map_err(|error| call.failure(error))?;
    }
    // Release the claim first, so that the import is not shown as receiving.
    drop(receiving);
    let import = find(app, call, id).await?;
    Ok(ok(&told(app, call, &import)))
}

/// Shows an import's progress. As an event stream, sends each change until the import ends.
pub(super) async fn show(
    app: &Arc<App>,
    call: &Call<'_>,
    headers: &HeaderMap,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Import")?;
    let import = find(app, call, id).await?;
    let accept = headers.get("accept").and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let news = news(Arc::clone(app), OwnedCall::of(call), id);
        return Ok(Sse::new(news)
            .keep_alive(sse::KeepAlive::default())
            .into_response());
    }
    Ok(ok(&told(app, call, &import)))
}

/// The progress events of an import, until it ends.
fn news(
    app: Arc<App>,
    call: OwnedCall,
    id: Uuid,
) -> impl Stream<Item = Result<sse::Event, std::convert::Infallible>> {
    let begin = (app, call, Some(String::new()));
    let steps = futures_util::stream::unfold(begin, move |(app, call, last)| async move {
        // A stream that stays open would delay shutdown.
        let last = last.filter(|_| !app.feed.is_stopped())?;
        let now = {
            let import = on_behalf_of(call.key_id(), find(&app, &call.call(), id)).await;
            let import = import.ok()?;
            let told = told(&app, &call.call(), &import);
            let is_open = import.state == ImportState::Open;
            let json = serde_json::to_string(&told).unwrap_or_default();
            (json, is_open)
        };
        let (json, is_open) = now;
        let event = (json != last).then(|| sse::Event::default().event("progress").data(&json));
        if event.is_none() {
            app.feed.pause(NEWS_EVERY).await;
        }
        Some((event, (app, call, is_open.then_some(json))))
    });
    steps.filter_map(async |event| event.map(Ok))
}

/// Cancels an import. Its committed lines stay.
pub(super) async fn cancel(app: &Arc<App>, call: &Call<'_>) -> Result<Response, RequestFailure> {
    refuse_idempotency_key(call)?;
    Query::new(&call.head, call.operation)?;
    let id = input::id(call, "Import")?;
    find(app, call, id).await?;
    let key_id = call.authenticated.key_id();
    let ended = app.store.end_import(key_id, id, ImportEnd::Cancelled).await;
    let import = ended.map_err(|error| call.failure(error))?;
    match import.state {
        ImportState::Complete => Err(RequestFailure::Conflict(
            "The import is complete and cannot be cancelled".into(),
        )),
        ImportState::Open | ImportState::Cancelled => Ok(ok(&told(app, call, &import))),
    }
}

async fn find(app: &App, call: &Call<'_>, id: Uuid) -> Result<Import, RequestFailure> {
    let import = app.store.import(call.authenticated.key_id(), id).await;
    let import = import.map_err(|error| call.failure(error))?;
    import.ok_or_else(|| input::not_found("Import", &id))
}

fn told(app: &App, call: &Call<'_>, import: &Import) -> ImportView {
    let is_receiving = app
        .imports
        .is_receiving(call.authenticated.key_id(), import.id);
    let state = match import.state {
        ImportState::Complete => "complete",
        ImportState::Cancelled => "cancelled",
        ImportState::Open if is_receiving => "receiving",
        ImportState::Open => "interrupted",
    };
    let organisations = call.authenticated.caller().organisations.values();
    let is_its =
        |id| move |known: &&wharfinger_core::order::organisation::Organisation| known.id == id;
    let organisation = import
        .organisation
        .and_then(|id| organisations.clone().find(is_its(id)));
    let seconds = std::time::Duration::from_millis(import.active_ms).as_secs_f64();
    let counts = import.counts;
    ImportView {
        id: import.id.to_string(),
        state,
        organisation: organisation.map(|organisation| organisation.code.clone()),
        dialect: import.dialect.clone(),
        lines_committed: import.lines,
        received: counts.received(),
        accepted: counts.accepted,
        updated: counts.updated,
        unchanged: counts.unchanged,
        rejected: counts.rejected,
        started_at: time(import.began_at_ms),
        updated_at: time(import.changed_at_ms),
        active_seconds: seconds,
        lines_per_second: if seconds > 0.0 {
            (import.lines as f64 / seconds).round()
        } else {
            0.0
        },
        batches: Some(format!("/v1/batches?import={}", import.id)),
        tried: None,
    }
}
