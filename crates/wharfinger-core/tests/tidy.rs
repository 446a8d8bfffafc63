//! Checks of the source tree: vendor names stay in their folders, files are short, and documentation pages and lists
//! are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wharfinger_core::dialects;
use wharfinger_core::hint::{self, Asked};
use wharfinger_core::json::NameCase;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::problem::{Code, Path as Pointer, Problem};
use wharfinger_core::order::warning::WarningCode;

/// A longer file contains more than one idea.
const LINES_MAX: usize = 499;

/// The minimum number of cases per dialect. Most have far more.
const CASES_PER_DIALECT_MIN: usize = 50;

/// Our own dialect. Its name may occur anywhere.
const OWN: &str = "native";

/// Vendors' words, other than dialect names, that may not occur outside their folders.
const VENDOR_WORDS: [&str; 7] = [
    "trkref",
    "cutomer_ref",
    "packingslip",
    "consignee",
    "createonly",
    "access_key",
    "neworders",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn dialects_folder() -> PathBuf {
    root().join("crates/wharfinger-core/src/dialects")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Lists the Rust files under a folder, recursively.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lists the names of the folders under `dialects/`.
fn dialect_folders() -> Vec<String> {
    let folders = entries(&dialects_folder());
    let folders = folders.iter().filter(|path| path.is_dir());
    let names = folders.filter_map(|path| path.file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn vendor_names_stay_at_home() {
    let registry = dialects_folder().join("mod.rs");
    let ids: Vec<&str> = dialects::ALL.iter().map(|dialect| dialect.id()).collect();
    let mut leaks = Vec::new();
    for krate in entries(&root().join("crates")) {
        for file in rust_files(&krate.join("src")) {
            if file == registry {
                continue;
            }
            let home = ids
                .iter()
                .find(|id| file.starts_with(dialects_folder().join(id)));
            let text = read(&file).to_ascii_lowercase();
            let others = ids.iter().filter(|id| Some(*id) != home && **id != OWN);
            let words = VENDOR_WORDS.iter().filter(|_| home.is_none());
            for word in others.chain(words) {
                if let Some(line) = text.lines().position(|line| line.contains(word)) {
                    leaks.push(format!("{}:{}: {word}", file.display(), line + 1));
                }
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "vendors' words outside their folders:\n{}",
        leaks.join("\n")
    );
}

#[test]
fn every_dialect_is_listed_and_described() {
    let ids: Vec<&str> = dialects::ALL.iter().map(|dialect| dialect.id()).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(
        distinct.len(),
        ids.len(),
        "two dialects have one name: {ids:?}"
    );
    for folder in dialect_folders() {
        assert!(
            ids.contains(&folder.as_str()),
            "dialects/{folder} is not in ALL"
        );
    }
    for id in ids {
        assert!(
            dialects_folder().join(id).is_dir(),
            "dialects/{id} is missing"
        );
        for path in [
            format!("docs/dialects/{id}.md"),
            format!("examples/{id}.json"),
        ] {
            assert!(root().join(&path).is_file(), "{path} is missing");
        }
    }
}

#[test]
fn every_dialect_is_proved_by_cases() {
    for dialect in dialects::ALL {
        let folder = dialects_folder().join(dialect.id()).join("cases");
        let cases = entries(&folder);
        let count = cases.iter().filter(|path| path.is_dir()).count();
        assert!(
            count >= CASES_PER_DIALECT_MIN,
            "{} has only {count} cases",
            dialect.id()
        );
    }
}

#[test]
fn no_operation_stands_twice() {
    for dialect in dialects::ALL {
        let mut names = BTreeSet::new();
        let mut routes = BTreeSet::new();
        for operation in dialect.operations() {
            let (name, path) = (operation.name, operation.path);
            assert!(names.insert(name), "{}: {name}", dialect.id());
            assert!(routes.insert((operation.method, path)), "{name}: {path}");
            assert!(path.starts_with('/'), "{name}: {path}");
        }
    }
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for file in rust_files(&root().join("crates")) {
        let lines = read(&file).lines().count();
        if lines > LINES_MAX {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(
        long.is_empty(),
        "more than {LINES_MAX} lines:\n{}",
        long.join("\n")
    );
}

/// A path is a word in backticks that has a slash or a known ending, and no space, brace or colon.
#[test]
fn paths_in_the_architecture_page_exist() {
    let page = root().join("ARCHITECTURE.md");
    if !page.exists() {
        return;
    }
    let text = read(&page);
    let mut missing = Vec::new();
    for word in text.split('`').skip(1).step_by(2) {
        let is_path = word.contains('/') || word.ends_with(".rs") || word.ends_with(".md");
        let is_plain = word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "/._-".contains(character));
        if is_path
            && is_plain
            && !word.starts_with('/')
            && !places(word).iter().any(|path| path.exists())
        {
            missing.push(word);
        }
    }
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

/// The folders that a path may be relative to.
fn places(path: &str) -> [PathBuf; 3] {
    ["", "crates/wharfinger-core/src", "crates/wharfinger/src"]
        .map(|base| root().join(base).join(path))
}

/// The ids in the table of a source file: the first text of each row.
fn ids_of_rows(file: &str) -> BTreeSet<String> {
    let source = read(&root().join("crates/wharfinger-core/src/order").join(file));
    let (_, behind) = source.split_once("fn row<T>").unwrap();
    let (table, _) = behind.split_once("\n    }\n").unwrap();
    let rows = table.split("=> row(").skip(1);
    rows.filter_map(|row| row.split('"').nth(1).map(Into::into))
        .collect()
}

#[test]
fn the_lists_of_examples_are_whole() {
    let listed: BTreeSet<String> = Code::EXAMPLES.iter().map(|code| code.id().into()).collect();
    assert_eq!(listed, ids_of_rows("problem.rs"));
    assert_eq!(listed.len(), Code::EXAMPLES.len(), "one of each");
    let failures = RequestFailure::examples();
    let listed: BTreeSet<String> = failures.iter().map(|failure| failure.id().into()).collect();
    assert_eq!(listed, ids_of_rows("failure.rs"));
    assert_eq!(listed.len(), failures.len(), "one of each");
}

/// The page has one table row per code, in the order of the list: `| code | when |`.
#[test]
fn the_page_of_warnings_matches_the_code() {
    let page = read(&root().join("docs/warnings.md"));
    let (_, table) = page.split_once("| code | when |").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let codes: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let expected: Vec<&str> = WarningCode::EXAMPLES.iter().map(|code| code.id()).collect();
    assert_eq!(codes, expected);
}

/// The page has one table row per code, in the order of the list: `| code | sentence | rule | when |`.
#[test]
fn the_page_of_problems_matches_the_code() {
    let page = read(&root().join("docs/problems.md"));
    let (codes, _) = page.split_once("## Hints").unwrap();
    let mut rows = Vec::new();
    for line in codes.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let code = cells[1].trim_matches('`');
        rows.push([code, cells[2], cells[3]].map(str::to_owned));
    }
    let expected: Vec<_> = Code::EXAMPLES.iter().map(row_of_problem).collect();
    assert_eq!(rows, expected);
}

fn row_of_problem(code: &Code) -> [String; 3] {
    let problem = Problem::with_order(*code);
    let asked = [Asked::of(&problem, &[])];
    let rule = hint::hints(None, NameCase::Exact, &asked).remove(0).rule;
    let rule = rule.unwrap_or_else(|| "-".into());
    [code.id().into(), code.to_string(), rule]
}

/// The page has examples of hints: `| hint for | value | hint |`.
#[test]
fn the_examples_of_hints_are_what_the_code_says() {
    let page = read(&root().join("docs/problems.md"));
    let (_, table) = page.split_once("| hint for | value | hint |").unwrap();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, value] = [cells[1], cells[2]].map(|cell| cell.trim_matches('`'));
        let code = Code::EXAMPLES.into_iter().find(|code| code.id() == id);
        let problem = Problem {
            path: Pointer::of("a"),
            code: code.unwrap(),
        };
        let order = format!("{{\"a\":{value}}}");
        let hints = hint::of_problems(&order, NameCase::Exact, &[problem], &[]);
        assert_eq!(hints[0].hint.as_deref(), Some(cells[3]), "{line}");
        rows += 1;
    }
    assert!(rows >= 20, "{rows} examples were found");
}
