//! TLS to the database: used if requested, with the intended server, or the connection fails.

use std::path::PathBuf;
use std::process::Output;

use pg_cluster::Cluster;
use tempfile::TempDir;

use super::{own_cluster, until};
use crate::support::cluster::shared;
use crate::support::database;
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, program};
use crate::support::v1::{get, order, submit};

/// Creates a CA, and a certificate from it for a server called localhost. Leaves both in the directory.
pub(crate) const MAKE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca \
    -keyout ca.key -out ca.pem && \
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=database \
    -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -keyout server.key -out server.crt";

/// A database with TLS, and the files it needs.
pub(crate) struct Encrypted {
    cluster: Cluster,
    _data: DataDirectory,
    files: TempDir,
}

impl Encrypted {
    pub(crate) fn start() -> Self {
        let (cluster, data) = own_cluster();
        let encrypted = Self {
            cluster,
            _data: data,
            files: tempfile::tempdir().unwrap(),
        };
        // The key must belong to the server's user, so that user creates it in place.
        encrypted.execute(&format!("copy (select 1) to program '{MAKE} 2>/dev/null'"));
        encrypted.execute("alter system set ssl = on");
        encrypted.execute("select pg_reload_conf()");
        let ca = encrypted.answer("pg_read_file('ca.pem')");
        std::fs::write(encrypted.ca(), ca).unwrap();
        until("it is told to speak TLS", || {
            encrypted.answer("current_setting('ssl')") == "on"
        });
        encrypted
    }

    /// The file of its CA.
    pub(crate) fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    fn execute(&self, statement: &str) {
        let done = self
            .cluster
            .with_client("postgres", |client| client.batch_execute(statement));
        done.unwrap();
    }

    fn answer(&self, expression: &str) -> String {
        let select = format!("select ({expression})::text");
        let row = self
            .cluster
            .with_client("postgres", |client| client.query_one(&select, &[]));
        row.unwrap().get(0)
    }

    /// The numbers of the program's encrypted and unencrypted connections.
    pub(crate) fn connections(&self) -> (String, String) {
        let count = |is: &str| {
            self.answer(&format!(
                "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) \
                 where application_name = 'wharfinger' and {is} ssl"
            ))
        };
        (count(""), count("not"))
    }

    pub(crate) fn url(&self, host: &str, options: &str) -> String {
        let url = self.cluster.url("orders").replace("127.0.0.1", host);
        format!("{url}{options}")
    }

    /// Runs a command on the database.
    fn list(&self, host: &str, options: &str, ca: Option<PathBuf>) -> Output {
        let mut command = program();
        command.args(["org", "list", "--database", &self.url(host, options)]);
        if let Some(ca) = ca {
            command.arg("--database-ca").arg(ca);
        }
        // An empty trust store instead of the system's.
        command.env("SSL_CERT_FILE", self.files.path().join("none.pem"));
        command.env_remove("SSL_CERT_DIR");
        command.output().unwrap()
    }

    /// The error message of a command that must fail.
    fn refused(&self, host: &str, options: &str, ca: Option<PathBuf>) -> String {
        let output = self.list(host, options, ca);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(!said.contains(self.cluster.password()), "{said}");
        said
    }
}

#[test]
fn a_server_speaks_tls_with_the_database_whose_ca_it_is_told() {
    let encrypted = Encrypted::start();
    let serve = |options: &str, configure: &dyn Fn(&mut std::process::Command)| {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
        command.args(["--database", &encrypted.url("localhost", options)]);
        configure(&mut command);
        let server = Server::spawn(command);
        submit(&server, "TRK001", &[order(&format!("order{options}"))]);
        let orders = get(&server, "/v1/orders")["data"].as_array().unwrap().len();
        let (on, off) = encrypted.connections();
        assert_eq!(off, "0");
        assert_ne!(on, "0");
        orders
    };
    let ca = encrypted.ca();
    let by_flag = serve("", &|command| {
        command.arg("--database-ca").arg(&ca);
    });
    let by_variable = serve("?sslmode=require", &|command| {
        command.env("WHARFINGER_DATABASE_CA", &ca);
    });
    let file = encrypted.files.path().join("wharfinger.toml");
    std::fs::write(&file, format!("database_ca = {:?}\n", ca.to_str().unwrap())).unwrap();
    let by_file = serve("?sslmode=verify-full", &|command| {
        command.arg("--config").arg(&file);
    });
    // The system's trust store is also a file, which can be replaced.
    let by_system = serve("?sslmode=prefer", &|command| {
        command.env("SSL_CERT_FILE", &ca);
    });
    assert_eq!((by_flag, by_variable, by_file, by_system), (1, 2, 3, 4));
}

