//! A sync that fails once: what clients are told, and what the next start does.

use std::path::Path;

use super::disk::{Disk, Luck};
use super::trace::Recorded;
use super::{assert_holds, batch};
use crate::support::client::{Request, Response};
use crate::support::database::on_embedded;
use crate::support::fixture::{self, secret_of};
use crate::support::seed::Random;
use crate::support::server::Server;
use crate::support::{stored, v1};

const LOG: &str = "orders.db-wal";

/// A request in each dialect that stores order 7, and the expected response if the store cannot confirm it.
fn requests() -> [(Request, &'static str); 4] {
    const MESSAGE: &str = "This request may be stored or not; send it again, with the same Idempotency-Key or the same order keys";
    let reevoo = batch(&["7".into()]);
    let centra = Request::new("POST", "/centra/TRK001/orders")
        .header("api-authorization", secret_of("one"))
        .body(r#"{"x":{"orderNumber":7,"address":{"email":"a@example.com","country":"SE"},"products":[{"sku":"S","qty":1}]}}"#);
    let gosweetspot = Request::new("PUT", "/api/customerorders")
        .header("access_key", secret_of("one"))
        .body(r#"[{"packingslipno":"7","consignee":"Ann"}]"#);
    let native = v1::request("POST", "/v1/batches?organisation=TRK001", "full")
        .body(format!("[{}]", v1::order("7")));
    let told = [
        (reevoo, format!(r#"{{"status":503,"message":"{MESSAGE}"}}"#)),
        (
            centra,
            format!(r#"{{"status":"no","code":-7,"msg":"{MESSAGE}"}}"#),
        ),
        (gosweetspot, format!(r#"{{"Message":"{MESSAGE}"}}"#)),
        (native, r#""code":"commit_unknown""#.into()),
    ];
    told.map(|(request, told)| (request, &*told.leak()))
}

#[test]
fn a_change_that_could_not_be_confirmed_is_told_as_such_and_found_out_by_its_key() {
    if !on_embedded("is of files") {
        return;
    }
    for (request, told) in requests() {
        let data = fixture::data_directory();
        let recorded = Recorded::new(data.path());
        let request = request.header("idempotency-key", "once");
        let server = recorded.start(&[]);
        recorded.fail_sync(LOG, 0);
        let doubtful = server.send(&request);
        assert_eq!(doubtful.status, 503, "{}", doubtful.text());
        assert!(doubtful.text().contains(told), "{}", doubtful.text());
        assert_eq!(doubtful.header("retry-after"), Some("1"));
        // The supervisor restarts the server, which then recovers.
        let (status, _) = server.wait();
        assert_eq!(status.code(), Some(1));
        assert!(
            recorded
                .log()
                .contains("the store no longer accepts writes")
        );
        let server = recorded.start(&[]);
        // If it was stored, this is the saved response.
        let found_out = server.send(&request);
        let is_yes = [200, 202].contains(&found_out.status);
        assert!(is_yes, "{}", found_out.text());
        let again = server.send(&request);
        assert!(again.header("idempotent-replayed").is_some());
        assert_eq!(again.text(), found_out.text());
        drop(server);
        let orders = ["reevoo", "centra", "gosweetspot", "native"]
            .map(|dialect| stored::all_orders(data.path(), "TRK001", dialect).len());
        assert_eq!(orders.iter().sum::<usize>(), 1);
    }
}

/// Sends orders one by one.
fn send_orders(server: &Server, from: usize, count: usize) -> Vec<String> {
    let keys = (from..from + count).map(|number| number.to_string());
    let send = |key: String| {
        let answer: Response = server.send(&batch(std::slice::from_ref(&key)));
        assert_eq!(answer.status, 202, "{}", answer.text());
        key
    };
    keys.map(send).collect()
}

/// The worst-case disk content if the power is cut after everything recorded.
fn cut(mut disk: Disk, recorded: &Recorded, image: &Path) {
    // With this seed, a failed sync writes no page.
    let random = &mut Random::new(0);
    for record in recorded.records() {
        disk.apply(&record.name, &record.operation, random);
    }
    disk.cut(image, Luck::None, random);
}

#[test]
fn what_is_acknowledged_after_a_failed_sync_survives_a_power_cut() {
    if !on_embedded("is of files") {
        return;
    }
    for name in [LOG, "orders.db"] {
        let data = fixture::data_directory();
        let disk = Disk::of(data.path());
        let recorded = Recorded::new(data.path());
        // The database is synced at a checkpoint, here when the server stops.
        let server = recorded.start(&[]);
        let mut promised = send_orders(&server, 0, 20);
        recorded.fail_sync(name, 0);
        if name == LOG {
            assert_eq!(server.send(&batch(&["lost".into()])).status, 503);
        } else {
            server.terminate();
        }
        server.wait();
        assert!(recorded.has_failed());
        let server = recorded.start(&[]);
        promised.extend(send_orders(&server, 100, 20));
        server.kill();
        let image = tempfile::tempdir().unwrap();
        cut(disk, &recorded, image.path());
        let promised: Vec<_> = promised.iter().map(String::as_str).collect();
        assert_holds(image.path(), &promised, name);
    }
}

#[test]
fn a_store_whose_log_cannot_be_synced_again_is_not_opened() {
    if !on_embedded("is of files") {
        return;
    }
    let data = fixture::data_directory();
    let recorded = Recorded::new(data.path());
    let server = recorded.start(&[]);
    let promised = send_orders(&server, 0, 3);
    server.kill();
    recorded.fail_sync(LOG, 0);
    let (status, said) = recorded.start_in_vain();
    assert_eq!(status.code(), Some(1));
    assert!(
        said.contains(
            "the store was not closed cleanly, and its log could not be written to disk again"
        ),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    // Once the disk works again, so does the server.
    let server = recorded.start(&[]);
    send_orders(&server, 100, 1);
    server.terminate();
    server.wait();
    let promised: Vec<_> = promised.iter().map(String::as_str).collect();
    assert_holds(data.path(), &promised, "opened again");
}
