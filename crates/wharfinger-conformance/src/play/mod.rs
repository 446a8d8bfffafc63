//! Plays cases to a server and says what differs.

mod keys;
mod names;
mod setup;
mod tenants;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use self::names::Names;
pub use self::setup::Given;
use self::setup::Server;
pub(crate) use self::setup::{keys_of, organisations_of};
use self::tenants::Native;
use crate::case::{Case, Credentials, Dialect, Exchange, Rule, Step};
use crate::compare::{self, Difference};
use crate::exchange::{Answer, Sent, Transport, encoded};

/// The longest wait that a server may ask for, in seconds.
const WAIT_SECONDS_MAX: u64 = 120;

/// A case that was played, or skipped.
#[derive(Debug)]
pub(crate) struct Played<'c> {
    /// The case.
    pub(crate) case: &'c Case,
    /// What it is about.
    pub(crate) rule: Option<&'c Rule>,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) took: Duration,
}

/// How a case ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Every response is the expected one.
    Passed,
    /// Some responses differ.
    Differs(Vec<StepDifference>),
    /// It could not be played, for this reason.
    Skipped(String),
}

/// A difference, with the step that it belongs to.
#[derive(Debug, Serialize)]
pub(crate) struct StepDifference {
    /// The number of the step, from 1.
    pub(crate) step: usize,
    /// Method and target of its request.
    pub(crate) request: String,
    /// What differs.
    #[serde(flatten)]
    pub(crate) difference: Difference,
}

/// A run: cases, and what there is to play them with.
pub(crate) struct Run<'r> {
    /// The dialect.
    pub(crate) dialect: &'r Dialect,
    /// What the user gave.
    pub(crate) given: &'r Given,
    /// The server.
    pub(crate) transport: &'r dyn Transport,
}

