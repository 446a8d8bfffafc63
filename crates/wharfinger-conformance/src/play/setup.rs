//! What a run has to play with: API keys, organisations, and whether the server is a Wharfinger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::case::{Case, Credentials, ENFORCED, Exchange, KEYS, ORGANISATIONS, Rules, Step};
use crate::exchange::{Answer, Sent, Transport};

/// The organisation that most cases use.
const MAIN_ORGANISATION: &str = "TRK001";

/// The keys that the main key stands for, if nothing else is named.
const MAIN_KEYS: [&str; 2] = ["one", "full"];

/// The limits that the cases expect, as `GET /v1/limits` names them.
const LIMITS: [(&str, u64); 4] = [
    ("body_bytes_max", 64 << 20),
    ("orders_per_batch_max", 50_000),
    ("order_bytes_max", 1 << 20),
    ("order_depth_max", 64),
];

/// How often a key that the server does not know yet is tried again, and after how long.
const KEY_TRIES: usize = 4;
const KEY_WAIT: Duration = Duration::from_millis(300);

/// What the user gave.
#[derive(Clone, Default)]
pub struct Given {
    /// The main key.
    pub main: Option<Credentials>,
    /// Other keys, by the name of the key in the cases.
    pub keys: BTreeMap<String, Credentials>,
    /// Organisations of the server, by their codes in the cases.
    pub organisations: BTreeMap<String, String>,
    /// A key that may make organisations and keys.
    pub admin: Option<Credentials>,
    /// A command that empties the organisations, run before each case.
    pub before_each: Option<String>,
}

/// What is known of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    /// It is a Wharfinger.
    pub(super) is_ours: bool,
    /// Its limits are those of the cases.
    pub(super) has_default_limits: bool,
}

impl Server {
    /// Asks the server what it is.
    pub(super) fn probe(transport: &dyn Transport, given: &Given) -> Result<Self> {
        let is_ours = ask(transport, "/v1/orders", None)?;
        let form = is_ours.header_list("content-type").unwrap_or_default();
        let is_ours = is_ours.status == 401 && form.starts_with("application/problem+json");
        let mut has_default_limits = true;
        if let Some(key) = given.admin.as_ref().or(given.main.as_ref())
            && is_ours
        {
            let mut limits = ask(transport, "/v1/limits", Some(key))?;
            // A server learns of a new key within a second.
            for _ in 0..KEY_TRIES {
                if limits.status != 401 {
                    break;
                }
                std::thread::sleep(KEY_WAIT);
                limits = ask(transport, "/v1/limits", Some(key))?;
            }
            let limits = serde_json::from_slice::<Value>(&limits.body).unwrap_or_default();
            has_default_limits = LIMITS.iter().all(|(name, expected)| {
                let limit = limits.get(name).and_then(Value::as_u64);
                limit.is_none_or(|limit| limit == *expected)
            });
        }
        Ok(Self {
            is_ours,
            has_default_limits,
        })
    }
}

fn ask(transport: &dyn Transport, target: &str, key: Option<&Credentials>) -> Result<Answer> {
    let bearer = |key: &Credentials| ("authorization".into(), format!("Bearer {}", key.secret));
    transport.send(&Sent {
        method: "GET".into(),
        target: target.into(),
        headers: key.map(bearer).into_iter().collect(),
        body: Vec::new(),
    })
}

impl Given {
    /// The credentials of a key of the cases.
    pub(super) fn key(&self, name: &str) -> Option<&Credentials> {
        let is_main = MAIN_KEYS.contains(&name);
        let named = self.keys.get(name);
        named.or_else(|| self.main.as_ref().filter(|_| is_main))
    }

    /// The server's code of an organisation of the cases.
    pub(super) fn organisation(&self, code: &str) -> Option<&str> {
        let named = self.organisations.get(code).map(String::as_str);
        named.or_else(|| (code == MAIN_ORGANISATION).then_some(MAIN_ORGANISATION))
    }

