//! `wharfinger demo --stay`: a server with sample orders that keeps running, to look around in.
//!
//! A server says itself when it received an order. So the orders of the last day are placed over the day, and received now; and a
//! few more come every two seconds, as long as the server runs.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use wharfinger_bench::server_process::Server;
use wharfinger_core::dialect::Sample;

use super::{OPTIONS, server};
use crate::clock;

/// The organisations of the demonstration. A server process makes the first one.
const ORGANISATIONS: [&str; 2] = ["DEMO", "NORTH"];
/// Batches of the last day, and orders in each.
const BATCHES: u32 = 48;
const ORDERS: u32 = 20;
/// How often more orders come, and how many.
const EVERY: Duration = Duration::from_secs(2);
const MORE: u32 = 3;
/// Milliseconds between the batches of the last day.
const APART_MS: i64 = 24 * 60 * 60 * 1_000 / BATCHES as i64;
/// Order keys begin with this.
const KEY: &str = "SHOP";

/// Rules that hold an order for a person.
const RULES: &str = r#"{"rules":[
    {"name":"large","when":"size(order.lines) > 5","sentence":"The order has more than five lines."},
    {"name":"abroad","when":"order.shipping_address.country == 'NO'","sentence":"Orders to Norway need papers."}]}"#;

/// What is wrong with an order, if something is.
#[derive(Clone, Copy)]
enum Fault {
    None,
    Quantity,
    Sku,
    Date,
    Currency,
    Email,
}

/// Starts the server, fills it, and waits for Ctrl-C.
pub(super) async fn run(out: &mut dyn Write, data: &Path) -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let (server, key) = Server::start_for_all(data.into(), &OPTIONS)?;
    let [first, second] = prepare(&server, &key.secret)?;
    let senders = [(ORGANISATIONS[0], first), (ORGANISATIONS[1], second)];
    let now_ms = clock::now_ms();
    for batch in 0..BATCHES {
        let at_ms = now_ms - i64::from(BATCHES - batch) * APART_MS;
        let (organisation, secret) = &senders[usize::from(batch % 3 == 2)];
        let from = batch * ORDERS;
        send(&server, (organisation, secret), from..from + ORDERS, at_ms)?;
    }
    let url = &server.url;
    writeln!(
        out,
        "A server with sample orders runs until you press Ctrl-C. Then everything is removed.\n\n  \
         console     {url}/console\n  API         {url}/docs\n  key id      {id}\n  key secret  {secret}\n\n\
         The orders of the last day were placed over the day, and received now. {MORE} more come every {every} seconds.",
        id = key.id,
        secret = key.secret,
        every = EVERY.as_secs(),
    )?;
    out.flush()?;
    let mut next = BATCHES * ORDERS;
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            () = tokio::time::sleep(EVERY) => {
                let (organisation, secret) = &senders[usize::from(next % 2 == 1)];
                send(&server, (organisation, secret), next..next + MORE, clock::now_ms())?;
                next += MORE;
            }
        }
    }
    server.stop()
}

/// Makes a second organisation, a key of each, and the rules of the first. Returns the secrets of the keys.
fn prepare(server: &Server, secret: &str) -> Result<[String; 2]> {
    let [first, second] = ORGANISATIONS;
    change(
        server,
        secret,
        ("POST", "/v1/organisations"),
        &json!({ "code": second }),
    )?;
    let rules = format!("/v1/organisations/{first}/rules");
    change(
        server,
        secret,
        ("PUT", &rules),
        &serde_json::from_str(RULES)?,
    )?;
    let key = |code: &str| {
        let scopes = ["orders:write", "orders:read"];
        let key = json!({"organisations": [code], "scopes": scopes});
        let made = change(server, secret, ("POST", "/v1/keys"), &key)?;
        let secret = made["secret"].as_str().map(str::to_owned);
        secret.context("the new key has no secret")
    };
    Ok([key(first)?, key(second)?])
}

