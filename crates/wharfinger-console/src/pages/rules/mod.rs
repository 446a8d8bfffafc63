//! `/console/organisations/{code}/rules`: the rules that hold orders of an organisation for a person.
//!
//! Everything is one form. Whatever is pressed, the server applies it to the rules that were sent along; only *Save* stores them. The
//! module `rules.js` sends the same form while a person types.

mod edit;
mod trial;
mod view;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::edit::{Draft, Sent};
use self::trial::Trial;
use self::view::Editor;
use crate::api::{self, Refused, segment};
use crate::page;
use crate::visit::{Posted, Shared, Visit};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/console/organisations/{code}/rules", get(show).post(work))
}

fn address(code: &str) -> String {
    format!("/console/organisations/{}/rules", segment(code))
}

fn target(code: &str, below: &str) -> String {
    format!("/v1/organisations/{}/rules{below}", segment(code))
}

/// A rule, as the API shows it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
struct Rule {
    name: String,
    when: String,
    sentence: String,
}

impl Rule {
    fn is_blank(&self) -> bool {
        [&self.name, &self.when, &self.sentence]
            .iter()
            .all(|text| text.trim().is_empty())
    }
}

#[derive(Deserialize)]
struct Stored {
    rules: Vec<Rule>,
    revision: String,
}

async fn stored(visit: &Visit) -> Result<Stored, Refused> {
    visit.get(&target(visit.path("code"), "")).await
}

async fn show(visit: Visit) -> Response {
    let stored = match stored(&visit).await {
        Ok(stored) => stored,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let draft = Draft::of_stored(stored);
    let faults = faults_of(&visit, &draft).await;
    Editor::new(&visit, &draft, &faults).show()
}

/// A form of the page.
async fn work(posted: Posted) -> Response {
    let visit = &posted.visit;
    if let Err(refused) = stored(visit).await {
        return page::refused(visit, &refused);
    }
    let mut draft = Draft::of_form(&posted);
    match posted.field("do") {
        "save" => save(visit, &mut draft).await,
        "test" => test(visit, &draft, posted.field("last")).await,
        pressed => {
            draft.press(pressed);
            let faults = faults_of(visit, &draft).await;
            Editor::new(visit, &draft, &faults).show()
        }
    }
}

/// What is wrong with the rules. Nothing is stored, and no order is read.
async fn faults_of(visit: &Visit, draft: &Draft) -> Vec<edit::Fault> {
    let Sent { rules, places } = draft.sent();
    if rules.is_empty() {
        return Vec::new();
    }
    let body = json!({"rules": rules, "order": {}}).to_string();
    let target = target(visit.path("code"), "/test");
    match visit.send(Method::POST, &target, Some(body.into())).await {
        Ok(_) => Vec::new(),
        Err(refused) => edit::faults(&refused, &places),
    }
}

async fn save(visit: &Visit, draft: &mut Draft) -> Response {
    let Sent { rules, places } = draft.sent();
    let body = json!({"rules": rules, "revision": draft.was}).to_string();
    let target = target(visit.path("code"), "");
    match visit.send(Method::PUT, &target, Some(body.into())).await {
        Ok(_) => {
            let address = address(visit.path("code"));
            page::redirect(&api::target(&address, &[("done", "saved")]))
        }
        Err(refused) if refused.status == StatusCode::CONFLICT.as_u16() => late(visit, draft).await,
        Err(refused) => refused_page(visit, draft, &refused, &places),
    }
}

/// The form again, after somebody else has saved rules.
async fn late(visit: &Visit, draft: &mut Draft) -> Response {
    let now = match stored(visit).await {
        Ok(stored) => stored,
        Err(refused) => return page::refused(visit, &refused),
    };
    // Whoever presses the button again has seen this.
    draft.was = now.revision;
    let faults = faults_of(visit, draft).await;
    let about = "Somebody else has changed the rules while you had them open. Nothing of yours was saved. Save again to replace \
                 what is set now:";
    Editor::new(visit, draft, &faults)
        .status(StatusCode::CONFLICT)
        .others(about, &now.rules)
        .show()
}

async fn test(visit: &Visit, draft: &Draft, last: &str) -> Response {
    let Sent { rules, places } = draft.sent();
    let last = last.parse::<u64>().unwrap_or(trial::LAST);
    let body = json!({"rules": rules, "last": last}).to_string();
    let target = target(visit.path("code"), "/test");
    let sent = visit.send(Method::POST, &target, Some(body.into())).await;
    match sent.and_then(|answer| answer.json::<Trial>()) {
        Ok(trial) => Editor::new(visit, draft, &[]).tried(&trial, last).show(),
        Err(refused) => refused_page(visit, draft, &refused, &places),
    }
}

/// The form again, with what is wrong.
fn refused_page(visit: &Visit, draft: &Draft, refused: &Refused, places: &[usize]) -> Response {
    if refused.is_not_found() {
        return page::refused(visit, refused);
    }
    let faults = edit::faults(refused, places);
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
    let editor = Editor::new(visit, draft, &faults).status(status);
    if faults.is_empty() {
        editor.refused(refused.sentence()).show()
    } else {
        editor.show()
    }
}
