//! Server processes that this program starts: for `demo`, and to be measured.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use wharfinger_core::dialect::SampleKey;

/// What a server says when it is ready, before its address.
pub(crate) const READY: &str = "wharfinger is ready on";

/// The environment's name for the URL of the database that a command works on.
pub(crate) const DATABASE: &str = "WHARFINGER_DATABASE";

/// Where a server keeps its orders.
#[derive(Clone, Copy)]
pub(crate) enum Place<'p> {
    /// A data directory.
    Directory(&'p Path),
    /// The URL of a PostgreSQL database.
    Database(&'p str),
}

impl<'p> From<&'p Path> for Place<'p> {
    fn from(directory: &'p Path) -> Self {
        Self::Directory(directory)
    }
}

/// A running server. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// Held open for as long as the process lives: it may still be writing.
    greeting: Greeting,
}

/// The organisation and key that a server makes on a fresh directory.
pub(crate) struct FirstKey {
    pub(crate) organisation: String,
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl FirstKey {
    /// Makes an organisation and a key in a database, as an operator would.
    fn make(url: &str) -> Result<Self> {
        let run = |arguments: &[&str]| -> Result<Vec<u8>> {
            let mut command = program_on(Place::Database(url))?;
            let done = command.args(arguments).stderr(Stdio::inherit()).output()?;
            ensure!(
                done.status.success(),
                "{} did not succeed",
                arguments.join(" ")
            );
            Ok(done.stdout)
        };
        let organisation = "DEMO";
        run(&["org", "create", organisation, "--init"])?;
        let key = run(&["key", "create", "--org", organisation, "--json"])?;
        let key: serde_json::Value = serde_json::from_slice(&key)?;
        let text = |name: &str| {
            let text = key[name].as_str().map(str::to_owned);
            text.with_context(|| format!("the new key has no {name}"))
        };
        Ok(Self {
            organisation: organisation.into(),
            id: text("id")?,
            secret: text("secret")?,
        })
    }
}

impl<'k> From<&'k FirstKey> for SampleKey<'k> {
    fn from(key: &'k FirstKey) -> Self {
        Self {
            organisation: &key.organisation,
            id: &key.id,
            secret: &key.secret,
        }
    }
}

type Greeting = Lines<BufReader<ChildStdout>>;

/// This program, to be run again.
pub(crate) fn program() -> Result<Command> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(Command::new(program))
}

impl Server {
    /// Starts a server on an empty place, with further options, and reads what it made there.
    pub(crate) fn start_fresh(place: Place<'_>, options: &[&str]) -> Result<(Self, FirstKey)> {
        let mut command = serve(place)?;
        command.args(options);
        if let Place::Database(url) = place {
            // Where others may be at work, a server makes nothing by itself.
            let key = FirstKey::make(url)?;
            return Ok((Self::start_command(command)?, key));
        }
        let mut server = Self::start_command(command)?;
        let greeting = &mut server.greeting;
        let key = FirstKey {
            organisation: word_behind(greeting, "organisation")?,
            id: word_behind(greeting, "key id")?,
            secret: word_behind(greeting, "key secret")?,
        };
        Ok((server, key))
    }

    /// Starts a server on a place that has been used.
    pub(crate) fn start(place: Place<'_>) -> Result<Self> {
        Self::start_command(serve(place)?)
    }

    /// Starts any command that greets as a server does.
    pub(crate) fn start_command(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let mut server = Self {
            process,
            url: String::new(),
            greeting: BufReader::new(stdout).lines(),
        };
        server.url = word_behind(&mut server.greeting, READY)?;
        Ok(server)
    }

    /// The process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the server as a power cut would: SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill().context("cannot kill the server")?;
        self.process.wait()?;
        Ok(())
    }

    /// Ends the server as an operator would: SIGTERM.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(told.success(), "cannot stop the server");
        let status = self.process.wait()?;
        ensure!(
            status.success(),
            "the server did not stop cleanly: {status}"
        );
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended, unless what it was started for failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// This program, to be run on a place, whatever the environment names.
fn program_on(place: Place<'_>) -> Result<Command> {
    let mut command = program()?;
    command
        .env_remove("WHARFINGER_CONFIG")
        .env_remove("WHARFINGER_DATA")
        .env_remove(DATABASE);
    match place {
        Place::Directory(data) => command.env("WHARFINGER_DATA", data),
        // Arguments can be seen by everybody, and the URL holds a password.
        Place::Database(url) => command.env(DATABASE, url),
    };
    Ok(command)
}

fn serve(place: Place<'_>) -> Result<Command> {
    let mut command = program_on(place)?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    Ok(command)
}

/// The word behind a label, in the next line that has the label.
fn word_behind(greeting: &mut Greeting, label: &str) -> Result<String> {
    for line in greeting {
        let line = line?;
        if let Some(rest) = line.trim().strip_prefix(label) {
            let word = rest.split_whitespace().next();
            return Ok(word
                .context("the server's greeting is cut short")?
                .to_owned());
        }
    }
    anyhow::bail!("the server ended before it was ready; its reason stands above")
}
