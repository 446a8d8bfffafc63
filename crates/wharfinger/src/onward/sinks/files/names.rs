//! Names of files: `events-<number>-<time>[-<first>-<last>].ndjson[.gz|.zst]`.
//!
//! The number counts the files of the destination from 1 and has ten digits, so that names sort in the order of the feed. The time
//! is when the file was finished, in UTC. The positions of the first and the last event are there if the destination has one
//! organisation; positions of several organisations would say nothing.

use crate::clock;
use crate::onward::sinks::settings::Compression;

const BEGIN: &str = "events-";
const NUMBER_DIGITS: usize = 10;
/// What the name of an unfinished file ends with.
const PARTIAL: &str = ".partial";

/// The ending of a file's name.
pub(super) fn ending(compression: Compression) -> &'static str {
    match compression {
        Compression::None => ".ndjson",
        Compression::Gzip => ".ndjson.gz",
        Compression::Zstd => ".ndjson.zst",
    }
}

/// The name of an unfinished file.
pub(super) fn partial(number: u64, compression: Compression) -> String {
    format!("{BEGIN}{number:010}{}{PARTIAL}", ending(compression))
}

/// The name of a finished file. `positions` are those of its first and its last event.
pub(super) fn finished(
    number: u64,
    at_ms: i64,
    positions: Option<(u64, u64)>,
    compression: Compression,
) -> String {
    let time = clock::rfc_3339(at_ms);
    // 2026-11-30T06:15:00.000Z becomes 20261130T061500Z.
    let time = time.split('.').next().unwrap_or_default();
    let time = time.replace(['-', ':'], "");
    let positions = match positions {
        Some((first, last)) => format!("-{first}-{last}"),
        None => String::new(),
    };
    format!(
        "{BEGIN}{number:010}-{time}Z{positions}{}",
        ending(compression)
    )
}

/// The number of a finished file. `None`: the name is another one.
pub(super) fn number(name: &str) -> Option<u64> {
    let (number, rest) = split(name)?;
    let all = [Compression::None, Compression::Gzip, Compression::Zstd];
    let is_finished = all.into_iter().any(|kind| rest.ends_with(ending(kind)));
    (rest.starts_with('-') && is_finished).then_some(number)
}

/// The number of an unfinished file. `None`: the name is another one.
pub(super) fn number_of_partial(name: &str) -> Option<u64> {
    let (number, rest) = split(name)?;
    rest.ends_with(PARTIAL).then_some(number)
}

/// The number in a name, and what is behind it.
fn split(name: &str) -> Option<(u64, &str)> {
    let rest = name.strip_prefix(BEGIN)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, rest) = rest.split_at(end);
    Some((number.parse().ok()?, rest)).filter(|_| number.len() >= NUMBER_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_in_the_file() {
        let at_ms = 1_796_019_300_123;
        let one = finished(7, at_ms, Some((3, 12)), Compression::Zstd);
        assert_eq!(one, "events-0000000007-20261130T061500Z-3-12.ndjson.zst");
        let several = finished(7, at_ms, None, Compression::None);
        assert_eq!(several, "events-0000000007-20261130T061500Z.ndjson");
        for name in [one, several] {
            assert_eq!(number(&name), Some(7));
        }
        let partial = partial(7, Compression::Gzip);
        assert_eq!(partial, "events-0000000007.ndjson.gz.partial");
        assert_eq!(number_of_partial(&partial), Some(7));
        for other in [
            &*partial,
            "events-7-a.ndjson",
            "notes.txt",
            "events-.ndjson",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn names_sort_in_the_order_of_the_files() {
        let name = |number| finished(number, 0, None, Compression::None);
        assert!(name(9) < name(10) && name(10) < name(123_456));
    }
}
