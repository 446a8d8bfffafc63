//! What the tables show of an order.

use serde_json::{Value, json};
use wharfinger::store::EventKind;

use super::postgres::{contents, orders, query, target};
use super::{Given, block_on, deliver, event};
use crate::support::cluster::OwnDatabase;

/// An order with every attribute.
fn whole_order(given: &Given) -> Value {
    json!({
        "organisation": "shop.one", "key": "A-1", "placed_at": "2026-11-21", "fulfilled_at": "2026-11-22T10:00:00Z",
        "language": "en", "locale": "en-GB",
        "customer": {"ref": "C1", "email": "ann@example.com", "title": "Ms", "first_name": "Ann", "last_name": "Archer", "phone": "1"},
        "billing_address": {"name": "Ann", "company": "Co", "lines": ["1 Road", "Floor 2"], "suburb": "S", "city": "C", "state": "St", "postcode": "P", "country": "GB"},
        "shipping_address": {"name": "Bob", "lines": ["2 Road"], "city": "D", "country": "IE"},
        "lines": [
            {"quantity": 2, "sku": "S1", "ean": "E1", "product_id": "1", "description": "Shoe", "unit_price": "10.50", "currency": "EUR", "weight_kg": 0.250, "metadata": {"a": 1}},
            {"quantity": 1.5, "sku": "S2"},
        ],
        "shipping_price": "5.00", "discount": "1.25", "currency": "EUR",
        "references": {"delivery_reference": "R", "purchase_order": "PO"},
        "instructions": "Ring \"twice\"", "metadata": {"gift": true},
        "id": given.delivery.event.order.unwrap().to_string(), "number": 12, "state": "pending", "revision": 3, "dialect": "native",
        "batch_id": given.delivery.event.batch.unwrap().to_string(),
        "created_at": "2026-11-21T09:30:00.000Z", "updated_at": "2026-11-21T09:31:00.000Z",
        "admission": {"customer_id": 4, "origin": given.delivery.event.order.unwrap().to_string(), "lines": [
            {"line": 0, "warehouse": "W1", "taken": 2, "back_ordered": false},
            {"line": 2, "unit_price": "4.00", "taken": 0, "back_ordered": true},
        ]},
        "fulfilment": {"status": "SHIPPED", "tracking_url": "https://example.com/t", "lines": [{"fulfilled_quantity": "1.5"}], "updated_at": "2026-11-21T09:31:00.000Z"},
    })
}

