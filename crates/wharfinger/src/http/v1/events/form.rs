//! In which form a reader gets events, and pages of them.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use wharfinger_core::convert::RenderAs;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Organisation;

use super::super::orders::forms;
use crate::intake::app::App;
use crate::onward::told;
use crate::serve::event_view::EventView;
use crate::serve::feed::Reader;
use crate::serve::feed_cursor;
use crate::store::{EventKind, FeedCursor, StoreError};

/// The names of the forms of events.
pub(super) const FORMS: &[&str] = &["feed", "delivery"];

/// The form of the events.
#[derive(Clone, Debug)]
pub(super) enum EventForm {
    /// As the feed has them.
    Feed,
    /// As a webhook destination gets them, with orders in this form, if any.
    Delivery(Option<String>),
}

/// An event, ready to be sent.
pub(super) struct Shown {
    pub(super) kind: EventKind,
    /// When it was committed, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// The cursor after it.
    pub(super) next: FeedCursor,
    /// The JSON object.
    pub(super) json: Bytes,
}

/// A page of events, ready to be sent.
pub(super) struct EventPage {
    pub(super) events: Vec<Shown>,
    /// The cursor after the page.
    pub(super) next: FeedCursor,
    /// Whether the page ended early, because it is full or takes too long to fill.
    pub(super) is_cut: bool,
}

impl EventPage {
    /// Whether the reader is at the end of the feed.
    pub(super) fn is_end(&self) -> bool {
        self.events.is_empty() && !self.is_cut
    }
}

/// An event with its cursor.
#[derive(Serialize)]
struct WithCursor<'p> {
    cursor: String,
    event: &'p RawValue,
}

impl EventForm {
    /// Reads the parameters `form` and `as`.
    pub(super) fn read_from(query: &Query<'_>) -> Result<Self, RequestFailure> {
        let form = query.read("form", "feed or delivery", |name| {
            FORMS.contains(&name).then_some(name)
        })?;
        let order = query.read("as", &forms(), |name| RenderAs::named(name).map(|_| name))?;
        if form == Some("delivery") {
            return Ok(Self::Delivery(order.map(str::to_owned)));
        }
        match order {
            None => Ok(Self::Feed),
            Some(_) => Err(RequestFailure::BadParameter(
                "Parameter as needs form=delivery, because only deliveries carry the order".into(),
            )),
        }
    }

    /// Reads the next page of these organisations, which must be ordered by id.
    ///
    /// # Errors
    /// The store cannot be read, or not from the reader's cursor.
    pub(super) async fn read(
        &self,
        reader: &mut Reader,
        app: &App,
        organisations: &[&Organisation],
    ) -> Result<EventPage, StoreError> {
        let ids: Vec<_> = organisations.iter().map(|of| of.id).collect();
        let store = app.store.as_ref();
        let bad = |error: serde_json::Error| StoreError::Internal(error.to_string());
        match self {
            Self::Feed => {
                let page = reader.read(&app.feed, store, &ids).await?;
                let shown = page.events.into_iter().map(|told| {
                    let code = code_of(organisations, told.organisation);
                    let view = EventView::new(code, told.organisation, &told.event);
                    Ok(Shown {
                        kind: told.event.kind,
                        at_ms: told.event.at_ms,
                        next: told.next,
                        json: serde_json::to_vec(&view)?.into(),
                    })
                });
                Ok(EventPage {
                    events: shown.collect::<Result<_, _>>().map_err(bad)?,
                    next: page.next,
                    is_cut: page.is_cut,
                })
            }
            Self::Delivery(form) => {
                let page = reader.read_as_delivered(&app.feed, store, &ids, form.as_deref());
                let page = page.await?;
                let shown = page.deliveries.into_iter().map(|delivery| {
                    let code = code_of(organisations, delivery.organisation);
                    Ok(Shown {
                        kind: delivery.event.kind,
                        at_ms: delivery.event.at_ms,
                        json: told::object(&delivery, code)?,
                        next: delivery.next,
                    })
                });
                Ok(EventPage {
                    events: shown.collect::<Result<_, _>>().map_err(bad)?,
                    next: page.next,
                    is_cut: page.is_cut,
                })
            }
        }
    }

    /// The entries of a page. A delivery stands beside its cursor, because the object is what a destination gets.
    ///
    /// # Errors
    /// The JSON of an event is not UTF-8.
    pub(super) fn entries(
        &self,
        page: &EventPage,
        named: Option<OrganisationId>,
    ) -> serde_json::Result<Vec<Box<RawValue>>> {
        let mut entries = Vec::with_capacity(page.events.len());
        let mut events = page.events.iter().peekable();
        while let Some(shown) = events.next() {
            let event: &RawValue = serde_json::from_slice(&shown.json)?;
            entries.push(match self {
                Self::Feed => event.to_owned(),
                Self::Delivery(_) => {
                    // The cursor after the page also covers entries that were skipped.
                    let next = events.peek().map_or(&page.next, |_| &shown.next);
                    let cursor = feed_cursor::write(next, named);
                    serde_json::value::to_raw_value(&WithCursor { cursor, event })?
                }
            });
        }
        Ok(entries)
    }
}

/// The code of one of the organisations, which are ordered by id.
fn code_of<'c>(organisations: &[&'c Organisation], id: OrganisationId) -> &'c str {
    let found = organisations.binary_search_by_key(&id, |known| known.id);
    found.map_or("", |at| organisations[at].code.as_str())
}

/// Schema of an entry of a page.
pub(super) fn entry() -> Value {
    json!({"anyOf": [event(), {
        "type": "object",
        "description": "With `form=delivery`",
        "required": ["cursor", "event"],
        "properties": {
            "cursor": {"type": "string", "description": "The cursor after the event"},
            "event": delivered(),
        },
    }]})
}

/// Schema of an event.
fn event() -> Value {
    let id = || json!({"type": ["string", "null"], "format": "uuid"});
    json!({
        "type": "object",
        "required": ["id", "type", "organisation", "at", "order_id", "batch_id"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": {"type": "string", "enum": EventKind::NAMES},
            "organisation": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "order_id": id(),
            "batch_id": id(),
            // The first sub-order of a split order. Only on the other sub-orders.
            "origin": {"type": "string", "format": "uuid"},
        },
    })
}

/// Schema of an event as a destination gets it.
fn delivered() -> Value {
    let mut event = event();
    let position = |about: &str| json!({"type": ["integer", "null"], "description": about});
    let further = [
        ("position", json!({"type": "integer"})),
        (
            "previous",
            position("The event before it that passes the filter"),
        ),
        (
            "previous_of_order",
            position("The event before it of the same order"),
        ),
        (
            "order",
            json!({"description": "The order after the event, in the form that `as` names"}),
        ),
    ];
    for (name, schema) in further {
        event["properties"][name] = schema;
    }
    if let Some(required) = event["required"].as_array_mut() {
        required.extend(["position", "previous", "previous_of_order"].map(Value::from));
    }
    event
}
