//! Receives one part of an import, or all of it.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use tokio::runtime::Handle;
use uuid::Uuid;
use wharfinger_core::convert;
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::outcome::Counts;

use super::{ImportView, Tried, TriedLine, bad, find, refuse_idempotency_key, view};
use crate::clock;
use crate::http::answer::respond;
use crate::http::body::{self, Media};
use crate::http::v1::answer::ok;
use crate::http::v1::input;
use crate::http::v1::problems;
use crate::imports::{self, Part, Pieces, Source, Stopped, Trial};
use crate::intake;
use crate::intake::app::App;
use crate::intake::claims::Receiving;
use crate::intake::request_context::{BatchOptions, Call, OwnedCall, file_name};
use crate::runtime::budget::Lease;
use crate::store::{Import, ImportEnd, ImportState, NewImport, StoreError};

/// Reason for refusing a second concurrent part.
const BUSY: &str = "is already receiving another request";

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
    let file_name = file_name(&call.head)?;
    let id = client_id(call)?;
    let said = Said::of(headers)?;
    if body::media(headers) != Some(Media::Lines) && headers.contains_key("content-type") {
        return Err(RequestFailure::UnsupportedMediaType {
            wanted: "application/x-ndjson or application/jsonl",
        });
    }
    let coding = body::coding(headers)?;
    let mut slot = call.lease(&app.import_slots);
    let mut memory = call.lease(&app.body_budget);
    let bytes_min = imports::BYTES_MIN + body::window_bytes(coding);
    if !slot.grow(1) || !memory.grow(bytes_min) {
        return Err(intake::overloaded());
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
        options: BatchOptions {
            file_name: file_name.clone(),
            ..BatchOptions::for_dialect(written_in)
        },
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
        errors: problems::judged(&rejected.problems, &rejected.hints),
    });
    let view = ImportView {
        batches: None,
        tried: Some(Tried {
            dry_run: true,
            pieces: trial.pieces,
            rejections: lines.collect(),
        }),
        ..view(app, call, &import)
    };
    respond(Reply::json(200, &view).with_header("wharfinger-dry-run", "true"))
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
    Ok(ok(&view(app, call, &import)))
}
