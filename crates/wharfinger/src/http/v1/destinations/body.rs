//! Bodies of requests about destinations.

use serde_json::{Map, Value, json};
use wharfinger_core::convert::RenderAs;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::organisation::OrgAccess;
use wharfinger_core::order::problem::Code;
use wharfinger_core::reading::form::{Form, Need};
use wharfinger_core::reading::validate;

use super::super::input;
use crate::http::describe::{self, object, one_of};
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::onward::guard::read_url;
use crate::onward::new::{
    MAX_EVENTS, MAX_WAIT_MS, NewDestination, PARALLEL_MAX, REPLAY_FORM, Replay, START_FORM, Start,
    TIMEOUT_S_MAX,
};
use crate::onward::settings::{BadSettings, Settings, SignatureScheme, members};
use crate::store::{DeliveryOrder, Destination, DestinationPatch, EventKind};

/// Attributes of destinations of every kind.
const OF_ALL: &[&str] = &["organisations", "events", "batch", "timeout_s"];
/// Attributes that sinks lack, which take all events in order.
const OF_WEBHOOKS: &[&str] = &["parallel", "order"];
/// Attributes that the kind with columns of its own lacks.
const OF_FORMS: &[&str] = &["form"];
/// Attributes that are given once.
const OF_NEW: &[&str] = &["kind", "start"];
/// Settings that are given once.
const KEPT: &[&str] = &["signature"];
/// Attributes of a batch.
const OF_BATCHES: &[&str] = &["max_events", "max_wait_ms"];

/// What an attribute must be.
const SOME_CODES: &str =
    "a list of at least one code, or absent for all organisations that the calling key reaches";
const SOME_TYPES: &str = "a list of at least one type of event, or absent for all";
const URL_FORM: &str = "a URL that begins with https:// (or with http:// for your own network), without user, password and fragment";
const KINDS: &str = "webhook, postgres, nats, files";

/// What a body says.
#[derive(Default)]
struct Said {
    kind: String,
    start: Option<String>,
    patch: DestinationPatch,
    unknown: Option<String>,
    known: Vec<&'static str>,
}

/// Reads a new destination, and where it begins.
pub(super) fn read_new(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
) -> Result<(NewDestination, Start), RequestFailure> {
    let said = read(app, body, |form| {
        let named = form.mandatory("kind", |value| {
            let kind = validate::text(value)?.into_owned();
            let choices = KINDS;
            Settings::names(&kind)
                .map(|_| kind)
                .ok_or(Code::NotOneOf { choices })
        });
        let kind = named.clone().unwrap_or_default();
        let mut said = Said::read(call, form, &kind, OF_NEW);
        // Where the kind is unknown, so is what else may be said.
        said.unknown = said.unknown.filter(|_| named.is_some());
        said.start = form.optional("start", validate::text).map(Into::into);
        let reach = said.patch.reach.clone();
        let reach = reach.unwrap_or_else(|| call.authenticated.caller().reach.clone());
        if let Some(start) = &said.start
            && Start::read(start, &reach).is_none()
        {
            form.problem("start", Code::NotOfForm { form: START_FORM });
        }
        said.patch.reach = Some(reach);
        said
    })?;
    let Said {
        kind, start, patch, ..
    } = said;
    let reach = patch.reach.unwrap_or(OrgAccess::Only(Vec::new()));
    let start = start.and_then(|start| Start::read(&start, &reach));
    let settings = settings(body, &kind, Map::new())?;
    let new = NewDestination {
        reach,
        kinds: patch.kinds.flatten(),
        form: patch.form.flatten(),
        order: patch.order,
        max_events: patch.max_events,
        max_wait_ms: patch.max_wait_ms,
        parallel: patch.parallel,
        timeout_s: patch.timeout_s,
        settings,
    };
    Ok((new, start.unwrap_or(Start::Now)))
}

