//! Golden cases: exchanges with the server, stored as files.
//!
//! A case is a folder of numbered steps: `1.request` with `1.response`, or `1.command`, then `2.…`.
//!
//! A `.request` file has a first line `METHOD target`, header lines `name: value`, a blank line, and the body. One
//! newline at the end does not belong to the body. In header values, `{{full}}` stands for the Basic token of the API
//! key `full`, and `{{full.id}}` and `{{full.secret}}` for its parts. Lines among the headers that begin with `@` are
//! directives:
//!
//! - `@server`: only the server can answer. The pure tests stop there.
//! - `@gzip`, `@zstd`: the body is compressed before it is sent.
//! - `@hex`: the body is written in hexadecimal.
//! - `@repeat N`: the text between `{{repeat}}` and `{{end}}` in the body is sent N times, with `{{n}}` counting from
//!   0.
//!
//! A `.response` file has the status, those headers of [`HEADERS_TOLD`] that the response has, sorted, a blank line,
//! and the body followed by one newline. Every UUID is written `<uuid>`. A `.command` file contains the arguments of a
//! command. Commands at the beginning of a case run before the server starts, so that it knows what they changed.
//!
//! This module handles only files and text, so that the pure tests and the server's tests can share it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The organisations at the start of every case: code, and whether customer orders are enabled.
pub(crate) const ORGANISATIONS: [(&str, bool); 5] = [
    ("TRK001", true),
    ("TRK002", true),
    ("OFF001", false),
    ("SECRET9", true),
    (ENFORCED, true),
];

/// The organisation with an enforced catalogue, which has [`PRODUCTS`] and [`CUSTOMERS`]. All other catalogues are
/// open.
pub(crate) const ENFORCED: &str = "CAT001";

/// The products at the start of every case, in the format in which they are loaded.
pub(crate) const PRODUCTS: &str = include_str!("products.ndjson");

/// The customers at the start of every case, in the format in which they are loaded.
pub(crate) const CUSTOMERS: &str = include_str!("customers.ndjson");

/// An API key that exists at the start of every case.
pub(crate) struct Key {
    /// The id, which is also the name in placeholders.
    pub(crate) id: &'static str,
    /// The organisations that it reaches.
    pub(crate) organisations: &'static [&'static str],
    /// Its scopes.
    pub(crate) scopes: &'static [&'static str],
}

/// The API keys at the start of every case.
pub(crate) const KEYS: [Key; 6] = [
    Key {
        id: "full",
        organisations: &["TRK001", "TRK002", "OFF001"],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "one",
        organisations: &["TRK001"],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "reader",
        organisations: &["TRK001"],
        scopes: &["orders:read"],
    },
    Key {
        id: "writer",
        organisations: &["TRK001"],
        scopes: &["orders:write"],
    },
    Key {
        id: "shop",
        organisations: &[ENFORCED],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "other",
        organisations: &["TRK002"],
        scopes: &["orders:write", "orders:read"],
    },
];

/// The header fields that a `.response` file contains. Other tests check the rest.
const HEADERS_TOLD: [&str; 6] = [
    "accept-encoding",
    "allow",
    "content-type",
    "retry-after",
    "wharfinger-batch-id",
    "www-authenticate",
];

/// One case folder.
pub(crate) struct Case {
    /// The id of its dialect.
    pub(crate) dialect: String,
    /// The folder's name.
    pub(crate) name: String,
    /// The steps, in order.
    pub(crate) steps: Vec<Step>,
}

/// One step of a case.
pub(crate) enum Step {
    /// A request and its expected response.
    Exchange(Exchange),
    /// The arguments of a command that runs on the same data.
    Command(Vec<String>),
}

/// A request, and the file with its expected response.
pub(crate) struct Exchange {
    /// The HTTP method.
    pub(crate) method: String,
    /// Path and query, encoded.
    pub(crate) target: String,
    /// The body before compression.
    pub(crate) body: Vec<u8>,
    /// How the body is compressed: `gzip`, `zstd` or `None`. The headers already say so.
    pub(crate) coding: Option<&'static str>,
    headers: Vec<(String, String)>,
    needs_server: bool,
    response_file: PathBuf,
}

impl Exchange {
    /// Whether only the server can answer, because routes, media types, codings, sizes or time limits are involved.
    pub(crate) fn needs_server(&self) -> bool {
        self.needs_server || self.coding.is_some()
    }

