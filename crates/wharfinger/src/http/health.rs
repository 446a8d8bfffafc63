//! Health checks: whether the process is alive, and whether it accepts orders.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;
use crate::store::{self, Store, StoreError};

/// Time that the store has to confirm that it accepts writes.
const READY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a result is reused, so that frequent requests are cheap.
const SHARED_FOR: Duration = Duration::from_millis(100);

/// The latest result and its time.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Checks)>>);

/// The checks of `/readyz`. Each passes, or has a reason that anyone may see.
#[derive(Clone)]
struct Checks {
    store: Result<(), String>,
    disk: Result<(), String>,
}

/// `GET /healthz`: succeeds if the process can respond at all.
pub(super) async fn lives() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether the store accepts new orders. With `?verbose`, lists the checks.
pub(super) async fn takes_writes(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Response {
    let checks = app.readiness.look(app.store.as_ref()).await;
    let query = query.unwrap_or_default();
    let mut asked = form_urlencoded::parse(query.as_bytes());
    let is_verbose = asked.any(|(name, _)| name == "verbose");
    checks.answer(is_verbose)
}

impl Readiness {
    async fn look(&self, store: &Store) -> Checks {
        // Concurrent requests wait for this lock and share the result.
        let mut last = self.0.lock().await;
        if let Some((at, checks)) = last.as_ref()
            && at.elapsed() < SHARED_FOR
        {
            return checks.clone();
        }
        let checks = Checks {
            store: check_store(store).await,
            disk: match store.room() {
                Some(room) if room.is_short() => Err(room.to_string()),
                Some(_) | None => Ok(()),
            },
        };
        *last = Some((Instant::now(), checks.clone()));
        checks
    }
}

async fn check_store(store: &Store) -> Result<(), String> {
    match tokio::time::timeout(READY_TIMEOUT, store.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "The readiness check failed.");
            Err(match error {
                StoreError::DiskFull(_) => "the disk is full".into(),
                StoreError::Overloaded
                | StoreError::Unavailable(_)
                | StoreError::InDoubt(_)
                | StoreError::Refused(_)
                | StoreError::AnswerKept
                | StoreError::AnswerErased
                | StoreError::Internal(_)
                | StoreError::BadCursor
                | StoreError::FeedBegins(_)
                | StoreError::NotLoaded(_)
                | StoreError::ImportMoved(_) => "the store does not accept writes".into(),
            })
        }
        Err(_) => {
            tracing::warn!("The readiness check timed out.");
            Err("the store did not respond in time".into())
        }
    }
}

impl Checks {
    fn answer(&self, is_verbose: bool) -> Response {
        let checks = [("store", &self.store), ("disk", &self.disk)];
        let mut failed = checks.iter().filter_map(|(name, check)| {
            let why = check.as_ref().err()?;
            Some(format!("{name}: {why}"))
        });
        let verdict = match failed.next() {
            None => "ready".to_owned(),
            Some(why) => format!("not ready: {why}"),
        };
        let mut body = String::new();
        if is_verbose {
            for (name, check) in checks {
                let result = check.as_ref().map_or_else(String::as_str, |()| "ok");
                body.push_str(&format!("{name}: {result}\n"));
            }
        }
        body.push_str(&verdict);
        body.push('\n');
        if verdict == "ready" {
            return body.into_response();
        }
        let retry_after = store::RETRY_AFTER.as_secs().to_string();
        let headers = [(RETRY_AFTER, retry_after)];
        (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
    }
}
