//! The form for a new destination, of every kind.

use axum::response::Response;
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{Destination, PATH};
use crate::api::{self, Refused};
use crate::page::{self, Page};
use crate::parts::{form, is_first, once_field, secret, select, text_field, visible};
use crate::visit::{AdminVisit, Posted, Visit};

/// A kind of destination.
struct Kind {
    name: &'static str,
    /// What it is, for the choice.
    text: &'static str,
    /// What it does with events.
    about: &'static str,
    settings: &'static [Setting],
    /// Whether each event can have the order in a form.
    has_form: bool,
}

/// A setting of a kind: its name, its label, and what is written there.
struct Setting(&'static str, &'static str, Input);

enum Input {
    Text,
    /// Nobody sees it again.
    Secret,
    /// Several lines.
    Lines,
    Number,
    /// Values, each with a text. The first one is the default.
    Choice(&'static [(&'static str, &'static str)]),
    /// `true` or `false`.
    Bool(&'static [(&'static str, &'static str)]),
}

use Input::{Bool, Choice, Lines, Number, Secret, Text};

const CA: Setting = Setting(
    "ca",
    "Certificates of the authorities that signed its certificate, as PEM, if they are your own",
    Lines,
);

const KINDS: [Kind; 4] = [
    Kind {
        name: "webhook",
        text: "Webhook",
        about: "Events are sent to an address by HTTP, each with a signature.",
        settings: &[
            Setting("url", "Address: https://…", Text),
            Setting(
                "signature",
                "Signature",
                Choice(&[
                    ("v1", "by a secret that both sides know (HMAC-SHA256)"),
                    ("v1a", "by a private key of this server (Ed25519)"),
                ]),
            ),
        ],
        has_form: true,
    },
    Kind {
        name: "postgres",
        text: "PostgreSQL",
        about: "Orders, lines and events are written into tables of a database, each once.",
        settings: &[
            Setting(
                "url",
                "Address: postgres://USER@HOST:PORT/DATABASE, with ?sslmode=require for TLS",
                Text,
            ),
            Setting("password", "Password of the user", Secret),
            Setting("schema", "Schema of the tables. Empty for wharfinger", Text),
            CA,
        ],
        has_form: false,
    },
    Kind {
        name: "nats",
        text: "NATS JetStream",
        about: "Events are published to a stream, each once.",
        settings: &[
            Setting(
                "url",
                "Address: nats://HOST:PORT, or tls://HOST:PORT for TLS",
                Text,
            ),
            Setting(
                "prefix",
                "Beginning of all subjects. Empty for wharfinger",
                Text,
            ),
            Setting("stream", "Stream. Empty for WHARFINGER", Text),
            Setting(
                "create",
                "If there is no such stream",
                Bool(&[("true", "create it"), ("false", "wait for it")]),
            ),
            Setting("user", "User", Text),
            Setting("password", "Password of the user", Secret),
            Setting("token", "Token, instead of a user", Secret),
            CA,
        ],
        has_form: true,
    },
    Kind {
        name: "files",
        text: "Files",
        about: "Events are written into files of a directory of the server, as lines of JSON. The operator allows it with --destinations-files.",
        settings: &[
            Setting(
                "directory",
                "Directory, below the one that the operator allows",
                Text,
            ),
            Setting(
                "compression",
                "Compression",
                Choice(&[("zstd", "zstd"), ("gzip", "gzip"), ("none", "none")]),
            ),
            Setting(
                "interval_s",
                "Seconds after which a file is finished. Empty for 60",
                Number,
            ),
            Setting(
                "bytes_max",
                "Bytes from which on a file is finished. Empty for 64 MiB",
                Number,
            ),
        ],
        has_form: true,
    },
];

fn kind_named(name: &str) -> &'static Kind {
    let found = KINDS.iter().find(|kind| kind.name == name);
    found.unwrap_or(&KINDS[0])
}

pub(super) async fn new(AdminVisit(visit): AdminVisit) -> Response {
    let kind = kind_named(visit.query("kind"));
    form_page(&visit, kind, &|_| "", None)
}

fn form_page<'v>(
    visit: &Visit,
    kind: &Kind,
    value: &dyn Fn(&str) -> &'v str,
    refused: Option<&Refused>,
) -> Response {
    let content = html! {
        (once_field())
        input type="hidden" name="kind" value=(kind.name);
        @for setting in kind.settings { (setting.field(value(setting.0))) }
        (text_field("organisations", "Organisations: codes, with commas between them. Empty for all of your key", value("organisations")))
        (text_field("events", "Events, such as order.accepted, order.updated. Empty for all", value("events")))
        @if kind.has_form { (order_form(value("form"))) }
        (select("start", "Begins with", value("start"), &[("now", "what happens from now on"), ("beginning", "everything that is stored")]))
        div.actions { button.main type="submit" { "Make the destination" } a href=(PATH) { "Cancel" } }
    };
    let status = refused.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    let title = format!("New destination: {}", kind.text);
    Page::new(visit, title).status(status).show(&html! {
        nav.switch aria-label="Kinds of destinations" {
            @for other in &KINDS {
                @let address = api::target("/console/destinations/new", &[("kind", other.name)]);
                a href=(address) aria-current=[(other.name == kind.name).then_some("true")] { (other.text) }
            }
        }
        p.lead { (kind.about) }
        @if let Some(refused) = refused { p.notice.bad role="alert" { (visible(&refused.in_words(&labels(kind)))) } }
        div.narrow { (form(visit, PATH, &content)) }
    })
}