/// Reads changes of a destination, and its new settings if they change.
pub(super) fn read_patch(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
    destination: &Destination,
) -> Result<(DestinationPatch, Option<Settings>), RequestFailure> {
    let before = Settings::of(destination).map_err(|_| RequestFailure::Internal)?;
    let kind = before.kind();
    let said = read(app, body, |form| Said::read(call, form, kind, &[]))?;
    let after = settings(body, kind, members(before.stored()))?;
    let is_changed = after != before;
    let mut patch = said.patch;
    patch.id = destination.id;
    patch.settings = is_changed.then(|| after.stored().to_string());
    Ok((patch, is_changed.then_some(after)))
}

/// Reads what is delivered again.
pub(super) fn read_replay(
    app: &App,
    body: &[u8],
    reach: &OrgAccess,
) -> Result<Replay, RequestFailure> {
    let from = input::strict_object(app, body, &["from"], |form| {
        form.mandatory("from", |value| {
            let text = validate::text(value)?;
            let form = REPLAY_FORM;
            Replay::read(&text, reach).ok_or(Code::NotOfForm { form })
        })
    })?;
    // Without it, the body was refused.
    from.ok_or(RequestFailure::Internal)
}

/// Reads an object, and refuses unknown attributes.
fn read(
    app: &App,
    body: &[u8],
    read: impl FnOnce(&mut Form<'_, '_, '_>) -> Said,
) -> Result<Said, RequestFailure> {
    let mut unknown = None;
    let said = input::object(app, body, |form| {
        let mut said = read(form);
        let known = said.known.join(", ");
        unknown = said.unknown.take().map(|name| (name, known));
        said
    });
    match unknown {
        Some((name, known)) => Err(RequestFailure::BadParameter(format!(
            "Unknown attribute {name:?}; known attributes: {known}"
        ))),
        None => said,
    }
}

/// Reads settings from a body, of which the rest was read before. Those that it does not name are as before.
fn settings(
    body: &[u8],
    kind: &str,
    mut settings: Map<String, Value>,
) -> Result<Settings, RequestFailure> {
    let given: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let names = Settings::names(kind).unwrap_or_default();
    let given = given.into_iter();
    for (name, value) in given.filter(|(name, _)| names.contains(&name.as_str())) {
        if value.is_null() {
            settings.remove(&name);
        } else {
            settings.insert(name, value);
        }
    }
    settings.insert("kind".into(), kind.into());
    Settings::parse(settings.into()).map_err(|BadSettings { attribute, why }| {
        RequestFailure::BadParameter(match attribute {
            "" => format!("The settings cannot be read: {why}"),
            attribute => format!("Attribute {attribute} {why}"),
        })
    })
}

impl Said {
    /// Reads the attributes of a destination of this kind, besides `more`.
    fn read(
        call: &Call<'_>,
        form: &mut Form<'_, '_, '_>,
        kind: &str,
        more: &[&'static str],
    ) -> Self {
        let is_new = !more.is_empty();
        let names = Settings::names(kind).unwrap_or_default().iter();
        let names = names.filter(|name| is_new || !KEPT.contains(name));
        let (is_webhook, has_form) = (kind == "webhook", kind != "postgres");
        let of_kind = if is_webhook { OF_WEBHOOKS } else { &[] };
        let of_form = if has_form { OF_FORMS } else { &[] };
        let parts = [more, OF_ALL, of_form, of_kind].into_iter().flatten();
        let known = Vec::from_iter(parts.chain(names).copied());
        let unknown = unknown_of(form, &known);
        let mut said = Self {
            kind: kind.to_owned(),
            unknown,
            known,
            ..Self::default()
        };
        let patch = &mut said.patch;
        if is_webhook {
            webhook(form, is_new);
        }
        patch.reach = reach(call, form);
        patch.kinds = kinds(form);
        if has_form {
            patch.form = nullable(form, "form", |value| {
                let name = validate::text(value)?;
                let form = "the id of a dialect, or submitted";
                let named = RenderAs::named(&name).map(|_| name.into_owned());
                named.ok_or(Code::NotOfForm { form })
            });
        }
        if is_webhook {
            patch.order = form.optional("order", |value| {
                let name = validate::text(value)?;
                let choices = "key, all";
                DeliveryOrder::named(&name).ok_or(Code::NotOneOf { choices })
            });
            patch.parallel = number(form, "parallel", (1, PARALLEL_MAX));
        }
        let unknown = form.object("batch", Need::Optional, |batch| {
            patch.max_events = number(batch, "max_events", (1, MAX_EVENTS));
            patch.max_wait_ms = number(batch, "max_wait_ms", (0, MAX_WAIT_MS));
            unknown_of(batch, OF_BATCHES)
        });
        if let Some(name) = unknown.flatten() {
            said.unknown = Some(format!("batch.{name}"));
            said.known = OF_BATCHES.to_vec();
        }
        patch.timeout_s = number(form, "timeout_s", (1, TIMEOUT_S_MAX));
        said
    }
}

/// The name of an attribute that is not in `known`.
fn unknown_of(form: &Form<'_, '_, '_>, known: &[&str]) -> Option<String> {
    let mut names = form.value().members().map(|(name, _)| name);
    let unknown = names.find(|name| !known.contains(&name.as_ref()));
    unknown.map(Into::into)
}

/// Checks the settings of a webhook.
fn webhook(form: &mut Form<'_, '_, '_>, is_new: bool) {
    let need = if is_new {
        Need::Mandatory
    } else {
        Need::Optional
    };
    form.read("url", need, |value| {
        let url = validate::text(value)?;
        let form = URL_FORM;
        read_url(&url).map_err(|_| Code::NotOfForm { form })
    });
    if is_new {
        form.optional("signature", |value| {
            let name = validate::text(value)?;
            let is_known = SignatureScheme::NAMES.contains(&name.as_ref());
            let choices = "v1, v1a";
            is_known.then_some(()).ok_or(Code::NotOneOf { choices })
        });
    }
}

/// The organisations, of those that the calling key reaches. `None` if the body does not say.
fn reach(call: &Call<'_>, form: &mut Form<'_, '_, '_>) -> Option<OrgAccess> {
    let caller = call.authenticated.caller();
    if !form.has("organisations") {
        return None;
    }
    if form.present("organisations").is_none() {
        return Some(caller.reach.clone());
    }
    refuse_empty(form, "organisations", SOME_CODES);
    let mut ids = input::named_organisations(form, caller, Need::Optional);
    ids.sort_unstable();
    Some(OrgAccess::Only(ids))
}

/// The types of events; `Some(None)` for all. `None` if the body does not say.
fn kinds(form: &mut Form<'_, '_, '_>) -> Option<Option<Vec<EventKind>>> {
    if !form.has("events") {
        return None;
    }
    if form.present("events").is_none() {
        return Some(None);
    }
    refuse_empty(form, "events", SOME_TYPES);
    let mut kinds = Vec::new();
    form.scalars("events", Need::Optional, |value| {
        let name = validate::text(value)?;
        let form = "a type of event, such as order.accepted";
        let kind = EventKind::named(&name).ok_or(Code::NotOfForm { form })?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        Ok(())
    });
    Some(Some(kinds))
}

/// An empty list would otherwise count as absent, and absent as everything.
fn refuse_empty(form: &mut Form<'_, '_, '_>, name: &str, wanted: &'static str) {
    let is_empty = |value: wharfinger_core::json::Value<'_, '_>| value.is_empty_container();
    if form.present(name).is_some_and(is_empty) {
        form.problem(name, Code::NotOfForm { form: wanted });
    }
}

/// Reads an attribute that null takes away.
fn nullable<'d, 'a, T>(
    form: &mut Form<'_, 'd, 'a>,
    name: &str,
    rule: impl FnOnce(wharfinger_core::json::Value<'d, 'a>) -> validate::Checked<T>,
) -> Option<Option<T>> {
    if form.has(name) && form.present(name).is_none() {
        return Some(None);
    }
    form.optional(name, rule).map(Some)
}

/// Reads a number between two bounds.
fn number(form: &mut Form<'_, '_, '_>, name: &str, (min, max): (u32, u32)) -> Option<u32> {
    let number = form.optional(name, validate::integer(min.into(), max.into()));
    number.and_then(|number| u32::try_from(number).ok())
}

/// Schema of a new destination.
pub(super) fn new_destination() -> Value {
    let mut properties = changeable();
    properties["kind"] = json!({"type": "string", "enum": Settings::KINDS});
    properties["start"] = json!({
        "type": ["string", "null"],
        "description": format!("Where it begins: {START_FORM}. Default: now"),
    });
    properties["signature"] = one_of(SignatureScheme::NAMES);
    let mut new = object(&["kind"], &properties);
    // Which of them belong to which kind is in the documentation.
    new["anyOf"] = json!([{"required": ["url"]}, {"required": ["directory"]}]);
    new
}

/// Schema of changes.
pub(super) fn changed_destination() -> Value {
    object(&[], &changeable())
}

fn integer(min: u32, max: u32, about: &str) -> Value {
    json!({
        "type": ["integer", "null"],
        "minimum": min,
        "maximum": max,
        "description": about,
    })
}

fn changeable() -> Value {
    let batch = json!({
        "max_events": integer(1, MAX_EVENTS, "Events in one request, at most. Default: 1"),
        "max_wait_ms": integer(0, MAX_WAIT_MS, "How long an incomplete batch waits for more events, in milliseconds"),
    });
    let mut batch = object(&[], &batch);
    batch["type"] = json!(["object", "null"]);
    json!({
        "url": {"type": "string", "maxLength": 2_048, "description": "Where events are posted to; of postgres and nats, the address of the server"},
        "organisations": {
            "type": ["array", "null"],
            "minItems": 1,
            "items": describe::code(),
            "description": "The codes of the organisations whose events it gets; absent for all that the calling key reaches",
        },
        "events": {
            "type": ["array", "null"],
            "minItems": 1,
            "items": {"type": "string", "enum": EventKind::NAMES},
            "description": "The types of events that it gets; absent for all",
        },
        "form": {"type": ["string", "null"], "enum": forms(), "description": "The form of the order in each event; absent for none"},
        "batch": batch,
        "parallel": integer(1, PARALLEL_MAX, "Requests at the same time, at most. Default: 16"),
        "order": one_of(DeliveryOrder::ALL.map(DeliveryOrder::name)),
        "timeout_s": integer(1, TIMEOUT_S_MAX, "How long a request may take, in seconds. Default: 15"),
        "password": {"type": ["string", "null"], "description": "Of postgres and nats"},
        "ca": {"type": ["string", "null"], "description": "Of postgres and nats: PEM text of the CAs of the server's certificate"},
        "schema": {"type": ["string", "null"], "description": "Of postgres: the schema of the tables"},
        "prefix": {"type": ["string", "null"], "description": "Of nats: what all subjects begin with"},
        "stream": {"type": ["string", "null"], "description": "Of nats: the name of the stream"},
        "create": {"type": ["boolean", "null"], "description": "Of nats: whether the stream is created if it is missing"},
        "user": {"type": ["string", "null"], "description": "Of nats"},
        "token": {"type": ["string", "null"], "description": "Of nats: in place of user and password"},
        "directory": {"type": "string", "description": "Of files: below the directory of --destinations-files"},
        "compression": {"type": ["string", "null"], "enum": ["none", "gzip", "zstd", null], "description": "Of files"},
        "interval_s": integer(1, 86_400, "Of files: how long a file is open at most, in seconds"),
        "bytes_max": {"type": ["integer", "null"], "minimum": 1_024, "description": "Of files: from which size on a file is finished"},
    })
}

fn forms() -> Vec<Value> {
    let ids = wharfinger_core::dialects::ALL
        .iter()
        .map(|dialect| dialect.id());
    let mut forms = Vec::from_iter(ids.map(Value::from));
    forms.extend(["submitted".into(), "".into(), Value::Null]);
    forms
}

/// Schema of a replay.
pub(super) fn replay() -> Value {
    let from = json!({"type": "string", "minLength": 1, "description": format!("From where: {REPLAY_FORM}")});
    object(&["from"], &json!({ "from": from }))
}
