//! Which form a file of orders has. Its content decides; its name counts only for NDJSON and CSV.

use std::path::Path;

use anyhow::{Result, bail};
use wharfinger_core::dialect::{Action, Dialect};
use wharfinger_core::json::{Envelope, NameCase};

use super::json::Json;
use super::lines::Lines;
use super::scan::{Found, Scan};
use super::window::Window;
use super::{Decoded, Shape, Source};

/// Opens a file of JSON or NDJSON in the form that it has.
///
/// # Errors
/// The file cannot be read, or begins with something else.
pub(super) fn recognise(
    decoded: Decoded,
    file: &Path,
    dialect: &dyn Dialect,
) -> Result<Box<dyn Source + Send>> {
    let name = decoded.name.clone();
    let mut window = Window::new(decoded);
    let first = window.first()?;
    if has_ending(file, &["ndjson", "jsonl"]) || first.is_none() {
        return Ok(Box::new(Lines::new(window)));
    }
    let shape = match first {
        Some(b'[') => Shape::Array,
        Some(b'{') if takes_names(dialect) && has_named_order(&mut window, dialect)? => {
            Shape::Object
        }
        Some(b'{') if is_one_line(&mut window)? => return Ok(Box::new(Lines::new(window))),
        Some(b'{') => Shape::Lines,
        Some(_) | None => bail!(
            "{name}: line {} begins with neither '[' nor '{{'; expected JSON or NDJSON, or CSV with --map",
            window.line()
        ),
    };
    Ok(Box::new(Json::new(window, shape)))
}

/// Whether a file's name has one of these endings, perhaps followed by that of a compression.
pub(super) fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let is_any = |file: &Path, endings: &[&str]| {
        let ending = file.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.iter().any(|one| one.eq_ignore_ascii_case(ending)))
    };
    is_any(file, endings)
        || is_any(file, &["gz", "zst"]) && is_any(Path::new(&file.with_extension("")), endings)
}

/// Whether the dialect has batches in which each order has a name.
pub(super) fn takes_names(dialect: &dyn Dialect) -> bool {
    let is_named = |action| {
        matches!(
            action,
            Action::Submit {
                envelope: Envelope::Object | Envelope::ObjectOrArray,
                ..
            }
        )
    };
    let mut operations = dialect.operations().iter();
    operations.any(|operation| is_named(operation.action))
}

/// Whether the object at hand holds named orders: its first member is an object, under a name that no attribute of an order has.
fn has_named_order(window: &mut Window, dialect: &dyn Dialect) -> Result<bool> {
    // The name and what follows it are within the first bytes, unless the name is absurd.
    loop {
        let rest = window
            .rest()
            .get(1..)
            .unwrap_or_default()
            .trim_ascii_start();
        let mut scan = Scan::default();
        if let Found::End(length) = scan.run(rest) {
            let (name, rest) = rest.split_at(length);
            let rest = rest.trim_ascii_start();
            if let Some(value) = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
                && let Some(first) = value.first()
            {
                let name: Result<String, _> = serde_json::from_slice(name);
                let is_known = |name: &str| is_attribute(dialect, name);
                return Ok(*first == b'{' && name.is_ok_and(|name| !is_known(&name)));
            }
            if !rest.is_empty() && !rest.starts_with(b":") {
                return Ok(false);
            }
        } else if rest.first().is_some_and(|byte| *byte != b'"') {
            return Ok(false);
        }
        if !window.fill()? {
            return Ok(false);
        }
    }
}

fn is_attribute(dialect: &dyn Dialect, name: &str) -> bool {
    let is_same = |known: &str| match dialect.name_case() {
        NameCase::Exact => known == name,
        NameCase::Ignored => known.eq_ignore_ascii_case(name),
    };
    dialect.fields().iter().any(|field| is_same(field.name))
}

/// Whether the first order ends on the line where it begins.
fn is_one_line(window: &mut Window) -> Result<bool> {
    let mut scan = Scan::default();
    loop {
        let line = window.rest();
        let newline = memchr::memchr(b'\n', line);
        match scan.run(&line[..newline.unwrap_or(line.len())]) {
            Found::More if newline.is_some() => return Ok(false),
            Found::More => {}
            Found::End(_) | Found::Bad(..) => return Ok(true),
        }
        if !window.fill()? {
            return Ok(false);
        }
    }
}
