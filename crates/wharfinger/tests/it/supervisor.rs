//! What the service manager is told: the real program, with a real socket in the place of systemd's.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::client::Request;
use crate::support::database::{self, Database, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program};

/// How long a message may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The server's command, with a manager at this socket.
fn supervised(data: &Path, socket: &str) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    database::aim(&mut command, data);
    command.env("NOTIFY_SOCKET", socket);
    command
}

fn next(socket: &UnixDatagram) -> String {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut message = [0; 4_096];
    let length = socket.recv(&mut message).expect("a message");
    String::from_utf8(message[..length].to_vec()).expect("messages are text")
}

/// The messages that have arrived.
fn arrived(socket: &UnixDatagram) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut message = [0; 4_096];
    let texts = std::iter::from_fn(|| {
        let length = socket.recv(&mut message).ok()?;
        Some(String::from_utf8_lossy(&message[..length]).into_owned())
    });
    texts.collect()
}

#[test]
fn the_manager_is_told_that_the_server_is_ready_alive_and_stopping() {
    let data = fixture::data_directory();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = supervised(data.path(), path.to_str().unwrap());
    command.env("WATCHDOG_USEC", "20000");
    let server = Server::spawn(command);
    let url = format!("http://{}", server.address);
    assert_eq!(next(&socket), format!("READY=1\nSTATUS=Serving {url}"));
    for _ in 0..3 {
        assert_eq!(next(&socket), "WATCHDOG=1");
    }
    server.terminate();
    let stopping = loop {
        let message = next(&socket);
        if message != "WATCHDOG=1" {
            break message;
        }
    };
    assert!(stopping.starts_with("STOPPING=1\nSTATUS="), "{stopping}");
    assert!(server.wait().0.success());
}

#[test]
fn a_server_whose_writer_hangs_does_not_feed_the_watchdog() {
    if !on_embedded("a lock of the database file stops the writer") {
        return;
    }
    let data = fixture::data_directory();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = supervised(data.path(), path.to_str().unwrap());
    command.env("WATCHDOG_USEC", "20000");
    let server = Server::spawn(command);
    assert!(next(&socket).starts_with("READY=1"));
    assert_eq!(next(&socket), "WATCHDOG=1");
    let mut other = Database::of(data.path());
    other.begin_writing();
    arrived(&socket);
    // It is answered when the writer has not answered for seconds.
    let answer = server.send(&Request::new("GET", "/readyz"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    // One may have been under way. A bare timer would have fed hundreds of times.
    let fed = arrived(&socket).len();
    assert!(fed <= 1, "fed {fed} times");
    other.run("rollback");
    assert_eq!(next(&socket), "WATCHDOG=1");
}

#[test]
fn abstract_sockets_are_served_and_no_watchdog_is_fed_that_nobody_asked_for() {
    let data = fixture::data_directory();
    let name = format!("wharfinger-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let mut command = supervised(data.path(), &format!("@{name}"));
    // The watchdog of another process.
    command
        .env("WATCHDOG_USEC", "20000")
        .env("WATCHDOG_PID", "1");
    let server = Server::spawn(command);
    assert!(next(&socket).starts_with("READY=1"));
    let answer = server.send(&Request::new("GET", "/readyz"));
    assert_eq!(answer.status, 200);
    server.terminate();
    assert!(next(&socket).starts_with("STOPPING=1"));
}

#[test]
fn a_manager_that_is_gone_harms_nothing() {
    let data = fixture::data_directory();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nobody");
    let server = Server::spawn(supervised(data.path(), path.to_str().unwrap()));
    let answer = server.send(&Request::new("GET", "/readyz"));
    assert_eq!(answer.status, 200);
    server.terminate();
    assert!(server.wait().0.success());
}
