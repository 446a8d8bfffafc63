//! Sends spans to a collector of traces: OTLP 1.x over HTTP, as JSON.
//!
//! The message is written here instead of by the OpenTelemetry crates. It is one documented object, and the server has an HTTP
//! client already; those crates would bring their own runtime of spans, Protocol Buffers and, with their client, some forty crates.
//!
//! May import `onward` (for its HTTP client), `serve`, `runtime` and `clock`.

mod wire;

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::onward::client::{Client, Reach};
use crate::onward::guard::Guard;
use crate::runtime::metrics::METRICS;
use crate::runtime::traces::{self, Finished};
use crate::serve::config::Settings;
use wire::Resource;

/// Standard variables of OpenTelemetry, for what is not a setting of its own.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Requests whose spans are sent in one message, at most.
const BATCH_MAX: usize = 512;
/// How long finished spans wait for others.
const GATHER_FOR: Duration = Duration::from_secs(1);
/// How long the collector may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The pauses before a message is sent again that the collector could not take.
const AGAIN_AFTER: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// How long the last spans may take when the server stops.
const LAST_WITHIN: Duration = Duration::from_secs(3);

/// The task that sends spans.
pub struct Exporting {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// Starts to record spans and to send them, if the settings or the environment name a collector.
///
/// # Errors
/// The endpoint is not a URL, or a header cannot be sent.
pub fn start(settings: &Settings) -> Result<Option<Exporting>> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_environment = || variable(ENDPOINT);
    let Some(endpoint) = settings.otlp_endpoint.clone().or_else(of_environment) else {
        return Ok(None);
    };
    if endpoint.contains(['?', '#']) {
        anyhow::bail!("the OTLP endpoint must have no query, because /v1/traces is added to it");
    }
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    // The operator names the collector, so any address is allowed, also without TLS.
    let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse::<IpNet>);
    let everywhere = everywhere.into_iter().collect::<Result<_, _>>()?;
    let reach = Reach::new(Guard::new(everywhere), None, None).map_err(anyhow::Error::msg)?;
    let client = Client::new(reach.into(), &url)
        // Not the URL: it may have a password.
        .map_err(|_| anyhow::anyhow!("cannot use the OTLP endpoint: write http://HOST:PORT or https://HOST, without a user and a query; credentials go into {HEADERS}"))?;
    let headers = variable(HEADERS).unwrap_or_default();
    let name = variable(SERVICE_NAME);
    let (stop, stopped) = watch::channel(false);
    let exporter = Exporter {
        client,
        headers: parse_headers(&headers)?,
        resource: Resource::new(name.as_deref().unwrap_or("wharfinger")),
        stopped,
        is_failing: false,
        is_rejecting: false,
    };
    let Some(queue) = traces::record(settings.otlp_percent) else {
        return Ok(None);
    };
    tracing::info!("Traces are sent to a collector.");
    let task = tokio::spawn(exporter.run(queue));
    Ok(Some(Exporting { task, stop }))
}

impl Exporting {
    /// Sends what waits, within a bound, and ends.
    pub async fn finish(mut self) {
        self.stop.send_replace(true);
        if timeout(LAST_WITHIN, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("The last spans did not reach the collector of traces in time.");
        }
    }
}

