//! What holds of the canonical order, whichever dialect it came in or is given in.

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
use wharfinger_core::canonical::{self, Order, ReadBack, RenderAs, Rendered};
use wharfinger_core::dialect::Dialect;
use wharfinger_core::dialects;
use wharfinger_core::problem::Code;

fn native() -> &'static dyn Dialect {
    dialects::find("native").expect("the house's own")
}

fn body(rendered: &Rendered) -> String {
    String::from_utf8(rendered.body.clone()).expect("JSON")
}

/// What a form lacks is what its dialect says that it lacks, and the dialect has nothing else to say of it.
fn check_missing(dialect: &dyn Dialect, rendered: &Rendered) -> Result<(), String> {
    let text = body(rendered);
    let place = format!("{} {text} {:?}", dialect.id(), rendered.missing);
    let mut told = BTreeSet::new();
    for problem in problems(dialect, &text) {
        if problem.code != Code::Required {
            return Err(format!("{place}: {problem}"));
        }
        let path = of_any_element(&problem.path.to_string());
        // Two attributes that one can stand for; where all three are absent, it is the one that is named.
        let is_of_both = ["invoiceAddress", "deliveryAddress"].contains(&path.as_str());
        let is_shared = rendered.missing.contains(&"address.country");
        told.insert(if is_of_both && is_shared {
            "address".to_owned()
        } else {
            path
        });
    }
    // What is rounded is there.
    let is_rounded = |path: &&str| path.ends_with(" (rounded)");
    let missing = || rendered.missing.iter().filter(|path| !is_rounded(path));
    let is_named = |path: &String| missing().any(|named| covers(path, named));
    // Absent, a quantity is one, so that the judge does not ask for it.
    let is_told =
        |named: &&str| *named == "lines[].quantity" || told.iter().any(|path| covers(path, named));
    if !told.iter().all(is_named) || !missing().all(is_told) {
        return Err(format!("{place}: {told:?}"));
    }
    Ok(())
}

/// Absent, these are one unit.
const QUANTITIES: [&str; 2] = ["lines[].quantity", "products[].qty"];

/// What a form lacks, without what it has rounded: that is round the second time.
fn names(form: &Rendered) -> Vec<&str> {
    let missing = form.missing.iter().copied();
    missing
        .filter(|path| !path.ends_with(" (rounded)"))
        .collect()
}

/// What a form can hold survives it.
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

/// Good orders of each dialect's cases: what a dialect's order says in the canonical form can be said in its own, and in
/// every other but for what that names.
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
        // A form may have no place for decimals of an amount or of a second.
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
        // One address alone may come back as both.
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
        let rendered = canonical::render(&stored("S-1", text), dialect, form);
        assert_eq!(body(&rendered), text);
        assert_eq!(rendered.missing, [""; 0]);
    }
    let form = RenderAs::named("reevoo").unwrap();
    let rendered = canonical::render(&stored("S-1", text), dialect, form);
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

/// A number of units is an item each, but never more than a form may well hold.
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
