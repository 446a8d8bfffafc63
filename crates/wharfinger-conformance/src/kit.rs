//! `wharfinger conformance`: its options, and what they choose.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::case::{Case, Dialect, Step};
use crate::exchange::Transport;
use crate::play::{Given, Run};
use crate::report::{self, Record};
use crate::serve;
use crate::text::{json_line, matches, shown};

/// Options of the kit, besides those of the connection.
#[derive(Args, Clone, Debug)]
pub struct Kit {
    /// The dialect whose cases are played
    #[arg(long, value_name = "DIALECT")]
    pub dialect: String,
    /// Only cases with this name or number; `*` and `?` are patterns; repeat it for more
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// List the cases, what they need and where their rules stand; nothing is sent
    #[arg(long)]
    pub list: bool,
    /// Print JSON, one line per case and one with the counts
    #[arg(long)]
    pub json: bool,
    /// Also write the results to this file, as JUnit XML
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "serve"])]
    pub junit: Option<PathBuf>,
    /// A key for the cases that need another one, such as `reader=reader.json`; repeat it for more
    #[arg(long = "key", value_name = "NAME=FILE", value_parser = pair, conflicts_with_all = ["list", "serve", "admin_key_file"])]
    pub keys: Vec<(String, String)>,
    /// The organisation that stands for one of the cases, such as `TRK001=SHOP`; repeat it for more
    #[arg(long = "org", value_name = "CODE=CODE", value_parser = pair, conflicts_with_all = ["list", "serve", "admin_key_file"])]
    pub organisations: Vec<(String, String)>,
    /// File with an API key that reaches all organisations with all scopes; each case gets its own organisations and keys,
    /// which are closed afterwards
    #[arg(
        long,
        env = "WHARFINGER_ADMIN_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "serve"
    )]
    pub admin_key_file: Option<PathBuf>,
    /// Shell command that empties the organisations of the server under test, run before each case
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["list", "serve"])]
    pub before_each: Option<String>,
    /// Be a server with the expected responses, to test a client
    #[arg(long, conflicts_with = "list")]
    pub serve: bool,
    /// Address to serve on, with --serve
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        requires = "serve"
    )]
    pub listen: std::net::SocketAddr,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".into()),
    }
}

impl Kit {
    /// Whether it needs a server, and so a connection.
    #[must_use]
    pub fn needs_server(&self) -> bool {
        !self.list && !self.serve
    }

    /// Lists the cases, or serves them until SIGINT or SIGTERM. Returns whether everything is good.
    ///
    /// # Errors
    /// There is no such dialect or case, the address cannot be used, or `out` cannot be written to.
    pub fn without_server(&self, out: &mut dyn Write) -> Result<bool> {
        let dialect = self.dialect()?;
        let cases = self.chosen(&dialect)?;
        if self.serve {
            let cases: Vec<Case> = cases.into_iter().cloned().collect();
            return serve::run(&self.dialect, cases, self.listen, self.json, out);
        }
        for case in cases {
            self.list(&dialect, case, out)?;
        }
        Ok(true)
    }

    /// Plays the cases to a server. Returns whether nothing differs.
    ///
    /// # Errors
    /// There is no such dialect or case, the server cannot be reached, what the cases need cannot be made, or a file or
    /// `out` cannot be written to.
    pub fn play(
        &self,
        transport: &dyn Transport,
        given: &Given,
        out: &mut dyn Write,
    ) -> Result<bool> {
        let dialect = self.dialect()?;
        let cases = self.chosen(&dialect)?;
        let run = Run {
            dialect: &dialect,
            given,
            transport,
        };
        let mut records = Vec::new();
        run.play(&cases, &mut |played| {
            let record = Record::of(played);
            match self.json {
                true => writeln!(out, "{}", json_line(&record)?)?,
                false => record.write(out)?,
            }
            records.push(record);
            Ok(())
        })?;
        if let Some(file) = &self.junit {
            let xml = report::write_junit(&dialect.id, &records);
            std::fs::write(file, xml)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        report::write_end(&records, self.json, out)
    }

    fn dialect(&self) -> Result<Dialect> {
        Dialect::embedded(&self.dialect).map_err(anyhow::Error::msg)
    }

    /// The cases that `--only` names.
    fn chosen<'d>(&self, dialect: &'d Dialect) -> Result<Vec<&'d Case>> {
        let is_chosen = |case: &Case, only: &str| {
            let number = case.name.split('-').next().unwrap_or_default();
            matches(only, &case.name) || matches(only, number)
        };
        for only in &self.only {
            if !dialect.cases.iter().any(|case| is_chosen(case, only)) {
                bail!("no case matches {}; --list lists them", shown(only));
            }
        }
        let cases = dialect.cases.iter().filter(|case| {
            self.only.is_empty() || self.only.iter().any(|only| is_chosen(case, only))
        });
        Ok(cases.collect())
    }

    fn list(&self, dialect: &Dialect, case: &Case, out: &mut dyn Write) -> Result<()> {
        let rule = dialect.rules.find(case);
        let keys = crate::play::keys_of(case);
        let organisations = crate::play::organisations_of(case);
        let commands = case.steps.iter().filter_map(|step| match step {
            Step::Command(arguments) => Some(arguments.join(" ")),
            Step::Exchange(_) => None,
        });
        let commands: Vec<String> = commands.collect();
        let (topic, source) = rule.map_or(("", ""), |rule| (&rule.topic, &rule.source));
        if self.json {
            let line = serde_json::json!({
                "case": case.name, "rule": topic, "source": source, "steps": case.steps.len(),
                "keys": keys, "organisations": organisations, "commands": commands,
                "own_organisation": dialect.rules.needs_own(case),
            });
            writeln!(out, "{line}")?;
            return Ok(());
        }
        writeln!(out, "{}", case.name)?;
        writeln!(out, "    {topic} ({source})")?;
        let mut needs: Vec<String> = Vec::new();
        needs.extend(keys.iter().map(|key| format!("key {key}")));
        needs.extend(
            organisations
                .iter()
                .map(|code| format!("organisation {code}")),
        );
        needs.extend(commands.iter().map(|command| format!("`{command}`")));
        if !needs.is_empty() {
            writeln!(out, "    needs {}", needs.join(", "))?;
        }
        Ok(())
    }
}
