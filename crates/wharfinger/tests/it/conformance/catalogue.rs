//! Products, stock and customers: loading and reading.

use std::sync::Arc;

use wharfinger::store::{
    Change, LineOutcome, Load, LoadedLines, ReadCustomers, ReadProducts, Store, StoreError,
};
use wharfinger_core::decide::admit::Policy;
use wharfinger_core::decide::catalogue::import::{CustomerLine, LoadLine, ProductLine, read_array};
use wharfinger_core::decide::catalogue::{Customer, Product};
use wharfinger_core::dialect::Reply;
use wharfinger_core::limits::Limits;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Organisation;

use super::answers::save_reply;
use super::support::*;

/// Creates the two organisations.
pub(super) async fn made(store: &Arc<Store>) {
    for code in ["HERE", "THERE"] {
        let change = Change::CreateOrganisation(Organisation::new(code, ""));
        store.administer("me", change, None).await.expect("made");
    }
    let directory = store.directory(None).await.expect("read").expect("given");
    let id = |code: &str| directory.organisations[code].id;
    assert_eq!((id("HERE"), id("THERE")), (HERE, THERE));
}

fn load<L: LoadLine>(json: &str) -> Load<L> {
    let mut lines = Vec::new();
    let take = |read: Result<L, _>| lines.push(read.expect("a good line"));
    read_array(json.as_bytes(), &Limits::default(), take).expect("JSON");
    Load {
        organisation: HERE,
        lines,
        unreadable: 0,
        policy: Policy::Partial,
        who: "me".into(),
        entry: None,
        save_reply: None,
    }
}

/// The outcomes of lines as text. For refused lines, the reason.
fn told(lines: &LoadedLines) -> Vec<String> {
    let outcomes = lines.outcomes.iter();
    outcomes
        .map(|outcome| match outcome {
            LineOutcome::Refused(problem) => problem.message.clone(),
            LineOutcome::Created
            | LineOutcome::Updated
            | LineOutcome::Unchanged
            | LineOutcome::Withheld => outcome.name().to_owned(),
        })
        .collect()
}

pub(super) async fn load_products(store: &Arc<Store>, json: &str) -> Vec<String> {
    let loaded = store.load_products(load(json)).await.expect("loaded");
    told(&loaded.lines)
}

async fn load_customers(store: &Arc<Store>, json: &str) -> Vec<String> {
    let loaded = store.load_customers(load(json)).await.expect("loaded");
    told(&loaded.lines)
}

async fn products(store: &Arc<Store>, organisation: OrganisationId) -> Vec<Product> {
    let request = ReadProducts {
        organisation,
        id: None,
        sku: None,
        ean: None,
        after: None,
        limit: 1_000,
    };
    store.products(request).await.expect("read").products
}

/// Identifiers and stock of the products in this organisation.
async fn stock(store: &Arc<Store>) -> Vec<(String, u64)> {
    let named = |product: Product| {
        let id = product.id.map(|id| id.to_string()).unwrap_or_default();
        let sku = product.sku.unwrap_or_default();
        let ean = product.ean.unwrap_or_default();
        (format!("{id}/{sku}/{ean}"), product.stock)
    };
    products(store, HERE).await.into_iter().map(named).collect()
}

async fn customers(store: &Arc<Store>, organisation: OrganisationId) -> Vec<Customer> {
    let request = ReadCustomers {
        organisation,
        id: None,
        email: None,
        after: None,
        limit: 1_000,
    };
    store.customers(request).await.expect("read").customers
}

