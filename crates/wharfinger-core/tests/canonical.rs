//! Properties of the canonical order that hold for every source and target dialect.

#[expect(dead_code, reason = "each test uses what it needs of what they share")]
mod support;

#[path = "support/good.rs"]
mod good;

#[path = "support/one.rs"]
mod one;

#[path = "support/orders.rs"]
mod orders;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use one::{covers, of_any_element, problems, stored};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::case;
use wharfinger_core::canonical::{Order, Rendered};
use wharfinger_core::convert::{self, ReadBack, RenderAs};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;
use wharfinger_core::order::problem::Code;

fn native() -> &'static dyn Dialect {
    dialects::find("native").expect("the house's own")
}

fn body(rendered: &Rendered) -> String {
    String::from_utf8(rendered.body.clone()).expect("JSON")
}

/// Checks that the parts missing from a rendered form are exactly what its dialect reports as required.
fn check_missing(dialect: &dyn Dialect, rendered: &Rendered) -> Result<(), String> {
    let text = body(rendered);
    let place = format!("{} {text} {:?}", dialect.id(), rendered.missing);
    let mut told = BTreeSet::new();
    for problem in problems(dialect, &text) {
        if problem.code != Code::Required {
            return Err(format!("{place}: {problem}"));
        }
        let path = of_any_element(&problem.path.to_string());
        // The dialect has two attributes, either of which is enough. If no address is present, the shared `address` is
        // named.
        let is_of_both = ["invoiceAddress", "deliveryAddress"].contains(&path.as_str());
        let is_shared = rendered.missing.contains(&"address.country");
        told.insert(if is_of_both && is_shared {
            "address".to_owned()
        } else {
            path
        });
    }
    // A rounded value is present.
    let is_rounded = |path: &&str| path.ends_with(" (rounded)");
    let missing = || rendered.missing.iter().filter(|path| !is_rounded(path));
    let is_named = |path: &String| missing().any(|named| covers(path, named));
    // An absent quantity counts as one, so the dialect does not report it.
    let is_told =
        |named: &&str| *named == "lines[].quantity" || told.iter().any(|path| covers(path, named));
    if !told.iter().all(is_named) || !missing().all(is_told) {
        return Err(format!("{place}: {told:?}"));
    }
    Ok(())
}

/// Quantities that count as one unit if absent.
const QUANTITIES: [&str; 2] = ["lines[].quantity", "products[].qty"];

/// What a form lacks, except for rounded values: these are already rounded the second time.
fn names(form: &Rendered) -> Vec<&str> {
    let missing = form.missing.iter().copied();
    missing
        .filter(|path| !path.ends_with(" (rounded)"))
        .collect()
}

