//! An event as a destination gets it: the event of the feed, its place, and the order.

use bytes::Bytes;
use serde::Serialize;

use crate::serve::event_view::EventView;
use crate::store::Delivery;

/// The event of the feed, its position, and the positions before it.
#[derive(Serialize)]
struct Told<'d> {
    #[serde(flatten)]
    event: EventView<'d>,
    position: u64,
    previous: Option<u64>,
    previous_of_order: Option<u64>,
}

/// The JSON object of an event. `code` is that of its organisation.
///
/// # Errors
/// The event cannot be written as JSON. None is expected.
pub(crate) fn object(delivery: &Delivery, code: &str) -> serde_json::Result<Bytes> {
    let told = Told {
        event: EventView::new(code, delivery.organisation, &delivery.event),
        position: delivery.event.position,
        previous: delivery.previous,
        previous_of_order: delivery.previous_of_order,
    };
    let mut object = serde_json::to_vec(&told)?;
    if let Some(order) = &delivery.order {
        // The order is JSON already, and is passed on as it is written.
        object.pop();
        object.extend_from_slice(br#","order":"#);
        object.extend_from_slice(order.as_bytes());
        object.push(b'}');
    }
    Ok(object.into())
}

/// The JSON array of several objects.
pub(super) fn array(objects: &[Bytes]) -> Bytes {
    let length: usize = objects.iter().map(|object| object.len() + 1).sum();
    let mut array = Vec::with_capacity(length + 1);
    array.push(b'[');
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            array.push(b',');
        }
        array.extend_from_slice(object);
    }
    array.push(b']');
    array.into()
}
