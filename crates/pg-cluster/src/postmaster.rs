//! The first process of a cluster, which must not outlive this program.
//!
//! A shell runs in between. It waits for the end of its input, which only this program holds open. The operating system closes
//! the input however this program ends. A parent-death signal would not work: it is sent when the thread that started the child
//! ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::POLL_INTERVAL;
use crate::installation::Installation;
use crate::process;

/// Starts a server, prints its process id, and then ends it with the signal that it reads. At the end of input, stops the
/// server at once and removes its directory. `$1` is the cluster's directory; the rest is the server's command line.
const SCRIPT: &str = r#"
directory=$1
shift
"$@" </dev/null >&2 &
echo $!
if read -r signal; then
    kill "-$signal" $!
    wait $!
else
    kill -QUIT $!
    wait $!
    cd / && rm -rf "$directory"
fi
"#;

/// Name of the cluster's log file in its directory.
const LOG: &str = "log";
/// Time within which killed processes are gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// How to end the server.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// Fast shutdown: connections are closed, and everything is written.
    Fast,
    /// All processes are killed.
    Kill,
}

/// A running server.
pub(crate) struct Postmaster {
    shell: Child,
    process: u32,
}

impl Postmaster {
    /// Starts the server on the cluster's files.
    pub(crate) fn start(
        installation: &Installation,
        directory: &Path,
        data: &Path,
        settings: &[(String, String)],
    ) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.join(LOG))?;
        let mut command = installation.any_command(Path::new("/bin/sh"), directory);
        command.args(["-c", SCRIPT, "sh"]).arg(directory);
        command.arg(installation.program("postgres"));
        command.arg("-D").arg(data);
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            // What interrupts us at a terminal reaches the cluster through us only.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut shell = command.spawn().context("cannot start PostgreSQL")?;
        let mut told = String::new();
        if let Some(stdout) = shell.stdout.take() {
            BufReader::new(stdout).read_line(&mut told)?;
        }
        let process = told.trim().parse();
        let process = process.with_context(|| self::log(directory))?;
        Ok(Self { shell, process })
    }

    /// The process id of the postmaster.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Whether the server is still running.
    pub(crate) fn is_alive(&self) -> bool {
        process::is_alive(self.process)
    }

    /// Ends the server, and waits until none of its processes runs.
    pub(crate) fn end(mut self, ending: Ending) -> Result<()> {
        match ending {
            Ending::Fast => {
                let status = self.tell("INT")?;
                ensure!(status, "PostgreSQL did not stop cleanly");
            }
            Ending::Kill => {
                // A stopped process creates no more children while they are listed.
                send("STOP", &[self.process])?;
                let mut all = process::children(self.process)?;
                all.push(self.process);
                send("KILL", &all)?;
                self.tell("KILL")?;
                wait_until_gone(&all)?;
            }
        }
        Ok(())
    }

    /// Makes the shell send a signal and wait for the server to end. Returns whether it ended cleanly.
    fn tell(&mut self, signal: &str) -> Result<bool> {
        if let Some(mut stdin) = self.shell.stdin.take() {
            writeln!(stdin, "{signal}")?;
        }
        Ok(self.shell.wait()?.success())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The last lines of the cluster's log.
pub(crate) fn log(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn send(signal: &str, processes: &[u32]) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{signal}"));
    kill.args(processes.iter().map(u32::to_string));
    // Some may have ended already.
    kill.stderr(Stdio::null()).status()?;
    Ok(())
}

fn wait_until_gone(processes: &[u32]) -> Result<()> {
    let begin = Instant::now();
    while processes.iter().any(|process| process::is_alive(*process)) {
        ensure!(begin.elapsed() < GONE_WITHIN, "a killed process lives on");
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}