/// Sends a request that changes something. Returns the response.
fn change(
    server: &Server,
    secret: &str,
    (method, target): (&'static str, &str),
    body: &Value,
) -> Result<Value> {
    let answer = server::send(
        server,
        &Sample {
            method,
            target: target.to_owned(),
            headers: vec![
                ("authorization", format!("Bearer {secret}")),
                ("content-type", "application/json".to_owned()),
            ],
            body: body.to_string(),
        },
    )?;
    let is_done = answer.status < 300;
    ensure!(is_done, "{target}: HTTP {}: {}", answer.status, answer.body);
    Ok(serde_json::from_str(&answer.body).unwrap_or_default())
}

/// Sends a batch of orders that were placed within half an hour after a time.
fn send(
    server: &Server,
    (organisation, secret): (&str, &str),
    numbers: std::ops::Range<u32>,
    from_ms: i64,
) -> Result<()> {
    let first = numbers.start;
    let orders = numbers.map(|number| {
        let at_ms = from_ms + i64::from(number - first) * APART_MS / i64::from(ORDERS);
        order(number, at_ms.min(clock::now_ms()))
    });
    let orders: Vec<_> = orders.collect();
    let answer = server::send(
        server,
        &Sample {
            method: "POST",
            target: format!("/v1/batches?organisation={organisation}&results=none"),
            headers: vec![
                ("authorization", format!("Bearer {secret}")),
                ("content-type", "application/json".to_owned()),
            ],
            body: Value::from(orders).to_string(),
        },
    )?;
    // 207 and 422: some of the orders are wrong on purpose.
    let is_stored = matches!(answer.status, 200 | 207 | 422);
    ensure!(is_stored, "HTTP {}: {}", answer.status, answer.body);
    Ok(())
}

/// One order. The number decides what is in it, and what is wrong with it.
fn order(number: u32, at_ms: i64) -> Value {
    const SKUS: [&str; 5] = ["TEA-7", "CUP-2", "POT-1", "TRAY-3", "SPOON-12"];
    const PEOPLE: [(&str, &str, &str); 4] = [
        ("Ada", "Lovelace", "GB"),
        ("Grace", "Hopper", "US"),
        ("Emmy", "Noether", "DE"),
        ("Niels", "Abel", "NO"),
    ];
    let pick = |from: usize, salt: u32| {
        (number.wrapping_mul(2_654_435_761).rotate_left(salt) as usize) % from
    };
    let fault = match number % 40 {
        3 => Fault::Quantity,
        11 | 27 => Fault::Sku,
        19 => Fault::Date,
        31 => Fault::Currency,
        37 => Fault::Email,
        _ => Fault::None,
    };
    let lines = if number.is_multiple_of(97) {
        7
    } else {
        1 + pick(3, 5)
    };
    let (first_name, last_name, country) =
        PEOPLE[pick(if number.is_multiple_of(30) { 4 } else { 3 }, 9)];
    let line = |at: usize| {
        let sku = SKUS[pick(SKUS.len(), 11 + at as u32)];
        let quantity = 1 + pick(4, 13);
        json!({"sku": sku, "quantity": quantity, "unit_price": format!("{}.50", 3 + pick(40, 17)), "currency": "EUR"})
    };
    let mut order = json!({
        "key": format!("{KEY}-{}", 10_000 + number),
        "placed_at": clock::rfc_3339(at_ms),
        "currency": "EUR",
        "customer": {"email": format!("{}@example.test", first_name.to_lowercase()), "first_name": first_name, "last_name": last_name},
        "shipping_address": {"name": format!("{first_name} {last_name}"), "lines": ["1 Harbour Road"], "city": "Port", "country": country},
        "lines": (0..lines).map(line).collect::<Vec<_>>(),
    });
    match fault {
        Fault::None => {}
        Fault::Quantity => order["lines"][0]["quantity"] = json!(-1),
        Fault::Sku => order["lines"][0]["sku"] = json!(""),
        Fault::Date => order["placed_at"] = json!("30.11.2026"),
        Fault::Currency => order["currency"] = json!("EURO"),
        Fault::Email => order["customer"]["email"] = json!("ada.example.test"),
    }
    order
}
