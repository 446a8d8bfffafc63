//! The first process of a cluster, which must not outlive us.
//!
//! A shell stands between: it waits for the end of its input, which only we hold, and the system closes that however we
//! end. A signal at a parent's death would not do: it comes when the thread that started the child ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::process;
use super::LOOK_AGAIN;
use super::installation::Installation;

/// Starts a server, tells its number, and ends it as it is told to; where nobody is left to tell, at once, and removes
/// what is left of it. `$1` is the cluster's directory; the rest is the server's command line.
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

/// What the cluster has to say, in its directory.
const LOG: &str = "log";
/// Killed processes are gone after so long.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// How it is ended.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// Connections are cut, all is written.
    Fast,
    /// All processes are killed.
    Kill,
}

/// A running server.
pub(super) struct Postmaster {
    shell: Child,
    process: u32,
}

impl Postmaster {
    /// Starts the server on the cluster's files.
    pub(super) fn start(
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
        let process = process.with_context(|| super::postmaster::log(directory))?;
        Ok(Self { shell, process })
    }

    /// The server's first process.
    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// True until it has ended by itself.
    pub(super) fn is_alive(&self) -> bool {
        process::is_alive(self.process)
    }

    /// Ends it, and waits until nothing of it runs.
    pub(super) fn end(mut self, ending: Ending) -> Result<()> {
        match ending {
            Ending::Fast => {
                let status = self.tell("INT")?;
                ensure!(status, "PostgreSQL did not stop cleanly");
            }
            Ending::Kill => {
                // It makes no more children while we count them.
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

    /// Has the shell send a signal and wait for the server's end; true where that was clean.
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

/// The end of what the cluster has said.
pub(super) fn log(directory: &Path) -> String {
    let log = std::fs::read_to_string(directory.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn send(signal: &str, processes: &[u32]) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{signal}"));
    kill.args(processes.iter().map(u32::to_string));
    // Some may have ended meanwhile.
    kill.stderr(Stdio::null()).status()?;
    Ok(())
}

fn wait_until_gone(processes: &[u32]) -> Result<()> {
    let begin = Instant::now();
    while processes.iter().any(|process| process::is_alive(*process)) {
        ensure!(begin.elapsed() < GONE_WITHIN, "a killed process lives on");
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}
