//! The event feed of a server, page by page. Waits for events, and out whatever passes.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::{Client, Refusal, Request};
use crate::pages::Query;
use crate::since::Since;
use crate::terminal::{complain, sentence};

/// Events of a page.
const PAGE_EVENTS: u32 = 500;
/// How long the server waits for events before it answers that there are none, in seconds.
const WAIT_S: u64 = 30;
/// How long a response may take beyond that.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The first pause before a request is repeated. Each further pause is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The longest pause that a server can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Where to begin to read the feed.
#[derive(Clone, Debug)]
pub enum Start {
    /// With what happens from now on.
    Now,
    /// With the first event at this time or later.
    Since(Since),
    /// After this cursor.
    After(String),
}

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these types; all if empty.
    pub types: Vec<String>,
    /// Only of the organisation with this code.
    pub organisation: Option<String>,
    /// The form of the order in each event. `None`: no order.
    pub form: Option<String>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// The cursor after the event.
    pub cursor: String,
    /// The event, exactly as a webhook gets it.
    pub event: Box<RawValue>,
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    /// The events, in order.
    #[serde(rename = "data")]
    pub entries: Vec<Entry>,
    /// The cursor after the page.
    pub next: String,
}

/// Reads the feed.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    filter: Filter,
    place: Start,
    /// Whether the server has answered. Before that, a server that cannot be reached is an error.
    is_reached: bool,
}

impl Feed {
    /// A feed that is read from `start`. Nothing is sent yet.
    #[must_use]
    pub fn new(client: Client, filter: Filter, start: Start) -> Self {
        Self {
            client,
            filter,
            place: start,
            is_reached: false,
        }
    }

    /// The cursor after what was read. `None` before the first page.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        match &self.place {
            Start::After(cursor) => Some(cursor),
            Start::Now | Start::Since(_) => None,
        }
    }

    /// Reads the next page. With `waits`, the server waits for events for a while if there are none.
    ///
    /// A server that was reached once is waited for while it cannot be reached. If it has no room, that is waited out too. If it
    /// no longer has the events after the cursor, reading goes on with the first that it has.
    ///
    /// # Errors
    /// The server was never reached, or refuses.
    pub fn next(&mut self, waits: bool) -> Result<EventPage> {
        let mut pause = PAUSE_MIN;
        let mut has_complained = false;
        loop {
            let error = match self.read(waits) {
                Ok(page) => {
                    if has_complained {
                        complain(format_args!("the server answers again"));
                    }
                    self.is_reached = true;
                    self.place = Start::After(page.next.clone());
                    return Ok(page);
                }
                Err(error) => error,
            };
            let mut asked = None;
            match error.downcast_ref::<Refusal>() {
                Some(Refusal {
                    first: Some(first), ..
                }) if !matches!(&self.place, Start::After(cursor) if cursor == first) => {
                    complain(format_args!("wharfinger: warning: {error}"));
                    self.place = Start::After(first.clone());
                    continue;
                }
                Some(refusal) if is_passing(refusal) => asked = refusal.retry_after,
                Some(_) => return Err(error),
                None if self.is_reached => {}
                None => return Err(error),
            }
            if !has_complained {
                complain(format_args!("{}; trying again", sentence(&error)));
                has_complained = true;
            }
            std::thread::sleep(asked.unwrap_or(pause).min(RETRY_AFTER_MAX));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn read(&self, waits: bool) -> Result<EventPage> {
        let types = Some(self.filter.types.join(",")).filter(|types| !types.is_empty());
        let (after, since) = match &self.place {
            Start::Now => (Some("now"), None),
            Start::Since(since) => (None, Some(since)),
            Start::After(cursor) => (Some(cursor.as_str()), None),
        };
        let query = Query::default()
            .with("form", Some("delivery"))
            .with("as", self.filter.form.as_ref())
            .with("type", types)
            .with("organisation", self.filter.organisation.as_ref())
            .with("since", since)
            .with("after", after)
            .with("limit", Some(PAGE_EVENTS))
            .with("wait", waits.then(|| format!("{WAIT_S}s")));
        let wait = Duration::from_secs(if waits { WAIT_S } else { 0 });
        let target = query.of("/v1/events");
        let request = Request {
            timeout: Some(wait + ANSWER_MAX),
            ..Request::get(&target)
        };
        let page: EventPage = self.client.send(&request)?.successful()?.json()?;
        if page.next.is_empty() {
            bail!("the server gave no cursor");
        }
        Ok(page)
    }
}

/// Whether a refusal passes by itself.
fn is_passing(refusal: &Refusal) -> bool {
    matches!(refusal.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}
