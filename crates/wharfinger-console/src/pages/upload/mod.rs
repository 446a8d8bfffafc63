//! `/console/upload` and `/console/upload/{id}`: a file of orders, checked first and then sent.
//!
//! ```text
//! mod.rs       routes, and what each form does
//! first.rs     the form for a file, and the list of files
//! mapping.rs   the page of the columns of a CSV file
//! results.rs   the pages of a check and of a sending
//! run.rs       the task that checks or sends
//! reading.rs   the file's orders in batches     answer.rs  a batch to /v1
//! choose.rs    the forms of the columns
//! columns.rs   what columns become              rows.rs    results in a file, page by page
//! receive.rs   a form with a file               shelf.rs   the files of this process
//! organisation.rs  the organisation of a file
//! ```

mod answer;
mod choose;
mod columns;
mod first;
mod mapping;
mod organisation;
mod reading;
mod receive;
mod results;
mod rows;
mod run;
mod shelf;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use self::columns::Columns;
use self::reading::Fits;
use self::receive::{Form, NotReceived};
use self::run::{Job, Run};
use self::shelf::{FILE_BYTES_MAX, Full, Place, Shelf, Upload};
use crate::page::{self, Page};
use crate::session;
use crate::visit::{self, Posted, Shared, Visit};

/// Columns of a table, at most. Each is a row of a form with all attributes.
const COLUMNS_MAX: usize = 500;
/// Rows of a CSV file that are shown as samples.
const SAMPLE_ROWS: usize = 3;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/console/upload", get(first::show).post(receive_file))
        .route("/console/upload/{id}", get(show))
        .route("/console/upload/{id}/progress", get(progress))
        .route(
            "/console/upload/{id}/mapping.toml",
            get(choose::mapping_file),
        )
        .route("/console/upload/{id}/columns", post(choose::columns))
        .route(
            "/console/upload/{id}/organisation",
            post(organisation::change),
        )
        .route("/console/upload/{id}/check", post(check))
        .route("/console/upload/{id}/send", post(send))
        .route("/console/upload/{id}/stop", post(stop))
        .route("/console/upload/{id}/remove", post(remove))
        .layer(Extension(Arc::new(Shelf::new())))
}

type Shelved = Extension<Arc<Shelf>>;

/// What a key may send, as `/v1/limits` says.
#[derive(Debug, Default, Deserialize)]
struct Limits {
    body_bytes_max: usize,
    orders_per_batch_max: usize,
    organisations: Vec<String>,
    all_organisations: bool,
}

impl Limits {
    async fn of(visit: &Visit) -> Result<Self, Response> {
        let limits = visit.get("/v1/limits").await;
        limits.map_err(|refused| page::refused(visit, &refused))
    }

    /// The organisation of a key that has only one.
    fn only(&self) -> Option<&str> {
        match self.organisations.as_slice() {
            [only] if !self.all_organisations => Some(only),
            _ => None,
        }
    }
}

/// The answer to keys that may not send orders.
fn without_scope(visit: &Visit) -> Option<Response> {
    let sentence = "Your key cannot send orders. Uploads need a key with the scope orders:write.";
    let is_without = !visit.session.may("orders:write");
    is_without.then(|| told(visit, StatusCode::FORBIDDEN, sentence))
}

/// A page that says why the file was not taken.
fn told(visit: &Visit, status: StatusCode, sentence: &str) -> Response {
    Page::new(visit, "Upload").status(status).show(&html! {
        p.notice.bad role="alert" { (sentence) }
        p { a href="/console/upload" { "Back to the upload" } }
    })
}

async fn receive_file(
    State(host): State<Shared>,
    Extension(shelf): Shelved,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refused) = visit::foreign(session::sender(&parts.headers)) {
        return refused;
    }
    let head = Request::from_parts(parts.clone(), Body::empty());
    let visit = match Visit::from_request(head, &host).await {
        Ok(visit) => visit,
        Err(elsewhere) => return elsewhere,
    };
    let mut place = None;
    let may_begin = |form: &Form| {
        if let Some(told) = without_scope(&visit) {
            return Err(Box::new(told));
        }
        if !session::is_csrf(&visit.session.token, form.field("csrf")) {
            let sentence = "The form has expired. Open the page again and choose the file again.";
            return Err(Box::new(told(&visit, StatusCode::FORBIDDEN, sentence)));
        }
        // Several files may arrive at the same time.
        let held = shelf.hold(&visit.session.key_id);
        place = Some(held.map_err(|full| Box::new(told_full(&visit, full)))?);
        Ok(())
    };
    let form = match receive::receive(&parts.headers, body, may_begin).await {
        Ok(form) => form,
        Err(why) => return told_not_received(&visit, why),
    };
    let Some(place) = place else {
        return told_not_received(&visit, NotReceived::NotForm);
    };
    keep(&visit, (&shelf, place), form)
        .await
        .unwrap_or_else(|told| told)
}

