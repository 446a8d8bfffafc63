//! An expected request of a case, and how a received one differs from it.

use percent_encoding::percent_decode_str;

use crate::case::{Case, Credentials, Exchange, KEYS};
use crate::compare::{Difference, bodies};

/// A received request.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// Path and query, encoded.
    pub(super) target: String,
    /// The header fields, with lowercase names.
    pub(super) headers: Vec<(String, String)>,
    /// The body, after decompression.
    pub(super) body: Vec<u8>,
}

/// An expected request of a case.
#[derive(Debug)]
pub(super) struct Page {
    /// The place of the case.
    pub(super) case: usize,
    /// The place of the step in the case.
    pub(super) step: usize,
    exchange: Exchange,
    path: String,
    query: Vec<(String, String)>,
    /// The header fields that are expected, with the secrets filled in.
    fields: Vec<(String, String)>,
    /// Names of headers that carry credentials in this dialect.
    credential_names: Vec<String>,
}

/// The credentials of a key of the cases: the secret is made of its name.
pub(super) fn credentials_of(name: &str) -> Credentials {
    Credentials {
        id: name.to_owned(),
        secret: format!("{name}-secret"),
    }
}

/// Path and query parameters, decoded. The parameters are sorted.
fn parts(target: &str) -> (String, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters = parameters.map(|parameter| {
        let parameter = parameter.replace('+', " ");
        let (name, value) = parameter.split_once('=').unwrap_or((&parameter, ""));
        (decoded(name), decoded(value))
    });
    let mut parameters: Vec<_> = parameters.collect();
    parameters.sort();
    (decoded(path), parameters)
}

/// The names of headers that carry credentials in these cases.
pub(super) fn credential_names(cases: &[Case]) -> Vec<String> {
    let exchanges = cases.iter().flat_map(Case::exchanges);
    let fields = exchanges.flat_map(|(_, exchange)| &exchange.fields);
    let fields = fields.filter(|(_, value)| value.contains("{{"));
    let mut names: Vec<String> = fields.map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

impl Page {
    pub(super) fn new(
        (case, step): (usize, usize),
        exchange: &Exchange,
        credential_names: &[String],
    ) -> Result<Self, String> {
        let (path, query) = parts(&exchange.target);
        Ok(Self {
            case,
            step,
            path,
            query,
            fields: exchange.headers_with(&|name| Some(credentials_of(name)))?,
            credential_names: credential_names.to_vec(),
            exchange: exchange.clone(),
        })
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Whether a request has this method and path.
    pub(super) fn is_at(&self, received: &Received) -> bool {
        let (path, _) = parts(&received.target);
        self.exchange.method == received.method && self.path == path
    }

    /// What differs in a request.
    pub(super) fn differences(&self, received: &Received) -> Vec<Difference> {
        let mut differences = Vec::new();
        if self.exchange.method != received.method {
            let (expected, got) = (&self.exchange.method, &received.method);
            differences.push(Difference::new("method", Some(expected), Some(got)));
        }
        let (path, query) = parts(&received.target);
        let [raw, received_raw] = [&self.exchange.target, &received.target]
            .map(|target| target.split('?').next().unwrap_or_default());
        // A case with an encoded path is about that.
        if self.path != path || raw.contains('%') && raw != received_raw {
            differences.push(Difference::new("path", Some(raw), Some(received_raw)));
        }
        parameters(&self.query, &query, &mut differences);
        self.headers(received, &mut differences);
        let [expected, got] = [&*self.exchange.body(), &received.body[..]]
            .map(|body| String::from_utf8_lossy(body).into_owned());
        bodies(&expected, &got, &mut differences);
        differences
    }

    fn headers(&self, received: &Received, differences: &mut Vec<Difference>) {
        for (name, expected) in &self.fields {
            let is_coding = name == "content-encoding" && self.exchange.coding.is_some();
            let got = received.header(name);
            let is_same = match name.as_str() {
                "content-type" => is_json(Some(expected)) && is_json(got) || got == Some(expected),
                _ => is_coding || got == Some(expected),
            };
            if !is_same {
                self.header(name, Some(expected), got, differences);
            }
        }
        let is_expected = |name: &str| self.fields.iter().any(|(known, _)| known == name);
        for name in &self.credential_names {
            let got = received.header(name).filter(|value| !value.is_empty());
            if got.is_some() && !is_expected(name) && !self.is_only_organisation(got) {
                self.header(name, None, got, differences);
            }
        }
        let form = received.header("content-type");
        if !is_expected("content-type") && !received.body.is_empty() && !is_json(form) {
            self.header("content-type", Some("application/json"), form, differences);
        }
    }

    /// Whether a header names the only organisation that the request's key reaches, which changes nothing.
    fn is_only_organisation(&self, got: Option<&str>) -> bool {
        let mut keys = self.exchange.keys();
        keys.any(|key| matches!(key.organisations, [only] if got == Some(only)))
    }

    /// Adds the difference of a header. Credentials that are not those of the cases are not shown.
    fn header(
        &self,
        name: &str,
        expected: Option<&str>,
        got: Option<&str>,
        differences: &mut Vec<Difference>,
    ) {
        let is_secret = self.credential_names.iter().any(|known| known == name);
        let got = got.map(|got| if is_secret { "another value" } else { got });
        differences.push(Difference::new(&format!("header {name}"), expected, got));
    }
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim())
    }
}

fn is_json(form: Option<&str>) -> bool {
    form.is_none_or(|form| {
        let form = form.split(';').next().unwrap_or_default().trim();
        form.eq_ignore_ascii_case("application/json")
    })
}

fn parameters(
    expected: &[(String, String)],
    got: &[(String, String)],
    differences: &mut Vec<Difference>,
) {
    let only = |these: &[(String, String)], others: &[(String, String)]| {
        let mut left = others.to_vec();
        let mut only = these.to_vec();
        only.retain(|pair| match left.iter().position(|other| other == pair) {
            Some(place) => {
                left.remove(place);
                false
            }
            None => true,
        });
        only
    };
    let mut surplus = only(got, expected);
    for (name, value) in only(expected, got) {
        let other = surplus.iter().position(|(known, _)| *known == name);
        let other = other.map(|place| surplus.remove(place).1);
        let place = format!("parameter {name}");
        differences.push(Difference::new(&place, Some(&value), other.as_deref()));
    }
    for (name, value) in surplus {
        let place = format!("parameter {name}");
        differences.push(Difference::new(&place, None, Some(&value)));
    }
}

/// The keys of the cases, as a client must use them.
pub(super) fn credentials() -> impl Iterator<Item = (Credentials, &'static [&'static str])> {
    KEYS.iter()
        .map(|key| (credentials_of(key.id), key.organisations))
}
