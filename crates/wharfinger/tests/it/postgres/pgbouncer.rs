//! Servers that connect to their database through PgBouncer in session mode.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use pg_cluster::Cluster;
use postgres::{Client, NoTls};
use tempfile::TempDir;

use super::{own_cluster, until};
use crate::support::changes::{assert_refused, one};
use crate::support::client::Request;
use crate::support::fixture::DataDirectory;
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

/// Runs until the end of its input, which only this process holds open.
const SCRIPT: &str = "pgbouncer -q pgbouncer.ini & read -r _; kill -INT $!; wait $!";

/// A running PgBouncer. Stopped when dropped.
struct PgBouncer {
    shell: Child,
    port: u16,
    _directory: TempDir,
}

impl PgBouncer {
    /// Starts it in front of a cluster, with at most this many connections per database.
    fn start(cluster: &Cluster, connections: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = format!(
            "[databases]\norders = host=127.0.0.1 port={} dbname=orders user=postgres password={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = session\ndefault_pool_size = {connections}\nquery_wait_timeout = 2\n",
            cluster.port(),
            cluster.password(),
        );
        std::fs::write(directory.path().join("pgbouncer.ini"), settings).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).current_dir(directory.path());
        // Debian installs it in a directory for administrators.
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{path}:/usr/sbin"));
        if number("-u", None) == 0 {
            // It refuses to run as root.
            let (user, group) = (
                number("-u", Some("postgres")),
                number("-g", Some("postgres")),
            );
            chown(directory.path(), Some(user), Some(group)).unwrap();
            shell.uid(user).gid(group);
        }
        let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
        until("PgBouncer listens", || {
            assert!(shell.try_wait().unwrap().is_none(), "PgBouncer has ended");
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Self {
            shell,
            port,
            _directory: directory,
        }
    }

    /// Takes one of its connections, if one is available.
    fn take(&self) -> Option<Client> {
        let url = format!("postgres://anybody@127.0.0.1:{}/orders", self.port);
        // The client runs a runtime of its own.
        let taking = std::thread::spawn(move || {
            let mut client = Client::connect(&url, NoTls).ok()?;
            client.batch_execute("select 1").ok()?;
            Some(client)
        });
        taking.join().unwrap()
    }

    /// A directory that represents the database behind it.
    fn data(&self) -> DataDirectory {
        let port = self.port;
        DataDirectory::at(&format!("postgres://anybody@127.0.0.1:{port}/orders"))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The id of a user or group. By default, that of this process.
fn number(option: &str, name: Option<&str>) -> u32 {
    let output = Command::new("id").arg(option).args(name).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn servers_run_by_way_of_pgbouncer_in_session_mode() {
    let (cluster, _data) = own_cluster();
    let bouncer = PgBouncer::start(&cluster, 20);
    let data = bouncer.data();
    for turn in 0..3 {
        // Each time on sessions that were used before.
        let servers = [Server::start(data.path()), Server::start(data.path())];
        for (at, server) in servers.iter().enumerate() {
            for number in 0..20 {
                submit(server, "TRK001", &[order(&format!("{turn}-{at}-{number}"))]);
            }
        }
        for server in &servers {
            let page = get(server, "/v1/orders?limit=1000");
            assert_eq!(page["data"].as_array().unwrap().len(), (turn + 1) * 40);
        }
        let report = stored::check(data.path());
        assert_eq!(
            (report.orders, report.faults),
            ((turn as u64 + 1) * 40, vec![])
        );
    }
    let through = cluster.with_client("postgres", |client| {
        let count = "select count(*) from pg_stat_activity where application_name = 'wharfinger'";
        client.query_one(count, &[])
    });
    assert!(through.unwrap().get::<_, i64>(0) <= 20);
}

#[test]
fn a_pool_without_a_connection_to_spare_is_no_fault_of_the_request() {
    let (cluster, _data) = own_cluster();
    let bouncer = PgBouncer::start(&cluster, 3);
    let data = bouncer.data();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    let mut others = Vec::new();
    until("others have all of the pool", || {
        others.extend(bouncer.take());
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wharfinger'";
        let done = cluster.with_client("postgres", |client| client.batch_execute(cut));
        done.unwrap();
        others.len() == 3
    });
    for asked in [one("B"), request("GET", "/v1/orders", "full")] {
        let answer = server.send(&asked);
        assert_refused("native", &answer, 503);
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(server.send(&Request::new("GET", "/healthz")).status, 200);

    std::thread::spawn(move || drop(others)).join().unwrap();
    until("it heals", || {
        server.send(&Request::new("GET", "/readyz")).status == 200
    });
    assert_eq!(server.send(&one("B")).status, 200);
    // Stopping also needs connections.
    server.terminate();
    assert!(server.wait().0.success());
    let report = stored::check(data.path());
    assert_eq!((report.orders, report.faults), (2, vec![]));
}
