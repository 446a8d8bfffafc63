//! Requests that are in flight when the server is killed: a batch whose response is not read, and half of an import.

use std::fmt::Write as _;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wharfinger_bench::server_process::{FirstKey, Server};
use wharfinger_core::dialect::{Sample, StoredOrder};

use super::server::{self, Answer};

/// Orders in the batch.
pub(super) const BATCH_ORDERS: u64 = 2_000;
/// Lines of the import.
pub(super) const IMPORT_LINES: u64 = 10_000;
/// Lines that are sent before the server is killed.
pub(super) const SENT_LINES: u64 = 6_000;
/// The import's id, chosen by the sender.
const IMPORT: &str = "019a0000-0000-4000-8000-000000000001";
/// How often the import's progress is polled, and the pause in between.
const ASKED_MAX: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The requests in flight. Their connections stay open until this is dropped.
pub(super) struct Flight {
    batch: Sample,
    import: Sample,
    open: Vec<TcpStream>,
}

impl Flight {
    pub(super) fn new(key: &FirstKey) -> Self {
        let request =
            |method, target: String, media_type: &str, more: (&'static str, &str), body| Sample {
                method,
                target,
                headers: vec![
                    ("authorization", format!("Bearer {}", key.secret)),
                    ("content-type", media_type.to_owned()),
                    (more.0, more.1.to_owned()),
                ],
                body,
            };
        let organisation = &key.organisation;
        Self {
            batch: request(
                "POST",
                format!("/v1/batches?organisation={organisation}&results=none"),
                "application/x-ndjson",
                ("idempotency-key", "in flight"),
                orders("batch", 0, BATCH_ORDERS),
            ),
            import: request(
                "PUT",
                format!("/v1/imports/{IMPORT}?organisation={organisation}"),
                "application/x-ndjson",
                ("import-offset", "0"),
                orders("import", 0, IMPORT_LINES),
            ),
            open: Vec::new(),
        }
    }

    /// Sends the first lines of the import and waits until some are committed. Then sends the batch, without waiting for its
    /// response. Returns the number of committed lines.
    pub(super) fn begin(&mut self, server: &Server) -> Result<u64> {
        let sent = orders("import", 0, SENT_LINES);
        let stream = begin(server, &self.import, &sent)?;
        self.open.push(stream);
        let mut committed = 0;
        for _ in 0..ASKED_MAX {
            committed = self.lines_committed(server).unwrap_or_default();
            if committed > 0 {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        ensure!(committed > 0, "no line of the import was committed");
        let stream = begin(server, &self.batch, &self.batch.body)?;
        self.open.push(stream);
        Ok(committed)
    }

    /// Committed lines of the import, according to the server.
    pub(super) fn lines_committed(&self, server: &Server) -> Result<u64> {
        let asked = Sample {
            method: "GET",
            target: format!("/v1/imports/{IMPORT}"),
            body: String::new(),
            ..self.import.clone()
        };
        number(&server::send(server, &asked)?, "lines_committed")
    }

    /// Sends the whole batch again with its idempotency key. Returns the number of accepted orders in the response.
    pub(super) fn send_batch_again(&self, server: &Server) -> Result<u64> {
        number(&server::send(server, &self.batch)?, "accepted")
    }

    /// Sends the lines of the import after the committed ones. Returns the total number of accepted lines.
    pub(super) fn send_rest(&self, server: &Server, committed: u64) -> Result<u64> {
        let mut rest = self.import.clone();
        rest.body = orders("import", committed, IMPORT_LINES);
        for (name, value) in &mut rest.headers {
            if *name == "import-offset" {
                *value = committed.to_string();
            }
        }
        number(&server::send(server, &rest)?, "accepted")
    }
}

/// Whether an order was in flight.
pub(super) fn has(order: &StoredOrder) -> bool {
    order.key.starts_with("batch-") || order.key.starts_with("import-")
}

/// Orders in the native format, one per line.
fn orders(prefix: &str, from: u64, to: u64) -> String {
    let mut lines = String::new();
    for number in from..to {
        let line = format!(
            r#"{{"key":"{prefix}-{number}","placed_at":"2026-11-20","lines":[{{"sku":"TEA-7"}}]}}"#
        );
        writeln!(lines, "{line}").expect("a text can be written to");
    }
    lines
}

/// Sends a request's head and the beginning of its body, and reads nothing.
fn begin(server: &Server, request: &Sample, body: &str) -> Result<TcpStream> {
    let address = server
        .url
        .strip_prefix("http://")
        .context("the server's URL is invalid")?;
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {address}\r\n",
        request.method, request.target
    );
    for (name, value) in &request.headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    write!(head, "content-length: {}\r\n\r\n", request.body.len())?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    Ok(stream)
}

/// A number in a response.
fn number(answer: &Answer, name: &str) -> Result<u64> {
    let body: Value = serde_json::from_str(&answer.body)?;
    body[name]
        .as_u64()
        .with_context(|| format!("HTTP {}: {}", answer.status, answer.body))
}
