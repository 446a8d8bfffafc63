//! Other names for what cases name: a server has other organisations than the cases, and order keys must be new.

use memchr::memmem::Finder;

/// Names in the cases, with the names that stand for them on the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pairs: Vec<Pair>,
}

#[derive(Clone, Debug)]
struct Pair {
    in_case: String,
    on_server: String,
    /// Only where no letter, digit or hyphen is beside it. So `A-1` is not found in `A-10`.
    is_word: bool,
}

impl Names {
    /// Adds an organisation.
    pub(super) fn add(&mut self, in_case: &str, on_server: &str) {
        if in_case == on_server {
            return;
        }
        self.pairs.push(Pair {
            in_case: in_case.to_owned(),
            on_server: on_server.to_owned(),
            is_word: false,
        });
        // A path may have an encoded letter. It has the same name behind it.
        let rest = |name: &str| name.chars().skip(1).collect::<String>();
        if let (Some(first), Some(other)) = (in_case.bytes().next(), on_server.bytes().next()) {
            self.pairs.push(Pair {
                in_case: format!("%{first:02X}{}", rest(in_case)),
                on_server: format!("%{other:02X}{}", rest(on_server)),
                is_word: false,
            });
        }
    }

    /// Adds an order key.
    pub(super) fn add_word(&mut self, in_case: &str, on_server: &str) {
        self.pairs.push(Pair {
            in_case: in_case.to_owned(),
            on_server: on_server.to_owned(),
            is_word: true,
        });
    }

    /// A request's text, with the server's names.
    pub(super) fn onto_server(&self, text: &[u8]) -> Vec<u8> {
        let pairs = self.pairs.iter();
        let pairs =
            pairs.map(|pair| (pair.in_case.as_str(), pair.on_server.as_str(), pair.is_word));
        replaced(text, &pairs.collect::<Vec<_>>())
    }

    /// A request's text, with the server's names.
    pub(super) fn text_onto_server(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.onto_server(text.as_bytes())).into_owned()
    }

    /// A response's text, with the names of the cases.
    pub(super) fn back(&self, text: &[u8]) -> Vec<u8> {
        let pairs = self.pairs.iter();
        let pairs =
            pairs.map(|pair| (pair.on_server.as_str(), pair.in_case.as_str(), pair.is_word));
        replaced(text, &pairs.collect::<Vec<_>>())
    }
}

/// Replaces all names in one pass, so that no replacement is replaced again.
fn replaced(text: &[u8], pairs: &[(&str, &str, bool)]) -> Vec<u8> {
    let finders: Vec<Finder<'_>> = pairs.iter().map(|(from, ..)| Finder::new(*from)).collect();
    let next = |pair: usize, from: usize| {
        let found = finders[pair].find(text.get(from..)?)?;
        Some(from + found)
    };
    let mut places: Vec<Option<usize>> = (0..pairs.len()).map(|pair| next(pair, 0)).collect();
    let mut result = Vec::with_capacity(text.len());
    let mut done = 0;
    loop {
        let found = places.iter().enumerate();
        let found = found.filter_map(|(pair, place)| place.map(|place| (place, pair)));
        let Some((place, pair)) = found.min() else {
            break;
        };
        let (from, to, is_word) = pairs[pair];
        let end = place + from.len();
        if place >= done && (!is_word || is_alone(text, place, end)) {
            result.extend_from_slice(&text[done..place]);
            result.extend_from_slice(to.as_bytes());
            done = end;
        }
        places[pair] = next(pair, place.max(done).max(place + 1));
    }
    result.extend_from_slice(&text[done..]);
    result
}

fn is_alone(text: &[u8], from: usize, end: usize) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte >= 0x80;
    let before = from.checked_sub(1).and_then(|at| text.get(at));
    // In a target, the letters of an escape such as `%20` do not belong to the name behind it.
    let escape = from.checked_sub(3).and_then(|at| text.get(at..from));
    let is_behind_escape =
        matches!(escape, Some([b'%', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit));
    let begins = is_behind_escape || !before.is_some_and(is_part);
    begins && !text.get(end).is_some_and(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_both_ways() {
        let mut names = Names::default();
        names.add("TRK001", "TRK002");
        names.add("TRK002", "X");
        names.add_word("A-1", "A-1-k7");
        let text = "/%54RK001/TRK001/TRK002?a=A-1,A-10,BA-1,%20A-1";
        let sent = names.text_onto_server(text);
        assert_eq!(sent, "/%54RK002/TRK002/X?a=A-1-k7,A-10,BA-1,%20A-1-k7");
        assert_eq!(names.back(b"TRK002: A-1-k7"), b"TRK001: A-1");
    }
}