fn told_full(visit: &Visit, full: Full) -> Response {
    let sentence = match full {
        Full::Key => "Your key already has 5 files here. Remove one of them first.",
        Full::Server => "The server has too many files now. Try again later.",
    };
    told(visit, StatusCode::SERVICE_UNAVAILABLE, sentence)
}

fn told_not_received(visit: &Visit, why: NotReceived) -> Response {
    match why {
        NotReceived::Refused(response) => *response,
        NotReceived::TooLarge => {
            let sentence = format!(
                "The file is too large. A file can have at most {} MiB. Compress it with gzip, split it, or send it with wharfinger submit.",
                FILE_BYTES_MAX >> 20
            );
            told(visit, StatusCode::PAYLOAD_TOO_LARGE, &sentence)
        }
        NotReceived::NotForm => {
            let sentence =
                "The request is not a form with one file. Choose the file on the page Upload.";
            told(visit, StatusCode::BAD_REQUEST, sentence)
        }
        NotReceived::FieldTooLarge => {
            let sentence =
                "The form has a field that is too long, or too many fields. Nothing was stored.";
            told(visit, StatusCode::BAD_REQUEST, sentence)
        }
        NotReceived::Ended => {
            let sentence = "The connection ended before the whole file had arrived. Nothing was stored. Upload the file again.";
            told(visit, StatusCode::BAD_REQUEST, sentence)
        }
        NotReceived::Slow => {
            let sentence = "Nothing arrived for 30 seconds, so the upload was stopped. Nothing was stored. Check your connection and upload the file again.";
            told(visit, StatusCode::REQUEST_TIMEOUT, sentence)
        }
        NotReceived::NoRoom(error) => {
            tracing::error!(%error, "A file that was uploaded cannot be kept.");
            let sentence = "The server has no disk space for the file. Nothing was stored. Tell the server's operator.";
            told(visit, StatusCode::INSUFFICIENT_STORAGE, sentence)
        }
    }
}

/// Keeps a file, and begins to check it if it is no table.
async fn keep(
    visit: &Visit,
    (shelf, place): (&Arc<Shelf>, Place),
    form: Form,
) -> Result<Response, Response> {
    let limits = Limits::of(visit).await?;
    let organisation = form.field("organisation").to_owned();
    let dialect = form.field("dialect").to_owned();
    let Some((name, file, bytes)) = form.file.filter(|(_, _, bytes)| *bytes > 0) else {
        let sentence = "No file was chosen, or the file is empty.";
        return Err(told(visit, StatusCode::BAD_REQUEST, sentence));
    };
    let own = wharfinger_client::source::dialect_ids();
    let dialect = own.iter().find(|id| **id == dialect).unwrap_or(&own[0]);
    let state = shelf::State {
        organisation: limits.only().map_or(organisation, str::to_owned),
        dialect: (*dialect).to_owned(),
        ..shelf::State::default()
    };
    let id =
        shelf::new_id().map_err(|error| told_not_received(visit, NotReceived::NoRoom(error)))?;
    let key_id = visit.session.key_id.clone();
    let mut upload = Upload::new(id, key_id, name, (file, bytes), state);
    let seen = tokio::task::block_in_place(|| look(&upload));
    match seen {
        Ok(Some(table)) if table.columns.len() > COLUMNS_MAX => {
            let sentence = format!(
                "The file has {} columns. At most {COLUMNS_MAX} are possible here. Remove columns that you do not need, or send the file with wharfinger submit.",
                table.columns.len()
            );
            return Err(told(visit, StatusCode::UNPROCESSABLE_ENTITY, &sentence));
        }
        Ok(table) => upload.table = table,
        Err(why) => return Err(told(visit, StatusCode::UNPROCESSABLE_ENTITY, &why)),
    }
    if let Some(table) = &upload.table {
        let columns = Columns::propose(table);
        let mapping = columns.mapping(table).ok();
        upload.change(|state| {
            state.columns = columns;
            state.mapping = mapping;
            own[0].clone_into(&mut state.dialect);
        });
    }
    let upload = Arc::new(upload);
    shelf.add(Arc::clone(&upload), place);
    if upload.table.is_none() {
        begin(visit, shelf, &upload, true).await?;
    }
    Ok(page::redirect(&upload.path()))
}

