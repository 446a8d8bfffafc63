use std::collections::BTreeSet;

use wharfinger_core::dialect::workload::Workload;
use wharfinger_core::dialects;

use super::*;
use crate::identities::{Keys, Spread};

const LANES: u64 = 3;
const ORDER: &str = "{\"key\":\"{{stamp}}\",\n  \"change\":{{change}},\"name\":\"{{pick first}}\",\"again\":\"{{stamp}}\"}";

fn body(envelope: Envelope, mix: Mix, orders: usize, lane: Lane) -> Body {
    let shape = Shape {
        orders,
        envelope,
        mix,
    };
    Body::new(ORDER, &Identities::of("ORG"), shape, lane, 0)
}

fn orders(body: &Body) -> Vec<serde_json::Value> {
    let texts = body.order_texts();
    let orders = texts.map(|text| serde_json::from_slice(text).expect("an order is JSON"));
    orders.collect()
}

#[test]
fn no_two_orders_of_a_run_have_the_same_key() {
    let mut keys = BTreeSet::new();
    for lane in Lane::each(LANES) {
        let mut body = body(Envelope::Array, Mix::Fresh, 4, lane);
        for _ in 0..5 {
            body.restamp();
            for order in orders(&body) {
                assert_eq!(order["key"], order["again"], "one stamp an order");
                keys.insert(order["key"].to_string());
            }
        }
    }
    assert_eq!(keys.len(), 3 * 5 * 4);
}

#[test]
fn every_envelope_is_json_and_stays_as_long_as_it_was() {
    for envelope in [Envelope::One, Envelope::Array, Envelope::Named] {
        let count = if envelope == Envelope::One { 1 } else { 3 };
        let mut body = body(envelope, Mix::Fresh, count, Lane::only());
        let length = body.bytes().len();
        body.restamp();
        assert_eq!(body.bytes().len(), length);
        serde_json::from_slice::<serde_json::Value>(body.bytes()).expect("a body is JSON");
    }
}

#[test]
fn a_head_moves_the_stamps_along() {
    let mut plain = body(Envelope::Array, Mix::Fresh, 2, Lane::only());
    let mut with_head = body(Envelope::Array, Mix::Fresh, 2, Lane::only());
    with_head.prepend(b"POST / HTTP/1.1\r\n\r\n");
    plain.restamp();
    with_head.restamp();
    assert!(with_head.bytes().ends_with(plain.bytes()));
    assert_eq!(orders(&with_head), orders(&plain));
}

#[test]
fn orders_come_again_unchanged_or_changed() {
    let mut body = body(Envelope::Array, Mix::HalfAgain, 4, Lane::only());
    body.restamp();
    let before = orders(&body);
    body.restamp();
    let after = orders(&body);
    assert_eq!(after[1], before[0]);
    assert_eq!(after[3]["key"], before[2]["key"]);
    assert_ne!(after[3], before[2]);
    assert_ne!(after[0]["key"], before[0]["key"]);
    assert_ne!(after[2]["key"], before[2]["key"]);
}

#[test]
fn what_is_drawn_is_any_of_what_was_sent_and_nothing_else() {
    let mut body = body(Envelope::One, Mix::Drawn { among: 5 }, 1, Lane::only());
    body.first_stamp = 70;
    let mut drawn = BTreeSet::new();
    for _ in 0..200 {
        body.restamp();
        drawn.insert(orders(&body)[0]["key"].as_str().unwrap().to_owned());
    }
    let all = (70..75).map(|stamp| format!("{stamp:014}"));
    assert_eq!(drawn, all.collect());
}

