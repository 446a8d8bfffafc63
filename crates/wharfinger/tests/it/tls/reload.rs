//! Certificates that are renewed while the server runs.

use std::io::Write;
use std::process::{Child, Stdio};

use super::{Pair, Read, curl, metric, path, start, try_path, wait_for_part};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::v1;

/// Whether the server shows the certificate of this CA.
fn shows(server: &Server, pair: &Pair) -> bool {
    try_path(server, pair, "/healthz", &[]).status.success()
}

/// The metric that says whether the files could be used.
const READ: &str = "wharfinger_tls_certificate_last_reload_successful ";

/// A batch whose body is half sent.
struct Half {
    curl: Child,
    rest: String,
}

impl Half {
    fn send(server: &Server, pair: &Pair, version: &str) -> Self {
        let body = format!("[{},{}]", v1::order("FIRST"), v1::order("SECOND"));
        let (first, rest) = body.split_at(body.len() / 2);
        let mut command = curl(pair);
        let authorization = format!("authorization: Bearer {}", secret_of("full"));
        command.args([
            version,
            "-H",
            &authorization,
            "-H",
            "content-type: application/json",
        ]);
        command.args(["-X", "POST", "-T", "."]);
        command.arg(format!(
            "https://{}/v1/batches?organisation=TRK001",
            server.address
        ));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut curl = command.spawn().unwrap();
        let stdin = curl.stdin.as_mut().unwrap();
        stdin.write_all(first.as_bytes()).unwrap();
        stdin.flush().unwrap();
        wait_for_part(server, pair);
        Self {
            curl,
            rest: rest.to_owned(),
        }
    }

    fn finish(mut self) -> Read {
        let mut stdin = self.curl.stdin.take().unwrap();
        stdin.write_all(self.rest.as_bytes()).unwrap();
        drop(stdin);
        Read::of(&self.curl.wait_with_output().unwrap())
    }
}

#[test]
fn a_renewed_certificate_is_shown_on_sighup_and_requests_in_flight_go_on() {
    let (data, pair, new) = (fixture::data_directory(), Pair::make(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    let halves = ["--http1.1", "--http2"].map(|version| Half::send(&server, &pair, version));
    pair.become_like(&new);
    server.signal("-HUP");
    while !shows(&server, &new) {}
    assert!(!shows(&server, &pair));
    for half in halves {
        let read = half.finish();
        assert_eq!(read.status, 200, "{}", read.text());
    }
}

#[test]
fn a_renewed_certificate_is_noticed_without_a_signal() {
    let (data, pair, new) = (fixture::data_directory(), Pair::make(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    pair.become_like(&new);
    while !shows(&server, &new) {}
    assert_eq!(metric(&server, &new, READ), 1.0);
}

#[test]
fn new_files_that_cannot_be_used_leave_the_old_certificate_in_use() {
    let (data, pair, new) = (fixture::data_directory(), Pair::make(), Pair::make());
    let ends = "wharfinger_tls_certificate_expiry_timestamp_seconds ";
    let server = start(data.path(), &pair, &[]);
    let before = metric(&server, &pair, ends);
    assert!(before > 1.7e9);
    // Signed long ago, for a day.
    new.openssl(
        "openssl req -new -key key.pem -subj /CN=old -out old.csr && touch index.txt && echo 01 > serial && \
         printf '[ca]\\ndefault_ca=d\\n[d]\\nnew_certs_dir=.\\ndatabase=index.txt\\nserial=serial\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=e\\n\
         [p]\\ncommonName=supplied\\n[e]\\nbasicConstraints=CA:FALSE\\n' > ca.cnf && openssl ca -batch -notext -selfsign -config ca.cnf -keyfile key.pem \
         -in old.csr -out old.pem -startdate 20200101000000Z -enddate 20200102000000Z",
    );
    let old_key = std::fs::read(pair.file("key.pem")).unwrap();
    for certificate in [
        // The key of another certificate.
        None,
        // Expired.
        Some("old.pem"),
        // No certificate at all.
        Some("serial"),
    ] {
        assert_eq!(metric(&server, &pair, READ), 1.0);
        let kept = std::fs::read(pair.file("cert.pem")).unwrap();
        if let Some(certificate) = certificate {
            std::fs::copy(new.file(certificate), pair.file("cert.pem")).unwrap();
        }
        std::fs::copy(new.file("key.pem"), pair.file("key.pem")).unwrap();
        server.signal("-HUP");
        while metric(&server, &pair, READ) == 1.0 {}
        assert!(shows(&server, &pair) && !shows(&server, &new));
        assert_eq!(metric(&server, &pair, ends), before);
        std::fs::write(pair.file("cert.pem"), kept).unwrap();
        std::fs::write(pair.file("key.pem"), &old_key).unwrap();
        server.signal("-HUP");
        while metric(&server, &pair, READ) == 0.0 {}
    }
    // The next good one is taken.
    pair.become_like(&new);
    server.signal("-HUP");
    while !shows(&server, &new) {}
}

#[test]
fn without_a_certificate_sighup_has_no_effect() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    server.signal("-HUP");
    v1::get(&server, "/v1/orders");
    server.terminate();
    assert!(server.wait().0.success());
}

#[test]
fn requests_in_flight_are_finished_when_the_server_is_told_to_stop() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    for version in ["--http1.1", "--http2"] {
        let server = start(data.path(), &pair, &[]);
        let half = Half::send(&server, &pair, version);
        server.terminate();
        // From here on nobody is accepted.
        while try_path(&server, &pair, "/healthz", &[]).status.success() {}
        let read = half.finish();
        assert_eq!(read.status, 200, "{}", read.text());
        assert!(server.wait().0.success());
    }
    let server = start(data.path(), &pair, &[]);
    assert_eq!(path(&server, &pair, "/healthz", &[]).status, 200);
}