#[test]
fn tables_show_every_attribute_of_an_order() {
    let database = OwnDatabase::empty();
    let mut given = event(1, 7, EventKind::OrderAccepted, 1);
    let order = whole_order(&given);
    given.delivery.order = Some(order.to_string());
    block_on(async {
        let mut sink = target(database.url()).open(None).await.unwrap();
        deliver(&mut sink, std::slice::from_ref(&given))
            .await
            .unwrap();
    });
    let id = order["id"].clone();
    let [orders, lines, customers] = contents(database.url());
    let mut expected = serde_json::Map::new();
    for part in [
        json!({
            "id": id, "organisation": "shop.one", "dialect": "native", "key": "A-1", "number": 12, "state": "pending", "revision": 3,
            "batch_id": order["batch_id"], "created_at": "2026-11-21T09:30:00+00:00", "updated_at": "2026-11-21T09:31:00+00:00",
            "placed_at": "2026-11-21T00:00:00+00:00", "fulfilled_at": "2026-11-22T10:00:00+00:00", "language": "en", "locale": "en-GB", "currency": "EUR",
            "line_count": 2, "lines_total": 27.00, "shipping_price": 5.00, "discount": 1.25, "total": 30.75,
        }),
        json!({
            "customer_key": "ref:C1", "customer_id": 4, "customer_ref": "C1", "customer_email": "ann@example.com", "customer_title": "Ms",
            "customer_first_name": "Ann", "customer_last_name": "Archer", "customer_phone": "1",
            "billing_name": "Ann", "billing_company": "Co", "billing_lines": "1 Road\nFloor 2", "billing_suburb": "S", "billing_city": "C",
            "billing_state": "St", "billing_postcode": "P", "billing_country": "GB",
            "shipping_name": "Bob", "shipping_company": null, "shipping_lines": "2 Road", "shipping_suburb": null, "shipping_city": "D",
            "shipping_state": null, "shipping_postcode": null, "shipping_country": "IE",
        }),
        json!({
            "delivery_reference": "R", "purchase_order": "PO", "instructions": "Ring \"twice\"", "metadata": {"gift": true}, "origin": id,
            "fulfilment_status": "SHIPPED", "tracking_url": "https://example.com/t", "fulfilment": order["fulfilment"], "position": 7,
        }),
    ] {
        expected.extend(part.as_object().unwrap().clone());
    }
    assert_eq!(orders, [Value::Object(expected)]);
    assert_eq!(
        lines,
        [
            json!({"order_id": id, "line": 0, "quantity": 2, "sku": "S1", "ean": "E1", "product_id": "1", "description": "Shoe", "unit_price": 10.50,
            "currency": "EUR", "weight_kg": 0.250, "warehouse": "W1", "back_ordered": false, "fulfilled_quantity": 1.5, "metadata": {"a": 1}}),
            json!({"order_id": id, "line": 2, "quantity": 1.5, "sku": "S2", "ean": null, "product_id": null, "description": null, "unit_price": 4.00,
            "currency": "EUR", "weight_kg": null, "warehouse": null, "back_ordered": true, "fulfilled_quantity": null, "metadata": null}),
        ]
    );
    assert_eq!(
        customers,
        [json!({
            "organisation": "shop.one", "key": "ref:C1", "customer_id": 4, "ref": "C1", "email": "ann@example.com", "title": "Ms", "first_name": "Ann",
            "last_name": "Archer", "phone": "1", "first_order_at": "2026-11-21T09:30:00+00:00", "last_order_at": "2026-11-21T09:30:00+00:00", "position": 7,
        })]
    );
}

/// Numbers that the database's own types cannot hold, and a year that it does not know.
#[test]
fn no_value_stops_the_tables() {
    let database = OwnDatabase::empty();
    let mut events = orders(1, 1..=1);
    let json = events[0].delivery.order.take().unwrap();
    let odd = r#""metadata": {"n":1e999999999}, "placed_at": "0000-01-01", "organisation""#;
    events[0].delivery.order = Some(json.replacen(r#""organisation""#, odd, 1));
    block_on(async {
        let mut sink = target(database.url()).open(None).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
    });
    let row = query(database.url(), |client| {
        let select = "select metadata::text, placed_at is null from wharfinger.orders";
        client.query_one(select, &[]).unwrap()
    });
    assert_eq!(row.get::<_, &str>(0), r#"{"n":1e999999999}"#);
    assert!(row.get::<_, bool>(1));
}

#[test]
fn totals_need_one_currency_and_a_price() {
    let database = OwnDatabase::empty();
    let mut target = target(database.url());
    let mut events = orders(1, 1..=2);
    for (given, line) in events.iter_mut().zip([
        json!({"quantity": 1, "sku": "A", "unit_price": "1.00", "currency": "USD"}),
        json!({"quantity": 1, "sku": "A"}),
    ]) {
        let mut order: Value =
            serde_json::from_str(given.delivery.order.as_ref().unwrap()).unwrap();
        order["lines"] = json!([line]);
        given.delivery.order = Some(order.to_string());
    }
    block_on(async {
        let mut sink = target.open(None).await.unwrap();
        deliver(&mut sink, &events).await.unwrap();
    });
    for order in &contents(database.url())[0] {
        assert_eq!(
            (&order["lines_total"], &order["total"]),
            (&Value::Null, &Value::Null)
        );
    }
}
