//! Server processes for benchmarks and for `wharfinger demo`. A server is the running program, started once more with the
//! command `serve`; so this module works only in the `wharfinger` program.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use wharfinger_core::dialect::SampleKey;

/// Prefix of the line that a server prints when it is ready. The address follows.
pub const READY: &str = "wharfinger is ready on";

/// Environment variable with the database URL for a command.
pub const DATABASE: &str = "WHARFINGER_DATABASE";

/// The organisation that this module creates.
const ORGANISATION: &str = "DEMO";

/// Where a server stores its orders.
#[derive(Clone, Copy)]
pub enum ServerStore<'p> {
    /// A data directory.
    Directory(&'p Path),
    /// The URL of a PostgreSQL database.
    Database(&'p str),
}

impl<'p> From<&'p Path> for ServerStore<'p> {
    fn from(directory: &'p Path) -> Self {
        Self::Directory(directory)
    }
}

/// A running server process. Killed when dropped.
pub struct Server {
    process: Child,
    /// Where it listens: `http://HOST:PORT`.
    pub url: String,
    /// Kept open while the process lives, because it may still write.
    greeting: Greeting,
}

/// The organisation and key that a server creates in an empty data directory.
pub struct FirstKey {
    /// Code of the organisation.
    pub organisation: String,
    /// Id of the key.
    pub id: String,
    /// Secret of the key.
    pub secret: String,
}

impl FirstKey {
    /// Creates an organisation and a key in an empty store, as an operator would. `reach` are the options that say for what
    /// the key is.
    fn make(store: ServerStore<'_>, reach: &[&str]) -> Result<Self> {
        run(store, &["org", "create", ORGANISATION, "--init"])?;
        let key = run(store, &[&["key", "create", "--json"], reach].concat())?;
        let key: serde_json::Value = serde_json::from_slice(&key)?;
        let text = |name: &str| {
            let text = key[name].as_str().map(str::to_owned);
            text.with_context(|| format!("the new key has no {name}"))
        };
        Ok(Self {
            organisation: ORGANISATION.into(),
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

/// A command that runs this program again.
///
/// # Errors
///
/// The system does not tell which program is running.
pub fn program() -> Result<Command> {
    let program = std::env::current_exe().context("cannot find the executable of this program")?;
    Ok(Command::new(program))
}

/// Runs a command of this program on a store. Returns what it prints.
///
/// # Errors
///
/// The command fails. Its message is on stderr.
pub fn run(store: ServerStore<'_>, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = program_on(store)?;
    let done = command.args(arguments).stderr(Stdio::inherit()).output()?;
    ensure!(done.status.success(), "{} failed", arguments.join(" "));
    Ok(done.stdout)
}

impl Server {
    /// Starts a server on an empty store and returns the key that was created there.
    ///
    /// # Errors
    ///
    /// A process does not start, or ends before it is ready.
    pub fn start_fresh(store: ServerStore<'_>, options: &[&str]) -> Result<(Self, FirstKey)> {
        let mut command = serve(store)?;
        command.args(options);
        if let ServerStore::Database(_) = store {
            // In a database, a server creates no key by itself, because other servers may use it.
            let key = FirstKey::make(store, &["--org", ORGANISATION])?;
            return Ok((Self::start_command(command)?, key));
        }
        command.arg("--demo-key");
        let mut server = Self::start_command(command)?;
        let greeting = &mut server.greeting;
        let key = FirstKey {
            organisation: ORGANISATION.into(),
            id: word_behind(greeting, "export KEY_ID=")?,
            secret: word_behind(greeting, "export KEY_SECRET=")?,
        };
        Ok((server, key))
    }

    /// Starts a server on an empty store. Returns a key that may do everything, for all organisations.
    ///
    /// # Errors
    ///
    /// A process does not start, or ends before it is ready.
    pub fn start_for_all(store: ServerStore<'_>, options: &[&str]) -> Result<(Self, FirstKey)> {
        let mut reach = vec!["--all-orgs"];
        for scope in ["admin", "orders:write", "orders:read"] {
            reach.extend(["--scope", scope]);
        }
        let key = FirstKey::make(store, &reach)?;
        Ok((Self::start(store, options)?, key))
    }

    /// Starts a server on an existing store.
    ///
    /// # Errors
    ///
    /// The process does not start, or ends before it is ready.
    pub fn start(store: ServerStore<'_>, options: &[&str]) -> Result<Self> {
        let mut command = serve(store)?;
        command.args(options);
        Self::start_command(command)
    }

    /// Starts any command that prints the same ready line as a server.
    ///
    /// # Errors
    ///
    /// The process does not start, or ends before it is ready.
    pub fn start_command(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stdout = process
            .stdout
            .take()
            .context("the server has no standard output")?;
        let mut server = Self {
            process,
            url: String::new(),
            greeting: BufReader::new(stdout).lines(),
        };
        server.url = word_behind(&mut server.greeting, READY)?;
        Ok(server)
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Kills the process with SIGKILL. This stands for a crash.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill().context("cannot kill the server")?;
        self.process.wait()?;
        Ok(())
    }

    /// Stops the process with SIGTERM, as an operator would.
    ///
    /// # Errors
    ///
    /// The process does not stop cleanly.
    pub fn stop(mut self) -> Result<()> {
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
        // The process has normally ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command that runs this program on `store`, whatever the environment says.
fn program_on(store: ServerStore<'_>) -> Result<Command> {
    let mut command = program()?;
    command
        .env_remove("WHARFINGER_CONFIG")
        .env_remove("WHARFINGER_DATA")
        .env_remove(DATABASE);
    match store {
        ServerStore::Directory(data) => command.env("WHARFINGER_DATA", data),
        // In the environment, because arguments are visible to all users and the URL contains a password.
        ServerStore::Database(url) => command.env(DATABASE, url),
    };
    Ok(command)
}

fn serve(store: ServerStore<'_>) -> Result<Command> {
    let mut command = program_on(store)?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
    Ok(command)
}

/// The word after a label, in the next line that contains it.
fn word_behind(greeting: &mut Greeting, label: &str) -> Result<String> {
    for line in greeting {
        let line = line?;
        if let Some(rest) = line.trim().strip_prefix(label) {
            let word = rest.split_whitespace().next();
            return Ok(word
                .context("the server's greeting is incomplete")?
                .to_owned());
        }
    }
    anyhow::bail!("the server exited before it was ready; its message is above")
}