    /// The header fields, with lowercase names and the API keys' secrets filled in.
    pub(crate) fn headers(
        &self,
        secret_of: &dyn Fn(&str) -> String,
    ) -> Result<Vec<(String, String)>, String> {
        let mut filled = Vec::new();
        for (name, value) in &self.headers {
            filled.push((name.clone(), fill(value, secret_of)?));
        }
        Ok(filled)
    }

    /// Compares a response, as written by [`render_response`], with the file. `UPDATE_CASES=1` rewrites the file
    /// instead.
    pub(crate) fn check(&self, answer: &str) -> Result<(), String> {
        let expected = fs::read_to_string(&self.response_file).unwrap_or_default();
        if expected == answer {
            return Ok(());
        }
        if is_updating() {
            return fs::write(&self.response_file, answer).map_err(|error| error.to_string());
        }
        Err(difference(&expected, answer))
    }
}

/// Reads every case under `dialects/*/cases/`, sorted. An invalid folder yields an error message.
pub(crate) fn read_all(dialects: &Path) -> Vec<Result<Case, String>> {
    let mut cases = Vec::new();
    for dialect in folders_in(dialects) {
        for folder in folders_in(&dialect.join("cases")) {
            let (dialect, name) = (file_name(&dialect), file_name(&folder));
            let case = read_steps(&folder)
                .map_err(|complaint| format!("{dialect}/cases/{name}: {complaint}"));
            cases.push(case.map(|steps| Case {
                dialect,
                name,
                steps,
            }));
        }
    }
    cases
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_CASES").is_some_and(|value| value == "1")
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let mut folders = files_in(path);
    folders.retain(|entry| entry.is_dir());
    folders
}

fn files_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn read_steps(folder: &Path) -> Result<Vec<Step>, String> {
    let mut unused = files_in(folder);
    let mut steps = Vec::new();
    loop {
        let number = steps.len() + 1;
        let [request, response, command] =
            ["request", "response", "command"].map(|kind| folder.join(format!("{number}.{kind}")));
        if unused.contains(&request) {
            unused.retain(|file| *file != request && *file != response);
            steps.push(Step::Exchange(read_exchange(&request, response)?));
        } else if unused.contains(&command) {
            unused.retain(|file| *file != command);
            let text = read_text(&command)?;
            let arguments = text.split_whitespace().map(str::to_owned);
            steps.push(Step::Command(arguments.collect()));
        } else {
            break;
        }
    }
    if let Some(file) = unused.first() {
        return Err(format!("no step uses the file {}", file_name(file)));
    }
    if steps.is_empty() {
        return Err("there are no steps".into());
    }
    Ok(steps)
}

fn read_text(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file_name(file)))
}

fn read_exchange(request: &Path, response_file: PathBuf) -> Result<Exchange, String> {
    if !response_file.exists() && !is_updating() {
        return Err(format!("{} is missing", file_name(&response_file)));
    }
    let text = read_text(request)?;
    parse_request(&text, response_file)
        .map_err(|complaint| format!("{}: {complaint}", file_name(request)))
}

fn parse_request(text: &str, response_file: PathBuf) -> Result<Exchange, String> {
    let (first, mut rest) = text.split_once('\n').unwrap_or((text, ""));
    let (method, target) = first
        .split_once(' ')
        .ok_or("the first line must be a method, a space and a target")?;
    let mut exchange = Exchange {
        method: method.into(),
        target: target.into(),
        body: Vec::new(),
        coding: None,
        headers: Vec::new(),
        needs_server: false,
        response_file,
    };
    let mut repeats = None;
    let mut is_hex = false;
    loop {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = behind;
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", "") => break,
            ("@server", "") => exchange.needs_server = true,
            ("@gzip", "") => exchange.coding = Some("gzip"),
            ("@zstd", "") => exchange.coding = Some("zstd"),
            ("@hex", "") => is_hex = true,
            ("@repeat", count) => {
                let count: usize = count.parse().map_err(|_| format!("{line}: no count"))?;
                repeats = Some(count);
            }
            _ => exchange.headers.push(parse_header(line)?),
        }
    }
    if let Some(coding) = exchange.coding {
        let is_said = exchange
            .headers
            .iter()
            .any(|(name, _)| name == "content-encoding");
        if !is_said {
            exchange
                .headers
                .push(("content-encoding".into(), coding.into()));
        }
    }
    let written = rest.strip_suffix('\n').unwrap_or(rest);
    let body = match repeats {
        Some(count) => repeat(written, count)?,
        None => written.to_owned(),
    };
    exchange.body = if is_hex {
        bytes_of_hex(&body)?
    } else {
        body.into_bytes()
    };
    Ok(exchange)
}

