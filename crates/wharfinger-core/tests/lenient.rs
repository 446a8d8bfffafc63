//! Input that real clients send and the vendors' pages do not mention: floats, keyed arrays, dates in a time zone.

#[path = "support/one.rs"]
#[expect(dead_code, reason = "each test uses what it needs of what they share")]
mod one;

use jiff::tz::TimeZone;
use one::{problems, stored};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wharfinger_core::dialect::{
    Action, Answer, Dialect, Head, Operation, OrderQuery, Orders, ParsedRequest, StoredOrder,
};
use wharfinger_core::dialects;
use wharfinger_core::order::organisation::Organisation;
use wharfinger_core::order::zone;

fn centra() -> &'static dyn Dialect {
    dialects::find("centra").unwrap()
}

fn list() -> &'static Operation {
    let mut operations = centra().operations().iter();
    operations
        .find(|operation| operation.action == Action::List)
        .unwrap()
}

/// Returns an order as the dialect's list shows it.
fn read_back(order: StoredOrder) -> Value {
    let answer = Answer::Orders(Orders {
        query: &OrderQuery::first(1),
        orders: &[order],
        total: 1,
        first: true,
        last: true,
    });
    let reply = centra().encode(list(), &answer);
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    answer["orders"][0].clone()
}

/// The creation bounds of a query from a client in a time zone.
fn bounds(time_zone: &str, newer_than: &str, older_than: &str) -> [String; 2] {
    let organisation = Organisation {
        time_zone: zone::named(time_zone).unwrap(),
        ..Organisation::new("TRK001", "")
    };
    let query = [("newer_than", newer_than), ("older_than", older_than)];
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let head = Head {
        path: &[],
        query: &query,
        headers: &[],
    };
    let Ok(ParsedRequest::Orders(query)) =
        centra().parse_request(list(), &head, Some(&organisation))
    else {
        panic!("a list asks for orders");
    };
    [query.created_from_ms, query.created_to_ms].map(|ms| {
        let moment = jiff::Timestamp::from_millisecond(ms.unwrap()).unwrap();
        moment.to_string()
    })
}

#[test]
fn a_poller_asks_in_the_time_of_its_own_clock() {
    for (time, first, last) in [
        // Winter time and summer time.
        (
            "2026-01-15 12:00:00",
            "2026-01-15T11:00:00Z",
            "2026-01-15T11:00:00.999Z",
        ),
        (
            "2026-07-15 12:00:00",
            "2026-07-15T10:00:00Z",
            "2026-07-15T10:00:00.999Z",
        ),
        (
            "2026-07-15",
            "2026-07-14T22:00:00Z",
            "2026-07-14T22:00:00.999Z",
        ),
        // Clocks go from 02:00 to 03:00 at 01:00 UTC. The range goes from the first moment at or after this time to the
        // last before it.
        (
            "2026-03-29 02:00:00",
            "2026-03-29T01:00:00Z",
            "2026-03-29T00:59:59.999Z",
        ),
        (
            "2026-03-29 02:30:00",
            "2026-03-29T01:00:00Z",
            "2026-03-29T00:59:59.999Z",
        ),
        (
            "2026-03-29 01:59:59",
            "2026-03-29T00:59:59Z",
            "2026-03-29T00:59:59.999Z",
        ),
        (
            "2026-03-29 03:00:00",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:00:00.999Z",
        ),
        // Clocks go from 03:00 back to 02:00 at 01:00 UTC. The range goes from the first occurrence to the second.
        (
            "2026-10-25 02:30:00",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00.999Z",
        ),
        (
            "2026-10-25 03:00:00",
            "2026-10-25T02:00:00Z",
            "2026-10-25T02:00:00.999Z",
        ),
    ] {
        assert_eq!(
            bounds("Europe/Stockholm", time, time),
            [first, last],
            "{time}"
        );
    }
    // On this day clocks skip midnight: the day begins at 01:00.
    assert_eq!(
        bounds("Africa/Cairo", "2026-04-24", "2026-04-24 00:30:00"),
        ["2026-04-23T22:00:00Z", "2026-04-23T21:59:59.999Z"]
    );
}

