//! `wharfinger trigger`: sends sample orders that bring an event about.

mod sample;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use wharfinger_core::dialects;

use self::sample::{Maker, Sample};
use crate::connect::Connection;
use crate::events::feed::{Feed, Filter, Start};
use crate::http::{Client, Refusal, Request, Response};
use crate::pages::Query;
use crate::terminal::{Exit, complain, shown, write_json};

#[derive(Args, Debug)]
#[command(
    after_help = "The sample orders are stored like any others, with fresh order keys. Use an organisation for trials.\n\n\
Example: wharfinger trigger order.processed --profile shop --org TRK001"
)]
pub struct Trigger {
    /// The type of the event, or `list` for a list of those
    #[arg(value_name = "EVENT", value_parser = kinds())]
    event: String,
    /// The dialect of the sample orders
    #[arg(long, default_value = "native")]
    dialect: String,
    /// The organisation of the sample orders [default: the only one of the key]
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// How many sample orders
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    count: u32,
    /// Print the events as JSON, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What brings an event of a type about.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    about: &'static str,
    then: Then,
}

/// What follows a sample order.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    SendChanged,
    Post(&'static str),
    ReportFulfilment,
}

/// Every type of events, except for those of held orders: they need a rule of the organisation.
const KINDS: [Kind; 6] = [
    Kind {
        name: "order.accepted",
        about: "sends an order",
        then: Then::Nothing,
    },
    Kind {
        name: "order.updated",
        about: "sends an order, and sends it again with other content",
        then: Then::SendChanged,
    },
    Kind {
        name: "order.processed",
        about: "sends an order, and marks it as processed",
        then: Then::Post("process"),
    },
    Kind {
        name: "order.cancelled",
        about: "sends an order, and cancels it",
        then: Then::Post("cancel"),
    },
    Kind {
        name: "order.fulfilment",
        about: "sends an order, and reports that it was sent",
        then: Then::ReportFulfilment,
    },
    Kind {
        name: "batch.received",
        about: "sends a batch with an order",
        then: Then::Nothing,
    },
];

/// Lists the types instead.
const LIST: &str = "list";
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

fn kinds() -> Vec<&'static str> {
    let names = KINDS.iter().map(|kind| kind.name);
    names.chain([LIST]).collect()
}

#[derive(Deserialize)]
struct Limits {
    #[serde(default)]
    organisations: Vec<String>,
    #[serde(default)]
    all_organisations: bool,
}

#[derive(Deserialize)]
struct Submitted {
    id: String,
    #[serde(default)]
    results: Vec<OneResult>,
}

#[derive(Deserialize)]
struct OneResult {
    order_id: Option<String>,
    key: Option<String>,
    #[serde(default)]
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    pointer: String,
    message: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    order_id: Option<String>,
    batch_id: Option<String>,
}

impl Trigger {
    /// Runs the command.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, or an order of this dialect cannot have such an event.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        let Some(kind) = KINDS.iter().find(|kind| kind.name == self.event) else {
            list(self.json, out)?;
            return Ok(Exit::Done);
        };
        let dialect = dialects::find(&self.dialect).with_context(|| {
            format!(
                "unknown dialect {}; expected one of {}",
                self.dialect,
                dialects::ids()
            )
        })?;
        let client = self.connection.client()?;
        let organisation = self.organisation(&client)?;
        let maker = Maker::new(dialect, &organisation);
        let maker = maker.context("the dialect has no sample order")?;
        let sending = Sending {
            client: &client,
            dialect: dialect.id(),
            organisation: &organisation,
        };
        complain(format_args!(
            "storing {} sample {} of {} at {}",
            self.count,
            if self.count == 1 { "order" } else { "orders" },
            shown(&organisation),
            client.url()
        ));
        let filter = Filter {
            types: vec![kind.name.to_owned()],
            organisation: Some(organisation.clone()),
            form: None,
        };
        let mut feed = Feed::new(client.clone(), filter, Start::Now);
        // From here on the feed has what is brought about.
        feed.next(false)?;
        let mut wanted = BTreeMap::new();
        for _ in 0..self.count {
            let (about, key) = sending.bring_about(*kind, &maker)?;
            wanted.insert(about, key);
        }
        self.tell(&mut feed, wanted, &sending, out)?;
        Ok(Exit::Done)
    }

    /// The organisation of the orders.
    fn organisation(&self, client: &Client) -> Result<String> {
        if let Some(code) = &self.org {
            return Ok(code.clone());
        }
        let limits: Limits = client.get("/v1/limits")?;
        match limits.organisations.as_slice() {
            [only] if !limits.all_organisations => Ok(only.clone()),
            _ => bail!("the key is for several organisations; name one with --org CODE"),
        }
    }

    /// Waits for the events, and prints them.
    fn tell(
        &self,
        feed: &mut Feed,
        mut wanted: BTreeMap<String, String>,
        sending: &Sending<'_>,
        out: &mut dyn Write,
    ) -> Result<()> {
        while !wanted.is_empty() {
            for entry in feed.next(true)?.entries {
                let event: Event = serde_json::from_str(entry.event.get())?;
                let about = event.order_id.as_ref().or(event.batch_id.as_ref());
                let Some(key) = about.and_then(|about| wanted.remove(about)) else {
                    continue;
                };
                if self.json {
                    let line = json!({
                        "event_id": event.id,
                        "type": event.r#type,
                        "organisation": sending.organisation,
                        "dialect": sending.dialect,
                        "key": key,
                        "order_id": event.order_id,
                        "batch_id": event.batch_id,
                    });
                    write_json(out, &line)?;
                    continue;
                }
                let subject = match (&event.order_id, &event.batch_id) {
                    (Some(order), _) => format!("order {order}"),
                    (None, Some(batch)) => format!("batch {batch}"),
                    (None, None) => String::new(),
                };
                let line = format!("{}  event {}  {subject}  key {key}", event.r#type, event.id);
                writeln!(out, "{}", shown(&line))?;
            }
        }
        Ok(())
    }
}