pub(super) async fn a_product_is_known_by_what_names_it(store: Arc<Store>) {
    made(&store).await;
    let first = r#"[{"id":1,"sku":"A","ean":"71"},{"sku":"B"},{"ean":"73"},{"id":4}]"#;
    assert_eq!(load_products(&store, first).await, ["created"; 4]);
    let known = r#"[{"id":1,"stock":1},{"sku":"B","stock":2},{"ean":"73","stock":3},{"id":4,"stock":4},{"ean":"71"}]"#;
    let outcomes = ["updated", "updated", "updated", "updated", "unchanged"];
    assert_eq!(load_products(&store, known).await, outcomes);
    // A product without an identifier of some kind can be given one. An existing one can be changed to one that no other
    // product has.
    let given =
        r#"[{"id":2,"sku":"B"},{"sku":"C","ean":"73"},{"id":1,"sku":"AA"},{"id":4,"sku":"A"}]"#;
    assert_eq!(load_products(&store, given).await, ["updated"; 4]);
    // An identifier of another product is refused, whatever else the line contains.
    let others = r#"[{"id":1,"sku":"B"},{"id":9,"sku":"B"},{"sku":"D","ean":"73"},{"id":4,"ean":"71","stock":9}]"#;
    let refusals = [
        "sku belongs to the product with id 2",
        "sku belongs to the product with id 2",
        "ean belongs to the product with sku C",
        "ean belongs to the product with id 1",
    ];
    assert_eq!(load_products(&store, others).await, refusals);
    let expected = [("1/AA/71", 1), ("2/B/", 2), ("/C/73", 3), ("4/A/", 4)];
    let expected = expected.map(|(name, pieces)| (name.to_owned(), pieces));
    assert_eq!(stock(&store).await, expected);
    assert_eq!(products(&store, THERE).await, []);
}

pub(super) async fn lines_of_a_load_take_effect_one_after_the_other(store: Arc<Store>) {
    made(&store).await;
    let lines = r#"[{"sku":"A","stock":3,"name":"x"},{"sku":"A","stock":5},{"sku":"A"},{"id":1,"sku":"A"},{"id":1}]"#;
    let outcomes = ["created", "updated", "unchanged", "updated", "unchanged"];
    assert_eq!(load_products(&store, lines).await, outcomes);
    assert_eq!(stock(&store).await, [("1/A/".to_owned(), 5)]);
}