#[test]
fn dates_of_an_order_are_in_the_organisations_time_zone() {
    let order = |date: &str| StoredOrder {
        time_zone: zone::named("Europe/Stockholm").unwrap(),
        ..stored("7", &json!({"orderDate": date}).to_string())
    };
    for (sent, shown, placed_at) in [
        ("2026-07-15", "2026-07-15", "2026-07-15"),
        (
            "2026-07-15 12:00:00",
            "2026-07-15 12:00:00",
            "2026-07-15T10:00:00Z",
        ),
        (
            "2026-07-15T12:00:00",
            "2026-07-15 12:00:00",
            "2026-07-15T10:00:00Z",
        ),
        (
            "2026-07-15 12:00",
            "2026-07-15 12:00:00",
            "2026-07-15T10:00:00Z",
        ),
        (
            "2026-07-15T12:00:00Z",
            "2026-07-15 14:00:00",
            "2026-07-15T12:00:00Z",
        ),
        (
            "2026-07-15T12:00:00.123Z",
            "2026-07-15 14:00:00",
            "2026-07-15T12:00:00.123Z",
        ),
        (
            "2026-07-15T12:00:00+0200",
            "2026-07-15 12:00:00",
            "2026-07-15T10:00:00Z",
        ),
        (
            "2026-07-15 12:00:00-05:00",
            "2026-07-15 19:00:00",
            "2026-07-15T17:00:00Z",
        ),
        // A skipped time is taken as an hour later, because clocks are an hour ahead by then. Of an ambiguous time, the
        // first counts.
        (
            "2026-03-29 02:30:00",
            "2026-03-29 02:30:00",
            "2026-03-29T01:30:00Z",
        ),
        (
            "2026-10-25 02:30:00",
            "2026-10-25 02:30:00",
            "2026-10-25T00:30:00Z",
        ),
    ] {
        let order = order(sent);
        let canonical = centra().canonical(&order).placed_at;
        let canonical = canonical.map(|moment| moment.to_string());
        assert_eq!(canonical.as_deref(), Some(placed_at), "{sent}");
        assert_eq!(read_back(order)["orderDate"], shown, "{sent}");
    }
    // The fixture's order was created at midnight UTC. The zero date counts as absent.
    for absent in ["", "0000-00-00", "0000-00-00 00:00:00"] {
        assert_eq!(read_back(order(absent))["orderDate"], "2026-01-01 01:00:00");
        assert_eq!(centra().canonical(&order(absent)).placed_at, None);
    }
}

