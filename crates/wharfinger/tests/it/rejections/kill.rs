//! Two clients at once, and kills: an order and the mark of what it mends are stored together or not at all.

use std::collections::BTreeSet;

use super::{good, rejected, resubmit, shown};
use crate::support::client::Connection;
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::check;
use crate::support::v1::{get, request};

#[test]
fn of_two_clients_that_mend_the_same_order_one_wins() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for round in 0..12 {
        let id = rejected(&server, "TRK001", &format!("A-{round}"));
        let bodies = [0, 1].map(|client| good(&format!("B-{round}-{client}")));
        let (server, id) = (&server, id.as_str());
        let answers = std::thread::scope(|threads| {
            let send = |body| threads.spawn(move || resubmit(server, "one", id, body));
            let sent = [send(&bodies[0]), send(&bodies[1])];
            sent.map(|thread| thread.join().unwrap())
        });
        let statuses: BTreeSet<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(
            statuses,
            BTreeSet::from([200, 409]),
            "{}",
            answers[0].text()
        );
        let won = answers.iter().find(|answer| answer.status == 200).unwrap();
        let order = &won.json()["results"][0]["order_id"];
        assert_eq!(&shown(server, id)["mended_by"]["order_id"], order);
        let lost = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert!(
            lost.text().contains(order.as_str().unwrap()),
            "{}",
            lost.text()
        );
    }
    assert_eq!(
        get(&server, "/v1/orders?organisation=TRK001")["data"]
            .as_array()
            .unwrap()
            .len(),
        12
    );
}

#[test]
fn a_kill_leaves_no_order_without_the_mark_of_what_it_mends() {
    let data = fixture::data_directory();
    for round in 0..8 {
        let server = Server::start(data.path());
        let named = |at: usize| format!("{round}-{at}");
        let ids: Vec<_> = (0..6)
            .map(|at| rejected(&server, "TRK001", &named(at)))
            .collect();
        assert_eq!(
            resubmit(&server, "one", &ids[0], &good(&named(0))).status,
            200
        );
        let address = server.address;
        let sender = std::thread::spawn(move || {
            let Some(mut connection) = Connection::try_open(address) else {
                return;
            };
            for (at, id) in ids.iter().enumerate().skip(1) {
                let target = format!("/v1/rejections/{id}/resubmit");
                let body = good(&format!("{round}-{at}"));
                // The answer may not arrive.
                if connection
                    .exchange(&request("POST", &target, "one").body(body))
                    .is_none()
                {
                    return;
                }
            }
        });
        server.kill();
        sender.join().unwrap();
        let mut database = Database::of(data.path());
        let mended = database
            .rows("select mended_order from closed_rejections")
            .len();
        drop(database);
        let server = Server::start(data.path());
        let orders = get(&server, "/v1/orders?organisation=TRK001&limit=1000");
        assert_eq!(
            orders["data"].as_array().unwrap().len(),
            mended,
            "round {round}"
        );
        drop(server);
        let report = check(data.path());
        assert!(report.faults.is_empty(), "{report:?}");
    }
}
