//! Refusals in HTTP/2 reach clients that are still sending.

use std::process::Output;

use super::{Pair, Read, path, start, try_path};
use crate::support::fixture::{self, secret_of};

const BATCHES: &str = "/v1/batches?organisation=TRK001";

#[test]
fn a_client_that_sends_a_large_body_sees_its_refusal_and_nothing_is_stored() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--body-bytes-max", "4194304"]);
    let right = format!("authorization: Bearer {}", secret_of("full"));
    let send = |authorization: &str, bytes: usize, more: &[&str]| {
        let body = pair.file("body");
        std::fs::write(&body, vec![b' '; bytes]).unwrap();
        let body = format!("@{}", body.display());
        let options = [
            "--http2",
            "--data-binary",
            &body,
            "-H",
            "content-type: application/json",
            "-H",
            authorization,
        ];
        path(&server, &pair, BATCHES, &[&options, more].concat())
    };
    let wrong = "authorization: Bearer wrong";
    for more in [&[][..], &["-H", "expect:"], &["-H", "content-length:"]] {
        for (authorization, bytes, status) in [
            (wrong, 3_000_000, 401),
            (wrong, 5_000_000, 401),
            (&right, 5_000_000, 413),
            (&right, 3_000_000, 400),
        ] {
            let read = send(authorization, bytes, more);
            let seen = (read.status, &*read.version);
            assert_eq!(seen, (status, "2"), "{bytes} bytes, {more:?}");
        }
    }
    let orders = path(&server, &pair, "/v1/orders", &["-H", &right]).text();
    let orders: serde_json::Value = serde_json::from_str(&orders).unwrap();
    assert_eq!(orders["data"], serde_json::json!([]), "{orders}");
}

#[test]
fn only_a_body_that_is_read_is_asked_for() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    let right = format!("authorization: Bearer {}", secret_of("full"));
    let wrong = "authorization: Bearer wrong";
    for (authorization, expect, status, is_asked) in [
        (&*right, "expect: 100-continue", 400, true),
        (&right, "expect: foo", 400, false),
        (wrong, "expect: 100-continue", 401, false),
        (wrong, "expect: foo", 401, false),
    ] {
        let options = [
            "--http2",
            "--data-binary",
            "[",
            "-v",
            "-H",
            "content-type: application/json",
            "-H",
            authorization,
            "-H",
            expect,
        ];
        let output: Output = try_path(&server, &pair, BATCHES, &options);
        assert_eq!(Read::of(&output).status, status, "{expect}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(told.contains("< HTTP/2 100"), is_asked, "{told}");
    }
}
