//! Cases from files: in a folder, or embedded in the program.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Case, Exchange, Rules, Step, request};

/// The files under every folder `cases`, by a path such as `DIALECT/0001-a-case/1.request`, sorted. The build script
/// writes the list.
static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// The name of the file of rules in a folder `cases`.
const RULES: &str = "RULES";

/// A file of a case.
struct File {
    name: String,
    text: Result<Cow<'static, str>, String>,
    /// Where it is, unless it is embedded.
    path: Option<PathBuf>,
}

/// A dialect's cases and rules, as they are embedded in the program.
#[derive(Debug)]
pub struct Dialect {
    /// The id.
    pub id: String,
    /// The cases, sorted.
    pub cases: Vec<Case>,
    /// What they are about.
    pub rules: Rules,
}

/// The ids of the dialects whose cases are embedded, sorted.
pub fn dialects() -> Vec<&'static str> {
    let mut ids: Vec<&str> = Vec::new();
    for (path, _) in EMBEDDED {
        let id = path.split('/').next().unwrap_or_default();
        if ids.last() != Some(&id) {
            ids.push(id);
        }
    }
    ids
}

impl Dialect {
    /// The embedded cases of a dialect.
    ///
    /// # Errors
    /// There is no such dialect, or one of its files has another form.
    pub fn embedded(id: &str) -> Result<Self, String> {
        let mut folders: Vec<(&str, Vec<File>)> = Vec::new();
        let mut rules = None;
        for (path, text) in EMBEDDED {
            let mut parts = path.splitn(3, '/');
            if parts.next() != Some(id) {
                continue;
            }
            let (Some(folder), file) = (parts.next(), parts.next()) else {
                continue;
            };
            let Some(file) = file else {
                rules = (folder == RULES).then_some(*text).or(rules);
                continue;
            };
            let file = File {
                name: file.to_owned(),
                text: Ok(Cow::Borrowed(text)),
                path: None,
            };
            match folders.last_mut() {
                Some((name, files)) if *name == folder => files.push(file),
                _ => folders.push((folder, vec![file])),
            }
        }
        if folders.is_empty() {
            let known = dialects().join(", ");
            return Err(format!(
                "there is no dialect {id}; the dialects are {known}"
            ));
        }
        let mut cases = Vec::new();
        for (name, files) in folders {
            cases.push(case(id, name, files)?);
        }
        let rules = rules.ok_or_else(|| format!("{id}/cases/{RULES} is missing"))?;
        Ok(Self {
            id: id.to_owned(),
            cases,
            rules: Rules::of(rules)
                .map_err(|complaint| format!("{id}/cases/{RULES}: {complaint}"))?,
        })
    }
}

/// Reads every case under `dialects/*/cases/`, sorted. An invalid folder yields an error message.
#[must_use]
pub fn read_all(dialects: &Path) -> Vec<Result<Case, String>> {
    let mut cases = Vec::new();
    for dialect in folders_in(dialects) {
        for folder in folders_in(&dialect.join("cases")) {
            let files = files_in(&folder).into_iter().map(|path| File {
                name: file_name(&path),
                text: fs::read_to_string(&path)
                    .map(Cow::Owned)
                    .map_err(|error| error.to_string()),
                path: Some(path),
            });
            cases.push(case(
                &file_name(&dialect),
                &file_name(&folder),
                files.collect(),
            ));
        }
    }
    cases
}

pub(super) fn is_updating() -> bool {
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

/// The case that a folder's files are.
fn case(dialect: &str, name: &str, files: Vec<File>) -> Result<Case, String> {
    let steps = steps(files).map_err(|complaint| format!("{dialect}/cases/{name}: {complaint}"))?;
    Ok(Case {
        dialect: dialect.to_owned(),
        name: name.to_owned(),
        steps,
    })
}

fn steps(mut unused: Vec<File>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    loop {
        let number = steps.len() + 1;
        let mut take = |kind: &str| {
            let name = format!("{number}.{kind}");
            let place = unused.iter().position(|file| file.name == name)?;
            Some(unused.remove(place))
        };
        if let Some(request) = take("request") {
            steps.push(Step::Exchange(exchange(&request, take("response"))?));
        } else if let Some(command) = take("command") {
            let arguments = text_of(&command)?.split_whitespace().map(str::to_owned);
            steps.push(Step::Command(arguments.collect()));
        } else {
            break;
        }
    }
    if let Some(file) = unused.first() {
        return Err(format!("no step uses the file {}", file.name));
    }
    if steps.is_empty() {
        return Err("there are no steps".into());
    }
    Ok(steps)
}

fn text_of(file: &File) -> Result<&str, String> {
    let text = file.text.as_deref();
    text.map_err(|error| format!("{}: {error}", file.name))
}

fn exchange(request: &File, response: Option<File>) -> Result<Exchange, String> {
    let failed = |complaint: String| format!("{}: {complaint}", request.name);
    let mut exchange = request::parse(text_of(request)?).map_err(failed)?;
    let Some(response) = response else {
        if !is_updating() {
            return Err(failed("its response is missing".into()));
        }
        let path = request.path.as_ref();
        exchange.response_file = path.map(|path| path.with_extension("response"));
        return Ok(exchange);
    };
    exchange.expected = text_of(&response)?.to_owned();
    exchange.response_file = response.path;
    Ok(exchange)
}
