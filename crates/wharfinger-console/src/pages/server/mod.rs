//! `/console/server`: whether the server is healthy, how much it does, and its settings.

mod metrics;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http_body_util::BodyExt;
use maud::{Markup, html};
use serde::Deserialize;

use self::metrics::Metrics;
use crate::page::{self, Page};
use crate::parts::{age, count, label, stack};
use crate::visit::{Shared, Visit};

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/console/server", get(show))
}

/// Limits in effect, as `/v1/limits` shows them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    body_bytes_max: u64,
    orders_per_batch_max: u64,
    order_bytes_max: u64,
    order_depth_max: u64,
    idempotency_hours: u64,
}

async fn show(visit: Visit) -> Response {
    if !visit.session.may_see_server() {
        let sentence = "Only a key with the scope admin for all organisations sees the server.";
        return Page::new(&visit, "Server")
            .status(StatusCode::FORBIDDEN)
            .show(&html! { p.notice.bad role="alert" { (sentence) } });
    }
    let limits: Limits = match visit.get("/v1/limits").await {
        Ok(limits) => limits,
        Err(refused) => return page::refused(&visit, &refused),
    };
    let (is_ready, checks) = text(&visit, "/readyz?verbose").await;
    let (_, metrics) = text(&visit, "/metrics").await;
    let metrics = Metrics::read(&metrics);
    let content = html! {
        @if is_ready { p.notice.good role="status" { "The server accepts orders." } }
        @else { div.notice.bad role="alert" { p { "The server does not accept orders." } pre { (checks) } } }
        (load(&visit, &metrics))
        (orders(&metrics))
        (requests(&metrics))
        (settings(&limits))
    };
    Page::new(&visit, "Server").show(&content)
}

/// A page of plain text of the server.
async fn text(visit: &Visit, target: &str) -> (bool, String) {
    let Ok(request) = Request::builder().uri(target).body(Body::empty()) else {
        return (false, String::new());
    };
    let (parts, body) = visit.host.call(&visit.session, request).await.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    (
        parts.status.is_success(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

fn load(visit: &Visit, metrics: &Metrics) -> Markup {
    let one = |name: &str| metrics.one(name);
    let whole = |name: &str| one(name).map(|value| value.max(0.0) as u64);
    let now_s = visit.host.now_ms() as f64 / 1_000.0;
    let up_s = one("wharfinger_process_start_time_seconds").map(|began| (now_s - began).max(0.0));
    let up_s = up_s.map(|seconds| seconds as u64);
    let bytes = |name: &str| whole(name).map(size);
    let commit = metrics.histogram("wharfinger_store_commit_duration_seconds", &[]);
    html! {
        div.cards.tally {
            (card(up_s.map(age), "up"))
            (card(whole("wharfinger_store_queue_depth").map(count), "waiting for the store"))
            (card(bytes("wharfinger_store_size_bytes"), "store"))
            (card(bytes("wharfinger_disk_free_bytes"), "free on the disk"))
            (card(commit.quantile(0.99).map(millis), "for 99 % of commits"))
            (card(whole("wharfinger_events_lag_seconds").map(age), "lag of the event feed"))
        }
        dl.facts {
            dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) }
            @if let Some(reserve) = bytes("wharfinger_disk_reserve_bytes") { dt { "Kept free on the disk" } dd { (reserve) } }
            @if let Some(log) = bytes("wharfinger_store_log_bytes") { dt { "Write-ahead log" } dd { (log) } }
            @if let Some(body) = bytes("wharfinger_body_bytes_in_flight") { dt { "Bodies in memory" } dd { (body) } }
        }
        p.hint { "Counts are of this process since it started. All metrics: " code { "GET /metrics" } "." }
    }
}

fn card(value: Option<String>, text: &str) -> Markup {
    html! { @if let Some(value) = value { div.card { span.number { (value) } (text) } } }
}

fn orders(metrics: &Metrics) -> Markup {
    let rows = metrics.sums("wharfinger_orders_total", "dialect", "outcome");
    html! {
        h2 { "Orders" }
        @if rows.is_empty() { p.hint { "None since the start." } }
        @else {
            (stack("Orders since the start", &html! {
                thead { tr { th scope="col" { "Dialect" } th scope="col" { "Outcome" } th.number scope="col" { "Orders" } } }
                tbody { @for (dialect, outcome, value) in &rows { tr { td data-label="Dialect" { span { (dialect) } } td data-label="Outcome" { (label(outcome, "quiet")) } td.number data-label="Orders" { (count(*value as u64)) } } } }
            }))
        }
    }
}

fn requests(metrics: &Metrics) -> Markup {
    const NAME: &str = "wharfinger_http_request_duration_seconds";
    let mut routes: Vec<_> = metrics.values_of(&format!("{NAME}_count"), "route");
    routes.retain(|route| !route.is_empty());
    html! {
        h2 { "Requests" }
        @if routes.is_empty() { p.hint { "None since the start." } }
        @else {
            (stack("Requests since the start", &html! {
                thead { tr { th scope="col" { "Route" } th.number scope="col" { "Requests" } th.number scope="col" { "Failed" } th.number scope="col" { "Half within" } th.number scope="col" { "99 % within" } } }
                tbody {
                    @for route in &routes {
                        @let times = metrics.histogram(NAME, &[("route", route)]);
                        tr {
                            td.wide { code { (route) } }
                            td.number data-label="Requests" { (count(times.count as u64)) }
                            td.number data-label="Failed" { (count(metrics.failed(NAME, route) as u64)) }
                            td.number data-label="Half within" { (times.quantile(0.5).map_or_else(String::new, millis)) }
                            td.number data-label="99 % within" { (times.quantile(0.99).map_or_else(String::new, millis)) }
                        }
                    }
                }
            }))
            p.hint { "Failed: status 500 and above. Times are upper bounds." }
        }
    }
}

fn settings(limits: &Limits) -> Markup {
    html! {
        h2 { "Settings in effect" }
        dl.facts {
            dt { "Body, after decompression" } dd { (size(limits.body_bytes_max)) }
            dt { "Orders of a batch" } dd { (count(limits.orders_per_batch_max)) }
            dt { "One order" } dd { (size(limits.order_bytes_max)) ", " (limits.order_depth_max) " levels" }
            dt { "Answers are kept for" } dd { (limits.idempotency_hours) " h" }
        }
    }
}

/// A time in milliseconds or seconds.
fn millis(seconds: f64) -> String {
    if seconds.is_infinite() {
        return "longer".to_owned();
    }
    let ms = seconds * 1_000.0;
    match ms {
        ms if ms >= 1_000.0 => format!("{seconds:.1} s"),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units
        .iter()
        .find(|(_, bits)| bytes >= f64::from(1_u32 << bits));
    match unit {
        Some((name, bits)) => format!("{:.1} {name}", bytes / f64::from(1_u32 << bits)),
        None => format!("{bytes} bytes"),
    }
}
