//! No file of the store contains a word of an erased person. The database, its log and the log's index are searched byte by
//! byte while the server runs. On PostgreSQL, every row of every table is searched.

use std::path::Path;

use serde_json::{Value, json};

use super::{ANN, BOB, assert_whole, erase, of, shown, submit_as};
use crate::support::client::Request;
use crate::support::database::{self, Database};
use crate::support::fixture;
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::v1::{get, order_id, request, submit};

/// The words that occur in a file of the data directory, ignoring case.
fn words_in<'w>(data: &Path, words: &[&'w str]) -> Vec<&'w str> {
    if database::url(data).is_some() {
        let contents = Database::of(data).contents().to_ascii_lowercase();
        let found = words.iter().filter(|word| memchr_of(&contents, word));
        return found.copied().collect();
    }
    let mut found = Vec::new();
    for name in ["orders.db", "orders.db-wal", "orders.db-shm"] {
        // All three files exist while a server runs.
        let file = std::fs::read(data.join(name)).unwrap().to_ascii_lowercase();
        found.extend(words.iter().filter(|word| memchr_of(&file, word)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn memchr_of(file: &[u8], word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    file.windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// None of these words occurs in any file.
pub(super) fn assert_gone(data: &Path, words: &[&str]) {
    assert_eq!(words_in(data, words), Vec::<&str>::new());
}

/// Every word of the person that [`fill`] stores.
const OF_ANN: [&str; 9] = [
    "ann@quay.example",
    "ann\\u0040quay.example",
    "annabel",
    "harbourstone",
    "0712345678",
    "vasagatan",
    "11147",
    "quayside",
    "anna-note",
];

/// Stores orders of two persons in every dialect, in the same blocks, with revisions, rejected orders and saved responses.
/// Returns the ids of Bob's.
fn fill(server: &Server) -> Vec<String> {
    let mut of_bob = Vec::new();
    let mut ann = of(ANN, "Annabel", "N-1");
    ann["customer"]["last_name"] = "Harbourstone".into();
    ann["customer"]["phone"] = "0712345678".into();
    ann["metadata"] = json!({"anna-note": "Quayside"});
    let (_, ids) = submit(server, "TRK001", &[ann.clone(), of(BOB, "Bobby", "N-2")]);
    of_bob.push(ids[1].clone());
    ann["metadata"] = json!({"anna-note": 2});
    submit(server, "TRK001", &[ann, of(BOB, "Bobby", "N-2")]);
    let of_vendors = [
        (
            "reevoo",
            r#"{"trkref":"TRK001","order_ref":"KEY","order_date":"01-02-2026","customer":{"email":"EMAIL","first_name":"NAME","postcode":"11147"},"order_items":[{"sku":"S","price":"5,50"}]}"#,
        ),
        (
            "centra",
            r#"{"address":{"email":"EMAIL","firstName":"NAME","address":"Vasagatan 1","country":"SE"},"products":[{"sku":"S","qty":1}],"comment":"Quayside"}"#,
        ),
        (
            "gosweetspot",
            r#"{"packingslipno":"KEY","consignee":"NAME","address1":"Vasagatan 1","email":"EMAIL","delvinstructions":"Quayside","products":[{"productcode":"P","units":1}]}"#,
        ),
    ];
    for (dialect, form) in of_vendors {
        let of = |email: &str, name: &str, key: &str| {
            form.replace("EMAIL", email)
                .replace("NAME", name)
                .replace("KEY", key)
        };
        let bob = of(BOB, "Bobby", "V-2").replace("Vasagatan", "Storgatan");
        let bob = bob.replace("11147", "41104").replace("Quayside", "Ashore");
        let both = format!("[{},{bob}]", of("Ann@Quay.Example", "Annabel", "V-1"));
        of_bob.push(order_id(&submit_as(server, dialect, &both), 1));
    }
    let echoed = r#"[{"trkref":"TRK001","order_ref":"","customer":{"email":"ann\u0040quay.example","surname":"Harbourstone"}}]"#;
    let echo =
        Request::new("POST", "/v4/customer_orders").header("authorization", fixture::basic("full"));
    server.send(&echo.header("idempotency-key", "echo").body(echoed));
    let broken =
        "{\"key\":\"R\",\"customer\":{\"email\":\"ann@quay.example\",\"first_name\":\"Annabel";
    let target = "/v1/batches?organisation=TRK001";
    let lines = request("POST", target, "full").header("content-type", "application/x-ndjson");
    assert_eq!(server.send(&lines.body(broken)).status, 422);
    of_bob
}

#[test]
fn no_file_has_a_word_of_an_erased_person_while_the_server_runs() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let of_bob = fill(&server);
    let all = |server: &Server| -> Vec<Value> {
        let texts = |id: &String| get(server, &format!("/v1/orders/{id}/history"));
        of_bob
            .iter()
            .map(|id| json!([shown(server, id), texts(id)]))
            .collect()
    };
    let before = all(&server);
    assert_eq!(
        words_in(data.path(), &OF_ANN).len(),
        OF_ANN.len(),
        "{:?}",
        words_in(data.path(), &OF_ANN)
    );

    let told = erase(data.path(), ANN);
    assert_eq!(told["orders"], 4, "{told}");
    assert_eq!(told["rejected"], 2, "{told}");
    assert_gone(data.path(), &OF_ANN);
    assert_whole(data.path());
    assert_eq!(all(&server), before);
    let of_bob = ["bobby", "storgatan", "41104", "ashore", BOB];
    assert_eq!(words_in(data.path(), &of_bob).len(), of_bob.len());
    // The server must not write back anything from its caches either.
    submit(&server, "TRK001", &[of(BOB, "Bobby", "N-3")]);
    server.terminate();
    assert!(server.wait().0.success());
    let server = Server::start(data.path());
    get(&server, "/v1/orders");
    assert_gone(data.path(), &OF_ANN);
}

/// Stores many short orders of many lengths, each in its own block, alternating between two organisations. Their rows are moved
/// between pages when they are inserted, and again when they are rewritten.
#[test]
fn short_orders_leave_nothing_where_their_rows_were_before() {
    storm(2, |seed| {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let mut random = Random::new(seed);
        let mut anns = 0;
        for number in 0..300 {
            let key = format!("K-{number}");
            let is_ann = random.chance(40);
            let (email, name) = match (random.chance(60), is_ann) {
                (true, true) => (ANN, "Annabel"),
                (true, false) => (BOB, "Bobby"),
                (false, _) => ("carol@example.com", "Carol"),
            };
            let organisation = if name == "Carol" { "TRK002" } else { "TRK001" };
            let mut order = of(email, name, &key);
            order["metadata"] = json!({"note": name.repeat(1 + random.below(150))});
            anns += u64::from(email == ANN);
            submit(&server, organisation, &[order.clone()]);
            if random.chance(20) {
                order["metadata"] = json!({"note": name.repeat(1 + random.below(150))});
                submit(&server, organisation, &[order]);
            }
        }
        let told = erase(data.path(), ANN);
        assert_eq!(told["orders"], anns, "{told}");
        assert_gone(data.path(), &[ANN, "annabel"]);
        assert_whole(data.path());
    });
}
