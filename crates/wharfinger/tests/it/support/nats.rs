//! A NATS server with JetStream for one test. It ends with the test, however that ends.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Deadline for its start.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Starts the server, and kills it when standard input ends. Debian has it where only administrators look.
const RUN: &str = r#"PATH="$PATH:/usr/sbin"; nats-server "$@" & read -r _; kill -9 $!; wait $!"#;

/// A server on 127.0.0.1.
pub(crate) struct NatsServer {
    directory: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl NatsServer {
    /// Starts a server. `configuration` is added to its file.
    pub(crate) fn start(configuration: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nats.conf");
        std::fs::write(&file, configuration).unwrap();
        let options = [
            "--addr",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--jetstream",
            "--store_dir",
            &directory.path().join("store").display().to_string(),
            "--config",
            &file.display().to_string(),
        ];
        let mut server = Self {
            options: options.map(str::to_owned).to_vec(),
            directory,
            port,
            process: None,
        };
        server.begin();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// Starts it again, with what it has stored.
    pub(crate) fn begin(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", RUN, "nats-server"]).args(&self.options);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        self.process = Some(command.stderr(log).spawn().unwrap());
        let begin = Instant::now();
        while !self.is_ready() {
            if begin.elapsed() > READY_WITHIN {
                let log = std::fs::read_to_string(self.directory.path().join("log"));
                panic!(
                    "nats-server does not start; is it installed?\n{}",
                    log.unwrap()
                );
            }
            std::thread::yield_now();
        }
    }

    /// Whether it greets as a server with JetStream.
    fn is_ready(&self) -> bool {
        let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let mut greeting = String::new();
        let read = BufReader::new(stream).read_line(&mut greeting);
        read.is_ok() && greeting.contains("\"jetstream\":true")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
