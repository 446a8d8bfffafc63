//! Responses as `.response` files have them.

use std::fmt::Write as _;

/// The header fields that a `.response` file contains. Other tests check the rest.
pub const HEADERS_TOLD: [&str; 6] = [
    "accept-encoding",
    "allow",
    "content-type",
    "retry-after",
    "wharfinger-batch-id",
    "www-authenticate",
];

/// Formats a response as a `.response` file.
pub fn render_response(status: u16, headers: &[(String, String)], body: &[u8]) -> String {
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
pub fn normalise(text: &str) -> String {
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
pub(super) fn difference(expected: &str, actual: &str) -> String {
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

/// An expected response, in its parts.
#[derive(Clone, Debug)]
pub struct Golden<'g> {
    /// The status.
    pub status: u16,
    /// Those headers of [`HEADERS_TOLD`] that it has, with lowercase names.
    pub headers: Vec<(&'g str, &'g str)>,
    /// The body.
    pub body: &'g str,
}

impl<'g> Golden<'g> {
    /// Reads a `.response` file.
    ///
    /// # Errors
    /// The text has another form.
    pub fn of(text: &'g str) -> Result<Self, String> {
        let (status, mut rest) = text.split_once('\n').ok_or("there is no status")?;
        let status = status
            .parse()
            .map_err(|_| format!("{status} is no status"))?;
        let mut headers = Vec::new();
        loop {
            let (line, behind) = rest.split_once('\n').ok_or("there is no body")?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            let field = line.split_once(": ");
            headers.push(field.ok_or_else(|| format!("{line} is no header"))?);
        }
        Ok(Self {
            status,
            headers,
            body: rest.strip_suffix('\n').unwrap_or(rest),
        })
    }
}
