//! Rules on orders: the examples of the documentation, absent attributes, what is refused, and hostile rules.

use crate::canonical::{Address, Customer, Json, Line, Order};
use crate::json::Decimal;
use crate::order::amount::Amount;
use crate::rules::{BatchWork, Of, Rule, RuleSet, WHEN_CHARS_MAX};

const OF: Of<'static> = Of {
    dialect: "native",
    organisation: "TRK001",
};

fn amount(text: &str) -> Amount {
    Amount::of(&Decimal::parse(text.into()).unwrap())
}

fn line(quantity: &str, price: Option<&str>) -> Line {
    Line {
        quantity: amount(quantity),
        sku: Some("TEE-1".into()),
        ean: None,
        product_id: None,
        description: None,
        unit_price: price.map(amount),
        currency: None,
        weight_kg: None,
        metadata: None,
    }
}

fn country(code: &str) -> Address {
    Address {
        country: Some(code.into()),
        ..Address::default()
    }
}

/// 2 × 500.10 + 12.50 - 2.70 = 1010.00.
fn order() -> Order {
    Order {
        organisation: "TRK001".into(),
        key: "A-1".into(),
        customer: Customer {
            email: Some("ann@example.test".into()),
            ..Customer::default()
        },
        billing_address: country("GB"),
        shipping_address: country("FR"),
        lines: vec![line("2", Some("500.10")), line("1", None)],
        shipping_price: Some(amount("12.50")),
        discount: Some(amount("2.70")),
        metadata: Some(Json::of(r#"{"gift":true,"tags":["a","b"],"score":0.5}"#)),
        ..Order::default()
    }
}

fn rules(when: &str) -> Vec<Rule> {
    vec![Rule {
        name: "r".into(),
        when: when.into(),
        sentence: "Look at it.".into(),
    }]
}

/// `Ok(true)` if the rule holds the order, `Err` if it fails on it.
fn judge(when: &str, order: &Order) -> Result<bool, String> {
    let set = RuleSet::compile(&rules(when)).unwrap_or_else(|error| panic!("{when}: {error}"));
    match set.find(order, OF, &mut BatchWork::before_turn()) {
        None => Ok(false),
        Some(hold) => hold.error.map_or(Ok(true), Err),
    }
}

fn refused(when: &str) -> String {
    match RuleSet::compile(&rules(when)) {
        Ok(_) => panic!("{when} compiles"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_documented_rules_work_as_written() {
    let abroad =
        "order.total > 1000 && order.shipping_address.country != order.billing_address.country";
    let order = order();
    assert_eq!(judge(abroad, &order), Ok(true));
    let mut domestic = order.clone();
    domestic.billing_address = country("FR");
    assert_eq!(judge(abroad, &domestic), Ok(false));
    domestic.billing_address = Address::default();
    assert_eq!(
        judge(abroad, &domestic),
        Ok(true),
        "an absent country differs from a given one"
    );
    domestic.shipping_address = Address::default();
    assert_eq!(
        judge(abroad, &domestic),
        Ok(false),
        "two absent countries are the same"
    );

    assert_eq!(judge("size(order.lines) > 50", &order), Ok(false));
    let mut long = order.clone();
    long.lines = vec![line("1", None); 51];
    assert_eq!(judge("size(order.lines) > 50", &long), Ok(true));

    let of_test = r#"order.customer.email.endsWith("@example.test")"#;
    assert_eq!(judge(of_test, &order), Ok(true));
    let mut nobody = order;
    nobody.customer = Customer::default();
    let why = judge(of_test, &nobody).unwrap_err();
    assert!(why.starts_with("order.customer.email is absent: "), "{why}");
    assert_eq!(
        judge(&format!("has(order.customer.email) && {of_test}"), &nobody),
        Ok(false)
    );
}

#[test]
fn amounts_are_numbers() {
    let order = order();
    for (when, expected) in [
        ("order.total == 1010.0", true),
        ("order.total == 1010", true),
        ("order.total >= 1010.01", false),
        ("order.total > order.discount * 2 + 10", true),
        ("order.lines[0].total == 1000.2", true),
        ("order.lines[1].total == 0", true),
        ("order.lines.exists(l, l.quantity * 2 > 3)", true),
        ("order.lines.all(l, l.quantity > 1)", false),
        (
            "order.lines.filter(l, l.quantity > 1).exists(l, l.sku == 'TEE-1')",
            true,
        ),
        ("order.lines.map(l, l.quantity).exists(q, q == 2.0)", true),
        ("order.lines.exists_one(l, l.quantity == 2.0)", true),
        ("order.total / size(order.lines) > 504", true),
        (
            "order.lines.exists(l, has(l.unit_price) && l.unit_price > 400)",
            true,
        ),
        (
            "order.dialect == 'native' && order.organisation.startsWith('TRK')",
            true,
        ),
        ("order.key in ['A-1', 'A-2']", true),
        (
            "order.key.matches('^[A-Z]-[0-9]+$') || matches(order.key, 'x')",
            true,
        ),
        ("order.metadata.gift && 'b' in order.metadata.tags", true),
        (
            "has(order.metadata.gift) && !has(order.metadata.none)",
            true,
        ),
        ("order.metadata.score < 0.6", true),
        ("order.currency == null", true),
        (
            "(has(order.currency) ? order.currency : 'EUR') == 'EUR'",
            true,
        ),
    ] {
        assert_eq!(judge(when, &order), Ok(expected), "{when}");
    }
}

#[test]
fn a_rule_that_fails_holds_the_order_and_says_why() {
    let order = order();
    for (when, why) in [
        (
            "order.currency.startsWith('E')",
            "order.currency is absent: ",
        ),
        ("order.lines[1].unit_price > 3", "cannot be applied to"),
        ("order.lines[7].quantity > 3", "no element"),
        ("order.metadata.none == 1", "there is no `none`"),
        ("order.metadata.gift > 3", "cannot be applied"),
        ("order.metadata.score", "neither true nor false"),
        ("1 / (size(order.lines) - 2) > 0", "divides by zero"),
        ("int(order.key) > 0", "int"),
    ] {
        let found = judge(when, &order).unwrap_err();
        assert!(found.contains(why), "{when}: {found}");
        assert!(
            !found.contains("A-1") && !found.contains("TEE"),
            "no values: {found}"
        );
    }
}

#[test]
fn what_does_not_compile_is_refused_with_its_place() {
    for (when, place) in [
        (
            "order.totl > 5",
            "unknown attribute `totl`, did you mean `total`?",
        ),
        (
            "order.lines.exists(l, l.qty > 5)",
            "unknown attribute `qty`",
        ),
        ("order.total >", "line 1 column 14"),
        (
            "true &&\n  ordr.total > 5",
            "line 2 column 3: unknown name `ordr`",
        ),
        ("order.total > 'x'", "compares a number with text"),
        ("order.key > 5", "compares text with a number"),
        ("order.total", "must be true or false, but is a number"),
        ("order.total && true", "must be true or false here"),
        ("order.lines.total > 5", "a list has no attribute"),
        ("order.lines == []", "a list cannot be used as a value here"),
        ("[order].size() > 0", "cannot be used as a value"),
        (
            "order.lines.map(l, order.metadata).size() > 0",
            "map() may make",
        ),
        ("order.lines.map(l, [l.sku]).size() > 0", "map() may make"),
        ("{'a': 1}.a == 1", "objects cannot be made"),
        ("dyn(order.total) == 1", "unknown function `dyn`"),
        (
            "order.key.lowerAscii() == 'a'",
            "unknown function `lowerAscii`",
        ),
        ("order.?key == 1", "rule 1, when"),
        (
            "order.key.matches(order.currency)",
            "must be written in the rule",
        ),
        ("order.key.matches('(a')", "the regular expression is wrong"),
        (r"order.key.matches('(\\w{1,1000}){1000}')", "too large"),
        (
            r"order.key.matches('(a)\\1')",
            "the regular expression is wrong",
        ),
        ("has(order.lines)", "use size() > 0"),
        (
            "has(order.customer)",
            "has() takes an attribute with one value",
        ),
        (
            "order.key + order.key + order.key + order.key + order.key + order.key + order.key + order.key + order.key + order.key == ''",
            "joins more than 8",
        ),
        (
            "order.lines.all(a, order.lines.all(b, order.lines.all(c, true)))",
            "a loop inside a loop",
        ),
    ] {
        let found = refused(when);
        assert!(found.contains(place), "{when}: {found}");
    }
}

#[test]
fn lists_of_rules_are_bounded() {
    let rule = rules("true").remove(0);
    let named = |name: &str| Rule {
        name: name.into(),
        ..rule.clone()
    };
    let of = |rules: &[Rule]| RuleSet::compile(rules).map(|set| set.rules().len());
    let many: Vec<_> = (0..51).map(|at| named(&at.to_string())).collect();
    assert_eq!(of(&many[..50]), Ok(50));
    assert_eq!(of(&many).unwrap_err().pointer(), "/rules");
    assert_eq!(
        of(&[named("a"), named("a")]).unwrap_err().pointer(),
        "/rules/1/name"
    );
    assert_eq!(of(&[named(" ")]).unwrap_err().pointer(), "/rules/0/name");
    assert_eq!(of(&[named("a\nb")]).unwrap_err().pointer(), "/rules/0/name");
    let mut long = named("a");
    long.when = format!("'{}' == ''", "x".repeat(WHEN_CHARS_MAX));
    assert_eq!(of(&[long]).unwrap_err().pointer(), "/rules/0/when");
}

/// A person who writes several rules sees all that is wrong at once.
#[test]
fn each_rule_that_does_not_compile_is_named() {
    let named = |name: &str, when: &str| Rule {
        name: name.into(),
        ..rules(when).remove(0)
    };
    let faults = |rules: &[Rule]| -> Vec<String> {
        let faults = RuleSet::faults(rules);
        faults
            .iter()
            .map(crate::rules::RuleError::pointer)
            .collect()
    };
    assert_eq!(faults(&[named("a", "true"), named("b", "false")]), [""; 0]);
    let several = [
        named("a", "order.x"),
        named("b", "true"),
        named("a", "1 +"),
        named("c", " "),
    ];
    assert_eq!(
        faults(&several),
        ["/rules/2/name", "/rules/0/when", "/rules/2/when"]
    );
    let first = RuleSet::compile(&several).unwrap_err();
    assert_eq!(first, RuleSet::faults(&several)[0]);
}

#[test]
fn the_first_rule_that_matches_is_named() {
    let rule = |name: &str, when: &str| Rule {
        name: name.into(),
        when: when.into(),
        sentence: format!("Because of {name}."),
    };
    let set = [
        rule("no", "false"),
        rule("yes", "true"),
        rule("too", "true"),
    ];
    let set = RuleSet::compile(&set).unwrap();
    let found = set
        .find(&order(), OF, &mut BatchWork::before_turn())
        .unwrap();
    assert_eq!(
        (found.rule.as_str(), found.sentence.as_str()),
        ("yes", "Because of yes.")
    );
    assert_eq!(
        set.find_all(&order(), OF, &mut BatchWork::before_turn())
            .len(),
        2
    );
}

/// Costly orders of one batch are judged as long as there is work left. The others are held at once.
#[test]
fn a_batch_has_a_budget() {
    let mut large = order();
    large.lines = vec![line("1", Some("1")); 500];
    let never = rules("order.lines.exists(line, line.quantity > 5.0)");
    let set = RuleSet::compile(&never).unwrap();
    for (mut work, least) in [(BatchWork::before_turn(), 300), (BatchWork::in_turn(), 30)] {
        let judged = (0..).take_while(|_| set.find(&large, OF, &mut work).is_none());
        let judged = judged.count();
        assert!((least..10 * least).contains(&judged), "{judged}");
        // What is small is held too: the answer does not depend on the sizes of the orders that follow.
        assert!(work.is_used_up());
        let hold = set.find(&order(), OF, &mut work).unwrap();
        assert_eq!(Some(&hold), set.unevaluated().as_ref());
        let why = hold.error.unwrap();
        assert!(
            why.contains("work of rules for this batch is used up"),
            "{why}"
        );
    }
    // A thousand ordinary orders leave most of it.
    let mut work = BatchWork::in_turn();
    let ten: Vec<_> = (0..10)
        .map(|at| Rule {
            name: at.to_string(),
            ..rules("order.total > 5000 && order.customer.email.endsWith('x')").remove(0)
        })
        .collect();
    let set = RuleSet::compile(&ten).unwrap();
    assert!((0..1_000).all(|_| set.find(&order(), OF, &mut work).is_none()));
}

/// Each of these is refused, or evaluated with bounded work.
#[test]
fn hostile_rules_do_no_harm() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    for when in [
        nested("(", "true", ")", 900),
        nested("[", "1", "]", 900),
        nested("!", "true", "", 1_900),
        nested("-", "1", "", 1_900),
        nested("(", "", "", 1_900),
        nested("size([", "1", "])", 250),
        format!("true{}", " && true".repeat(240)),
        format!("true{}", " ? true : false".repeat(130)),
        format!("1{} > 0", "+1".repeat(900)),
        format!("order{}", ".a".repeat(900)),
        format!("order.metadata{} == 1", ".a".repeat(190)),
        format!("'{}", "(".repeat(1_900)),
        "order.metadata[0][0][0][0][0][0][0][0]".into(),
        "\u{0}".into(),
        "\"\\".into(),
        "a\u{202e}b".into(),
    ] {
        let _ = RuleSet::compile(&rules(&when))
            .map(|set| set.find(&order(), OF, &mut BatchWork::before_turn()));
    }
    let mut huge = order();
    huge.lines = vec![line("1", Some("1")); 20_000];
    let twice = "order.lines.all(a, order.lines.all(b, a.quantity == b.quantity))";
    assert!(RuleSet::compile(&rules(twice)).is_err(), "a loop in a loop");
    let once = "order.lines.all(a, a.quantity == 1.0)";
    assert_eq!(
        judge(once, &huge).unwrap_err(),
        "the order is too large for this rule"
    );
    huge.lines.truncate(1_000);
    assert_eq!(judge(once, &huge), Ok(true));
    huge.instructions = Some("a".repeat(1 << 20));
    let evil = "order.instructions.matches('(a*)*b')";
    assert_eq!(judge(evil, &huge), Ok(false), "linear");
    let often = format!("order.lines.exists(l, {evil})");
    assert_eq!(
        judge(&often, &huge).unwrap_err(),
        "the order is too large for this rule"
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_or_evaluated(when in "[ a-z.()\\[\\]!&|<>=+*/%'\"0-9?:,{}-]{0,60}") {
        let _ = RuleSet::compile(&rules(&when)).map(|set| set.find(&order(), OF, &mut BatchWork::before_turn()));
    }
}
