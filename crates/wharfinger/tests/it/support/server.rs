//! The real program, running on a data directory.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use super::case::ENFORCED;
use super::client::{Request, Response};
use super::database;

/// A running server. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    stdout: BufReader<ChildStdout>,
}

/// The program, without settings from the environment of the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["WHARFINGER_", "OTEL_"]
            .iter()
            .any(|of| name_text.starts_with(of))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end on a data directory.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = program();
    command.args(arguments);
    database::aim(&mut command, data);
    command.output().expect("the program starts")
}

/// Loads a table of products into the enforced catalogue, with the command.
pub(crate) fn load_products(data: &Path, table: &str) {
    let file = data.join("load.csv");
    std::fs::write(&file, table).unwrap();
    let file = file.to_str().unwrap();
    let output = run(data, &["products", "load", "--org", ENFORCED, file]);
    assert!(output.status.success(), "{output:?}");
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, options: &[&str]) -> Self {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
        // So few that they are merged into the tables all the time.
        command.args(["--recent-keys", "40"]);
        database::aim(&mut command, data);
        command.args(options);
        Self::spawn(command)
    }

    /// A server that logs every request to `log`.
    pub(crate) fn start_logging_to(data: &Path, log: Stdio) -> Self {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "info"]);
        database::aim(&mut command, data);
        command.stderr(log);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let process = command.stdout(Stdio::piped()).spawn();
        let mut process = process.expect("the program starts");
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit("://").next().unwrap_or_default();
        let address = address
            .replace("localhost:", "127.0.0.1:")
            .parse()
            .unwrap_or_else(|_| panic!("the server said {line:?} and no address"));
        Self {
            process,
            address,
            stdout,
        }
    }

    /// The value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = self.send(&Request::new("GET", "/metrics"));
        let line = answer.text().lines().find(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(' '))
        });
        let line = line.unwrap_or_else(|| panic!("there is no {name}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        request.send(self.address)
    }

    /// Kills the process with SIGKILL. This stands for a crash.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Stops the process with SIGSTOP, and waits until all its threads have stopped. This stands for a process that hangs.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.process.id());
        let is_stopped = || {
            let mut tasks = std::fs::read_dir(&tasks).expect("the process lives");
            tasks.all(|task| {
                let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
                // The state follows the name, which is in parentheses.
                stat.is_ok_and(|stat| {
                    stat.rsplit_once(')')
                        .is_some_and(|(_, state)| state.starts_with(" T"))
                })
            })
        };
        while !is_stopped() {
            std::thread::yield_now();
        }
    }

    /// Undoes [`Self::stop`].
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Sends a signal, such as `-HUP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status();
        assert!(told.unwrap().success());
    }

    /// Waits for the process to end. Returns its status, and its stdout after the first line.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }

    /// Its command line, as visible to every user of the machine.
    pub(crate) fn arguments(&self) -> String {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", self.process.id()));
        String::from_utf8_lossy(&arguments.expect("the process lives")).replace('\0', " ")
    }

    /// How many files it has open that have no name.
    pub(crate) fn unnamed_files(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        let open = open.expect("the process lives").flatten();
        let files = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        let is_unnamed = |file: &std::path::PathBuf| file.to_string_lossy().ends_with(" (deleted)");
        files.filter(is_unnamed).count()
    }

    /// Its peak resident memory, in KiB.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.expect("the system tells it").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The single error message of a command that exits with status 1.
pub(crate) fn sentence(output: &Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors
}