/// The columns and first rows of a file, if it is a table.
fn look(upload: &Upload) -> Result<Option<wharfinger_client::source::Table>, String> {
    let content = || {
        upload
            .content()
            .ok_or_else(|| "The file is no longer here.".to_owned())
    };
    let is_table = content()?
        .is_table()
        .map_err(|error| format!("{error:#}"))?;
    if !is_table {
        return Ok(None);
    }
    let table = content()?.table(SAMPLE_ROWS);
    table.map(Some).map_err(|error| format!("{error:#}"))
}

/// Begins to check or to send a file.
async fn begin(
    visit: &Visit,
    shelf: &Arc<Shelf>,
    upload: &Arc<Upload>,
    is_dry: bool,
) -> Result<(), Response> {
    let limits = Limits::of(visit).await?;
    let run = Run::new(is_dry);
    let run = run.map_err(|error| told_not_received(visit, NotReceived::NoRoom(error)))?;
    let run = Arc::new(run);
    let is_readable = upload.table.is_none() || upload.state().mapping.is_some();
    if is_readable && upload.has_content() && upload.begin(&run) {
        let job = Job {
            host: Arc::clone(&visit.host),
            session: visit.session.clone(),
            shelf: Arc::clone(shelf),
            upload: Arc::clone(upload),
            run,
            fits: Fits::new(limits.orders_per_batch_max, limits.body_bytes_max),
        };
        job.spawn();
    }
    Ok(())
}

fn find(visit: &Visit, shelf: &Shelf) -> Option<Arc<Upload>> {
    shelf.find(visit.path("id"), &visit.session.key_id)
}

fn told_gone(visit: &Visit) -> Response {
    let sentence = "This file is no longer here. It was removed, or the server was restarted. Upload it again: no order is stored twice.";
    told(visit, StatusCode::NOT_FOUND, sentence)
}

async fn show(Extension(shelf): Shelved, visit: Visit) -> Response {
    let Some(upload) = find(&visit, &shelf) else {
        return told_gone(&visit);
    };
    let limits = match Limits::of(&visit).await {
        Ok(limits) => limits,
        Err(told) => return told,
    };
    let state = upload.state();
    let wants_columns = visit.query("step") == "columns" && upload.running().is_none();
    match (&upload.table, state.sending.as_ref(), state.check.as_ref()) {
        (Some(table), _, _) if wants_columns => mapping::show(&visit, &upload, table, &limits),
        (_, Some(run), _) | (_, None, Some(run)) => results::show(&visit, &upload, run, &limits),
        (Some(table), None, None) => mapping::show(&visit, &upload, table, &limits),
        (None, None, None) => results::not_checked(&visit, &upload, &limits),
    }
}

async fn progress(Extension(shelf): Shelved, visit: Visit) -> Response {
    let Some(upload) = find(&visit, &shelf) else {
        return told_gone(&visit);
    };
    let state = upload.state();
    let run = state.sending.or(state.check);
    let seen = run.map(|run| run.seen()).unwrap_or_default();
    let told = json!({
        "done": seen.is_done,
        "read": seen.bytes_read,
        "bytes": upload.bytes,
        "waits": seen.waits,
        "counts": seen.counts,
    });
    let mut response = Response::new(Body::from(told.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

async fn check(Extension(shelf): Shelved, posted: Posted) -> Response {
    run(&shelf, &posted, true).await
}

async fn send(Extension(shelf): Shelved, posted: Posted) -> Response {
    run(&shelf, &posted, false).await
}

async fn run(shelf: &Arc<Shelf>, posted: &Posted, is_dry: bool) -> Response {
    let visit = &posted.visit;
    if let Some(told) = without_scope(visit) {
        return told;
    }
    let Some(upload) = find(visit, shelf) else {
        return told_gone(visit);
    };
    let begun = begin(visit, shelf, &upload, is_dry).await;
    begun.map_or_else(|told| told, |()| page::redirect(&upload.path()))
}

async fn stop(Extension(shelf): Shelved, posted: Posted) -> Response {
    match find(&posted.visit, &shelf) {
        Some(upload) => {
            upload.stop();
            page::redirect(&upload.path())
        }
        None => told_gone(&posted.visit),
    }
}

async fn remove(Extension(shelf): Shelved, posted: Posted) -> Response {
    match find(&posted.visit, &shelf) {
        Some(upload) => {
            shelf.remove(&upload.id);
            page::redirect("/console/upload?done=removed")
        }
        None => told_gone(&posted.visit),
    }
}
