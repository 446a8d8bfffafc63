//! `wharfinger listen`: forwards events to the developer's machine, as a webhook destination would send them.

mod receiver;
mod state;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use wharfinger_client::connect::Connection;
use wharfinger_client::events::feed::{Entry, Feed, Filter, Start};
use wharfinger_client::interrupt;
use wharfinger_client::since::Since;
use wharfinger_client::terminal::{complain, is_output_closed};

use self::receiver::{Attempt, Receiver};
use self::state::State;
use super::{shown, write_json};
use crate::onward::signature::is_secret;

#[derive(Args, Debug)]
#[command(
    after_help = "Events are sent one after the other, each until the receiver answers 2xx, with growing waits. So none is left out, and none \
overtakes another. The cursor is kept after each event. A later run continues there, also after a sleep, a crash, or a restart of the \
server. An event comes again if this command ended before the answer; its `webhook-id` is the same.\n\n\
Example: wharfinger listen --profile shop --forward-to http://localhost:3000/hook --since 10m"
)]
pub(super) struct Listen {
    /// Where events are posted to
    #[arg(long, env = "WHARFINGER_FORWARD_TO", value_name = "URL", value_parser = target)]
    forward_to: Url,
    /// Where the first run begins: RFC 3339, or how long ago, such as 10m [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Forget the kept cursor, and begin like the first run
    #[arg(long)]
    reset: bool,
    /// File with the cursor and the secret [default: one in the user's state directory for each server, key, organisation
    /// and target]
    #[arg(long, env = "WHARFINGER_LISTEN_FILE", value_name = "FILE")]
    cursor_file: Option<PathBuf>,
    /// Form of the order in each event: a dialect, or `submitted` for the text as it was sent [default: none]
    #[arg(long = "as", value_name = "FORM")]
    form: Option<String>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events of this organisation
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// File with the secret to sign with, whsec_… or whsk_…; alternatively, set WHARFINGER_LISTEN_SECRET [default: a secret
    /// that the first run makes]
    #[arg(long, env = "WHARFINGER_LISTEN_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print the secret, and end
    #[arg(long)]
    print_secret: bool,
    /// End when no events are left, instead of waiting for more
    #[arg(long, visible_alias = "until-now")]
    no_follow: bool,
    /// How long a request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout_s: u64,
    /// Print each attempt as JSON, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The first wait before an event is sent again. Each further wait is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(250);
/// The longest wait, also if the receiver asks for more.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What is read of an event.
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    r#type: String,
    organisation: String,
    at: String,
    order_id: Option<String>,
    batch_id: Option<String>,
    position: u64,
    previous: Option<u64>,
    previous_of_order: Option<u64>,
}

/// The variable that holds the secret to sign with.
const SECRET_VARIABLE: &str = "WHARFINGER_LISTEN_SECRET";

impl Listen {
    /// The secret that the user gave, in a file or a variable.
    fn secret(&self) -> Result<Option<String>> {
        let secret = match &self.secret_file {
            Some(file) => {
                let read = std::fs::read_to_string(file);
                Some(read.with_context(|| format!("cannot read the secret in {}", file.display()))?)
            }
            None => std::env::var(SECRET_VARIABLE)
                .ok()
                .filter(|secret| !secret.is_empty()),
        };
        let secret = secret.map(|secret| secret.trim().to_owned());
        ensure!(
            secret.as_deref().is_none_or(is_secret),
            "the secret must be whsec_ and the base64 of 16 to 128 bytes, or whsk_ and that of a private key"
        );
        Ok(secret)
    }