#[test]
fn every_load_can_be_parsed_and_gives_its_keys() {
    for dialect in dialects::ALL {
        let load = dialect.workload();
        let envelopes = [Envelope::Array, Envelope::Named];
        let shape = |envelope| Shape {
            orders: 3,
            envelope,
            mix: Mix::Fresh,
        };
        let lane = Lane::only();
        let identities = Identities::of("ORG");
        let made = envelopes.map(|envelope| {
            let mut body = Body::new(load.order, &identities, shape(envelope), lane.clone(), 0);
            body.restamp();
            body
        });
        let texts = made.iter().map(|body| std::str::from_utf8(body.bytes()));
        let parsed = texts.filter_map(|text| (load.parse)(text.unwrap()).ok());
        let parsed: Vec<_> = parsed.collect();
        assert_eq!(
            parsed.len(),
            1,
            "{}: one of the envelopes fits",
            dialect.id()
        );
        let keys: BTreeSet<_> = parsed[0].iter().map(|order| order.key).collect();
        assert_eq!(keys.len(), 3, "{}", dialect.id());
    }
}
/// Requests of the dialect whose orders name their organisation.
fn spread_body(keys: Keys) -> (Body, &'static Workload) {
    let loads = dialects::ALL.iter().map(|dialect| dialect.workload());
    let mut loads = loads.filter(|load| Template::parse(load.order).names_organisation());
    let load = loads.next().expect("a dialect names the organisation");
    let spread = Spread {
        organisations: 7,
        keys,
    };
    let identities = Identities::spread("ORG", "T", spread);
    let shape = Shape {
        orders: 10,
        envelope: Envelope::Array,
        mix: Mix::Fresh,
    };
    let body = Body::new(load.order, &identities, shape, Lane::only(), 0);
    (body, load)
}

#[test]
fn spread_orders_can_be_parsed_and_are_unique() {
    for keys in [Keys::Ordered, Keys::Scattered] {
        let (mut body, load) = spread_body(keys);
        body.prepend(b"POST / HTTP/1.1\r\n\r\n");
        let length = body.bytes().len();
        let mut found = Vec::new();
        for _ in 0..3 {
            body.restamp();
            assert_eq!(body.bytes().len(), length);
            let text = std::str::from_utf8(body.bytes()).unwrap();
            let (_, text) = text.split_once("\r\n\r\n").unwrap();
            let orders = (load.parse)(text).unwrap();
            let named = orders.iter().map(|order| {
                let organisation = order.organisation.expect("it names one");
                (organisation.to_owned(), order.key.to_owned())
            });
            found.extend(named);
        }
        let expected = (0..30).map(|number| format!("T{:05}", number % 7 + 1));
        let organisations = found.iter().map(|(organisation, _)| organisation.clone());
        assert!(organisations.eq(expected), "{found:?}");
        let distinct: BTreeSet<_> = found.iter().map(|(_, key)| key).collect();
        assert_eq!(distinct.len(), found.len());
        let is_sorted = found.is_sorted_by_key(|(_, key)| key);
        assert_eq!(is_sorted, keys == Keys::Ordered);
    }
}

#[test]
fn the_path_of_a_single_order_names_its_organisation() {
    let spread = Spread {
        organisations: 2,
        keys: Keys::Ordered,
    };
    let identities = Identities::spread("ORG", "T", spread);
    let shape = Shape {
        orders: 1,
        envelope: Envelope::One,
        mix: Mix::Fresh,
    };
    let template = "{\"a\":\"{{organisation}}\"}";
    let mut body = Body::new(template, &identities, shape, Lane::only(), 0);
    body.prepend(b"POST /T00001/order HTTP/1.1\r\nhost: T00001\r\n\r\n");
    for expected in ["T00001", "T00002"] {
        body.restamp();
        let text = std::str::from_utf8(body.bytes()).unwrap();
        let head = format!("POST /{expected}/order HTTP/1.1\r\nhost: T00001\r\n\r\n");
        assert_eq!(text, format!("{head}{{\"a\":\"{expected}\"}}"));
    }
}

#[test]
fn texts_differ_from_request_to_request() {
    let template = "{\"a\":\"{{pick first}} {{pick last}}\",\"b\":\"{{digits 7}}\"}";
    let shape = Shape {
        orders: 3,
        envelope: Envelope::Array,
        mix: Mix::Fresh,
    };
    let mut body = Body::new(template, &Identities::of("ORG"), shape, Lane::only(), 0);
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        body.restamp();
        seen.extend(orders(&body).iter().map(ToString::to_string));
    }
    assert_eq!(seen.len(), 60);
}
