//! `wharfinger rules`: the rules of an organisation that hold orders for a person.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use wharfinger_core::order::organisation::Organisation;
use wharfinger_core::rules::{Rule, RuleSet};

use super::{KeptIn, directory, find_organisation, shown, write_json};
use crate::intake::rule_trial::{LAST_MAX, Tried, try_on_latest};
use crate::store::{COMMAND_LINE, Change, OrganisationRules, Store};

/// Most bytes of a file of rules.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Args, Debug)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Replace the rules of an organisation
    #[command(
        after_help = "Example: wharfinger rules set --org TRK001 rules.json\n\n\
                      The file has the form {\"rules\": [{\"name\": \"abroad\",\n  \
                      \"when\": \"order.total > 1000 && order.shipping_address.country != order.billing_address.country\",\n  \
                      \"sentence\": \"A large order is sent abroad.\"}]}. An empty list removes all rules."
    )]
    Set {
        /// Code of the organisation
        #[arg(long, value_name = "CODE")]
        org: String,
        /// File with the rules as JSON, or - for standard input
        file: PathBuf,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Test which of the latest orders the rules would hold; changes nothing
    #[command(
        after_help = "Examples: wharfinger rules test --org TRK001\n          \
                      wharfinger rules test --org TRK001 --last 500 new-rules.json"
    )]
    Test {
        /// Code of the organisation
        #[arg(long, value_name = "CODE")]
        org: String,
        /// File with other rules than those that are set, or - for standard input
        file: Option<PathBuf>,
        /// How many of the latest orders to test
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LAST_MAX))]
        last: u64,
        /// Print each tested order as JSON, one per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
    /// Show the rules of an organisation
    #[command(after_help = "Example: wharfinger rules show --org TRK001 --json > rules.json")]
    Show {
        /// Code of the organisation
        #[arg(long, value_name = "CODE")]
        org: String,
        /// Print them as JSON, in the form that `rules set` reads
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: KeptIn,
    },
}

/// A file of rules.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    rules: Vec<Rule>,
}

impl Rules {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self.command {
            RulesCommand::Set {
                org,
                file,
                json,
                data,
            } => {
                let rules = read(&file)?;
                RuleSet::compile(&rules)?;
                let store = data.open()?;
                find_organisation(&directory(&store).await?, &org)?;
                let change = Change::SetRules {
                    code: org.clone(),
                    rules: rules.clone(),
                    seen: None,
                };
                store.administer(COMMAND_LINE, change, None).await?;
                if json {
                    return write_json(out, &RulesFile { rules });
                }
                let count = rules.len();
                let rules = if count == 1 { "rule" } else { "rules" };
                writeln!(
                    out,
                    "{count} {rules} of {} set; a running server uses them within a second",
                    shown(&org)
                )?;
            }
            RulesCommand::Test {
                org,
                file,
                last,
                json,
                data,
            } => {
                let given = file.as_deref().map(read).transpose()?;
                let store = data.open()?;
                test(&store, (&org, given), last, json, out).await?;
            }
            RulesCommand::Show { org, json, data } => {
                let store = data.open()?;
                let (_, rules) = of(&store, &org).await?;
                if json {
                    return write_json(out, &RulesFile { rules });
                }
                if rules.is_empty() {
                    writeln!(out, "no rules")?;
                }
                for rule in rules {
                    let (name, sentence) = (shown(&rule.name), shown(&rule.sentence));
                    writeln!(out, "{name}: {sentence}\n    {}", shown(&rule.when))?;
                }
            }
        }
        Ok(())
    }
}

/// The organisation with a code, and its rules.
async fn of(store: &Store, code: &str) -> Result<(Organisation, Vec<Rule>)> {
    let directory = directory(store).await?;
    let organisation = find_organisation(&directory, code)?.clone();
    let mut rules = directory.rules.into_iter();
    let rules = rules.find(|(id, _)| *id == organisation.id);
    Ok((
        organisation,
        rules.map(|(_, rules)| rules).unwrap_or_default(),
    ))
}

async fn test(
    store: &Store,
    (code, given): (&str, Option<Vec<Rule>>),
    last: u64,
    json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let (organisation, stored) = of(store, code).await?;
    let rules = OrganisationRules {
        set: match given {
            Some(rules) => RuleSet::compile(&rules)?,
            None => RuleSet::of_stored(stored),
        },
        code: organisation.code,
        time_zone: organisation.time_zone,
    };
    let tried = try_on_latest(store, organisation.id, &rules, last).await?;
    if json {
        for one in &tried {
            write_json(out, one)?;
        }
        return Ok(());
    }
    for one in tried.iter().filter(|one| !one.held_by.is_empty()) {
        tell(one, out)?;
    }
    let held = tried.iter().filter(|one| !one.held_by.is_empty()).count();
    writeln!(
        out,
        "{held} of the latest {} orders would be held",
        tried.len()
    )?;
    Ok(())
}

fn tell(one: &Tried, out: &mut dyn Write) -> Result<()> {
    let key = one.key.as_deref().unwrap_or("?");
    for hold in &one.held_by {
        let (key, rule) = (shown(key), shown(&hold.rule));
        match &hold.error {
            None => writeln!(out, "{key}: {rule}: {}", shown(&hold.sentence))?,
            Some(error) => writeln!(out, "{key}: {rule} fails: {}", shown(error))?,
        }
    }
    Ok(())
}

/// Reads a file of rules.
fn read(file: &std::path::Path) -> Result<Vec<Rule>> {
    let mut text = String::new();
    let name = shown(&file.to_string_lossy()).to_string();
    let read = if file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {name}"))?;
    let parsed: Result<RulesFile, _> = serde_json::from_str(&text);
    match parsed {
        Ok(parsed) => Ok(parsed.rules),
        Err(error) => bail!(
            "{name} is not a file of rules: {error}; expected {{\"rules\": [{{\"name\", \"when\", \"sentence\"}}]}}"
        ),
    }
}