    /// Runs the command. Blocks until it is interrupted, or, with `--no-follow`, until all events are delivered.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let secret = self.secret()?;
        let mut state = State::open(
            self.cursor_file.clone(),
            &client,
            &self.forward_to,
            self.org.as_deref(),
        )?;
        let is_new = state.set_secret(secret.as_deref());
        if self.print_secret {
            state.save()?;
            writeln!(out, "{}", state.secret())?;
            return Ok(());
        }
        let start = state.start(self.since, self.reset);
        state.save()?;
        self.greet(&client, &state, &start, is_new);
        let receiver = Receiver::new(
            &self.forward_to,
            state.secret(),
            Duration::from_secs(self.timeout_s),
        )?;
        let filter = Filter {
            types: self.types.clone(),
            organisation: self.org.clone(),
            form: self.form.clone(),
        };
        let mut feed = Feed::new(client, filter, start);
        loop {
            let before = feed.cursor().map(str::to_owned);
            // The first cursor is kept before anything is waited for.
            let page = feed.next(!self.no_follow && before.is_some())?;
            for entry in &page.entries {
                if !self.deliver(&receiver, entry, out)? {
                    return Ok(());
                }
                state.keep(&entry.cursor)?;
            }
            let is_same = before.as_deref() == Some(&page.next);
            if !is_same {
                state.keep(&page.next)?;
            }
            let is_end = is_same && page.entries.is_empty();
            if (is_end && self.no_follow) || is_output_closed() {
                return Ok(());
            }
        }
    }

    /// Says on standard error what is forwarded, and with which secret a receiver verifies it.
    fn greet(
        &self,
        client: &wharfinger_client::http::Client,
        state: &State,
        start: &Start,
        is_new: bool,
    ) {
        let from = match start {
            Start::Now => "from now on".to_owned(),
            Start::Since(since) => format!("since {since}"),
            Start::After(_) => "where the last run ended".to_owned(),
        };
        complain(format_args!(
            "forwarding events of {} to {}, {from}; the cursor is kept in {}",
            client.url(),
            without_password(&self.forward_to),
            shown(&state.file().display().to_string())
        ));
        if is_new {
            complain(format_args!(
                "the secret to verify signatures with is {}",
                state.secret()
            ));
        } else {
            complain(format_args!(
                "signed with the same secret as before; --print-secret prints it"
            ));
        }
        interrupt::set_last_words("a later run continues here".to_owned());
    }

    /// Sends an event until it is taken. Returns whether it was: without a reader of standard output, it is not tried again.
    fn deliver(&self, receiver: &Receiver, entry: &Entry, out: &mut dyn Write) -> Result<bool> {
        let event: Event = serde_json::from_str(entry.event.get())
            .context("the server gave an event without its position")?;
        let mut wait = WAIT_MIN;
        for number in 1_u64.. {
            let attempt = receiver.send(&event, entry.event.get())?;
            let is_taken = attempt.is_taken();
            let pause = attempt.retry_after.unwrap_or(wait).max(wait).min(WAIT_MAX);
            let pause = (!is_taken).then_some(pause);
            self.tell(&event, &attempt, number, pause, out)?;
            let Some(pause) = pause else {
                break;
            };
            if is_output_closed() {
                return Ok(false);
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(WAIT_MAX);
        }
        Ok(true)
    }

    /// Prints an attempt. `pause` is the wait before the next one, if the event was not taken.
    fn tell(
        &self,
        event: &Event,
        attempt: &Attempt,
        number: u64,
        pause: Option<Duration>,
        out: &mut dyn Write,
    ) -> Result<()> {
        if self.json {
            let line = json!({
                "event_id": event.id,
                "type": event.r#type,
                "organisation": event.organisation,
                "at": event.at,
                "order_id": event.order_id,
                "batch_id": event.batch_id,
                "position": event.position,
                "attempt": number,
                "taken": pause.is_none(),
                "status": attempt.status,
                "took_ms": attempt.took_ms,
                "answer": attempt.answer,
            });
            write_json(out, &line)?;
        } else {
            let subject = match (&event.order_id, &event.batch_id) {
                (Some(order), _) => format!("order {order}"),
                (None, Some(batch)) => format!("batch {batch}"),
                (None, None) => String::new(),
            };
            let status = attempt
                .status
                .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let head = format!(
                "{}  {:16}  {}  {subject}  {status} after {} ms",
                event.at, event.r#type, event.organisation, attempt.took_ms
            );
            let rest = match pause {
                None => String::new(),
                Some(pause) => format!(
                    ": {}; trying again in {} ms",
                    attempt.answer,
                    pause.as_millis()
                ),
            };
            let line = format!("{}\n", shown(&format!("{head}{rest}")));
            out.write_all(line.as_bytes())?;
        }
        out.flush()?;
        Ok(())
    }
}

/// The URL as it is shown.
fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    // It fails for URLs that cannot have one.
    let _ = url.set_password(None);
    url
}

/// Reads the URL of a receiver.
fn target(text: &str) -> Result<Url, String> {
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let url = Url::parse(&with_scheme).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    url.ok_or_else(|| "expected a URL such as http://localhost:3000/hook".to_owned())
}