#[test]
fn a_database_that_may_be_another_one_is_refused() {
    let encrypted = Encrypted::start();
    let file = |name: &str| encrypted.files.path().join(name);
    let ca = || Some(encrypted.ca());

    let said = encrypted.refused("127.0.0.1", "", ca());
    assert!(
        said.contains("not valid for 127.0.0.1, but for localhost"),
        "{said}"
    );

    // A different CA with the same name.
    let other = Encrypted::start();
    let said = encrypted.refused("localhost", "", Some(other.ca()));
    assert!(
        said.contains("--database-ca") && said.contains(other.ca().to_str().unwrap()),
        "{said}"
    );
    let said = encrypted.refused("localhost", "?sslmode=require", None);
    assert!(said.contains("--database-ca"), "{said}");

    let said = encrypted.refused("localhost", "", Some(file("none.pem")));
    assert!(
        said.contains("none.pem") && said.contains("No such file"),
        "{said}"
    );
    std::fs::write(file("empty.pem"), "no certificate\n").unwrap();
    let said = encrypted.refused("localhost", "", Some(file("empty.pem")));
    assert!(
        said.contains("empty.pem") && said.contains("BEGIN CERTIFICATE"),
        "{said}"
    );

    for (options, told) in [
        ("?sslmode=allow", "'allow'"),
        ("?sslrootcert=ca.pem", "--database-ca"),
    ] {
        let said = encrypted.refused("localhost", options, None);
        assert!(said.contains(told), "{said}");
    }
    assert_eq!(encrypted.connections().1, "0", "nobody has fallen back");
    assert!(encrypted.list("localhost", "", ca()).status.success());

    // A CA's own certificate must not be accepted for the server.
    for statement in [
        "alter system set ssl_cert_file = 'ca.pem'",
        "alter system set ssl_key_file = 'ca.key'",
        "select pg_reload_conf()",
    ] {
        encrypted.execute(statement);
    }
    until("it has another certificate", || {
        !encrypted.list("localhost", "", ca()).status.success()
    });
    let said = encrypted.refused("localhost", "", ca());
    assert!(said.contains("is not valid ("), "{said}");
}

#[test]
fn a_database_without_tls_is_not_spoken_to_where_tls_is_asked_for() {
    let data = fixture::postgres_directory();
    let url = database::url(data.path()).unwrap();
    for options in ["require", "prefer"] {
        let url = format!("{url}?sslmode={options}");
        let mut command = program();
        command.args(["org", "list", "--database", &url]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("does not support TLS") && said.contains("ssl = on"),
            "{said}"
        );
        assert!(!said.contains(shared().password()), "{said}");
    }
}

#[test]
fn whoever_could_be_overheard_is_warned() {
    // The hosts do not exist, and nothing is connected to.
    let exposed = "unencrypted";
    for (url, is_warned) in [
        ("postgres://ann@nowhere.invalid/orders", true),
        ("postgres://ann@127.0.0.1:1,nowhere.invalid/orders", true),
        ("postgres://ann@127.0.0.1:1/orders", false),
        ("postgres://ann@localhost:1/orders", false),
        ("postgres://ann@%2Fnowhere/orders", false),
    ] {
        for arguments in [
            &["org", "list"][..],
            &["serve", "--listen", "127.0.0.1:0", "--log", "warn"],
        ] {
            let mut command = program();
            let output = command.args(arguments).args(["--database", url]).output();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.contains(exposed), is_warned, "{url}: {said}");
            assert_eq!(said.contains("--database-ca"), is_warned, "{url}: {said}");
        }
    }
}
