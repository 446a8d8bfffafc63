//! What one tenant can do to others.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Noise, Noisy, Sizes, is_long, storm_of};
use crate::support::client::Request;
use crate::support::v1::request;

/// Pause between two bytes of a trickle.
const TRICKLE: Duration = Duration::from_millis(50);

/// The noisy tenant's key. It can access other organisations than the other tenant's key.
pub(super) const NOISY: &str = "one";

/// Sends as many bytes as the server accepts, then one at a time until it closes the connection. Reads nothing.
fn send_and_trickle(noisy: &Noisy<'_>, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(noisy.address) else {
        return noisy.is_under_way();
    };
    stream.set_write_timeout(Some(TRICKLE)).unwrap();
    let sent = stream.write_all(bytes);
    noisy.is_under_way();
    if sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
        return;
    }
    while noisy.goes_on() {
        std::thread::sleep(TRICKLE);
        let sent = stream.write(b" ");
        if sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            return;
        }
    }
}

/// Sends a request and reads the beginning of its response.
pub(super) fn exchange(noisy: &Noisy<'_>, request: &Request) {
    let sent = TcpStream::connect(noisy.address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&request.bytes())?;
        stream.read(&mut [0; 1_024])
    });
    // Any result will do.
    drop(sent);
    noisy.is_under_way();
}

fn import(noisy: &Noisy<'_>, body: Vec<u8>) -> Request {
    let id = format!("019a0000-0000-4000-8000-{:012}", noisy.number);
    let target = format!("/v1/imports/{id}?organisation=TRK001");
    let request = request("PUT", &target, NOISY).header("content-type", "application/x-ndjson");
    request.body(body)
}

#[test]
fn storm_of_answers_that_nobody_reads() {
    storm_of(Noise {
        name: "answers that nobody reads",
        connections: Sizes {
            short: 120,
            long: 300,
        },
        prepare: |_| {},
        make: |noisy| {
            // With and without a key.
            let target = ["/openapi.json", "/v1/orders"][noisy.number % 2];
            send_and_trickle(noisy, &request("GET", target, NOISY).bytes().repeat(20_000));
        },
    });
}

#[test]
fn storm_of_half_heads() {
    storm_of(Noise {
        name: "half heads",
        connections: Sizes {
            short: 150,
            long: 1_000,
        },
        prepare: |_| {},
        make: |noisy| {
            let bytes = [60_000, 380_000][noisy.number % 2];
            let head = request("GET", "/v1/orders", NOISY).header("x-much", "h".repeat(bytes));
            let bytes = head.bytes();
            send_and_trickle(noisy, &bytes[..bytes.len() - 4]);
        },
    });
}

#[test]
fn storm_of_bodies_that_trickle() {
    storm_of(Noise {
        name: "bodies that trickle",
        connections: Sizes {
            short: 12,
            long: 90,
        },
        prepare: |_| {},
        make: |noisy| {
            let body = request("POST", "/v1/batches?organisation=TRK001", NOISY);
            let body = body
                .header("content-length", "8388608")
                .body(vec![b' '; 8 << 20]);
            let bytes = body.bytes();
            send_and_trickle(noisy, &bytes[..bytes.len() - 10_000]);
        },
    });
}

#[test]
fn storm_of_imports_that_trickle() {
    storm_of(Noise {
        name: "imports that trickle",
        connections: Sizes {
            short: 43,
            long: 90,
        },
        prepare: |_| {},
        make: |noisy| {
            let lines =
                b"{\"key\":\"A\",\"placed_at\":\"2026-11-21\",\"lines\":[{\"sku\":\"S\"}]}\n"
                    .repeat(2_000);
            let length = 100_000_000.to_string();
            let import = import(noisy, lines).header("content-length", length);
            send_and_trickle(noisy, &import.bytes());
        },
    });
}

#[test]
fn storm_of_long_log_lines() {
    storm_of(Noise {
        name: "long log lines",
        connections: Sizes { short: 8, long: 16 },
        prepare: |_| {},
        make: |noisy| exchange(noisy, &request(&"M".repeat(60_000), "/v1/orders", NOISY)),
    });
}

#[test]
fn storm_of_blank_lines() {
    storm_of(Noise {
        name: "imports of blank lines",
        connections: Sizes { short: 4, long: 16 },
        prepare: |_| {},
        make: |noisy| {
            let mut coder = GzEncoder::new(Vec::new(), Compression::fast());
            let mebibytes = if is_long() { 300 } else { 10 };
            for _ in 0..mebibytes {
                coder.write_all(&[b'\n'; 1 << 20]).unwrap();
            }
            let import = import(noisy, coder.finish().unwrap());
            exchange(noisy, &import.header("content-encoding", "gzip"));
        },
    });
}
