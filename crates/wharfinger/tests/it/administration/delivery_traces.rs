//! What is kept of deliveries: attempts and parked order keys. They are listed, and erased with a person.

use serde_json::{Value, json};

use super::destinations::{ALL, URL, target};
use super::{Office, column};
use crate::support::database::Database;

#[test]
fn lists_of_destinations_and_deliveries_come_in_pages() {
    let office = Office::open();
    let body = json!({"kind": "webhook", "url": URL, "organisations": ["TRK001"]});
    let made = Vec::from_iter((0..3).map(|_| office.destination(&office.chief, &body)));
    let (mut found, mut target_of_page) = (Vec::new(), format!("{ALL}?limit=2"));
    loop {
        let page = office.get(&office.chief, &target_of_page);
        found.extend(column(&page, "id"));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target_of_page = format!("{ALL}?limit=2&after={next}");
    }
    assert_eq!(
        found,
        Vec::from_iter(made.iter().map(|made| made["id"].as_str().unwrap()))
    );

    let id = made[0]["id"].as_str().unwrap().replace('-', "");
    let mut database = Database::of(office.data.path());
    for number in 1..=3 {
        database.run(&format!(
            "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, attempt, \
             result, status, took_ms, answer) values ( x'{id}', {number}, 0, {number}, 'w', 1, {number}, 1, 2, 'refused', 500, 3, 'no')"
        ));
    }
    database.run(&format!(
        "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
         values ( x'{id}', 1, 5, 'A-1', x'0301', 2, null, 'no')"
    ));
    let first = office.get(
        &office.chief,
        &format!("{}?limit=2", target(&made[0], "/deliveries")),
    );
    assert_eq!(first["state"], "active");
    let attempts = first["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (
            &attempts[0]["position"],
            &attempts[0]["status"],
            &attempts[0]["organisation"]
        ),
        (&json!(3), &json!(500), &json!("TRK001"))
    );
    let parked = json!([{
        "organisation": "TRK001", "key": "A-1", "position": 3, "waiting": 2, "attempts": 2, "next_at": null, "last_error": "no",
    }]);
    assert_eq!(first["parked"], parked);
    let next = first["next"].as_str().unwrap();
    let second = office.get(
        &office.chief,
        &format!("{}?limit=2&after={next}", target(&made[0], "/deliveries")),
    );
    assert_eq!(second["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&second["parked"], &second["next"]),
        (&json!([]), &Value::Null)
    );
    let shown = office.get(&office.chief, &target(&made[0], ""));
    assert_eq!(shown["parked"], 1);
    assert!(shown["hint"]["what"].as_str().unwrap().contains("given up"));
    assert!(shown["hint"]["remedy"].as_str().unwrap().contains("replay"));
}

#[test]
fn erasing_a_person_reaches_the_answers_of_receivers_and_tells_who_has_the_rest() {
    let office = Office::open();
    let body = |code: &str| json!({"kind": "webhook", "url": URL, "organisations": [code]});
    let made = office.destination(&office.chief, &body("TRK001"));
    let other = office.destination(&office.chief, &body("TRK002"));
    let id = made["id"].as_str().unwrap().replace('-', "");
    let mut database = Database::of(office.data.path());
    let names = "no, A. Person";
    for (number, organisation, events) in [(1, 1, 1), (2, 2, 1), (3, 2, 5)] {
        database.run(&format!(
            "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, attempt, \
             result, status, took_ms, answer) values ( x'{id}', {number}, 0, 1, 'w', {organisation}, 1, {events}, 2, 'refused', 500, 3, '{names}')"
        ));
        database.run(&format!(
            "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
             values ( x'{id}', {organisation}, {number}, 'A-1', x'0301', 2, null, '{names}')"
        ));
    }
    database.run("update destination_progress set delivered = 4");
    let person = json!({"organisation": "TRK001", "email": "a@example.com"});
    let erased = office.done("POST", "/v1/customers/erase", Some(&person));
    assert_eq!(erased["attempts"], 2);
    assert_eq!(erased["delivered_to"], json!([made["id"]]));
    assert_ne!(made["id"], other["id"]);
    let left = |table: &str, column: &str| {
        let select = format!("select {column} from {table} where {column} <> '' order by 1");
        Database::of(office.data.path()).rows(&select).len()
    };
    // A request with several events may have had some of any organisation.
    assert_eq!(left("delivery_attempts", "answer"), 1);
    assert_eq!(left("parked_orders", "last_error"), 2);
}
