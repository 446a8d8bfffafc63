//! A NATS server with JetStream, under measurement.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::http_client::Connection;
use crate::sender;

/// The program's name.
const PROGRAM: &str = "nats-server";
/// Where Debian has it, which is not on the path of every user.
const DEBIAN: &str = "/usr/sbin";
/// Longest wait until it is ready, and the pause between two looks.
const READY_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// A running server. Killed when dropped.
pub(crate) struct NatsServer {
    process: Child,
    /// Holds its streams.
    directory: TempDir,
    /// Where clients connect: `nats://HOST:PORT`.
    pub(crate) url: String,
    monitor: SocketAddr,
}

impl NatsServer {
    /// Starts a server. `None` if the program is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(program) = find() else {
            return Ok(None);
        };
        let directory = tempfile::tempdir()?;
        let process = Command::new(program)
            .args(["--jetstream", "--addr", "127.0.0.1"])
            .args(["--port", "-1", "--http_port", "-1"])
            .arg("--store_dir")
            .arg(directory.path())
            .arg("--ports_file_dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the NATS server")?;
        let mut server = Self {
            process,
            directory,
            url: String::new(),
            monitor: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.wait_until_ready()?;
        Ok(Some(server))
    }

    /// The process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Messages in all its streams.
    pub(crate) fn messages(&self) -> Result<u64> {
        let mut connection = Connection::open(self.monitor)?;
        let request = format!("GET /jsz HTTP/1.1\r\nhost: {}\r\n\r\n", self.monitor);
        let answer = connection.exchange(request.as_bytes())?;
        let shown: Value = serde_json::from_str(answer.body)?;
        let messages = shown["messages"].as_u64();
        messages.context("the NATS server does not tell its messages")
    }

    /// Waits for the file in which the server writes its ports.
    fn wait_until_ready(&mut self) -> Result<()> {
        let name = format!("{PROGRAM}_{}.ports", self.process.id());
        let file = self.directory.path().join(name);
        let begin = Instant::now();
        loop {
            let ended = self.process.try_wait()?;
            ensure!(ended.is_none(), "the NATS server does not start");
            ensure!(
                begin.elapsed() < READY_WITHIN,
                "the NATS server did not start in time"
            );
            // The file may be there and not be whole yet.
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if let Ok(ports) = serde_json::from_str::<Value>(&text) {
                self.url = first(&ports["nats"])?.to_owned();
                self.monitor = sender::address_of(first(&ports["monitoring"])?)?;
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first address of a list.
fn first(list: &Value) -> Result<&str> {
    let Some(address) = list[0].as_str() else {
        bail!("the NATS server does not tell its ports");
    };
    Ok(address)
}

/// The program's file.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from(DEBIAN)]);
    let mut files = folders.map(|folder| folder.join(PROGRAM));
    files.find(|file| Path::is_file(file))
}