pub(super) async fn organisations_have_catalogues_of_their_own(store: Arc<Store>) {
    made(&store).await;
    load_products(&store, r#"{"id":1,"sku":"A","stock":3}"#).await;
    load_customers(&store, r#"{"id":5,"email":"a@example.com"}"#).await;
    let there = Load {
        organisation: THERE,
        ..load(r#"{"id":2,"sku":"A","stock":4}"#)
    };
    let there = store.load_products(there).await.expect("loaded");
    assert_eq!(told(&there.lines), ["created"]);
    let there = Load {
        organisation: THERE,
        ..load(r#"{"email":"a@example.com"}"#)
    };
    let there = store.load_customers(there).await.expect("loaded");
    assert_eq!(told(&there.lines), ["created"]);
    let ids = |products: Vec<Product>| products.into_iter().map(|product| product.id);
    assert!(ids(products(&store, HERE).await).eq([Some(1)]));
    assert!(ids(products(&store, THERE).await).eq([Some(2)]));
    assert_eq!(customers(&store, THERE).await[0].id, 1);
    let nobody = Load {
        organisation: OrganisationId(99),
        ..load::<ProductLine>(r#"{"sku":"A"}"#)
    };
    let nobody = store.load_products(nobody).await;
    assert!(matches!(nobody, Err(StoreError::Refused(_))), "{nobody:?}");
}

pub(super) async fn a_load_that_is_all_or_nothing_leaves_nothing(store: Arc<Store>) {
    made(&store).await;
    load_products(&store, r#"{"id":1,"sku":"A","stock":3}"#).await;
    let whole = |json| Load {
        policy: Policy::AllOrNothing,
        ..load::<ProductLine>(json)
    };
    let conflict = whole(r#"[{"id":1,"stock":9},{"id":2,"sku":"A"},{"id":3}]"#);
    let loaded = store.load_products(conflict).await.expect("judged");
    let refused = [
        "withheld",
        "sku belongs to the product with id 1",
        "withheld",
    ];
    assert_eq!(told(&loaded.lines), refused);
    let unreadable = Load {
        unreadable: 1,
        ..whole(r#"[{"id":1,"stock":9}]"#)
    };
    let loaded = store.load_products(unreadable).await.expect("judged");
    assert_eq!(told(&loaded.lines), ["withheld"]);
    assert_eq!(stock(&store).await, [("1/A/".to_owned(), 3)]);
    let good = store.load_products(whole(r#"[{"id":1,"stock":9},{"id":3}]"#));
    assert_eq!(
        told(&good.await.expect("loaded").lines),
        ["updated", "created"]
    );
}

pub(super) async fn a_customer_is_known_by_id_or_address(store: Arc<Store>) {
    made(&store).await;
    let lines = r#"[{"email":"Ann@Example.com","first_name":"Ann"},{"id":7,"last_name":"B"},{"email":"c@example.com"},
        {"email":"ann@example.com","last_name":"A"},{"id":7,"email":"ANN@example.com"},{"id":9,"email":"c@example.com"},
        {"id":7,"email":"b@example.com"},{"email":"c@example.com"}]"#;
    let outcomes = [
        "created",
        "created",
        "created",
        "updated",
        "email belongs to customer 1",
        "email belongs to customer 8",
        "updated",
        "unchanged",
    ];
    assert_eq!(load_customers(&store, lines).await, outcomes);
    let customer = |id, email: &str, first: Option<&str>, last: Option<&str>| Customer {
        id,
        email: Some(email.into()),
        first_name: first.map(Into::into),
        last_name: last.map(Into::into),
        wants_new_password: false,
    };
    let expected = [
        customer(1, "ann@example.com", Some("Ann"), Some("A")),
        customer(7, "b@example.com", None, Some("B")),
        customer(8, "c@example.com", None, None),
    ];
    assert_eq!(customers(&store, HERE).await, expected);
    // The highest number cannot be followed by another one.
    let last = r#"[{"id":9007199254740991},{"email":"d@example.com"}]"#;
    let outcomes = load_customers(&store, last).await;
    assert!(outcomes[1].starts_with("id is required"), "{outcomes:?}");
}

pub(super) async fn catalogues_are_read_in_pages(store: Arc<Store>) {
    made(&store).await;
    let lines: Vec<_> = (0..25)
        .map(|id| format!(r#"{{"id":{}}}"#, 25 - id))
        .collect();
    let lines = format!("[{}]", lines.join(","));
    load_products(&store, &lines).await;
    load_customers(&store, &lines).await;
    let mut request = ReadProducts {
        organisation: HERE,
        id: None,
        sku: None,
        ean: None,
        after: None,
        limit: 10,
    };
    let mut ids = Vec::new();
    loop {
        let page = store.products(request.clone()).await.expect("read");
        assert!(page.products.len() <= 10);
        ids.extend(page.products.into_iter().filter_map(|product| product.id));
        request.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert!(ids.into_iter().eq((1..=25).rev()), "as they were loaded");
    let mut request = ReadCustomers {
        organisation: HERE,
        id: None,
        email: None,
        after: None,
        limit: 5,
    };
    let mut ids = Vec::new();
    loop {
        let page = store.customers(request.clone()).await.expect("read");
        ids.extend(page.customers.into_iter().map(|customer| customer.id));
        request.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert!(ids.into_iter().eq(1..=25), "by their numbers");
}

pub(super) async fn a_load_is_answered_once_under_an_idempotency_key(store: Arc<Store>) {
    made(&store).await;
    let encode = |lines: &LoadedLines| Reply::json(200, &told(lines));
    let named = |json| Load {
        save_reply: Some(save_reply("abc", encode)),
        ..load::<CustomerLine>(json)
    };
    let first = store.load_customers(named(r#"{"email":"a@example.com"}"#));
    let first = first.await.expect("loaded").reply;
    assert_eq!(first, Some(Reply::json(200, &["created"])));
    let again = store.load_customers(named(r#"{"email":"b@example.com"}"#));
    assert_eq!(again.await, Err(StoreError::ReplySaved));
    assert_eq!(customers(&store, HERE).await.len(), 1);
}