fn list(is_json: bool, out: &mut dyn Write) -> Result<()> {
    for Kind { name, about, .. } in KINDS {
        if is_json {
            write_json(out, &json!({ "event": name, "about": about }))?;
        } else {
            writeln!(out, "{name:16}  {about}")?;
        }
    }
    Ok(())
}

/// Sends orders and changes.
struct Sending<'s> {
    client: &'s Client,
    dialect: &'s str,
    organisation: &'s str,
}

impl Sending<'_> {
    /// Brings one event about. Returns the id of the order, or of the batch, that it is about, and the order key.
    fn bring_about(&self, kind: Kind, maker: &Maker) -> Result<(String, String)> {
        let sample = maker.fresh();
        let changed = match kind.then {
            // Found out before anything is stored.
            Then::SendChanged => {
                let changed = maker.changed(&sample);
                Some(changed.with_context(|| self.has_no_update())?)
            }
            Then::Nothing | Then::Post(_) | Then::ReportFulfilment => None,
        };
        let (batch, order, key) = self.submit(&sample.order)?;
        match kind.then {
            Then::Nothing if kind.name.starts_with("batch.") => return Ok((batch, key)),
            Then::Nothing => {}
            Then::SendChanged => {
                let changed = changed.unwrap_or_default();
                self.submit(&changed)?;
            }
            Then::Post(verb) => {
                self.request("POST", &format!("/v1/orders/{order}/{verb}"), "{}")?;
            }
            Then::ReportFulfilment => {
                let report = json!({ "status": "sent", "ticket_number": sample_ticket(&sample) });
                let target = format!("/v1/orders/{order}/fulfilment");
                self.request("PUT", &target, &report.to_string())?;
            }
        }
        Ok((order, key))
    }

    fn has_no_update(&self) -> String {
        format!(
            "a sample order of {} has no order key, so that it cannot be sent again; use another dialect",
            self.dialect
        )
    }

    /// Sends an order. Returns the ids of batch and order, and the order key.
    fn submit(&self, order: &Value) -> Result<(String, String, String)> {
        let query = Query::default()
            .with("dialect", Some(self.dialect))
            .with("organisation", Some(self.organisation));
        let body = Value::from(vec![order.clone()]).to_string();
        let response = self.send("POST", &query.of("/v1/batches"), &body)?;
        let is_problem = response.header("content-type") == Some("application/problem+json");
        if is_problem {
            return Err(Refusal::of(response).into());
        }
        let submitted: Submitted = response.json()?;
        let Some(result) = submitted.results.into_iter().next() else {
            bail!("the server gave no outcome for the order");
        };
        let Some(id) = result.order_id else {
            let errors = result.errors.iter();
            let errors = errors.map(|error| format!("{} {}", error.pointer, error.message));
            let errors = Vec::from_iter(errors).join("; ");
            bail!("the server rejected the sample order: {}", shown(&errors));
        };
        Ok((submitted.id, id, result.key.unwrap_or_default()))
    }

    fn request(&self, method: &str, target: &str, body: &str) -> Result<()> {
        self.send(method, target, body)?.successful()?;
        Ok(())
    }

    fn send(&self, method: &str, target: &str, body: &str) -> Result<Response> {
        self.client.send(&Request {
            method,
            target,
            headers: &[("content-type", "application/json")],
            body: body.as_bytes(),
            timeout: Some(TIMEOUT),
        })
    }
}

/// A ticket number for a fulfilment report.
fn sample_ticket(sample: &Sample) -> String {
    format!("TICKET-{}", sample.key.as_deref().unwrap_or("1"))
}