/// What a case is played with.
struct Stage {
    names: Names,
    keys: Vec<(&'static str, Credentials)>,
}

impl<'r> Run<'r> {
    /// Plays the cases, one after the other.
    ///
    /// # Errors
    /// The server cannot be reached at the beginning, organisations and keys cannot be made, or `on_case` fails.
    pub(crate) fn play(
        &self,
        cases: &[&'r Case],
        on_case: &mut dyn FnMut(Played<'r>) -> Result<()>,
    ) -> Result<()> {
        let server = Server::probe(self.transport, self.given)?;
        if self.given.admin.is_some() && !server.is_ours {
            bail!(
                "this server is no Wharfinger, so organisations and keys cannot be made; use --key-file and --org instead of --admin-key-file"
            );
        }
        let tag = format!("{:x}", std::process::id());
        for &case in cases {
            let start = Instant::now();
            let verdict = match self.given.missing(case, &self.dialect.rules, server) {
                Some(reason) => Verdict::Skipped(reason),
                None => self.case(case, server, &tag)?,
            };
            on_case(Played {
                case,
                rule: self.dialect.rules.find(case),
                verdict,
                took: start.elapsed(),
            })?;
        }
        Ok(())
    }

    fn case(&self, case: &Case, server: Server, tag: &str) -> Result<Verdict> {
        if let Some(command) = &self.given.before_each {
            let status = Command::new("sh").args(["-c", command]).status();
            let status = status.with_context(|| format!("cannot run {command}"))?;
            if !status.success() {
                bail!("the command of --before-each failed: {command}");
            }
        }
        let Some(admin) = &self.given.admin else {
            let stage = self.stage_of_given(case, tag);
            let main = self.given.main.as_ref();
            return self.steps(case, &stage, server, main);
        };
        let native = Native {
            transport: self.transport,
            key: admin,
        };
        let mut tenants = native.tenants_for(case)?;
        let stage = Stage {
            names: std::mem::take(&mut tenants.names),
            keys: tenants.keys.clone(),
        };
        let verdict = self.steps(case, &stage, server, Some(admin));
        native.remove(&tenants)?;
        verdict
    }

    /// The organisations and keys that the user named, and order keys that were not used before.
    fn stage_of_given(&self, case: &Case, tag: &str) -> Stage {
        let mut names = Names::default();
        for code in setup::organisations_of(case) {
            names.add(code, self.given.organisation(code).unwrap_or(code));
        }
        let number = case.number().unwrap_or_default();
        for key in keys::of(case, &self.dialect.rules.keys) {
            names.add_word(&key, &format!("{key}-{tag}-{number}"));
        }
        let keys = setup::keys_of(case).into_iter();
        let keys = keys.filter_map(|name| Some((name, self.given.key(name)?.clone())));
        Stage {
            names,
            keys: keys.collect(),
        }
    }

    fn steps(
        &self,
        case: &Case,
        stage: &Stage,
        server: Server,
        key: Option<&Credentials>,
    ) -> Result<Verdict> {
        let mut differences = Vec::new();
        for (step, number) in case.steps.iter().zip(1..) {
            match step {
                Step::Command(arguments) => {
                    let Some(key) = key else {
                        return Ok(Verdict::Skipped(
                            "it needs a key that changes orders".into(),
                        ));
                    };
                    let native = Native {
                        transport: self.transport,
                        key,
                    };
                    if let Err(error) = native.command(arguments, &stage.names) {
                        if differences.is_empty() {
                            return Ok(Verdict::Skipped(format!("{error:#}")));
                        }
                        // What differed before says why.
                        break;
                    }
                }
                Step::Exchange(exchange) => {
                    let request = format!("{} {}", exchange.method, exchange.target);
                    let found = self.exchange(exchange, stage, server)?;
                    differences.extend(found.into_iter().map(|difference| StepDifference {
                        step: number,
                        request: request.clone(),
                        difference,
                    }));
                }
            }
        }
        Ok(match differences.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Differs(differences),
        })
    }

    /// Sends a request. If the server asks to wait, and the case does not expect that, it is sent once more after the wait.
    fn send(&self, sent: &Sent, expected: u16) -> Result<Answer> {
        let answer = self.transport.send(sent)?;
        if answer.status == expected || !matches!(answer.status, 429 | 503) {
            return Ok(answer);
        }
        let seconds = answer
            .header_list("retry-after")
            .and_then(|text| text.parse().ok());
        match seconds {
            Some(seconds) if seconds <= WAIT_SECONDS_MAX => {
                std::thread::sleep(Duration::from_secs(seconds));
                self.transport.send(sent)
            }
            _ => Ok(answer),
        }
    }

    /// Sends a request and compares the response.
    fn exchange(
        &self,
        exchange: &Exchange,
        stage: &Stage,
        server: Server,
    ) -> Result<Vec<Difference>> {
        let credentials_of = |name: &str| {
            let mut keys = stage.keys.iter();
            keys.find(|(known, _)| *known == name)
                .map(|(_, key)| key.clone())
        };
        let headers = exchange
            .headers_with(&credentials_of)
            .map_err(anyhow::Error::msg)?;
        let golden = exchange.golden().map_err(anyhow::Error::msg)?;
        let names = &stage.names;
        let headers = headers.into_iter();
        let headers = headers.map(|(name, value)| (name, names.text_onto_server(&value)));
        let body = names.onto_server(&exchange.body());
        let sent = Sent {
            method: exchange.method.clone(),
            target: names.text_onto_server(&exchange.target),
            headers: headers.collect(),
            body: encoded(&body, exchange.coding)?,
        };
        let answer = match self.send(&sent, golden.status) {
            Ok(answer) => answer,
            Err(error) => {
                let got = format!("{error:#}");
                let expected = golden.status.to_string();
                let difference = Difference::new("response", Some(&expected), Some(&got));
                return Ok(vec![difference]);
            }
        };
        let headers = answer.headers.into_iter();
        let back = |text: &str| String::from_utf8_lossy(&names.back(text.as_bytes())).into_owned();
        let answer = Answer {
            status: answer.status,
            headers: headers.map(|(name, value)| (name, back(&value))).collect(),
            body: names.back(&answer.body),
        };
        Ok(compare::responses(&golden, &answer, server.is_ours))
    }
}
