//! Any rule: it is refused, or it compiles and is evaluated within its bounds.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wharfinger_core::canonical::Order;
use wharfinger_core::dialect::StoredOrder;
use wharfinger_core::dialects;
use wharfinger_core::rules::{BatchWork, Of, Rule, RuleSet};

const ORDER: &str = r#"{"key":"A","number":"7","placed_at":"2026-01-02T03:04:05Z","currency":"EUR","total":"12.50",
    "customer":{"email":"ann@example.com","first_name":"Ann"},"shipping_address":{"country":"DE","city":"Köln"},
    "lines":[{"sku":"S-1","quantity":2,"unit_price":"6.25"},{"sku":"S-2","quantity":1,"unit_price":"0"}]}"#;

static SAMPLE: LazyLock<Order> =
    LazyLock::new(|| dialects::OWN.canonical(&StoredOrder::of_text(ORDER)));

fuzz_target!(|when: &str| {
    let rule = Rule {
        name: "fuzz".into(),
        when: when.into(),
        sentence: "A person should look at it.".into(),
    };
    let Ok(rules) = RuleSet::compile(&[rule]) else {
        return;
    };
    let of = Of {
        dialect: dialects::OWN.id(),
        organisation: "TRK001",
    };
    let _ = rules.find_all(&SAMPLE, of, &mut BatchWork::before_turn());
});