fn parse_header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("{line}: neither a header nor a known directive"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Repeats the text between each `{{repeat}}` and `{{end}}` `count` times. `{{n}}` in it counts from 0.
fn repeat(written: &str, count: usize) -> Result<String, String> {
    let mut body = String::new();
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once("{{repeat}}") {
        let (pattern, behind) = behind
            .split_once("{{end}}")
            .ok_or("{{repeat}} without {{end}}")?;
        body.push_str(before);
        for n in 0..count {
            body.push_str(&pattern.replace("{{n}}", &n.to_string()));
        }
        rest = behind;
    }
    body.push_str(rest);
    Ok(body)
}

fn bytes_of_hex(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::new();
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        let digit = character
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| format!("{character} is no hexadecimal digit"))?);
    }
    if digits.len() % 2 == 1 {
        return Err("an odd number of hexadecimal digits".into());
    }
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}

/// Fills in `{{full}}` (the Basic token), `{{full.id}}` and `{{full.secret}}` for each API key.
fn fill(value: &str, secret_of: &dyn Fn(&str) -> String) -> Result<String, String> {
    let mut filled = value.to_owned();
    for key in &KEYS {
        let id = key.id;
        let secret = secret_of(id);
        let token = basic_token(id, &secret);
        filled = filled
            .replace(&format!("{{{{{id}}}}}"), &token)
            .replace(&format!("{{{{{id}.id}}}}"), id)
            .replace(&format!("{{{{{id}.secret}}}}"), &secret);
    }
    if filled.contains("{{") {
        return Err(format!("{value}: no key of this name"));
    }
    Ok(filled)
}

/// The token that follows `Basic` in an `Authorization` header.
pub(crate) fn basic_token(id: &str, secret: &str) -> String {
    BASE64.encode(format!("{id}:{secret}"))
}

/// Formats a response as a `.response` file.
pub(crate) fn render_response(status: u16, headers: &[(String, String)], body: &[u8]) -> String {
    let mut lines = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if HEADERS_TOLD.contains(&name.as_str()) {
            lines.push(format!("{name}: {value}\n"));
        }
    }
    lines.sort();
    let body = String::from_utf8_lossy(body);
    normalise(&format!("{status}\n{}\n{body}\n", lines.concat()))
}

/// Replaces every UUID with `<uuid>`.
pub(crate) fn normalise(text: &str) -> String {
    const UUID_LENGTH: usize = 36;
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.as_bytes().get(..UUID_LENGTH).is_some_and(is_uuid) {
            plain.push_str("<uuid>");
            rest = &rest[UUID_LENGTH..];
        } else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    plain
}

fn is_uuid(text: &[u8]) -> bool {
    let mut places = text.iter().enumerate();
    places.all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Describes where two texts differ, line by line. For a long line, only the part around the first difference.
fn difference(expected: &str, actual: &str) -> String {
    let mut told = String::new();
    let mut left = expected.lines();
    let mut right = actual.lines();
    loop {
        let (expected, actual) = (left.next(), right.next());
        if expected.is_none() && actual.is_none() {
            break;
        }
        if expected == actual {
            let _ = writeln!(told, "      {}", excerpt(expected.unwrap_or_default(), 0));
            continue;
        }
        let [expected_text, actual_text] = [expected, actual].map(Option::unwrap_or_default);
        let common = expected_text.chars().zip(actual_text.chars());
        let same = common.take_while(|(left, right)| left == right).count();
        if expected.is_some() {
            let _ = writeln!(told, "    - {}", excerpt(expected_text, same));
        }
        if actual.is_some() {
            let _ = writeln!(told, "    + {}", excerpt(actual_text, same));
        }
    }
    if expected.lines().eq(actual.lines()) {
        told.push_str(
            "    (only the end of the file differs: one newline stands behind the body)\n",
        );
    }
    told
}

fn excerpt(line: &str, about: usize) -> String {
    const WIDTH: usize = 400;
    let from = about.saturating_sub(WIDTH / 4);
    let length = line.chars().count();
    let shown: String = line.chars().skip(from).take(WIDTH).collect();
    let before = if from > 0 { "…" } else { "" };
    let behind = if from + WIDTH < length { "…" } else { "" };
    format!("{before}{shown}{behind}")
}