#[test]
fn a_canonical_time_is_written_in_the_time_zone_of_the_form() {
    let native = dialects::find("native").unwrap();
    let order = native.canonical(&stored("7", r#"{"placed_at":"2026-07-15T10:00:00Z"}"#));
    for (time_zone, date) in [
        ("Europe/Stockholm", "2026-07-15 12:00:00"),
        ("UTC", "2026-07-15 10:00:00"),
        ("America/New_York", "2026-07-15 06:00:00"),
    ] {
        let form = centra().render(&order, &zone::named(time_zone).unwrap());
        let form: Value = serde_json::from_slice(&form.body).unwrap();
        assert_eq!(form["orderDate"], date, "{time_zone}");
    }
}

#[test]
fn an_amount_that_the_form_cannot_hold_is_rounded_and_named() {
    let native = dialects::find("native").unwrap();
    let order = json!({"lines": [{"sku": "A", "unit_price": "28.945"}], "shipping_price": "5.10", "discount": "0.001"});
    let order = native.canonical(&stored("7", &order.to_string()));
    let form = centra().render(&order, &TimeZone::UTC);
    let body = String::from_utf8(form.body).unwrap();
    assert!(body.contains(r#""unitPrice":28.95"#), "{body}");
    assert!(
        body.contains(r#""shippingValue":5.10,"voucherValue":0"#),
        "{body}"
    );
    assert!(
        form.missing.contains(&"products[].unitPrice (rounded)"),
        "{:?}",
        form.missing
    );
    assert!(
        form.missing.contains(&"voucherValue (rounded)"),
        "{:?}",
        form.missing
    );
    assert!(
        !form.missing.contains(&"shippingValue (rounded)"),
        "{:?}",
        form.missing
    );
}

/// An attribute that may be absent, null or present.
fn optional(value: Value) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![Just(None), Just(Some(Value::Null)), Just(Some(value))]
}

/// A price calculated in binary floating point, as programs do.
fn float() -> impl Strategy<Value = f64> {
    (0_u32..1_000_000, 1_u32..100, 1_u32..100).prop_map(|(cents, times, parts)| {
        f64::from(cents) / 100.0 * f64::from(times) / f64::from(parts)
    })
}

/// The optional attributes on the vendor's page, with the values given there.
fn optional_attributes() -> impl Strategy<Value = Map<String, Value>> {
    let values = json!({
        "customerRegister": false, "customerId": 5, "createdFromOrigin": {"type": "return", "id": 123},
        "extraAttributes": {"attr_text": "x"}, "buyerName": "Bo", "deliveryWindow": "AW26", "pricelistId": 19,
        "marketId": 1, "shippingList": "ups-standard", "sendEmail": "False", "adjustStock": 0, "comment": "Ring twice",
        "internalComment": "", "poNumber": 17, "orderDate": "2026-07-15T12:00:00+02:00", "deliveryDate": "0000-00-00",
        "cancelDate": "2026-08-15 12:00", "internalOrder": true, "applyVouchers": "1",
        "voucherCodes": {"1": "MyFirstGiftcard", "3": "New10PercentOff"},
        "payment": {"id": 36, "auth": {"status": 1, "amount": 26.22, "method": "cc"}},
    });
    let Value::Object(values) = values else {
        unreachable!("it is an object")
    };
    let each: Vec<_> = values
        .into_iter()
        .map(|(name, value)| optional(value).prop_map(move |value| (name.clone(), value)))
        .collect();
    each.prop_map(|each| {
        let there = each.into_iter();
        there
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_order_of_the_vendors_page_is_taken_and_read_back_without_loss(
        mut order in optional_attributes(),
        lines in prop::collection::vec((1_u32..1000, float(), any::<bool>()), 1..5),
        is_keyed in any::<bool>(),
        shipping in float(),
    ) {
        let line = |(at, (qty, price, is_localized)): (usize, &(u32, f64, bool))| {
            let size = if *is_localized {
                json!({"localizationDefinitionName": "EU", "localizedSize": "38"})
            } else {
                Value::Null
            };
            let line = json!({"sku": format!("SKU-{at}"), "qty": qty, "unitPrice": price, "localizedProdSize": size});
            // PHP's `array_filter` leaves such keys.
            ((at * 2).to_string(), line)
        };
        let products = lines.iter().enumerate().map(line);
        let products = if is_keyed {
            Value::Object(products.collect())
        } else {
            products.map(|(_, line)| line).collect()
        };
        order.insert("products".into(), products);
        order.insert("shippingValue".into(), json!(shipping));
        order.insert("address".into(), json!({"email": "eva@example.com", "country": "SE", "state": null}));
        let text = Value::Object(order.clone()).to_string();
        let problems = problems(centra(), &text);
        prop_assert!(problems.is_empty(), "{text}\n{problems:?}");
        prop_assert_eq!(centra().own_form(&stored("7", &text)), text.clone());

        let back = read_back(stored("7", &text));
        let told = back["products"].as_array().unwrap();
        prop_assert_eq!(told.len(), lines.len());
        for (at, ((qty, price, is_localized), told)) in lines.iter().zip(told).enumerate() {
            prop_assert_eq!(&told["sku"], &json!(format!("SKU-{at}")));
            prop_assert_eq!(&told["qty"], &json!(qty));
            prop_assert_eq!(&told["size"], if *is_localized { "38" } else { "" });
            let shown = told["price"].as_f64().unwrap();
            prop_assert!((shown - price).abs() <= 0.005 + price * 1e-12, "{shown} {price}");
        }
        let shown = back["shippingValue"].as_f64().unwrap();
        prop_assert!((shown - shipping).abs() <= 0.005 + shipping * 1e-12, "{shown} {shipping}");
        let comment = order.get("comment").and_then(Value::as_str);
        prop_assert_eq!(back["otherComment"].as_str(), Some(comment.unwrap_or_default()));
        let canonical = centra().canonical(&stored("7", &text));
        prop_assert_eq!(canonical.lines.len(), lines.len());
    }
}
