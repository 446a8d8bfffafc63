//! Sends events to a receiver on the developer's machine.

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::Result;
use http::Request;
use url::Url;
use wharfinger_client::http::agent;

use super::Event;
use crate::clock;
use crate::onward::headers::{ID, POSITION, PREVIOUS, PREVIOUS_OF_ORDER, SIGNATURE, TIMESTAMP};
use crate::onward::signature::Signer;
use crate::store::SigningSecret;

/// Bytes of an answer that are read.
const ANSWER_BYTES: u64 = 64 << 10;
/// Characters of an answer that are printed.
const SHOWN_CHARS: usize = 200;

/// A receiver of webhooks.
pub(super) struct Receiver {
    agent: ureq::Agent,
    url: String,
    signer: Signer,
    timeout: Duration,
}

/// How an attempt to deliver went.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The status of the answer. `None` if there was none.
    pub(super) status: Option<u16>,
    /// The beginning of the answer, or why there was none.
    pub(super) answer: String,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// How long the attempt took, in milliseconds.
    pub(super) took_ms: u64,
}

impl Attempt {
    /// Whether the receiver has taken the event.
    pub(super) fn is_taken(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

impl Receiver {
    pub(super) fn new(url: &Url, secret: &str, timeout: Duration) -> Result<Self> {
        let secret = SigningSecret {
            secret: secret.to_owned(),
            until_ms: None,
        };
        Ok(Self {
            agent: agent(url.scheme() == "https", None)?,
            url: url.to_string(),
            signer: Signer::new(&[secret]).map_err(anyhow::Error::msg)?,
            timeout,
        })
    }

    /// Sends an event once, with the header fields of a webhook destination.
    ///
    /// # Errors
    /// The event cannot be put into a request.
    pub(super) fn send(&self, event: &Event, body: &str) -> Result<Attempt> {
        let at_s = clock::now_ms().div_euclid(1_000);
        let signature = self.signer.sign(&event.id, at_s, body.as_bytes());
        let mut request = Request::post(&self.url)
            .header("content-type", "application/json")
            .header(ID, &event.id)
            .header(TIMESTAMP, at_s)
            .header(SIGNATURE, signature)
            .header(POSITION, event.position);
        for (name, position) in [
            (PREVIOUS, event.previous),
            (PREVIOUS_OF_ORDER, event.previous_of_order),
        ] {
            if let Some(position) = position {
                request = request.header(name, position);
            }
        }
        let began = Instant::now();
        let request = self
            .agent
            .configure_request(request.body(body)?)
            .timeout_global(Some(self.timeout))
            .build();
        let answered = self.agent.run(request);
        let attempt = match answered {
            Ok(response) => answered_with(response),
            Err(error) => Attempt {
                status: None,
                answer: error.to_string(),
                retry_after: None,
                took_ms: 0,
            },
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Attempt { took_ms, ..attempt })
    }
}

fn answered_with(response: http::Response<ureq::Body>) -> Attempt {
    let (head, body) = response.into_parts();
    let seconds = head.headers.get("retry-after");
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    let mut answer = Vec::new();
    // An answer that breaks off was an answer: its status says whether the event was taken.
    let _read = body
        .into_reader()
        .take(ANSWER_BYTES)
        .read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    Attempt {
        status: Some(head.status.as_u16()),
        answer: answer.trim().chars().take(SHOWN_CHARS).collect(),
        retry_after: seconds.map(Duration::from_secs),
        took_ms: 0,
    }
}
