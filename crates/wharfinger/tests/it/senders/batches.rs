//! `wharfinger batches`.

use serde_json::{Value, json};

use super::desk::{Desk, ended, lines};
use crate::support::v1::{self, order};

/// A batch with a good order and two faulty ones. Returns its id.
fn partial(desk: &Desk) -> String {
    let faulty = json!({"key": "=A-2", "placed_at": "2026-11-31", "lines": [{"sku": "S"}]});
    let orders = [order("A-1"), faulty, json!({"key": "A-3"})];
    desk.submit("TRK001", &orders).0
}

#[test]
fn receipts_are_a_table_or_json_or_csv() {
    let desk = Desk::new();
    let batch = partial(&desk);
    desk.take("TRK002", "B-1");
    let table = desk.done(&["batches", "list"]);
    let rows = Vec::from_iter(table.lines());
    assert_eq!(rows.len(), 3, "{table}");
    // Columns are aligned: those of both rows begin where their headings do.
    let at = rows[0].find("STATUS").unwrap();
    assert!(
        rows[1][at..].starts_with("complete") && rows[2][at..].starts_with("partial"),
        "{table}"
    );
    let listed = desk.lines(&["batches", "list", "--json"]);
    let of_api = v1::get(desk.server(), "/v1/batches");
    assert_eq!(json!(listed), of_api["data"]);
    let csv = desk.done(&["batches", "list", "--csv", "--status", "partial"]);
    let rows = Vec::from_iter(csv.lines());
    assert!(rows[0].starts_with("batch,received_at,status,"), "{csv}");
    assert!(
        rows[1].starts_with(&format!("{batch},")) && rows.len() == 2,
        "{csv}"
    );
    let one = desk.lines(&["batches", "list", "--json", "--org", "TRK002"]);
    assert_eq!(one[0]["organisations"], json!(["TRK002"]));
    assert_eq!(
        desk.lines(&["batches", "list", "--json", "--limit", "1"])
            .len(),
        1
    );
    assert_eq!(
        desk.lines(&["batches", "list", "--json", "--received-after", "1h"])
            .len(),
        2
    );
    let none = desk.done(&["batches", "list", "--received-before", "1h"]);
    assert_eq!(none, "there are no such batches\n");
    let shown = desk.done(&["batches", "show", &batch]);
    assert!(
        shown.contains("rejected       2\n") && shown.contains(&batch),
        "{shown}"
    );
    let shown = desk.lines(&["batches", "show", &batch, "--json"]);
    assert_eq!(
        shown[0],
        v1::get(desk.server(), &format!("/v1/batches/{batch}"))
    );
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let desk = Desk::new();
    let orders = Vec::from_iter((0..1_201).map(|at| order(&format!("A-{at}"))));
    let (batch, _) = desk.submit("TRK001", &orders);
    let results = desk.lines(&["batches", "results", &batch, "--json"]);
    let indexes = results
        .iter()
        .map(|result| result["index"].as_u64().unwrap());
    assert!(indexes.eq(0..1_201), "every order once, in order");
    let results = desk.lines(&["batches", "results", &batch, "--json", "--limit", "501"]);
    assert_eq!(results.len(), 501);
    // Nobody reads on: the command ends well.
    let head = format!("\"$0\" batches results {batch} | head -1");
    let mut shell = desk.command(&[]);
    let program = shell.get_program().to_owned();
    let environment = Vec::from_iter(
        shell
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))),
    );
    shell = std::process::Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &head]).arg(program);
    for (name, value) in environment {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let (first, errors) = ended(shell, 0);
    assert!(
        first.starts_with("INDEX") && errors.is_empty(),
        "{first}{errors}"
    );
}

#[test]
fn results_and_rejected_orders_say_what_is_wrong() {
    let desk = Desk::new();
    let batch = partial(&desk);
    let results = desk.done(&["batches", "results", &batch]);
    assert!(
        results.contains("accepted") && results.contains("/placed_at"),
        "{results}"
    );
    let rejected = desk.lines(&[
        "batches",
        "results",
        &batch,
        "--json",
        "--outcome",
        "rejected",
    ]);
    assert_eq!(rejected.len(), 2);
    let rejected = desk.done(&["batches", "rejected", &batch]);
    let rows = Vec::from_iter(rejected.lines());
    assert!(rows[0].starts_with("INDEX"), "{rejected}");
    assert!(
        rows[1].starts_with("1 ") && rows[1].contains("/placed_at"),
        "{rejected}"
    );
    let csv = desk.done(&["batches", "results", &batch, "--csv"]);
    assert!(
        csv.contains(",'=A-2,rejected,"),
        "no cell is a formula: {csv}"
    );
    let listed = desk.lines(&["batches", "rejected", &batch, "--json"]);
    assert_eq!(listed[0]["order"]["key"], "=A-2");
    let one = desk.done(&["batches", "rejected", &batch, "--index", "2"]);
    assert_eq!(one, r#"{"key":"A-3"}"#);
    let wrong = desk.refused(2, &["batches", "results", "nothing"]);
    assert!(wrong.contains("nothing"), "{wrong}");
    let unknown = "00000000-0000-7000-8000-000000000000";
    let told = desk.refused(1, &["batches", "show", unknown]);
    assert!(told.contains("404") && told.lines().count() == 1, "{told}");
    let told = ended(desk.command_with("writer", &["batches", "list"]), 1).1;
    assert!(told.contains("403"), "{told}");
    let told = desk.refused(1, &["batches", "list", "--status", "odd"]);
    assert!(told.contains("complete, partial or rejected"), "{told}");
}

#[test]
fn rejected_orders_can_be_mended_and_sent_again() {
    let desk = Desk::new();
    let batch = partial(&desk);
    let text = desk.done(&["batches", "rejected", &batch, "--resend-form"]);
    let mut orders: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(orders.len(), 2);
    orders[0]["placed_at"] = "2026-11-30".into();
    orders[1] = order("A-3");
    let (again, _) = desk.submit("TRK001", &orders);
    let results = lines(&desk.done(&["batches", "results", &again, "--json"]));
    assert!(
        results.iter().all(|result| result["outcome"] == "accepted"),
        "{results:?}"
    );
}

#[test]
fn texts_that_are_no_json_are_left_out_of_the_resend_form_and_counted() {
    let desk = Desk::new();
    let body = "{\"key\":\"A-1\"}\nno json\n";
    let target = "/v1/batches?organisation=TRK001";
    let ask = v1::request("POST", target, "full").header("content-type", "application/x-ndjson");
    let answer = desk.server().send(&ask.body(body));
    let batch = v1::batch_id(&answer).to_owned();
    let (text, told) = ended(
        desk.command(&["batches", "rejected", &batch, "--resend-form"]),
        0,
    );
    assert_eq!(text, "[{\"key\":\"A-1\"}]\n");
    assert!(told.contains("1 rejected orders are left out"), "{told}");
}