/// The headers of the standard variable: `name=value`, separated by commas, with percent-encoded values.
fn parse_headers(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let name = HeaderName::try_from(name.trim()).ok()?;
            let value = Vec::from_iter(percent_decode_str(value.trim()));
            Some((name, HeaderValue::try_from(value).ok()?))
        });
        // The error does not quote the value, which is usually a secret.
        let (name, value) = parsed.with_context(|| {
            format!("{HEADERS} must be NAME=VALUE pairs, separated by commas, with percent-encoded values")
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

struct Exporter {
    client: Client,
    headers: HeaderMap,
    resource: Resource,
    stopped: watch::Receiver<bool>,
    /// Whether the last message was not taken.
    is_failing: bool,
    /// Whether it took only a part of the last message.
    is_rejecting: bool,
}

/// Whether a collector has taken a message.
enum Sent {
    Yes,
    /// It keeps all but so many spans, and says why.
    Partly(u64, String),
    /// It may take it later.
    Later(String),
    Never(String),
}

impl Exporter {
    async fn run(mut self, mut queue: mpsc::Receiver<Finished>) {
        while let Some(first) = self.first(&mut queue).await {
            let mut batch = vec![first];
            self.gather(&mut queue, &mut batch).await;
            self.export(&batch).await;
        }
    }

    /// Waits for a span. `None` if the server stops and none is left.
    async fn first(&mut self, queue: &mut mpsc::Receiver<Finished>) -> Option<Finished> {
        if !*self.stopped.borrow() {
            tokio::select! {
                first = queue.recv() => return first,
                // An error means that the sender is gone, which is a stop as well.
                _ = self.stopped.wait_for(|stopped| *stopped) => {}
            }
        }
        queue.try_recv().ok()
    }

    /// Waits for more spans, for a moment, and until the server stops.
    async fn gather(&mut self, queue: &mut mpsc::Receiver<Finished>, batch: &mut Vec<Finished>) {
        let until = Instant::now() + GATHER_FOR;
        while batch.len() < BATCH_MAX {
            let next = if *self.stopped.borrow() {
                queue.try_recv().ok()
            } else {
                tokio::select! {
                    next = timeout_at(until, queue.recv()) => next.ok().flatten(),
                    _ = self.stopped.wait_for(|stopped| *stopped) => continue,
                }
            };
            match next {
                Some(next) => batch.push(next),
                None => return,
            }
        }
    }

    /// Sends spans. Drops them if the collector does not take them after several tries.
    async fn export(&mut self, batch: &[Finished]) {
        let count = batch.iter().map(Finished::count).sum();
        let message = match wire::message(&self.resource, batch) {
            Ok(message) => Bytes::from(message),
            Err(error) => {
                tracing::error!(%error, "Spans could not be written as JSON.");
                METRICS.count_dropped_spans(count);
                return;
            }
        };
        let mut pauses = AGAIN_AFTER.iter();
        let why = loop {
            match self.post(message.clone()).await {
                Sent::Yes => return self.taken(count, 0, ""),
                // A message that was partly taken must not be sent again.
                Sent::Partly(rejected, why) => return self.taken(count, rejected, &why),
                Sent::Never(why) => break why,
                Sent::Later(why) => {
                    let Some(pause) = pauses.next().filter(|_| !*self.stopped.borrow()) else {
                        break why;
                    };
                    // Ends early if the server stops, for a last try.
                    let stopped = self.stopped.wait_for(|stopped| *stopped);
                    let _ = timeout(*pause, stopped).await;
                }
            }
        };
        METRICS.count_dropped_spans(count);
        // Once, not for each message.
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                why,
                "The collector of traces takes no spans; they are dropped."
            );
        }
    }

    /// Counts a message that the collector has answered, with the spans that it rejected.
    fn taken(&mut self, count: u64, rejected: u64, why: &str) {
        let rejected = rejected.min(count);
        METRICS.count_exported_spans(count - rejected);
        METRICS.count_dropped_spans(rejected);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("The collector of traces takes spans again.");
        }
        // Once, not for each message.
        if !std::mem::replace(&mut self.is_rejecting, rejected > 0) && rejected > 0 {
            tracing::warn!(
                why,
                "The collector of traces rejects some of the spans; they are dropped."
            );
        }
    }

    async fn post(&self, message: Bytes) -> Sent {
        let answered = self
            .client
            .post(self.headers.clone(), message, ANSWER_WITHIN);
        match answered.await {
            Ok(answer) if (200..300).contains(&answer.status) => match wire::rejected(&answer.body)
            {
                Some((rejected @ 1.., why)) => Sent::Partly(rejected, why),
                Some((0, _)) | None => Sent::Yes,
            },
            // Those that the protocol names as worth another try.
            Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                Sent::Later(format!("It answered {}.", answer.status))
            }
            Ok(answer) => Sent::Never(format!("It answered {}.", answer.status)),
            Err(fault) => Sent::Later(fault.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_headers;

    #[test]
    fn headers_are_pairs_with_encoded_values() {
        let headers = parse_headers("api-key=a%20b, x-tenant = 7,").unwrap();
        assert_eq!(headers["api-key"], "a b");
        assert_eq!(headers["x-tenant"], "7");
        assert!(parse_headers("").unwrap().is_empty());
        for bad in ["api-key", "api key=1", "key=a%0Ab"] {
            let error = parse_headers(bad).unwrap_err().to_string();
            assert!(error.starts_with("OTEL_EXPORTER_OTLP_HEADERS"), "{error}");
        }
    }
}
