//! HTTPS with real certificates and real clients.

mod handshakes;
mod http2;
mod leaving;
mod refusals;
mod reload;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::server::Server;

/// A certificate for localhost, its key, and the CA that signed it.
pub(crate) struct Pair(TempDir);

impl Pair {
    /// Makes one whose names are localhost and 127.0.0.1.
    pub(crate) fn make() -> Self {
        Self::make_for("127.0.0.1")
    }

    /// Makes one whose names are localhost and this address.
    pub(crate) fn make_for(address: &str) -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        let new =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        pair.openssl(&format!(
            "{new} -subj /CN=ca -keyout ca.key -out ca.pem && \
             {new} -subj /CN=server -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost,IP:{address} \
             -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem && cat cert.pem key.pem > both.pem"
        ));
        pair
    }

    /// Runs commands in the directory.
    pub(crate) fn openssl(&self, script: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(self.0.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    /// Puts the certificate and the key of another one in place of these.
    fn become_like(&self, other: &Self) {
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(other.file(name), self.file(name)).unwrap();
        }
    }
}

/// A server with this certificate.
fn start(data: &Path, pair: &Pair, options: &[&str]) -> Server {
    let (certificate, key) = (pair.path("cert.pem"), pair.path("key.pem"));
    let secured = ["--tls-cert", &certificate, "--tls-key", &key];
    Server::start_with(data, &[&secured, options].concat())
}

/// What curl read: the status and the version of the protocol, and the body.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) body: Vec<u8>,
}

impl Read {
    /// What a finished curl read.
    ///
    /// # Panics
    /// It failed.
    pub(crate) fn of(output: &Output) -> Self {
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let (_, told) = told
            .rsplit_once("status=")
            .unwrap_or_else(|| panic!("{told}"));
        let (status, version) = told.trim().split_once(' ').unwrap();
        Self {
            status: status.parse().unwrap(),
            version: version.to_owned(),
            body: output.stdout.clone(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// curl, which trusts the CA of this certificate.
pub(crate) fn curl(pair: &Pair) -> Command {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--max-time",
        "60",
        "--noproxy",
        "*",
        "--cacert",
        &pair.path("ca.pem"),
    ]);
    curl.args(["-w", "%{stderr}\nstatus=%{http_code} %{http_version}"]);
    curl.stdin(Stdio::null());
    curl
}

/// The result of a request for a path.
fn try_path(server: &Server, pair: &Pair, path: &str, options: &[&str]) -> Output {
    let url = format!("https://{}{path}", server.address);
    curl(pair).args(options).arg(url).output().unwrap()
}

/// What a path answers.
fn path(server: &Server, pair: &Pair, path: &str, options: &[&str]) -> Read {
    Read::of(&try_path(server, pair, path, options))
}

/// The value of a metric. `name` may have labels.
fn metric(server: &Server, pair: &Pair, name: &str) -> f64 {
    let metrics = path(server, pair, "/metrics", &[]).text();
    let line = metrics.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("there is no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until the server has a part of a body.
fn wait_for_part(server: &Server, pair: &Pair) {
    while metric(server, pair, "wharfinger_body_bytes_in_flight ") == 0.0 {}
}