/// What the fields of a form are called, beside their names in the API. A label ends where its explanation begins.
fn labels(kind: &Kind) -> Vec<(&'static str, &'static str)> {
    let short = |label: &'static str| label.split([',', ':', '.']).next().unwrap_or(label);
    let own = kind.settings.iter();
    let own = own.map(|setting| (setting.0, short(setting.1)));
    let common = [
        ("organisations", "Organisations"),
        ("events", "Events"),
        ("form", "The order in each event"),
        ("start", "Begins with"),
    ];
    own.chain(common).collect()
}

/// The choice of the form of the order in each event.
fn order_form(chosen: &str) -> Markup {
    let dialects = wharfinger_client::source::dialect_ids();
    let dialects = dialects.into_iter().map(|id| (id, id));
    let choices: Vec<_> = [
        ("", "none: only what happened"),
        ("submitted", "as it was sent"),
    ]
    .into_iter()
    .chain(dialects)
    .collect();
    select("form", "The order in each event", chosen, &choices)
}

impl Setting {
    fn field(&self, value: &str) -> Markup {
        let Self(name, label, input) = self;
        match input {
            Text => text_field(name, label, value),
            Number => html! {
                label.field { span { (label) } input type="number" name=(name) value=(value) min="1" autocomplete="off"; }
            },
            // What was written is not sent back.
            Secret => html! {
                label.field { span { (label) } input type="password" name=(name) autocomplete="off"; }
            },
            Lines => html! {
                label.field { span { (label) } textarea.code name=(name) rows="3" spellcheck="false" autocomplete="off" { "\n" (value) } }
            },
            Choice(choices) | Bool(choices) => select(name, label, value, choices),
        }
    }

    /// The value that the API takes. `None` if nothing was written.
    fn read(&self, written: &str) -> Option<Value> {
        let written = match self.2 {
            Secret => written,
            Text | Lines | Number | Choice(_) | Bool(_) => written.trim(),
        };
        if written.is_empty() {
            return None;
        }
        Some(match self.2 {
            // What is no number is left to the API to refuse.
            Number => written
                .parse::<u64>()
                .map_or_else(|_| written.into(), Value::from),
            Bool(_) => Value::Bool(written == "true"),
            Text | Secret | Lines | Choice(_) => written.into(),
        })
    }
}

/// The body of the request that makes a destination.
fn body(kind: &Kind, posted: &Posted) -> Value {
    let mut body = Map::new();
    body.insert("kind".into(), kind.name.into());
    for setting in kind.settings {
        if let Some(value) = setting.read(posted.field(setting.0)) {
            body.insert(setting.0.into(), value);
        }
    }
    for name in ["form", "start"] {
        let written = posted.field(name).trim();
        if !written.is_empty() && (kind.has_form || name != "form") {
            body.insert(name.into(), written.into());
        }
    }
    for name in ["organisations", "events"] {
        let values = posted.field(name).split(',').map(str::trim);
        let values: Vec<_> = values.filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            body.insert(name.into(), json!(values));
        }
    }
    body.into()
}

pub(super) async fn create(posted: Posted) -> Response {
    let visit = &posted.visit;
    if !is_first(posted.field("once")) {
        return page::redirect(PATH);
    }
    let kind = kind_named(posted.field("kind"));
    let body = body(kind, &posted).to_string();
    let sent = visit.send(Method::POST, "/v1/destinations", Some(body.into()));
    let made: Result<Destination, _> = sent.await.and_then(|made| made.json());
    match made {
        Ok(made) if made.is_webhook() => shown_once(visit, "The new webhook", &made),
        Ok(made) => page::redirect(&api::target(&made.page(), &[("done", "saved")])),
        Err(refused) => form_page(visit, kind, &|name| posted.field(name), Some(&refused)),
    }
}

/// The page with the secret of a webhook.
pub(super) fn shown_once(visit: &Visit, title: &str, one: &Destination) -> Response {
    let next = html! { p { a href=(one.page()) { "Go to the destination" } } };
    let public = one.public_key.as_deref().unwrap_or_default();
    match &one.secret {
        Some(value) => secret(
            visit,
            title,
            &[("Secret that verifies deliveries", value)],
            &next,
        ),
        None => Page::new(visit, title).show(&html! {
            p { "Deliveries are signed with a private key. This public key verifies them:" }
            p { code { (public) } }
            (next)
        }),
    }
}
