//! Destinations of the organisations that the calling key reaches. Others are reported as not found.

mod body;
mod deliveries;
mod lag;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use wharfinger_core::dialect::Reply;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::Scope;

use self::deliveries::{AttemptView, DeliveriesView};
use self::lag::LagHistoryView;
use super::super::answer::respond_with;
use super::answer::{Page, ok};
use super::events;
use super::input::{Listing, not_found};
use super::parameters::PAGE;
use super::route::{Kind, Route};
use super::{administer, cursor, input};
use crate::clock;
use crate::http::describe::{Bodies, Content};
use crate::intake::app::App;
use crate::intake::idempotency::{Answered, Begin, SaveAs};
use crate::intake::request_context::Call;
use crate::onward::new::{self, others_until_ms};
use crate::onward::settings::Settings;
use crate::onward::view::DestinationView;
use crate::store::{
    Change, DestinationChange, DestinationState, DestinationStatus, ReplayFrom, SigningSecret,
};

/// Routes of destinations.
pub(super) static ROUTES: &[Route] = &[
    Route {
        name: "list_destinations",
        method: "GET",
        path: "/v1/destinations",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List destinations, without their secrets",
        parameters: PAGE,
        bodies: Bodies::page::<DestinationView>,
        handler: |r| Box::pin(list(r.app, r.call)),
    },
    Route {
        name: "create_destination",
        method: "POST",
        path: "/v1/destinations",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Create a destination; its secret is shown only once",
        parameters: &[],
        bodies: |generator| {
            let created = Bodies::created::<DestinationView>(generator);
            created.takes(Content::json(body::new_destination()))
        },
        handler: |r| Box::pin(create(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "show_destination",
        method: "GET",
        path: "/v1/destinations/{id}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Show a destination with its position and its backlog",
        parameters: &[],
        bodies: Bodies::one::<DestinationView>,
        handler: |r| Box::pin(show(r.app, r.call)),
    },
    Route {
        name: "change_destination",
        method: "PATCH",
        path: "/v1/destinations/{id}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Change a destination",
        parameters: &[],
        bodies: |generator| {
            let changed = Bodies::one::<DestinationView>(generator);
            changed.takes(Content::json(body::changed_destination()))
        },
        handler: |r| Box::pin(change(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "delete_destination",
        method: "DELETE",
        path: "/v1/destinations/{id}",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Delete a destination and its delivery history",
        parameters: &[],
        bodies: Bodies::one::<DestinationView>,
        handler: |r| Box::pin(delete(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "pause_destination",
        method: "POST",
        path: "/v1/destinations/{id}/pause",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Pause a destination",
        parameters: &[],
        bodies: Bodies::one::<DestinationView>,
        handler: |r| {
            let state = DestinationState::Paused;
            Box::pin(set_state(r.app, r.call, (r.headers, r.body), state))
        },
    },
    Route {
        name: "resume_destination",
        method: "POST",
        path: "/v1/destinations/{id}/resume",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Resume a paused or disabled destination",
        parameters: &[],
        bodies: Bodies::one::<DestinationView>,
        handler: |r| {
            let state = DestinationState::Active;
            Box::pin(set_state(r.app, r.call, (r.headers, r.body), state))
        },
    },
    Route {
        name: "rotate_destination",
        method: "POST",
        path: "/v1/destinations/{id}/rotate",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Rotate the secret of a destination; the old one stays valid for 24 hours",
        parameters: &[],
        bodies: Bodies::one::<DestinationView>,
        handler: |r| Box::pin(rotate(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "test_destination",
        method: "POST",
        path: "/v1/destinations/{id}/test",
        scope: Some(Scope::Admin),
        kind: Kind::Waits,
        summary: "Send a test event to a webhook and show its response",
        parameters: &[],
        bodies: Bodies::one::<AttemptView>,
        handler: |r| Box::pin(test(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "replay_destination",
        method: "POST",
        path: "/v1/destinations/{id}/replay",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "Deliver events again, from a cursor or a time, or the failed ones",
        parameters: &[],
        bodies: |generator| {
            let replayed = Bodies::one::<DestinationView>(generator);
            replayed.takes(Content::json(body::replay()))
        },
        handler: |r| Box::pin(replay(r.app, r.call, r.headers, r.body)),
    },
    Route {
        name: "list_deliveries",
        method: "GET",
        path: "/v1/destinations/{id}/deliveries",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List the latest delivery attempts and the waiting orders",
        parameters: PAGE,
        bodies: Bodies::one::<DeliveriesView>,
        handler: |r| Box::pin(deliveries::list(r.app, r.call)),
    },
    Route {
        name: "list_destination_lag",
        method: "GET",
        path: "/v1/destinations/{id}/lag",
        scope: Some(Scope::Admin),
        kind: Kind::Plain,
        summary: "List how far a destination was behind in the last three hours, by minute",
        parameters: &[],
        bodies: Bodies::one::<LagHistoryView>,
        handler: |r| Box::pin(lag::list(r.app, r.call)),
    },
];

/// Lists destinations in the order of their creation.
async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after: Option<(i64, String)> = match listing.after {
        Some(after) => Some(cursor::read("destinations", after)?),
        None => None,
    };
    let found = app.store.destinations().await;
    let found = found.map_err(|error| call.failure(error))?;
    let caller = call.authenticated.caller();
    let place = |of: &DestinationStatus| {
        let destination = &of.destination;
        (destination.created_at_ms, destination.id.to_string())
    };
    let is_after = |of: &DestinationStatus| after.as_ref().is_none_or(|after| place(of) > *after);
    let mut found = found.into_iter().filter(|of| {
        let is_reached = caller.reach.covers(&of.destination.reach);
        is_reached && is_after(of)
    });
    let shown = Vec::from_iter(found.by_ref().take(listing.limit));
    let mut data = Vec::new();
    for status in &shown {
        let view = DestinationView::read(&app.store, status, caller.organisations).await;
        data.push(view.map_err(|error| call.failure(error))?);
    }
    let last = shown.last().filter(|_| found.next().is_some());
    let next = last.map(|last| cursor::write("destinations", &place(last)));
    Ok(ok(&Page { data, next }))
}

/// The destination in the path. One of organisations that the key does not reach is reported as not found.
async fn find(app: &App, call: &Call<'_>) -> Result<DestinationStatus, RequestFailure> {
    let id = input::id(call, "Destination")?;
    let found = app.store.destination(id).await;
    let found = found.map_err(|error| call.failure(error))?;
    let reach = call.authenticated.caller().reach;
    let found = found.filter(|found| reach.covers(&found.destination.reach));
    found.ok_or_else(|| not_found("Destination", &id))
}

/// Describes a destination.
async fn view(
    app: &App,
    call: &Call<'_>,
    status: &DestinationStatus,
) -> Result<DestinationView, RequestFailure> {
    let organisations = call.authenticated.caller().organisations;
    let view = DestinationView::read(&app.store, status, organisations).await;
    view.map_err(|error| call.failure(error))
}

/// Shows a destination.
async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = find(app, call).await?;
    Ok(ok(&view(app, call, &found).await?))
}

/// Creates a destination and returns its secret.
async fn create(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let body = input::body(app, call, headers, body).await?;
    let (new, start) = body::read_new(app, call, &body)?;
    check_address(app, &new.settings).await?;
    let place = start.place(&app.store, &new.reach).await;
    let place = place.map_err(|error| events::failure(call, None, error))?;
    let (destination, secret) = new.issue(call.authenticated.key_id(), place);
    let location = format!("/v1/destinations/{}", destination.id);
    let status = DestinationStatus::new(destination);
    let view = DestinationView {
        secret,
        ..view(app, call, &status).await?
    };
    let reply = Reply::json(201, &view).with_header("location", location);
    let create = DestinationChange::Create(Box::new((*status.destination).clone()));
    make(app, call, &body, create, (reply, SaveAs::Encrypted)).await
}

/// Makes a change, and responds with this reply.
async fn make(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
    change: DestinationChange,
    reply: (Reply, SaveAs),
) -> Result<Response, RequestFailure> {
    let change = Change::Destination(change);
    let answered = administer(app, call, body, change, reply).await?;
    app.onward.note_change();
    Ok(respond_with(answered))
}

/// Refuses settings with an address to which this server does not connect, or of a kind that it is not set up for.
async fn check_address(app: &App, settings: &Settings) -> Result<(), RequestFailure> {
    if let Some(why) = app.onward.lacks(settings) {
        return Err(RequestFailure::BadParameter(format!(
            "Attribute kind cannot be files: {why}"
        )));
    }
    let checked = settings.check_address(app.onward.guard()).await;
    checked.map_err(|refused| {
        RequestFailure::BadParameter(format!("Attribute url cannot be used: {refused}"))
    })
}

/// Changes the attributes in the body.
async fn change(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let mut status = find(app, call).await?;
    let body = input::body(app, call, headers, body).await?;
    let (patch, settings) = body::read_patch(app, call, &body, &status.destination)?;
    if let Some(settings) = settings {
        check_address(app, &settings).await?;
    }
    let mut destination = (*status.destination).clone();
    destination.change(&patch);
    status.destination = destination.into();
    let reply = Reply::json(200, &view(app, call, &status).await?);
    let change = DestinationChange::Change(Box::new(patch));
    make(app, call, &body, change, (reply, SaveAs::Plain)).await
}

/// Deletes a destination. If it is gone, an earlier request with the same `Idempotency-Key` may have deleted it.
async fn delete(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let found = find(app, call).await;
    let body = input::body(app, call, headers, body).await?;
    let status = match found {
        Err(gone @ RequestFailure::NotFound(_)) => {
            return match app.idempotency.begin(call, &body[..]).await? {
                Begin::Done(saved) => Ok(respond_with(Answered::Replayed(saved))),
                Begin::Unkept | Begin::New(_) => Err(gone),
            };
        }
        found => found?,
    };
    let reply = Reply::json(200, &view(app, call, &status).await?);
    let delete = DestinationChange::Delete(status.destination.id);
    make(app, call, &body, delete, (reply, SaveAs::Plain)).await
}

/// Pauses a destination, or goes on with it.
async fn set_state(
    app: &App,
    call: &Call<'_>,
    (headers, body): (&HeaderMap, &mut Body),
    state: DestinationState,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let mut status = find(app, call).await?;
    let body = input::body(app, call, headers, body).await?;
    let id = status.destination.id;
    let change = match state {
        DestinationState::Active => DestinationChange::Resume(id),
        DestinationState::Paused | DestinationState::Disabled => DestinationChange::Pause(id),
    };
    if status.destination.state != state {
        let mut destination = (*status.destination).clone();
        destination.state = state;
        destination.state_since_ms = clock::now_ms();
        destination.reason = None;
        status.destination = destination.into();
    }
    if state == DestinationState::Active {
        status.progress.failing_since_ms = None;
    }
    let reply = Reply::json(200, &view(app, call, &status).await?);
    make(app, call, &body, change, (reply, SaveAs::Plain)).await
}

/// Adds a secret and returns it.
async fn rotate(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let mut status = find(app, call).await?;
    let body = input::body(app, call, headers, body).await?;
    let settings = Settings::of(&status.destination);
    let settings = settings.map_err(|_| RequestFailure::Internal)?;
    let Some(secret) = new::new_secret(&settings) else {
        let kind = settings.kind();
        let why = format!("a destination of kind {kind} has no secret");
        return Err(RequestFailure::Conflict(why));
    };
    let mut destination = (*status.destination).clone();
    destination.secrets = vec![SigningSecret {
        secret: secret.clone(),
        until_ms: None,
    }];
    status.destination = destination.into();
    let view = DestinationView {
        secret: new::shown(&secret),
        ..view(app, call, &status).await?
    };
    let rotate = DestinationChange::Rotate {
        id: status.destination.id,
        secret,
        others_until_ms: others_until_ms(),
    };
    let reply = (Reply::json(200, &view), SaveAs::Encrypted);
    make(app, call, &body, rotate, reply).await
}

/// Delivers again.
async fn replay(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let mut status = find(app, call).await?;
    let body = input::body(app, call, headers, body).await?;
    let reach = &status.destination.reach;
    let replay = body::read_replay(app, &body, reach)?;
    let from = replay.place(&app.store, reach).await;
    let from = from.map_err(|error| events::failure(call, None, error))?;
    match &from {
        ReplayFrom::Failed => {}
        ReplayFrom::Beginning => status.progress.cursor = None,
        ReplayFrom::After(cursor, _) => status.progress.cursor = Some(cursor.clone()),
    }
    status.progress.failing_since_ms = None;
    let reply = Reply::json(200, &view(app, call, &status).await?);
    let id = status.destination.id;
    let replay = DestinationChange::Replay { id, from };
    make(app, call, &body, replay, (reply, SaveAs::Plain)).await
}

/// Sends a test. It changes nothing, so it is not repeated for an `Idempotency-Key`.
async fn test(
    app: &App,
    call: &Call<'_>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let status = find(app, call).await?;
    input::body(app, call, headers, body).await?;
    let sent = app.onward.send_test(&status.destination).await;
    let attempt = sent.map_err(RequestFailure::Conflict)?;
    let organisations = call.authenticated.caller().organisations;
    Ok(ok(&AttemptView::of(&attempt, organisations)))
}