    /// Why a case cannot be played, if it cannot.
    pub(super) fn missing(&self, case: &Case, rules: &Rules, server: Server) -> Option<String> {
        let is_long = case.exchanges().any(|(_, exchange)| exchange.is_repeated());
        if is_long && !server.has_default_limits {
            return Some("it needs a server with the default limits".into());
        }
        let has_commands = case
            .steps
            .iter()
            .any(|step| matches!(step, Step::Command(_)));
        if self.admin.is_some() {
            return None;
        }
        for name in keys_of(case) {
            if self.key(name).is_none() {
                return Some(format!("it needs the key `{name}`: --key {name}=FILE"));
            }
        }
        for code in organisations_of(case) {
            if self.organisation(code).is_none() {
                let role = role(code);
                return Some(format!("it needs {role}: --org {code}=CODE"));
            }
        }
        let is_several = !self.keys.contains_key("full")
            && case
                .exchanges()
                .any(|(_, exchange)| names_no_organisation(exchange));
        if is_several {
            return Some(
                "it needs a key that reaches several organisations: --key full=FILE".into(),
            );
        }
        if rules.needs_own(case) && self.before_each.is_none() {
            return Some(
                "it needs an organisation without other orders: --admin-key-file or --before-each"
                    .into(),
            );
        }
        if has_commands && !server.is_ours {
            let command = case.steps.iter().find_map(|step| match step {
                Step::Command(arguments) => Some(arguments.join(" ")),
                Step::Exchange(_) => None,
            });
            let command = command.unwrap_or_default();
            return Some(format!(
                "it needs what `wharfinger {command}` does, and this server offers no way"
            ));
        }
        let has_settings = case.steps.iter().any(
            |step| matches!(step, Step::Command(arguments) if arguments.first().is_some_and(|word| word == "org")),
        );
        has_settings.then(|| "it needs settings of an organisation: --admin-key-file".into())
    }
}

/// What is needed of an organisation.
fn role(code: &str) -> &'static str {
    let is_off = ORGANISATIONS
        .iter()
        .any(|(known, enabled)| *known == code && !enabled);
    match code {
        ENFORCED => "an organisation with an enforced catalogue and its products",
        "SECRET9" => "an organisation that the keys do not reach",
        _ if is_off => "an organisation that takes no customer orders",
        _ => "a second organisation that the key reaches",
    }
}

/// The keys that a case names.
pub(crate) fn keys_of(case: &Case) -> BTreeSet<&'static str> {
    let keys = case.exchanges().flat_map(|(_, exchange)| exchange.keys());
    keys.map(|key| key.id).collect()
}

/// The organisations that a case names.
pub(crate) fn organisations_of(case: &Case) -> BTreeSet<&'static str> {
    let codes = ORGANISATIONS.iter().map(|(code, _)| *code);
    let is_named = |code: &&str| {
        case.steps.iter().any(|step| match step {
            Step::Exchange(exchange) => names(exchange, code),
            Step::Command(arguments) => arguments.iter().any(|argument| argument == code),
        })
    };
    codes.filter(is_named).collect()
}

/// The organisations that a case needs: those that it names, and those that its keys reach.
pub(super) fn organisations_needed(case: &Case) -> BTreeSet<&'static str> {
    let mut needed = organisations_of(case);
    for name in keys_of(case) {
        let keys = KEYS.iter().filter(|key| key.id == name);
        needed.extend(keys.flat_map(|key| key.organisations));
    }
    needed
}

fn names(exchange: &Exchange, code: &str) -> bool {
    let rest = &code[1..];
    exchange.target.contains(rest)
        || exchange.written().contains(code)
        || exchange.fields.iter().any(|(_, value)| value == code)
}

/// Whether a request with the key of several organisations leaves open which one it means.
fn names_no_organisation(exchange: &Exchange) -> bool {
    let mut codes = ORGANISATIONS.iter().map(|(code, _)| *code);
    exchange.keys().any(|key| key.id == "full") && !codes.any(|code| names(exchange, code))
}