/// Checks that rendering, reading and rendering an order again gives the same form.
fn check_round_trip(dialect: &dyn Dialect, key: &str, order: &Order) -> Result<(), String> {
    let form = dialect.render(order, &TimeZone::UTC);
    check_missing(dialect, &form)?;
    if form.missing.iter().any(|path| QUANTITIES.contains(path)) {
        return Ok(());
    }
    let again = dialect.canonical(&stored(key, &body(&form)));
    let second = dialect.render(&again, &TimeZone::UTC);
    if body(&second) != body(&form) || names(&second) != names(&form) {
        let id = dialect.id();
        return Err(format!("{id}:\n{}\n{}", body(&form), body(&second)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_good_order_can_be_given_in_every_form((key, text) in orders::order()) {
        prop_assert_eq!(problems(native(), &text), []);
        let order = native().canonical(&stored(&key, &text));
        for dialect in dialects::ALL {
            check_round_trip(*dialect, &key, &order).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn the_canonical_form_loses_nothing((key, text) in orders::order()) {
        let order = native().canonical(&stored(&key, &text));
        let written = native().render(&order, &TimeZone::UTC);
        prop_assert_eq!(&written.missing, &Vec::<&str>::new());
        prop_assert_eq!(native().canonical(&stored(&key, &body(&written))), order);
    }
}

/// Converts the valid orders of each dialect's cases.
///
/// What an order says in canonical form survives in its own dialect's form. In any other form it survives except for
/// what that form names as missing.
#[test]
fn the_orders_of_the_cases_can_be_given_in_every_form() {
    let mut given = 0;
    for (dialect, text) in good::orders() {
        let order = dialect.canonical(&stored("7", &text));
        for to in dialects::ALL {
            check_round_trip(*to, "7", &order)
                .unwrap_or_else(|complaint| panic!("{text}\n{complaint}"));
        }
        let own = dialect.render(&order, &TimeZone::UTC);
        // A form may have no room for decimals of an amount or of a second.
        let has_fraction = order
            .placed_at
            .is_some_and(|at| at.to_string().contains('.'));
        if own.missing.len() > names(&own).len() || has_fraction && dialect.id() == "centra" {
            continue;
        }
        let again = dialect.canonical(&stored("7", &body(&own)));
        let fold = |order: Order| Order {
            billing_address: order.payer().clone(),
            shipping_address: order.destination().clone(),
            ..order
        };
        // A single address may come back as both.
        assert_eq!(fold(again), fold(order), "{text}\n{}", body(&own));
        given += 1;
    }
    assert!(given > 500, "{given}");
}

#[test]
fn in_its_own_form_an_order_is_as_it_was_sent() {
    let text = "{ \"packingslipno\" : \"S-1\" , \"Consignee\":\"Ann\" }";
    let dialect = dialects::find("gosweetspot").unwrap();
    for name in ["submitted", "gosweetspot"] {
        let form = RenderAs::named(name).unwrap();
        let rendered = convert::render(&stored("S-1", text), dialect, form);
        assert_eq!(body(&rendered), text);
        assert_eq!(rendered.missing, [""; 0]);
    }
    let form = RenderAs::named("reevoo").unwrap();
    let rendered = convert::render(&stored("S-1", text), dialect, form);
    assert_eq!(body(&rendered), r#"{"trkref":"TRK001","order_ref":"S-1"}"#);
    assert_eq!(
        rendered.missing,
        ["order_date", "customer.email", "order_items"]
    );
    assert!(RenderAs::named("nonsense").is_none());
}

#[test]
fn an_order_read_back_says_what_the_server_knows() {
    let text = r#"{"key":7,"placed_at":"2026-11-18T23:30:00-01:00","custmer":1,"customer":{"email":" "},"lines":[{"sku":"TEA-7","unit_price":055.10,"weight_kg":"0.5"},{"ean":"1","quantity":"2.50","unit_price":1e1}],"discount":"-0.0","metadata":{ "a" : [ 1.50 ] }}"#.replace("055.10", "55.10");
    let read = serde_json::to_string(&ReadBack::of(&stored("7", &text), native())).unwrap();
    assert_eq!(
        case::normalise(&read),
        r#"{"organisation":"TRK001","key":"7","placed_at":"2026-11-19T00:30:00Z","lines":[{"quantity":1,"sku":"TEA-7","unit_price":"55.10","weight_kg":0.5},{"quantity":2.50,"ean":"1","unit_price":"10"}],"discount":"0.0","metadata":{"a":[1.50]},"id":"<uuid>","state":"pending","revision":1,"dialect":"native","batch_id":"<uuid>","created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.120Z"}"#
    );
}

/// A form with one item per unit limits the number of items.
#[test]
fn a_form_of_units_is_bounded() {
    let of = |lines: Value| {
        let text = json!({"key": "A-1", "placed_at": "2026-11-18", "lines": lines}).to_string();
        let order = native().canonical(&stored("A-1", &text));
        let form = dialects::find("reevoo")
            .unwrap()
            .render(&order, &TimeZone::UTC);
        let form: Value = serde_json::from_slice(&form.body).unwrap();
        form["order_items"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(
        of(json!([{"sku": "T", "quantity": 3}, {"sku": "U", "quantity": "2.0"}])),
        5
    );
    assert_eq!(of(json!([{"sku": "T", "quantity": "1.5"}])), 1);
    assert_eq!(
        of(json!([{"sku": "T", "quantity": 1_000_000_000_000_u64}, {"sku": "U", "quantity": 2}])),
        3
    );
    let long = "x".repeat(100_000);
    assert_eq!(
        of(json!([{"sku": "T", "quantity": 100, "metadata": {"a": long}}])),
        1
    );
}
