//! The server process of the demonstration, and what is sent to it.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use wharfinger_core::dialect::{Sample, SampleKey};
use wharfinger_core::ids::BatchId;

/// A running server. Killed when dropped.
pub(super) struct Server {
    process: Child,
    pub(super) url: String,
    greeting: Greeting,
}

/// The organisation and key that a server makes on a fresh directory.
pub(super) struct FirstKey {
    pub(super) organisation: String,
    id: String,
    secret: String,
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

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) batch: Option<BatchId>,
    pub(super) body: String,
}

type Greeting = Lines<BufReader<ChildStdout>>;

impl Server {
    /// Starts a server on an empty data directory, and reads what it made there.
    pub(super) fn start_fresh(data: &Path) -> Result<(Self, FirstKey)> {
        let mut server = Self::start(data)?;
        let greeting = &mut server.greeting;
        let key = FirstKey {
            organisation: word_behind(greeting, "organisation")?,
            id: word_behind(greeting, "key id")?,
            secret: word_behind(greeting, "key secret")?,
        };
        Ok((server, key))
    }

    /// Starts a server.
    pub(super) fn start(data: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut process = Command::new(program)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "error",
                "--data",
            ])
            .arg(data)
            .env_remove("WHARFINGER_CONFIG")
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let mut greeting = BufReader::new(stdout).lines();
        let url = word_behind(&mut greeting, "wharfinger is ready on")?;
        Ok(Self {
            process,
            url,
            greeting,
        })
    }

    /// Sends a request over HTTP.
    pub(super) fn send(&self, sample: &Sample) -> Result<Answer> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut request = http::Request::builder()
            .method(sample.method)
            .uri(format!("{}{}", self.url, sample.target));
        for (name, value) in &sample.headers {
            request = request.header(*name, value);
        }
        let mut response = agent.run(request.body(sample.body.as_str())?)?;
        let batch = response.headers().get("wharfinger-batch-id");
        Ok(Answer {
            status: response.status().as_u16(),
            batch: batch.and_then(|value| super::batch_of(value.to_str().ok()?)),
            body: response.body_mut().read_to_string()?,
        })
    }

    /// Ends the server as a power cut would: SIGKILL.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process.kill().context("cannot kill the server")?;
        self.process.wait()?;
        Ok(())
    }

    /// Ends the server as an operator would: SIGTERM.
    pub(super) fn stop(mut self) -> Result<()> {
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
        // Already ended, unless the demonstration itself failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
